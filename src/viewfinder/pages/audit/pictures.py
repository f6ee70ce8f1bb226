"""The thumbnails that a page shows, remembered so that the next page opens no picture."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa

from viewfinder.audit.measurements import survey_folder
from viewfinder.core.errors import RejectedPicture
from viewfinder.core.files import written_whole
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.data.dataset import Dataset
from viewfinder.pages.parts.thumbnails import Thumbnail, thumbnail
from viewfinder.pictures.codecs.rasters import array_to_pixels
from viewfinder.pictures.codecs.types import Pixels
from viewfinder.pictures.decode import decode

_SIDE = 176
_COLUMNS = ["content", "address", "width", "height", "tiny"]
_WHITE = (255, 255, 255)


def thumbnails(dataset: Dataset, locators: Iterable[str]) -> dict[str, Thumbnail]:
    """A thumbnail for each of these pictures; one without an address where there are no pixels.

    Args:
        dataset: The pictures, described: with `status` and `content`.
        locators: Which of them.
    """
    table = dataset.table.drop_duplicates("locator").set_index("locator")
    contents = {one: str(table.at[one, "content"]) for one in dict.fromkeys(locators)}
    path = survey_folder(dataset.source) / "shown.parquet"
    known = _load(path)
    missing = {
        locator: content
        for locator, content in contents.items()
        if content not in known and table.at[locator, "status"] == "ok"
    }
    made = map_ahead(lambda one: _thumbnail(dataset, one), missing, workers=cores())
    known |= dict(zip(missing.values(), made, strict=True))
    if missing:
        _save(path, known)
    nothing = thumbnail(None, _SIDE)
    return {locator: known.get(content, nothing) for locator, content in contents.items()}


def _thumbnail(dataset: Dataset, locator: str) -> Thumbnail:
    made = thumbnail(_pixels(dataset, locator), _SIDE)
    # Only the address is shown; the pixels would pile up.
    return Thumbnail(None, made.address, made.width, made.height, made.tiny)


def _pixels(dataset: Dataset, locator: str) -> Pixels | None:
    try:
        data = dataset.source.read(locator)
        if isinstance(data, bytes):
            return decode(data, at_least=(_SIDE, _SIDE)).pixels
        return array_to_pixels(data[:, :, None] if data.ndim == 2 else data, "rgb", _WHITE)
    except RejectedPicture:  # it has changed since it was measured
        return None


def _load(path: Path) -> dict[str, Thumbnail]:
    with suppress(OSError, ValueError, KeyError, pa.ArrowException):
        rows = pd.read_parquet(path)[_COLUMNS].itertuples(index=False)
        return {
            str(content): Thumbnail(None, address, int(width), int(height), bool(tiny))
            for content, address, width, height, tiny in rows
        }
    return {}


def _save(path: Path, known: dict[str, Thumbnail]) -> None:
    rows = [
        (content, one.address, one.width, one.height, one.tiny)
        for content, one in known.items()
        if one.address is not None
    ]
    with written_whole(path) as temporary:
        pd.DataFrame(rows, columns=_COLUMNS).to_parquet(temporary, index=False)
