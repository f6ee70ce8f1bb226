"""The digits on disk are those of scikit-learn."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from folders import snapshot
from viewfinder.data.sources import open_dataset
from viewfinder.fetch.digits import write_digits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder)
    return folder


def test_every_digit_is_there_once_with_its_label(folder: Path) -> None:
    digits = load_digits()
    dataset = open_dataset(folder)
    positions = [int(Path(locator).stem) for locator in dataset.table["locator"]]
    assert sorted(positions) == list(range(len(digits.target)))
    assert dataset.classes == tuple("0123456789")
    assert np.array_equal(dataset.labels, digits.target[positions])


def test_the_pixels_are_the_levels(folder: Path) -> None:
    images = load_digits().images
    paths = sorted(folder.rglob("*.png"))[::37]
    for path in paths:
        picture = Image.open(path)
        assert (picture.mode, picture.size) == ("L", (8, 8))
        exact = images[int(path.stem)] * 255 / 16
        assert np.abs(np.asarray(picture, float) - exact).max() <= 0.5


def test_a_fifth_of_each_is_for_testing(folder: Path) -> None:
    counts = open_dataset(folder).counts()
    totals = Counter(load_digits().target.tolist())
    assert counts["test"].tolist() == [round(totals[digit] * 0.2) for digit in range(10)]
    assert counts.to_numpy().sum() == 1797


def test_writing_again_changes_nothing_and_mends_what_is_missing(folder: Path) -> None:
    before = snapshot(folder)
    write_digits(folder)
    assert snapshot(folder) == before
    gone = sorted(folder.rglob("*.png"))[5]
    data = gone.read_bytes()
    gone.unlink()
    write_digits(folder)
    assert gone.read_bytes() == data


def test_the_seed_decides_which(folder: Path, tmp_path: Path) -> None:
    write_digits(tmp_path, seed=1)
    other = {path.name for path in (tmp_path / "test").rglob("*.png")}
    here = {path.name for path in (folder / "test").rglob("*.png")}
    assert len(other) == len(here)
    # A fifth of a fifth is shared by chance.
    assert 0.1 < len(other & here) / len(here) < 0.3
