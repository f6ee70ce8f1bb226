"""What `explore` shows, against obvious NumPy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from folders import write_classes, write_picture
from viewfinder.core.errors import DataError
from viewfinder.data.sources import open_dataset
from viewfinder.pages.parts.svg import edges_of, histogram
from viewfinder.store.explore import explore


def test_the_mean_is_the_mean(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, level in enumerate((10, 20, 60)):
        write_picture(root / "b" / "x.png")
        (root / "a").mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), (level, 2 * level, 5)).save(root / "a" / f"{number}.png")
    looks = explore(open_dataset(root)).classes[0]
    assert (looks.name, looks.count, looks.in_mean) == ("a", 3, 3)
    assert looks.mean is not None
    assert (looks.mean == [30, 60, 5]).all()


def test_samples_are_of_the_class_and_by_seed(tmp_path: Path) -> None:
    dataset = open_dataset(write_classes(tmp_path / "data", {"a": 30, "b": 2}))
    first, second = explore(dataset, each=4).classes
    assert len(first.sample) == 4
    assert all(locator.startswith("a/") for locator in first.locators)
    assert len(second.sample) == 2
    assert explore(dataset, each=4).classes[0].locators == first.locators
    assert explore(dataset, each=4, seed=1).classes[0].locators != first.locators


def test_sizes_and_shapes(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"a": 1})
    write_picture(root / "b" / "wide.png", height=10, width=40)
    (root / "b" / "broken.png").write_bytes(b"no")
    explored = explore(open_dataset(root))
    assert explored.unreadable == 1
    assert explored.sizes.tolist() == pytest.approx([np.sqrt(108), 20])
    assert explored.aspects.tolist() == pytest.approx([12 / 9, 4])


def test_nothing_readable(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.jpg").write_bytes(b"no")
    with pytest.raises(DataError, match="None of the 2 files"):
        explore(open_dataset(tmp_path))


def test_histogram_counts_all_values() -> None:
    values = np.random.default_rng(0).uniform(3, 900, 500)
    edges = edges_of(values)
    assert np.histogram(values, edges)[0].sum() == 500
    assert np.allclose(edges[1:] / edges[:-1], edges[1] / edges[0])
    drawn = histogram("Size", values, " pixels", 0)
    assert sum(int(bar.says.split(": ")[1]) for bar in drawn.bars) == 500
    assert len(histogram("Size", np.full(9, 28.0), " pixels", 0).bars) == 1
