"""Scikit-learn's handwritten digits as a folder of pictures, without a download."""

from pathlib import Path

import numpy as np

from viewfinder.core.files import written_whole
from viewfinder.core.randomness import Randomness

_TEST_SHARE = 0.2


def write_digits(folder: Path, *, seed: int = 0) -> None:
    """Write 1,797 gray 8 × 8 PNGs as `train/0 … 9` and `test/0 … 9`, a fifth of each for testing.

    The digits are the test part of Alpaydin and Kaynak, "Optical Recognition of Handwritten
    Digits", UCI Machine Learning Repository, 1998, which scikit-learn ships.

    Args:
        folder: The target; existing pictures are not written again.
        seed: Decides which digits are for testing.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for label in range(10):
        rows = np.flatnonzero(digits.target == label)
        order = Randomness(seed).order("digits", epoch=-1, examples=rows.astype(np.uint64))
        for_testing = set(rows[order[: round(len(rows) * _TEST_SHARE)]])
        for row in rows:
            split = "test" if row in for_testing else "train"
            path = folder / split / str(label) / f"{row:04}.png"
            if not path.exists():
                levels = np.round(digits.images[row] * (255 / 16)).astype(np.uint8)
                with written_whole(path) as temporary:
                    Image.fromarray(levels).save(temporary)
