"""How often preparing a training decodes each picture."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from folders import write_classes
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.prepare import prepare
from viewfinder.pictures.decode import decode
from viewfinder.recipe.named import recipe_named


def test_a_picture_is_decoded_once_to_measure_and_once_to_store_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Series and leaks share the measurements, and a second preparation decodes none."""
    write_classes(tmp_path / "pets", {"cats": 30, "dogs": 30})
    dataset = open_dataset(tmp_path / "pets")
    decoded: Counter[bytes] = Counter()

    def counted(data: bytes, *words: Any, **options: Any) -> Any:
        decoded[data] += 1
        return decode(data, *words, **options)

    for module in ("viewfinder.audit.measure", "viewfinder.pictures.prepare"):
        monkeypatch.setattr(sys.modules[module], "decode", counted, raising=False)
    prepare(dataset, recipe_named("tiny"))
    contents = {dataset.source.read(locator) for locator in dataset.table["locator"]}
    assert len(contents) == 60
    assert decoded == dict.fromkeys(contents, 2)
    decoded.clear()
    prepare(dataset, recipe_named("tiny"))
    assert not decoded
