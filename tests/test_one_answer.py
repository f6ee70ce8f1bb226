"""One answer for one file: the audit, a training's store and predictions reject for one reason."""

import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from folders import write_classes
from shared_data import SHARED
from viewfinder.audit.measurements import survey
from viewfinder.classifier import Classifier
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.pictures.preprocessing import Preprocessing


def answers(root: Path, color: str = "rgb") -> dict[str, tuple[str, str, str]]:
    """For each picture, "ok" or the reason and detail of audit, training and prediction."""
    preprocessing = Preprocessing.model_validate({"height": 8, "width": 8, "color": color})
    dataset = open_dataset(root)
    audited = survey(dataset, workers=1).table
    stored = open_store(dataset, preprocessing, workers=1).describe(dataset).table
    model: Any = SimpleNamespace(predict_on_batch=lambda images: np.full((len(images), 2), 0.5))
    files = [root / locator for locator in dataset.table["locator"]]
    predicted = Classifier(model, ("a", "b"), preprocessing).predict(files)
    found = {
        locator: (described(audited, row), described(stored, row), one.rejection or "ok")
        for row, (locator, one) in enumerate(zip(dataset.table["locator"], predicted, strict=True))
    }
    assert len(found) == len(dataset)
    return found


def described(table: Any, row: int) -> str:
    status, detail = table["status"].iloc[row], table["detail"].iloc[row]
    return "ok" if status == "ok" else f"{status}: {detail}"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIEWFINDER_CACHE", str(tmp_path / "cache"))
    return write_classes(tmp_path / "pictures", {"a": 2, "b": 2})


def test_a_file_of_a_terabyte_is_rejected_unread(root: Path) -> None:
    with (root / "a" / "huge.jpg").open("wb") as file:
        file.write(b"\xff\xd8\xff")
        os.truncate(file.fileno(), 1 << 40)  # sparse
    tracemalloc.start()
    found = answers(root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = "too large: 1,099,511,627,776 bytes; the limit is 268,435,456"
    assert found.pop("a/huge.jpg") == (size, size, size)
    assert set(found.values()) == {("ok", "ok", "ok")}
    assert peak < 64 << 20


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}")
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_hostile_files_get_one_answer(root: Path, color: str) -> None:
    for folder in ("bad_images", "cases"):
        for file in (SHARED / folder).iterdir():
            (root / "a" / f"{folder}-{file.name}").symlink_to(file)
    differ = {name: found for name, found in answers(root, color).items() if len(set(found)) > 1}
    assert differ == {}
