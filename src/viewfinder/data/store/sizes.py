"""A suitable input size and colour, from a sample of the pictures."""

import numpy as np

from viewfinder.core.errors import DataError, RejectedPicture
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.randomness import Randomness
from viewfinder.data.dataset import Dataset
from viewfinder.pictures.codecs.magic import READABLE
from viewfinder.pictures.decode import Pixels, decode
from viewfinder.pictures.preprocessing import Color

_SAMPLE = 64
_SMALL = 64
_PHOTO = 128


def suitable_input(dataset: Dataset) -> tuple[tuple[int, int], Color]:
    """Choose the (height, width) and colour of a model's input for these pictures.

    Small pictures (up to 64 pixels) of equal size keep it; others of that scale become squares of
    their typical side. Larger ones become 128 × 128, which suffices for most objects and is
    affordable on a laptop. The colour is gray if every picture of the sample is gray.

    Raises:
        DataError: None of the sampled pictures can be read.
    """
    order = Randomness(0).order("suitable input", epoch=-1, examples=dataset.ids)
    locators = dataset.table["locator"].iloc[order[:_SAMPLE]]

    def read(locator: str) -> Pixels | None:
        try:
            source = dataset.source.read(locator)
            return decode(source).pixels if isinstance(source, bytes) else np.atleast_3d(source)
        except RejectedPicture:
            return None

    sample = [pixels for pixels in map_ahead(read, locators, workers=cores()) if pixels is not None]
    if not sample:
        raise DataError(
            f"None of {len(locators)} sampled files in {dataset.source} is a readable picture.",
            expected=f"{READABLE} files",
        )
    is_gray = all(np.ptp(pixels, axis=2).max() == 0 for pixels in sample)
    sizes = [(pixels.shape[0], pixels.shape[1]) for pixels in sample]
    return _size(sizes), "gray" if is_gray else "rgb"


def _size(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    if len(set(sizes)) == 1 and max(sizes[0]) <= _SMALL:
        return sizes[0]
    typical = float(np.median([np.sqrt(height * width) for height, width in sizes]))
    side = max(8, round(typical)) if typical <= _SMALL else _PHOTO
    return side, side
