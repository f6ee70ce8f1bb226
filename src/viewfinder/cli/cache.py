"""`viewfinder cache`: the stores of decoded pictures."""

import json
from typing import Any

import typer

from viewfinder.cli.boundary import add_command
from viewfinder.cli.options import AsJson

cache = typer.Typer(help="List or clear the stores of decoded pictures.", no_args_is_help=True)


def list_(as_json: AsJson = False) -> None:
    """List the stores: where their pictures come from, and what they take."""
    from viewfinder.cli.tables import stdout, table
    from viewfinder.data.store.cache import bytes_beside, list_stores
    from viewfinder.data.store.layout import stores_folder

    stores = list(list_stores())
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
        print(json.dumps({"schema": 1, "stores": listed}, indent=2))
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
    beside = bytes_beside()
    if beside:
        rows.append(["(archives unpacked, audits …)", "", "", f"{beside / 1e6:,.1f} MB", ""])
    rows.append(
        ["all", "", "", f"{(beside + sum(store.bytes for store in stores)) / 1e6:,.1f} MB", ""]
    )
    headings = ["pictures from", "stored as", "pictures", "on disk", "written"]
    out = stdout()
    out.print(table(headings, rows, numbers=True, last_is_total=True))
    out.print(f"In {stores_folder()}", markup=False, soft_wrap=True)


def clear() -> None:
    """Remove what can be made again: stores, unpacked archives, audits. Downloads stay."""
    from viewfinder.cli.tables import stdout
    from viewfinder.data.store.cache import clear_cache

    stdout().print(f"Freed {clear_cache() / 1e6:,.1f} MB.")


add_command(cache, list_, name="list")
add_command(cache, clear)
