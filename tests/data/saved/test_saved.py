"""Saved datasets: a table that never changes, a journal that only grows, and nothing else."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folders import snapshot, write_classes
from viewfinder.core.errors import (
    DataError,
    OutputError,
    RejectedPicture,
    UsageError,
    ViewfinderError,
)
from viewfinder.core.files import content_hash
from viewfinder.data.saved import QUARANTINE, Decision, SavedDataset, changes, create
from viewfinder.data.sources import from_record, open_dataset
from viewfinder.data.sources.folder import FolderSource


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "pets", {"cats": 3, "dogs": 3})


@pytest.fixture
def saved(pets: Path) -> SavedDataset:
    return create(pets.parent / "pets.dataset", open_dataset(pets), settings={"by": "a test"})


def quarantine(saved: SavedDataset, *locators: str, why: str = "ugly") -> None:
    saved.append("quarantine", why, changes(saved.state, locators, QUARANTINE, why))


class TestRoundTrip:
    def test_what_was_saved_is_opened_again(self, pets: Path, saved: SavedDataset) -> None:
        before, after = open_dataset(pets), open_dataset(saved.folder)
        pd.testing.assert_frame_equal(after.table, before.table)
        assert (after.classes, after.passed_over) == (before.classes, before.passed_over)
        assert after.source.read("cats/0.png") == (pets / "cats/0.png").read_bytes()
        assert after.source.stamp("cats/0.png") == before.source.stamp("cats/0.png")
        assert str(after.source) == str(saved.folder)
        assert saved.settings == {"by": "a test"}

    def test_what_is_remembered_of_pictures_is_shared(
        self, pets: Path, saved: SavedDataset
    ) -> None:
        from viewfinder.audit.measurements import survey_folder

        assert open_dataset(saved.folder).source.origin == FolderSource(pets.resolve())
        folders = {survey_folder(open_dataset(place).source) for place in (pets, saved.folder)}
        assert len(folders) == 1

    def test_a_record_makes_the_source_again_without_the_folder(self, saved: SavedDataset) -> None:
        record = json.loads(json.dumps(saved.dataset().source.record()))
        shutil.rmtree(saved.folder)
        assert from_record(record).read("dogs/1.png")[:4] == b"\x89PNG"

    @pytest.mark.usefixtures("saved")
    def test_a_folder_that_holds_both_may_be_moved(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        for name in ("pets", "pets.dataset"):
            (tmp_path / name).rename(tmp_path / "elsewhere" / name)
        dataset = open_dataset(tmp_path / "elsewhere" / "pets.dataset")
        assert dataset.source.read("cats/0.png")[:4] == b"\x89PNG"

    def test_the_saved_dataset_alone_may_be_moved(self, saved: SavedDataset, tmp_path: Path):
        (tmp_path / "deep").mkdir()
        moved = saved.folder.rename(tmp_path / "deep" / "other")
        assert len(open_dataset(moved)) == 6

    def test_pictures_that_are_gone_are_said(self, pets: Path, saved: SavedDataset) -> None:
        pets.rename(pets.with_name("away"))
        with pytest.raises(DataError, match="have been moved") as caught:
            open_dataset(saved.folder)
        assert str(pets) in str(caught.value.expected)
        assert "move them back" in str(caught.value.remedy)

    def test_what_was_said_of_other_data_is_refused(self, saved: SavedDataset) -> None:
        for said in ({"label_from": "(a)"}, {"root": "x"}, {"label_column": "x"}):
            with pytest.raises(UsageError, match="cannot be used with a saved dataset"):
                open_dataset(saved.folder, **said)

    def test_a_dataset_json_of_others_is_no_saved_dataset(self, pets: Path) -> None:
        (pets / "dataset.json").write_text('{"labels": [["cats/0.png", 0]]}')
        assert len(open_dataset(pets)) == 6

    def test_a_folder_that_exists_is_never_overwritten(self, pets: Path, saved: SavedDataset):
        before = snapshot(saved.folder)
        with pytest.raises(OutputError, match="exists already"):
            create(saved.folder, open_dataset(pets), settings={})
        assert snapshot(saved.folder) == before

    def test_a_saved_one_is_saved_as_it_is_now(self, saved: SavedDataset, tmp_path: Path) -> None:
        quarantine(saved, "cats/0.png")
        second = create(tmp_path / "second.dataset", saved.dataset(), settings={})
        shutil.rmtree(saved.folder)
        dataset = second.dataset()
        assert len(dataset) == 5
        assert [one.path for one in dataset.passed_over] == ["cats/0.png"]


class TestJournal:
    def test_quarantined_pictures_are_absent_and_known(self, saved: SavedDataset) -> None:
        quarantine(saved, "cats/0.png", "dogs/2.png", why="flat")
        dataset = open_dataset(saved.folder)
        assert set(dataset.table["locator"]).isdisjoint({"cats/0.png", "dogs/2.png"})
        assert len(dataset) == 4
        assert "2 pictures are in quarantine" in dataset.notes[-1]
        whys = {one.path: one.why for one in dataset.passed_over}
        assert whys == {"cats/0.png": "quarantined: flat", "dogs/2.png": "quarantined: flat"}
        assert len(saved.state) == 6

    def test_undo_is_an_entry_and_can_be_undone(self, saved: SavedDataset) -> None:
        quarantine(saved, "cats/0.png")
        sizes = []
        for _ in range(4):
            sizes.append(len(saved.dataset()))
            saved.undo(len(saved.entries))
        assert sizes == [5, 6, 5, 6]
        assert [one.undoes for one in saved.entries] == [None, 1, 2, 3, 4]
        with pytest.raises(UsageError, match="undone already") as caught:
            saved.undo(2)
        assert "entry 3" in str(caught.value.remedy)

    def test_undo_takes_the_last_decision_that_stands(self, saved: SavedDataset) -> None:
        quarantine(saved, "cats/0.png")
        quarantine(saved, "cats/1.png")
        assert [saved.undo().undoes, saved.undo().undoes] == [2, 1]
        with pytest.raises(UsageError, match="nothing to undo"):
            saved.undo()

    @pytest.mark.parametrize("number", [0, -1, 2, 10**9])
    def test_there_is_no_such_entry(self, saved: SavedDataset, number: int) -> None:
        quarantine(saved, "cats/0.png")
        with pytest.raises(UsageError, match=f"no entry {number}"):
            saved.undo(number)

    def test_pictures_can_be_added_and_the_addition_undone(self, pets: Path, saved: SavedDataset):
        shutil.copy(pets / "cats/0.png", pets / "cats/aa.png")
        state = saved.state
        parts = {"label": "birds", "split": "train", "bytes": "401", "fold": "2"}
        added = pd.concat([changes(state, ["cats/aa.png"], *part) for part in parts.items()])
        entry = saved.append("add", "it is new", added)
        assert entry.pictures == 1
        dataset = saved.dataset()
        row = dataset.table[dataset.table["locator"] == "cats/aa.png"].iloc[0]
        assert row.to_dict() == {"locator": "cats/aa.png", **parts, "bytes": 401}
        assert dataset.classes == ("birds", "cats", "dogs")
        assert dataset.table["locator"].is_monotonic_increasing
        saved.undo(1)
        assert saved.dataset().classes == ("cats", "dogs")
        pd.testing.assert_frame_equal(saved.dataset().table, open_dataset(saved.folder).table)

    def test_what_makes_no_sense_is_refused_and_nothing_written(self, saved: SavedDataset) -> None:
        quarantine(saved, "cats/0.png")
        state, before = saved.state, snapshot(saved.folder)
        good = changes(state, ["cats/1.png"], "label", "dogs")
        for bad, words in (
            (good.head(0), "There are no changes"),
            (good.drop(columns="after"), "lack a column"),
            (pd.concat([good, good]), "twice"),
            (good.assign(column="locator"), "cannot be changed"),
            (good.assign(after=""), "without a label"),
            (good.assign(after=3), "are text"),
            (good.assign(before="birds"), "has changed the same pictures"),
            (good.assign(column="split", before="", after="sideways"), "split 'sideways'"),
            (changes(state, ["cats/new.png"], "split", "test"), "without a label"),
            (changes(state, ["../../etc/passwd"], "label", "cats"), "outside"),
        ):
            with pytest.raises(ViewfinderError, match=words):
                saved.append("relabel", "why not", bad)
        assert snapshot(saved.folder) == {**before, **lock_of(saved)}

    def test_changes_that_change_nothing_are_left_out(self, saved: SavedDataset) -> None:
        both = changes(saved.state, ["cats/0.png", "dogs/0.png"], "label", "dogs")
        assert both["locator"].tolist() == ["cats/0.png"]
        assert both["before"].tolist() == ["cats"]

    def test_decisions_may_come_with_the_folder(self, pets: Path, tmp_path: Path) -> None:
        dataset = open_dataset(pets)
        one = Decision("relabel", "w", changes(dataset.table, ["cats/0.png"], "label", "dogs"))
        made = create(tmp_path / "a.dataset", dataset, settings={}, decisions=[one])
        assert made.dataset().counts()["pictures"].to_dict() == {"cats": 2, "dogs": 4}

    def test_the_table_never_changes(self, saved: SavedDataset) -> None:
        files = [saved.folder / name for name in ("dataset.json", "table.parquet")]
        before = [file.read_bytes() for file in files]
        quarantine(saved, "cats/0.png")
        saved.undo()
        assert [file.read_bytes() for file in files] == before


def _append_many(folder: Path, first: int) -> None:
    saved = SavedDataset.open(folder)
    for number in range(5):
        added = changes(saved.state, [f"cats/{first + number}.png"], "label", "cats")
        saved.append("add", "from a process", added)


def test_two_processes_write_and_none_is_lost(saved: SavedDataset) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(saved.folder, n)) for n in (100, 200)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [one.number for one in saved.entries] == list(range(1, 11))
    assert len(saved.state) == 16


def lock_of(saved: SavedDataset) -> dict[bytes, Any]:
    """The lock and the folder's own time: all that a refused writing may touch."""
    found = snapshot(saved.folder)
    mine = (os.fsencode(saved.folder), os.fsencode(saved.folder / ".lock"))
    return {key: value for key, value in found.items() if key in mine}


