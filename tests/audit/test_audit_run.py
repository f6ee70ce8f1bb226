"""The whole audit: one pass, remembered, and picked up where it was."""

import json
import os
from pathlib import Path

import pytest

from audit import faults
from folders import snapshot, table_only
from viewfinder.audit import Severity, audit, cache, measurements
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
    monkeypatch.setattr("viewfinder.audit.measure.decode", None)
    audit(open_dataset(made))
    assert opened == ["train/cats/cats.0.jpg"]


def test_an_interrupted_audit_keeps_what_it_has(
    made: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = measurements.measure
    done: list[str] = []

    def interrupted(source: FolderSource, locator: str, *rest: object, **more: object) -> object:
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(locator)
        return measure(source, locator, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(measurements, "measure", interrupted)
    monkeypatch.setattr(measurements, "_CHUNK", 1)
    with pytest.raises(KeyboardInterrupt):
        survey(open_dataset(made), workers=0)
    monkeypatch.setattr(measurements, "measure", measure)
    opened.clear()
    assert len(survey(open_dataset(made), workers=0)) == 12
    assert len(opened) == 7
    assert not set(opened) & set(done)


def test_rows_are_on_disk_soon(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_FLUSH_ROWS", 4)
    dataset = open_dataset(made)
    folder = survey_folder(dataset.source)
    survey(dataset)
    (row, *_) = cache.load(folder)["locator"].to_pylist()
    table = cache.load(folder)
    with cache.written_as_they_come(folder) as collect:
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


def test_rows_of_other_versions_do_not_count(
    made: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    survey(open_dataset(made))
    other = cache._SCHEMA.with_metadata({"made_by": "another version"})
    monkeypatch.setattr(cache, "_SCHEMA", other)
    opened.clear()
    survey(open_dataset(made))
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
