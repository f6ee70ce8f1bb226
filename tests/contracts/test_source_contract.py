"""The contract of every kind of source: read, stamp, record, reject, move."""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kinds_of_source import KINDS, Kind, Written

from folders import snapshot
from viewfinder.core.errors import DataError, Reason, RejectedPicture, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source, paths_in, with_paths
from viewfinder.data.sources import from_record, open_dataset
from viewfinder.split import SplitPlan, extend, save, split_up

FIRST, SECOND = 1, 2


@dataclass(frozen=True)
class Case:
    """A kind of source, written and opened.

    Attributes:
        kind: The kind.
        root: The user's own data.
        holder: The folder without which the pictures are gone.
        written: What each locator must read.
        dataset: The dataset.
    """

    kind: Kind
    root: Path
    holder: Path
    written: Written
    dataset: Dataset

    @property
    def source(self) -> Source:
        return self.dataset.source


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def case(request: pytest.FixtureRequest, tmp_path: Path, own_cache: Path) -> Case:
    kind, root = request.param, tmp_path / "root"
    written = kind.write(root, FIRST)
    holder = own_cache if kind.is_in_memory else root
    return Case(kind, root, holder, written, kind.open(root))


listed_only = pytest.mark.parametrize(
    "case", [kind for kind in KINDS if kind.is_listed], indirect=True, ids=lambda kind: kind.name
)


def recorded(source: Source) -> Source:
    """The source that a record makes after it was written to a file."""
    return from_record(json.loads(json.dumps(source.record())))


def assert_reads(source: Source, written: Written) -> None:
    for locator, right in written.items():
        content = source.read(locator)
        assert isinstance(content, bytes) == isinstance(right, bytes), locator
        np.testing.assert_array_equal(content, right, err_msg=locator)


def assert_rejects(ask: Callable[[str], Any], locators: Iterable[str]) -> None:
    for locator in locators:
        with pytest.raises(RejectedPicture) as caught:
            ask(locator)
        assert caught.value.reason is Reason.MISSING, (locator, caught.value)


