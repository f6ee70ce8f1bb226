"""`viewfinder cache`: decoded pictures and features on the disk."""

import typer

from viewfinder.cli.boundary import add_command, print_json
from viewfinder.cli.options import AsJson

cache = typer.Typer(
    help="List or clear decoded pictures and features.", no_args_is_help=True, add_completion=False
)


def list_(as_json: AsJson = False) -> None:
    """List decoded pictures and features, and the disk space of each."""
    from viewfinder.cli.tables import print_lines, print_table
    from viewfinder.core.files import cache_folder
    from viewfinder.data.store.cache import bytes_beside, list_stores
    from viewfinder.models.features.store import list_features

    stores, features = list(list_stores()), list(list_features())
    if as_json:
        listed = [[one.to_json() for one in kind] for kind in (stores, features)]
        print_json({"schema": 1, "stores": listed[0], "features": listed[1]})
        return
    everything = bytes_beside()
    if not (stores or features or everything):
        print_lines(f"There is nothing in {cache_folder()} yet.")
        return
    rows = []
    for store in stores:
        source = store.source or f"damaged: {store.folder.name}"
        written = f"{store.written:%Y-%m-%d %H:%M}"
        rows.append([source, store.size, f"{store.pictures:,}", _in_mb(store.bytes), written])
    for one in features:
        source = f"features by {one.base}" if one.base else f"damaged: {one.folder.name}"
        rows.append([source, "", f"{one.rows:,}", _in_mb(one.bytes), ""])
    if beside := everything - sum(one.bytes for one in features):
        rows.append(["(archives unpacked, audits …)", "", "", _in_mb(beside), ""])
    total = everything + sum(store.bytes for store in stores)
    rows.append(["all", "", "", _in_mb(total), ""])
    headings = ["pictures from", "stored as", "pictures", "on disk", "written"]
    print_table(headings, rows, numbers=True, last_is_total=True)
    print_lines(f"In {cache_folder()}")


def _in_mb(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def clear() -> None:
    """Remove decoded pictures, features and unpacked archives. Downloads stay."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.data.store.cache import clear_cache

    freed = clear_cache()
    print_lines(f"Freed {_in_mb(freed)}." if freed else "There was nothing to clear.")


add_command(cache, list_, name="list")
add_command(cache, clear)
