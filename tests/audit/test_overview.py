"""Sizes, means and samples of a dataset, against obvious NumPy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from folders import write_classes, write_picture
from viewfinder.audit import audit
from viewfinder.audit.overview import aspects, mean_picture, sample, sides
from viewfinder.data.sources import open_dataset


def test_the_mean_is_the_mean_of_what_can_be_read(tmp_path: Path) -> None:
    for number, level in enumerate((10, 20, 60)):
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), (level, 2 * level, 5)).save(tmp_path / "a" / f"{number}.png")
    (tmp_path / "a" / "bad.png").write_bytes(b"no")
    dataset = open_dataset(tmp_path, needs_labels=False)
    mean = mean_picture(dataset, list(dataset.table["locator"]))
    assert mean is not None
    assert mean.shape == (96, 96, 3)
    assert (mean == [30, 60, 5]).all()
    assert mean_picture(dataset, ["a/bad.png"]) is None


def test_samples_are_of_the_class_and_by_seed(tmp_path: Path) -> None:
    dataset = open_dataset(write_classes(tmp_path / "data", {"a": 30, "b": 2}))
    drawn = sample(dataset, 4)
    assert {name: len(locators) for name, locators in drawn.items()} == {"a": 4, "b": 2}
    assert all(locator.startswith("a/") for locator in drawn["a"])
    assert sample(dataset, 4) == drawn
    assert sample(dataset, 9)["a"][:4] == drawn["a"]
    assert sample(dataset, 4, seed=1)["a"] != drawn["a"]


def test_sizes_and_shapes(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"a": 1})
    write_picture(root / "b" / "wide.png", height=10, width=40)
    (root / "b" / "broken.png").write_bytes(b"no")
    found = audit(open_dataset(root))
    assert sides(found.readable).tolist() == pytest.approx([np.sqrt(108), 20])
    assert aspects(found.readable).tolist() == pytest.approx([12 / 9, 4])
    assert found.to_json()["per_class"] == {"a": 1, "b": 1}