def addresses(source: Source, locators: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """The keys by which stores and audits cache each picture: record and stamp."""
    origin = json.dumps(source.origin.record())
    return {locator: (origin, *source.stamp(locator)) for locator in locators}


def test_reads_what_was_written(case: Case) -> None:
    assert list(case.dataset.table["locator"]) == sorted(case.written)
    assert_reads(case.source, case.written)
    for content in map(case.source.read, case.written):
        if not isinstance(content, bytes):
            assert content.dtype == np.uint8
            assert not content.flags.writeable


def test_the_table_has_the_size_of_what_is_read(case: Case) -> None:
    for locator, size in case.dataset.table[["locator", "bytes"]].itertuples(index=False):
        content = case.source.read(locator)
        assert size == (len(content) if isinstance(content, bytes) else content.size)


def test_never_writes_to_the_users_data(case: Case) -> None:
    before = snapshot(case.root)
    for source in (case.kind.open(case.root).source, recorded(case.source)):
        for ask in (source.read, source.stamp, source.file_of):
            assert all(ask(locator) is not NotImplemented for locator in case.written)
    assert snapshot(case.root) == before


def test_names_a_file_only_where_that_is_the_picture(case: Case) -> None:
    for locator, content in case.written.items():
        file = case.source.file_of(locator)
        assert file is None or file.read_bytes() == content
    assert case.source.names_files == all(isinstance(one, bytes) for one in case.written.values())


def test_addresses_stay_while_the_content_does(case: Case) -> None:
    before = addresses(case.source, case.written)
    assert addresses(case.source, case.written) == before
    assert addresses(case.kind.open(case.root).source, case.written) == before


@pytest.mark.parametrize("time", [FIRST, SECOND])
def test_addresses_change_with_the_content(case: Case, time: int) -> None:
    """Also where the file has the time of before."""
    before = addresses(case.source, case.written)
    written = case.kind.write(case.root, SECOND, time)
    source = case.kind.open(case.root).source
    assert_reads(source, written)
    after = addresses(source, written)
    assert not [locator for locator in written if after[locator] == before[locator]]


def test_an_open_source_never_gives_old_content_at_a_new_address(case: Case) -> None:
    """Otherwise a store would cache the old pixels as those of the new file."""
    before = addresses(case.source, case.written)
    assert_reads(case.source, case.written)
    written = case.kind.write(case.root, SECOND)
    for locator in written:
        try:
            now = addresses(case.source, [locator])
        except RejectedPicture:
            continue
        right = case.written if now[locator] == before[locator] else written
        np.testing.assert_array_equal(case.source.read(locator), right[locator], err_msg=locator)


def test_a_record_makes_the_same_source_from_any_folder(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case.root.parent)
    relative = case.kind.open(Path(case.root.name)).source
    again = recorded(relative)
    monkeypatch.chdir("/")
    assert_reads(again, case.written)
    assert again.record() == case.source.record()
    assert again.names_files == case.source.names_files
    assert addresses(again, case.written) == addresses(case.source, case.written)
    assert_reads(recorded(case.source.origin), case.written)


@listed_only
def test_the_path_in_a_record_opens_the_same_dataset(case: Case) -> None:
    again, before = open_dataset(case.source.record()["path"]), case.dataset
    pd.testing.assert_frame_equal(again.table, before.table)
    assert (again.classes, again.passed_over) == (before.classes, before.passed_over)


def test_a_saved_split_reads_the_same_and_can_be_extended(case: Case, tmp_path: Path) -> None:
    """Data in memory has no path from which it could be listed again."""
    plan = SplitPlan.made(validation=0.5, copies="ignore", anew=True)
    saved = save(split_up(case.dataset, plan), tmp_path / "split.dataset", {})
    assert_reads(open_dataset(saved.folder).source, case.written)
    if case.kind.is_listed:
        extended = extend(saved)
        assert extended.placed == 0
        assert len(extended.notes) == 1  # a second note would name missing ones
    else:
        with pytest.raises(UsageError, match="in memory"):
            extend(saved)


def test_many_threads_read_what_one_reads(case: Case) -> None:
    """The source has read nothing yet, so the first thread opens the file for all."""
    source, locators = recorded(case.source), [*case.written] * 25
    with ThreadPoolExecutor(8) as pool:
        contents, stamps = pool.map(source.read, locators), pool.map(source.stamp, locators)
        for locator, content, stamp in zip(locators, contents, stamps, strict=True):
            np.testing.assert_array_equal(content, case.written[locator])
            assert stamp == case.source.stamp(locator)


def test_rejects_what_was_never_there(case: Case) -> None:
    """A row has the stamp of its file, so only `read` rejects rows that do not exist."""
    for locator in ("no/such.png", "#", "#5", "#-1", "train#", "train#９９", "other#0", "\0"):
        for source in (case.source, recorded(case.source)):
            for ask in (source.read, source.stamp) if source.names_files else (source.read,):
                with pytest.raises(RejectedPicture):
                    ask(locator)


def test_rejects_what_is_gone_and_reads_what_is_back(case: Case) -> None:
    record, away = case.source.record(), case.holder.with_name("away")
    case.holder.rename(away)
    assert_rejects(case.source.stamp, case.written)
    assert_rejects(from_record(record).read, case.written)
    if case.kind.record == "unpacked":  # the copy in the cache is still there
        assert_reads(case.source, case.written)
    else:
        assert_rejects(case.source.read, case.written)
    shutil.rmtree(case.holder, ignore_errors=True)
    away.rename(case.holder)
    for source in (case.source, from_record(record)):
        assert_reads(source, case.written)


@listed_only
def test_a_path_to_nothing_is_a_data_error(case: Case) -> None:
    shutil.rmtree(case.root)
    with pytest.raises(DataError) as caught:
        case.kind.open(case.root)
    assert not isinstance(caught.value, RejectedPicture)
    assert caught.value.expected
    assert caught.value.remedy


def test_other_content_is_read_as_it_is_or_rejected(case: Case) -> None:
    """Decoding checks a picture's own file; a file of several pictures is checked here."""
    record = case.source.record()
    for seconds, content in enumerate((b"", b"PK\3\4", b"nonsense\n" * 1000), SECOND):
        for path in [path for path in case.holder.rglob("*") if path.is_file()]:
            path.write_bytes(content)
            os.utime(path, (seconds, seconds))
        for source in (case.source, from_record(record)):
            for locator, before in case.written.items():
                with suppress(RejectedPicture):
                    right = content if source.file_of(locator) else before
                    np.testing.assert_array_equal(source.read(locator), right, err_msg=locator)


@pytest.mark.timeout(30)  # who opens a pipe waits for a writer
def test_a_pipe_in_place_of_a_file_is_not_opened(case: Case) -> None:
    record = case.source.record()
    for path in [path for path in case.holder.rglob("*") if path.is_file()]:
        path.unlink()
        os.mkfifo(path)
    is_copied = case.kind.record == "unpacked"  # the copy in the cache is still there
    for source in (case.source, from_record(record)):
        for ask in (source.stamp, *(() if is_copied else (source.read,))):
            for locator in case.written:
                with pytest.raises(RejectedPicture):
                    ask(locator)
    if case.kind.is_listed:
        with pytest.raises(DataError):
            open_dataset(record["path"])


def test_a_cleared_cache_changes_nothing(case: Case, own_cache: Path) -> None:
    if case.kind.is_in_memory:
        pytest.skip("arrays in memory are kept in the cache only")
    before, record = addresses(case.source, case.written), case.source.record()
    shutil.rmtree(own_cache)
    for source in (from_record(record), case.kind.open(case.root).source):
        assert_reads(source, case.written)
        assert addresses(source, case.written) == before


def test_data_may_be_moved(case: Case) -> None:
    """The stamps stay, so that no picture is decoded again; the record takes the new paths."""
    record = case.source.origin.record()
    assert all(Path(path).is_absolute() for path in paths_in(record))
    stamps = {locator: case.source.stamp(locator) for locator in case.written}
    there = case.root.rename(case.root.with_name("elsewhere"))
    dataset = case.kind.open(there)
    pd.testing.assert_frame_equal(dataset.table, case.dataset.table)

    def led(place: str) -> str:
        return str(there / Path(place).relative_to(case.root.resolve()))

    for source in (dataset.source, from_record(with_paths(record, led))):
        assert_reads(source, case.written)
        assert {locator: source.stamp(locator) for locator in case.written} == stamps


def test_a_label_column_that_is_gone_is_a_rejection(tmp_path: Path) -> None:
    table = pd.DataFrame(np.arange(80, 144).reshape(4, 16)).assign(kind=["a", "a", "b", "b"])
    table.to_csv(tmp_path / "pixels.csv", index=False)
    source = open_dataset(tmp_path / "pixels.csv", label_column="kind").source
    table.rename(columns={"kind": "sort"}).to_csv(tmp_path / "pixels.csv", index=False)
    os.utime(tmp_path / "pixels.csv", (SECOND, SECOND))
    with pytest.raises(RejectedPicture, match="no column 'kind'"):
        source.read("#0")


def test_a_damaged_record_is_harmless_or_a_data_error(case: Case) -> None:
    """Some keys are for people or optional; the others decide what is read."""
    record = case.source.record()
    for damage in (3, None, [], {}, "x\0", {"": 3}, [0, 0]):
        refused = set()
        for key in record:
            try:
                assert_reads(from_record({**record, key: damage}), case.written)
            except DataError:
                refused.add(key)
        assert "kind" in refused


def test_every_kind_of_source_is_held_by_this_contract(case: Case) -> None:
    assert case.source.record()["kind"] == case.kind.record
    with pytest.raises(DataError, match="Unknown kind of source: 'no such'") as caught:
        from_record({"kind": "no such"})
    known = str(caught.value.expected).split(", ")
    assert known == [*dict.fromkeys(kind.record for kind in KINDS)]