def test_half_a_dataset_is_none(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(OutputError, match="No space left"):
        create(pets.parent / "x.dataset", open_dataset(pets), settings={})
    assert [path.name for path in pets.parent.iterdir()] == ["pets"]


def rewritten(file: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """A fault: a JSON file with other content."""

    def fault(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(change(content)))

    return fault


def table_of(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    """A hostile table: other rows, and a checksum that fits."""

    def fault(folder: Path) -> None:
        table = change(pd.read_parquet(folder / "table.parquet"))
        table.to_parquet(folder / "table.parquet", index=False)
        fits = {"checksum": content_hash(folder / "table.parquet"), "pictures": len(table)}
        rewritten("dataset.json", lambda content: {**content, **fits})(folder)

    return fault


ENTRY = "journal/000001.json"
FAULTS: dict[str, Callable[[Path], Any]] = {
    "header cut": lambda f: (f / "dataset.json").write_text('{"format": "viewfinder dat'),
    "header empty": lambda f: (f / "dataset.json").write_bytes(b""),
    "header nested": lambda f: (f / "dataset.json").write_text("[" * 100_000),
    "header a list": rewritten("dataset.json", lambda content: [content]),
    "schema 2": rewritten("dataset.json", lambda content: {**content, "schema": 2}),
    "more keys": rewritten("dataset.json", lambda content: {**content, "code": "x"}),
    "no kind": rewritten("dataset.json", lambda content: {**content, "source": {}}),
    "path a number": rewritten(
        "dataset.json", lambda content: {**content, "source": {"kind": "folder", "path": 3}}
    ),
    "path with a zero": rewritten(
        "dataset.json",
        lambda content: {
            **content,
            "source": {"kind": "folder", "path": "/a\0b"},
            "beside": {"kind": "folder", "path": "a\0b"},
        },
    ),
    "unknown kind": rewritten(
        "dataset.json", lambda content: {**content, "source": {**content["source"], "kind": "ftp"}}
    ),
    "a kind within": rewritten(
        "dataset.json",
        lambda content: {**content, "source": {**content["source"], "kind": "unpacked"}},
    ),
    "no table": lambda f: (f / "table.parquet").unlink(),
    "table cut": lambda f: (f / "table.parquet").write_bytes(b"PAR1"),
    "table flipped": lambda f: (f / "table.parquet").write_bytes(
        bytes([*(f / "table.parquet").read_bytes()[:-9], 0, 1, 2, 3, 4, 5, 6, 7, 8])
    ),
    "escaping": table_of(lambda t: t.assign(locator=[f"../../{n}" for n in range(len(t))])),
    "absolute": table_of(lambda t: t.assign(locator=[f"/etc/passwd{n}" for n in range(len(t))])),
    "twice": table_of(lambda t: t.assign(locator="cats/0.png")),
    "numbers": table_of(lambda t: t.assign(label=3)),
    "empty cells": table_of(lambda t: t.assign(label=[None] * len(t))),
    "sizes in words": table_of(lambda t: t.assign(bytes="many")),
    "no column": table_of(lambda t: t.drop(columns="split")),
    "odd split": table_of(lambda t: t.assign(split="elsewhere")),
    "entry missing": lambda f: (f / ENTRY).rename(f / "journal/000002.json"),
    "entry cut": lambda f: (f / ENTRY).write_text("{"),
    "entry of tomorrow": rewritten(ENTRY, lambda entry: {**entry, "undoes": 2}),
    "entry undoes itself": rewritten(ENTRY, lambda entry: {**entry, "undoes": 1}),
    "entry with a number": rewritten(ENTRY, lambda entry: {**entry, "number": 7}),
    "entry at no time": rewritten(ENTRY, lambda entry: {**entry, "time": "tea time"}),
    "entry of a bad verb": rewritten(ENTRY, lambda entry: {**entry, "verb": "[red]rm -rf"}),
    "changes missing": lambda f: (f / "journal/000001.parquet").unlink(),
    "changes cut": lambda f: (f / "journal/000001.parquet").write_bytes(b""),
    "journal a file": lambda f: (shutil.rmtree(f / "journal"), (f / "journal").touch()),
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_is_damaged_or_hostile_is_a_data_error(saved: SavedDataset, name: str) -> None:
    quarantine(saved, "cats/0.png")
    FAULTS[name](saved.folder)
    if name == "journal a file":  # as good as no journal
        assert len(open_dataset(saved.folder)) == 6
        return
    with pytest.raises(DataError) as caught:
        open_dataset(saved.folder)
    assert not isinstance(caught.value, RejectedPicture)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_flipped_byte_is_a_traceback(data: st.DataObject, tmp_path_factory: Any) -> None:
    root = tmp_path_factory.mktemp("flipped")
    (root / "pets/cats").mkdir(parents=True)
    (root / "pets/dogs").mkdir()
    for name in ("cats/0.png", "dogs/0.png"):
        (root / "pets" / name).touch()
    saved = create(root / "d.dataset", open_dataset(root / "pets"), settings={})
    quarantine(saved, "cats/0.png")
    files = sorted(path for path in saved.folder.rglob("*") if path.suffix in (".json", ".parquet"))
    file = data.draw(st.sampled_from(files))
    content = bytearray(file.read_bytes())
    # The length differs with the folder's name.
    place = data.draw(st.integers(0, 9999)) * len(content) // 10_000
    content[place] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    try:
        SavedDataset.open(saved.folder).dataset()
    except DataError:
        pass
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("locator", ["../secret.png", "/etc/passwd", "cats/../../secret.png", "\0"])
def test_a_folder_gives_nothing_that_is_outside_of_it(pets: Path, locator: str) -> None:
    (pets.parent / "secret.png").write_bytes(b"secret")
    source = FolderSource(pets)
    for ask in (source.read, source.stamp):
        with pytest.raises(RejectedPicture):
            ask(locator)
    assert source.read("cats/0.png")
