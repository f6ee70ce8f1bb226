"""The contact sheet shows what a training would see, held against the batches of one."""

import re
from pathlib import Path

import numpy as np
import pytest

from small import small_recipe
from viewfinder.core.errors import DataError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.prepare import batches_of, prepare
from viewfinder.pages.preview import preview

VERSIONS = 3


@pytest.fixture
def varied():
    return small_recipe(training__augment="strong", seed=5)


def cells(figure) -> list[list[tuple[np.ndarray, str]]]:
    """The rows of a sheet: each cell's pixels and caption."""
    shown = [
        (np.asarray(axes.get_images()[0].get_array()), axes.get_xlabel()) for axes in figure.axes
    ]
    return [shown[start : start + VERSIONS + 1] for start in range(0, len(shown), VERSIONS + 1)]


def test_the_versions_are_those_of_the_batches(digits: Path, varied) -> None:
    dataset = open_dataset(digits)
    dataset = dataset.where(np.arange(len(dataset)) % 5 == 0)
    everything = len(dataset)
    rows = cells(preview(dataset, varied, pictures=everything, versions=VERSIONS))
    assert len(rows) == everything
    assert [caption for _, caption in rows[0][1:]] == ["epoch 1", "epoch 2", "epoch 3"]
    shown = {tuple(np.squeeze(pixels).tobytes() for pixels, _ in row[1:]) for row in rows}
    batches = batches_of(prepare(dataset, varied, progress=Progress(0)), "train")
    trained_on = np.zeros((VERSIONS, len(batches.labels)), object)
    for epoch in range(VERSIONS):
        for batch in batches.epoch(epoch):
            pixels = [np.squeeze(image).tobytes() for image in batch.images]
            trained_on[epoch, batch.positions] = pixels
    assert set(zip(*trained_on, strict=True)) <= shown


def test_the_classes_take_turns(digits: Path, varied) -> None:
    rows = cells(preview(open_dataset(digits), varied, pictures=6, versions=VERSIONS))
    labels = [row[0][1] for row in rows]
    assert sorted(labels[:3]) == sorted(labels[3:]) == ["0", "1", "2"]


def test_blended_pictures_say_of_what(digits: Path, varied) -> None:
    dataset = open_dataset(digits)
    plain = cells(preview(dataset, varied, pictures=9, versions=VERSIONS))
    blended = varied.changed({"training.mixup": 0.6})
    rows = cells(preview(dataset, blended, pictures=9, versions=VERSIONS))
    names = [row[0][1] for row in plain]
    both = 0
    for row, unblended in zip(rows, plain, strict=True):
        for column in range(1, VERSIONS + 1):
            (seen, caption), (own, _) = row[column], unblended[column]
            told = re.fullmatch(rf"epoch {column}(?:\nwith (\d+) % (\w))?", caption)
            if told[1] is None:
                np.testing.assert_array_equal(seen, own)
                continue
            both += 1
            share = int(told[1]) / 100
            assert share <= 0.5
            others = [plain[at][column][0] for at, name in enumerate(names) if name == told[2]]
            off = [np.abs(seen - ((1 - share) * own + share * other)).max() for other in others]
            assert min(off) <= 0.5 + 0.005 * 255 + 1e-6  # a rounded level, a rounded share
    assert 8 <= both <= 24  # of 27 cells, 0.6


def test_nothing_that_can_be_read(tmp_path: Path, varied) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"no picture")
    with pytest.raises(DataError):
        preview(open_dataset(tmp_path), varied)
