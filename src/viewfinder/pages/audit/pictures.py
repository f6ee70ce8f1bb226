"""The thumbnails of a page, cached so that the next page opens no picture."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pandas as pd
import pyarrow as pa

from viewfinder.audit.measurements import survey_folder
from viewfinder.audit.overview import mean_picture
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
    """Return a thumbnail for each picture; its address is None where there are no pixels.

    Args:
        dataset: The pictures, described: with `status` and `content`.
        locators: Which of them.
    """
    table = dataset.table.drop_duplicates("locator").set_index("locator")
    contents = {one: str(table.at[one, "content"]) for one in dict.fromkeys(locators)}
    readable = {one: key for one, key in contents.items() if table.at[one, "status"] == "ok"}

    def make(missing: list[str]) -> Iterable[Pixels | None]:
        return map_ahead(lambda one: _pixels(dataset, one), missing, workers=cores())

    shown = _cached(dataset, readable, make)
    nothing = thumbnail(None, _SIDE)
    return {locator: shown.get(locator, nothing) for locator in contents}


def class_means(dataset: Dataset, sample: Mapping[str, list[str]]) -> dict[str, Thumbnail]:
    """Return the mean picture of each class; its address is None where there are no pixels.

    Args:
        dataset: The readable pictures, described: with `content`.
        sample: The locators of each class that the mean is made of.
    """
    contents = dataset.table.drop_duplicates("locator").set_index("locator")["content"]
    keys = {
        name: "mean " + blake2b("".join(contents[locators]).encode(), digest_size=16).hexdigest()
        for name, locators in sample.items()
    }

    def make(missing: list[str]) -> Iterable[Pixels | None]:
        return (mean_picture(dataset, sample[name]) for name in missing)

    return _cached(dataset, keys, make)


def _cached(
    dataset: Dataset,
    keys: Mapping[str, str],
    make: Callable[[list[str]], Iterable[Pixels | None]],
) -> dict[str, Thumbnail]:
    """Return a thumbnail for each name; those whose key is new are made of pixels, and kept."""
    path = survey_folder(dataset.source) / "shown.parquet"
    known = _load(path)
    missing = [name for name, key in keys.items() if key not in known]
    for name, pixels in zip(missing, make(missing), strict=True):
        made = thumbnail(pixels, _SIDE)
        # A page needs the address only; keeping the pixels would fill the memory.
        known[keys[name]] = replace(made, pixels=None)
    if missing:
        _save(path, known)
    return {name: known[key] for name, key in keys.items()}


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
