"""Which input suits the pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from folders import noise, write_files
from viewfinder.core.errors import DataError
from viewfinder.data.sources import open_dataset
from viewfinder.data.store.sizes import suitable_input


def chosen(root: Path, *shapes: tuple[int, int], gray: int = 0) -> tuple[tuple[int, int], str]:
    """What is chosen for pictures of these (height, width); the first `gray` of them are gray."""
    for number, (height, width) in enumerate(shapes):
        pixels = noise(number, height, width)
        if number < gray:
            pixels = np.repeat(pixels[:, :, :1], 3, axis=2)
        folder = root / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return suitable_input(open_dataset(root))


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (64, 64), (20, 64), (1, 3)])
def test_small_pictures_of_one_size_keep_it(tmp_path: Path, shape: tuple[int, int]) -> None:
    assert chosen(tmp_path, *[shape] * 4) == (shape, "rgb")


@pytest.mark.parametrize(
    ("shapes", "side"),
    [
        ([(30, 30), (32, 32), (34, 34)], 32),
        ([(16, 64), (32, 32)], 32),
        ([(5, 5), (6, 6)], 8),
        ([(65, 65)] * 3, 128),
        ([(300, 400)] * 3, 128),
        ([(300, 400), (500, 300)], 128),
    ],
)
def test_others_become_squares(tmp_path: Path, shapes: list[tuple[int, int]], side: int) -> None:
    assert chosen(tmp_path, *shapes) == ((side, side), "rgb")


def test_one_odd_picture_does_not_decide_for_all(tmp_path: Path) -> None:
    """The typical side is that of the pictures, not of the different sizes among them."""
    assert chosen(tmp_path, *[(28, 28)] * 30, (300, 300)) == ((28, 28), "rgb")
    assert chosen(tmp_path, *[(300, 300)] * 60, (28, 28)) == ((128, 128), "rgb")


def test_gray_only_if_every_picture_is(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "most").mkdir()
    assert chosen(tmp_path / "all", *[(10, 10)] * 6, gray=6) == ((10, 10), "gray")
    assert chosen(tmp_path / "most", *[(10, 10)] * 6, gray=5) == ((10, 10), "rgb")


def test_unreadable_files_do_not_count(tmp_path: Path) -> None:
    write_files(tmp_path, *(f"a/bad{number}.jpg" for number in range(9)))
    assert chosen(tmp_path, (12, 12), (12, 12)) == ((12, 12), "rgb")


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg")
    with pytest.raises(DataError) as caught:
        suitable_input(open_dataset(tmp_path))
    assert caught.value.fact == f"None of 3 sampled files in {tmp_path} is a readable picture."
    assert caught.value.exit_code == 3


def test_no_more_than_a_sample_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    chosen(tmp_path, *[(10, 10)] * 100)
    dataset = open_dataset(tmp_path)
    source = type(dataset.source)
    original = source.read
    monkeypatch.setattr(source, "read", lambda self, one: read.append(one) or original(self, one))
    first = suitable_input(dataset)
    assert len(set(read)) == len(read) == 64
    assert suitable_input(dataset) == first
    assert sorted(read[:64]) == sorted(read[64:])
