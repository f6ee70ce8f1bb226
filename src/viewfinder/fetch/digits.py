"""Scikit-learn's handwritten digits as a folder of pictures: real data that needs no download."""

from pathlib import Path

import numpy as np

from viewfinder.core.files import written_whole
from viewfinder.core.randomness import Randomness

_TEST_SHARE = 0.2


def write_digits(folder: Path, *, seed: int = 0) -> None:
    """Write 1,797 gray 8 × 8 PNGs as `train/0 … 9` and `test/0 … 9`, a fifth of each for testing.

    The digits are those of Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI
    Machine Learning Repository, 1998 (its test part), which scikit-learn carries.

    Args:
        folder: Where to; pictures that are there already are left as they are.
        seed: Decides which digits are for testing.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for label in range(10):
        positions = np.flatnonzero(digits.target == label)
        drawn = Randomness(seed).order("digits", epoch=-1, examples=positions.astype(np.uint64))
        tests = set(positions[drawn[: round(len(positions) * _TEST_SHARE)]])
        for position in positions:
            split = "test" if position in tests else "train"
            path = folder / split / str(label) / f"{position:04}.png"
            if not path.exists():
                levels = np.round(digits.images[position] * (255 / 16)).astype(np.uint8)
                with written_whole(path) as temporary:
                    Image.fromarray(levels).save(temporary)
