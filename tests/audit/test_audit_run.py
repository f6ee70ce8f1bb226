"""The whole audit: one pass, remembered, and picked up where it was."""

import itertools
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from audit import faults
from folders import snapshot, table_only, write_classes
from viewfinder.audit import Severity, audit, cache, measure
from viewfinder.audit.measurements import survey, survey_folder
from viewfinder.data.sources import open_dataset
from viewfinder.data.sources.folder import FolderSource


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return faults.write_made(tmp_path / "made", each=3)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the source was asked to read."""
    reads: list[str] = []
    read = FolderSource.read

    def counted(self: FolderSource, locator: str) -> bytes:
        reads.append(locator)
        return read(self, locator)

    monkeypatch.setattr(FolderSource, "read", counted)
    return reads


def test_a_second_audit_opens_no_picture(made: Path, opened: list[str]) -> None:
    first = audit(open_dataset(made))
    assert len(opened) == 12
    second = audit(open_dataset(made))
    assert len(opened) == 12
    assert second.to_json() == first.to_json()
    assert second.measurements.table.equals(first.measurements.table)
    assert (second.measurements.thumbnails == first.measurements.thumbnails).all()


def test_only_what_is_new_is_opened(made: Path, opened: list[str]) -> None:
    audit(open_dataset(made))
    faults.made_photo(99).save(made / "train/cats/new.jpg")
    (made / "train/dogs/dogs.0.jpg").unlink()
    opened.clear()
    assert len(audit(open_dataset(made)).dataset) == 12
    assert opened == ["train/cats/new.jpg"]


def test_a_touched_picture_is_read_but_not_decoded(
    made: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(open_dataset(made))
    os.utime(made / "train/cats/cats.0.jpg", ns=(1, 1))
    opened.clear()
    monkeypatch.setattr(measure, "decode", None)
    audit(open_dataset(made))
    assert opened == ["train/cats/cats.0.jpg"]


def test_an_interrupted_audit_keeps_what_it_has(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(write_classes(tmp_path / "pets", {"cats": 40, "dogs": 40}))
    read = FolderSource.read

    def interrupted(self: FolderSource, locator: str) -> bytes:
        if len(opened) == 50:
            raise KeyboardInterrupt
        return read(self, locator)

    with monkeypatch.context() as patch:
        patch.setattr(FolderSource, "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            survey(dataset, workers=0)
    first = set(opened)
    opened.clear()
    assert len(survey(dataset, workers=0)) == 80
    # Pictures are measured several at once; of those that broke off, none is kept.
    kept = set(dataset.table["locator"]) - set(opened)
    assert 30 < len(kept) <= 50
    assert kept <= first


def test_rows_are_on_disk_soon(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(made)
    folder = survey_folder(dataset.source)
    survey(dataset)
    (row, *_) = cache.load(folder)["locator"].to_pylist()
    table, seconds = cache.load(folder), itertools.count()
    with monkeypatch.context() as patch, cache.row_writer(folder) as collect:
        patch.setattr("time.monotonic", lambda: float(next(seconds)))
        for _ in range(4):
            collect(cache.measurement(table, 0)._replace(detail="again"))
        assert any(path.name.startswith("part-") for path in folder.iterdir())
    latest = cache.compact(folder)
    assert len(latest) == 12
    assert (
        dict(zip(*(latest[name].to_pylist() for name in ("locator", "detail")), strict=True))[row]
        == "again"
    )
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1" * 50])
def test_a_damaged_cache_is_made_again(made: Path, content: bytes) -> None:
    dataset = open_dataset(made)
    survey(dataset)
    for path in survey_folder(dataset.source).iterdir():
        path.write_bytes(content)
    assert len(survey(dataset)) == 12


def test_rows_of_other_versions_do_not_count(made: Path, opened: list[str]) -> None:
    dataset = open_dataset(made)
    survey(dataset)
    for path in survey_folder(dataset.source).iterdir():
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({"made_by": "another version"}), path)
    opened.clear()
    survey(dataset)
    assert len(opened) == 12


def test_missing_files_are_a_finding() -> None:
    dataset = table_only({("train", "cats"): 30, ("train", "dogs"): 30})
    for _ in range(2):  # they are asked for again, as they may have come back
        found = audit(dataset)
        assert found["unreadable: missing"].count == 60
        assert found["class missing from train"].classes == ("cats", "dogs")
        assert found.reaches(Severity.ERROR)


def test_the_data_are_never_written_to(made: Path) -> None:
    before = snapshot(made)
    audit(open_dataset(made))
    assert snapshot(made) == before


def test_what_an_audit_gives(made: Path) -> None:
    copied = made / "train/dogs/copy.jpg"
    copied.write_bytes((made / "train/cats/cats.0.jpg").read_bytes())
    found = audit(open_dataset(made))
    assert [one.severity.rank for one in found.findings] == sorted(
        one.severity.rank for one in found.findings
    )
    document = json.loads(json.dumps(found.to_json()))
    assert document["schema"] == 1
    assert document["pictures"] == document["readable"] == 13
    assert document["counts"]["error"] == 1
    assert document["findings"][0]["check"] == "one picture, two labels"
    assert document["findings"][0]["groups"] == [["train/cats/cats.0.jpg", "train/dogs/copy.jpg"]]
    assert list(found.table.columns) == ["check", "severity", "count", "sentence", "remedy"]
    assert set(found.dataset.table["status"]) == {"ok"}
    assert "exact duplicates" in found
    with pytest.raises(KeyError):
        found["no such check"]


def test_same_pixels_in_another_file_are_exact_copies(made: Path) -> None:
    original = made / "train/cats/cats.0.jpg"
    (made / "train/cats/tail.jpg").write_bytes(original.read_bytes() + b"more")
    found = audit(open_dataset(made))
    assert found["exact duplicates"].groups == (("train/cats/cats.0.jpg", "train/cats/tail.jpg"),)


def test_a_part_of_a_dataset_can_be_audited(made: Path, opened: list[str]) -> None:
    dataset = open_dataset(made)
    found = audit(dataset.where(dataset.table["label"] == "dogs"))
    assert len(found.measurements) == len(opened) == 6
    assert found["class missing from train"].classes == ("cats",)
    assert len(audit(dataset).measurements) == len(opened) == 12
