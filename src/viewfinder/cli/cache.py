"""`viewfinder cache`: decoded pictures and features on the disk."""

from typing import Any

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
        listed: list[dict[str, Any]] = [
            {
                "folder": str(store.folder),
                "source": store.source,
                "size": store.size,
                "pictures": store.pictures,
                "bytes": store.bytes,
                "written": store.written.isoformat(timespec="seconds"),
            }
            for store in stores
        ]
        document = {"schema": 1, "stores": listed, "features": [one.to_json() for one in features]}
        print_json(document)
        return
    everything = bytes_beside()
    if not (stores or features or everything):
        print_lines(f"There is nothing in {cache_folder()} yet.")
        return
    rows = [
        [
            store.source or f"damaged: {store.folder.name}",
            store.size,
            f"{store.pictures:,}",
            f"{store.bytes / 1e6:,.1f} MB",
            f"{store.written:%Y-%m-%d %H:%M}",
        ]
        for store in stores
    ]
    rows += [
        [
            f"features by {one.base}" if one.base else f"damaged: {one.folder.name}",
            "",
            f"{one.rows:,}",
            f"{one.bytes / 1e6:,.1f} MB",
            "",
        ]
        for one in features
    ]
    beside = everything - sum(one.bytes for one in features)
    if beside:
        rows.append(["(archives unpacked, audits …)", "", "", f"{beside / 1e6:,.1f} MB", ""])
    rows.append(
        ["all", "", "", f"{(everything + sum(store.bytes for store in stores)) / 1e6:,.1f} MB", ""]
    )
    headings = ["pictures from", "stored as", "pictures", "on disk", "written"]
    print_table(headings, rows, numbers=True, last_is_total=True)
    print_lines(f"In {cache_folder()}")


def clear() -> None:
    """Remove decoded pictures, features and unpacked archives. Downloads stay."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.data.store.cache import clear_cache

    freed = clear_cache()
    line = f"Freed {freed / 1e6:,.1f} MB." if freed else "There was nothing to clear."
    print_lines(line)


add_command(cache, list_, name="list")
add_command(cache, clear)
