"""Files are recognised by more than size and time: nothing measured of one is taken for another's.

The pictures of two classes are exchanged, or edited in place, so that every path has a file of the
size and time of before. Every kind of source is tried in tests/contracts/test_source_contract.py.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from viewfinder.audit.measurements import survey
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.pictures.preprocessing import Preprocessing

FORM = Preprocessing(height=4, width=4, color="gray")
LEVELS = {"blue": 40, "red": 200}
TIME_NS = 1_500_000_000_000_000_000


def write(path: Path, level: int) -> None:
    """Write a flat picture, uncompressed, so that all files have one size, and one time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), level).save(path)
    os.utime(path, ns=(TIME_NS, TIME_NS))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, level in LEVELS.items():
        for number in range(3):
            write(tmp_path / "data" / name / f"{number}.bmp", level + number)
    return tmp_path / "data"


def levels(root: Path) -> tuple[list[int], list[int]]:
    """The level of each picture in the store, and in the audit's measurements."""
    dataset = open_dataset(root)
    pixels, _ = open_store(dataset, FORM).pictures(dataset).read(np.arange(len(dataset)))
    return pixels[:, 0, 0, 0].tolist(), survey(dataset).table["brightness"].round().tolist()


def exchange_folders(root: Path) -> None:
    (root / "red").rename(root / "other")
    (root / "blue").rename(root / "red")
    (root / "other").rename(root / "blue")


def exchange_files(root: Path) -> None:
    for number in range(3):
        red, blue = (root / name / f"{number}.bmp" for name in ("red", "blue"))
        red.rename(root / "other")
        blue.rename(red)
        (root / "other").rename(blue)


def edit_in_place(root: Path) -> None:
    for number in range(3):
        write(root / "red" / f"{number}.bmp", 40 + number)
        write(root / "blue" / f"{number}.bmp", 200 + number)


def copy_back(root: Path) -> None:
    """As an archive with fixed times is unpacked anew."""
    for number in range(3):
        for name, level in (("red", 40), ("blue", 200)):
            (root / name / f"{number}.bmp").unlink()
            write(root / name / f"{number}.bmp", level + number)


def status_of_fat(path: Any, **options: Any) -> os.stat_result:
    """A status without a file's number, and without a time of change."""
    found = STAT(path, **options)
    times = {"st_mtime_ns": found.st_mtime_ns, "st_ctime_ns": found.st_mtime_ns}
    return os.stat_result((found.st_mode, 0, *found[2:]), times)


STAT = os.stat


@pytest.mark.parametrize("change", [exchange_folders, exchange_files, edit_in_place, copy_back])
@pytest.mark.parametrize("has_change_times", [True, False])
def test_a_changed_file_is_read_again(
    change: Any, has_change_times: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_change_times:
        monkeypatch.setattr(os, "stat", status_of_fat)
    before = [40, 41, 42, 200, 201, 202]
    assert levels(root) == (before, before)
    sizes = open_dataset(root).table["bytes"].tolist()
    change(root)
    after = open_dataset(root)
    assert after.table["bytes"].tolist() == sizes
    assert all(STAT(path).st_mtime_ns == TIME_NS for path in root.glob("*/*"))
    assert levels(root) == ([*before[3:], *before[:3]],) * 2


def test_a_file_that_stays_is_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(root)
    levels(root)

    def refuse(*_: Any) -> bytes:
        raise AssertionError("a picture was read")

    monkeypatch.setattr(type(dataset.source), "read", refuse)
    assert levels(root)[0] == [40, 41, 42, 200, 201, 202]
