"""The store: the pixels of `prepare`, read once, whatever happens to the disk and the process."""

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from folders import noise, snapshot, write_classes, write_picture
from viewfinder.core.errors import OutputError, RejectedPicture, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.sources.folder import FolderSource
from viewfinder.data.store import Store, build, layout, open_store
from viewfinder.data.store.cache import clear_cache, list_stores
from viewfinder.data.store.live import LivePictures
from viewfinder.pictures import preprocessing
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing

FORM = Preprocessing(height=8, width=10)
BUDGET = 10**9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"a": 4, "b": 3})


class Work(NamedTuple):
    """What a store has done: the pictures it has read, and how many it has decoded."""

    read: list[str]
    decoded: list[int]

    def forget(self) -> None:
        self.read.clear()
        self.decoded.clear()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """A list of what is read and decoded from now on."""
    done = Work([], [])
    read, decode = FolderSource.read, build.prepare

    def counted_read(source: FolderSource, locator: str) -> bytes:
        done.read.append(locator)
        return read(source, locator)

    def counted_decode(*arguments: Any) -> Any:
        done.decoded.append(1)
        return decode(*arguments)

    monkeypatch.setattr(FolderSource, "read", counted_read)
    monkeypatch.setattr(build, "prepare", counted_decode)
    return done


def readable(store: Store, dataset: Dataset) -> Dataset:
    described = store.describe(dataset)
    return described.where(described.table["status"] == "ok")


def require_right(store: Store, dataset: Dataset, form: Preprocessing = FORM) -> None:
    """Every readable picture of the dataset has the pixels that `prepare` gives for its file."""
    good = readable(store, dataset)
    pixels, kept = store.pictures(good).read(np.arange(len(good)))
    assert kept.all()
    assert pixels.shape == (len(good), *form.shape)
    for locator, picture in zip(good.table["locator"], pixels, strict=True):
        expected = prepare(Path(str(dataset.source), locator).read_bytes(), form).pixels
        assert np.array_equal(picture, expected), locator


def names(store: Store) -> list[str]:
    """Kinds of files in the store's folder."""
    return sorted(path.name.split("-")[0] for path in store.folder.iterdir() if path.name != "lock")


WHOLE = ["index", "pixels", "store.json"]


def pixels_file(store: Store) -> Path:
    return next(store.folder.glob("pixels-*"))


def flip_byte(path: Path, position: int, mask: int = 0xFF) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ mask]))


class TestPixels:
    @pytest.mark.parametrize(
        "form",
        [
            FORM,
            Preprocessing(height=9, width=12),
            Preprocessing(height=20, width=5, resize="crop"),
            Preprocessing(height=7, width=7, resize="pad", background=(1, 2, 3)),
            Preprocessing(height=8, width=8, color="gray"),
        ],
        ids=["smaller", "same", "crop", "pad", "gray"],
    )
    @pytest.mark.parametrize("budget", [BUDGET, 0], ids=["stored", "live"])
    def test_they_are_those_of_prepare(self, root: Path, form: Preprocessing, budget: int) -> None:
        before = snapshot(root)
        dataset = open_dataset(root)
        store = open_store(dataset, form, budget=budget)
        require_right(store, dataset, form)
        assert store.pictures(dataset).shape == form.shape
        assert snapshot(root) == before

    def test_printing_a_store_prints_no_pixels(self, root: Path) -> None:
        dataset = open_dataset(root)
        store = open_store(dataset, FORM)
        assert len(repr(store)) < 500
        assert len(repr(store.pictures(dataset))) < 500

    def test_at_its_own_size_a_picture_stays_as_it_is(self, tmp_path: Path) -> None:
        write_picture(tmp_path / "a" / "1.png", seed=5)
        write_picture(tmp_path / "b" / "1.png", seed=6)
        dataset = open_dataset(tmp_path)
        store = open_store(dataset, Preprocessing(height=9, width=12))
        pixels, _ = store.pictures(dataset).read(np.array([1, 0, 1]))
        assert np.array_equal(pixels, [noise(6), noise(5), noise(6)])

    @pytest.mark.parametrize("workers", [0, 1, 4])
    def test_any_number_of_workers(self, root: Path, workers: int) -> None:
        dataset = open_dataset(root)
        require_right(open_store(dataset, FORM, workers=workers), dataset)

    def test_reading_gives_copies(self, root: Path) -> None:
        dataset = open_dataset(root)
        pictures = open_store(dataset, FORM).pictures(dataset)
        first, _ = pictures.read(np.array([0]))
        first[:] = 0
        assert pictures.read(np.array([0]))[0].any()
        assert type(first) is np.ndarray  # no memory map, which others could not write to

    def test_what_is_described(self, tmp_path: Path) -> None:
        write_picture(tmp_path / "a" / "1.png", height=9, width=12)
        write_picture(tmp_path / "b" / "1.png", height=30, width=20)
        (tmp_path / "b" / "2.png").write_bytes((tmp_path / "b" / "1.png").read_bytes())
        dataset = open_dataset(tmp_path)
        table = open_store(dataset, FORM).describe(dataset).table
        assert table["status"].tolist() == ["ok"] * 3
        assert table["width"].tolist() == [12, 20, 20]
        assert table["height"].tolist() == [9, 30, 30]
        assert table["content"].nunique() == 2
        assert table["content"][1] == table["content"][2]

    def test_a_dataset_without_pictures(self, root: Path) -> None:
        dataset = open_dataset(root).where(np.zeros(7, bool))
        for _ in range(2):
            store = open_store(dataset, FORM)
            assert len(store.describe(dataset)) == 0
            assert store.pictures(dataset).read(np.arange(0))[0].shape == (0, *FORM.shape)


@pytest.mark.parametrize("budget", [BUDGET, 0], ids=["stored", "live"])
class TestReuse:
    def test_the_second_time_no_picture_is_opened(
        self, root: Path, work: Work, budget: int
    ) -> None:
        dataset = open_dataset(root)
        open_store(dataset, FORM, budget=budget)
        assert sorted(work.read) == list(dataset.table["locator"])
        work.forget()
        files = {path.name: path.stat().st_mtime_ns for path in stores()}
        store = open_store(open_dataset(root), FORM, budget=budget)
        assert work == ([], [])
        assert {path.name: path.stat().st_mtime_ns for path in stores()} == files
        require_right(store, dataset)

    def test_pictures_with_a_stated_range_are_stored_once(
        self, tmp_path: Path, budget: int
    ) -> None:
        images = np.arange(4 * 8 * 8, dtype=np.uint16).reshape(4, 8, 8)
        np.savez(tmp_path / "x.npz", images=images, labels=[0, 1, 0, 1])
        dataset = open_dataset(tmp_path / "x.npz", value_range=(0, 255))
        open_store(dataset, FORM, budget=budget)
        files = {path.name: path.stat().st_mtime_ns for path in stores()}
        open_store(dataset, FORM, budget=budget)
        assert {path.name: path.stat().st_mtime_ns for path in stores()} == files

    def test_a_part_of_the_pictures_and_then_the_rest(
        self, root: Path, work: Work, budget: int
    ) -> None:
        dataset = open_dataset(root)
        part = dataset.where(dataset.table["label"] == "b")
        open_store(part, FORM, budget=budget)
        work.forget()
        require_right(open_store(dataset, FORM, budget=budget), dataset)
        assert {locator[0] for locator in work.read[:4]} == {"a"}
        assert len(work.decoded) == 4
        work.forget()
        store = open_store(part, FORM, budget=budget)
        assert work == ([], [])
        require_right(store, part)

    def test_a_changed_picture_is_read_again_alone(
        self, root: Path, work: Work, budget: int
    ) -> None:
        dataset = open_dataset(root)
        open_store(dataset, FORM, budget=budget)
        work.forget()
        write_picture(root / "a" / "2.png", seed=99)
        store = open_store(dataset, FORM, budget=budget)
        assert work.read == ["a/2.png"]
        require_right(store, dataset)
        assert names(store) == WHOLE

    def test_a_change_that_keeps_the_size_is_seen(self, root: Path, budget: int) -> None:
        dataset = open_dataset(root)
        open_store(dataset, FORM, budget=budget)
        one, other = (root / "a" / name for name in ("0.png", "1.png"))
        data = other.read_bytes().ljust(one.stat().st_size, b"\0")[: one.stat().st_size]
        one.write_bytes(data)
        require_right(open_store(dataset, FORM, budget=budget), dataset)

    def test_a_touched_picture_is_not_decoded(self, root: Path, work: Work, budget: int) -> None:
        dataset = open_dataset(root)
        open_store(dataset, FORM, budget=budget)
        work.forget()
        os.utime(root / "b" / "1.png", (1, 1))
        store = open_store(dataset, FORM, budget=budget)
        assert work == (["b/1.png"], [])
        require_right(store, dataset)
        work.forget()
        open_store(dataset, FORM, budget=budget)
        assert work == ([], [])

    def test_a_moved_picture_is_not_decoded(self, root: Path, work: Work, budget: int) -> None:
        open_store(open_dataset(root), FORM, budget=budget)
        work.forget()
        (root / "b" / "1.png").rename(root / "a" / "moved.png")
        dataset = open_dataset(root)
        store = open_store(dataset, FORM, budget=budget)
        assert work == (["a/moved.png"], [])
        require_right(store, dataset)
        assert "b/1.png" not in store.entries

    def test_added_and_removed_pictures(self, root: Path, work: Work, budget: int) -> None:
        open_store(open_dataset(root), FORM, budget=budget)
        work.forget()
        (root / "a" / "0.png").unlink()
        removed = open_dataset(root)
        require_right(open_store(removed, FORM, budget=budget), removed)
        assert work.decoded == []
        work.forget()
        write_picture(root / "a" / "0.png", seed=77)
        added = open_dataset(root)
        store = open_store(added, FORM, budget=budget)
        assert work.read == ["a/0.png"]
        require_right(store, added)

    def test_other_preprocessing_is_another_store(self, root: Path, budget: int) -> None:
        dataset = open_dataset(root)
        forms = [
            FORM,
            Preprocessing(height=10, width=8),
            Preprocessing(height=8, width=10, resize="pad"),
        ]
        found = [open_store(dataset, form, budget=budget) for form in forms]
        assert len({store.folder for store in found}) == len(forms)
        for form, store in zip(forms, found, strict=True):
            require_right(store, dataset, form)

    @pytest.mark.parametrize(
        ("fault", "status"),
        [
            (b"", "empty"),
            (b"this is no picture at all", "not a picture"),
            (None, "truncated"),
        ],
    )
    def test_rejected_pictures_keep_their_reason(
        self, root: Path, work: Work, budget: int, fault: bytes | None, status: str
    ) -> None:
        good = write_picture(root / "a" / "big.bmp", height=60, width=60).read_bytes()
        (root / "a" / "big.bmp").write_bytes(good[:3000] if fault is None else fault)
        dataset = open_dataset(root)
        first = open_store(dataset, FORM, budget=budget)
        work.forget()
        again = open_store(dataset, FORM, budget=budget)
        assert work == ([], [])
        for store in (first, again):
            row = store.describe(dataset).table.set_index("locator").loc["a/big.bmp"]
            assert row["status"] == status
            assert row["detail"] == rejection_of(root / "a" / "big.bmp").detail
            require_right(store, dataset)
            with pytest.raises(UsageError, match=f"1 of these pictures(.|\n)*big.bmp: {status}"):
                store.pictures(dataset)
        (root / "a" / "big.bmp").write_bytes(good)  # and once it is mended, it is taken
        assert len(readable(open_store(dataset, FORM, budget=budget), dataset)) == 8


def rejection_of(path: Path) -> RejectedPicture:
    with pytest.raises(RejectedPicture) as caught:
        prepare(path.read_bytes(), FORM)
    return caught.value


def stores() -> list[Path]:
    """Every file of every store, locks left out."""
    files = (path for path in layout.stores_folder().rglob("*") if path.is_file())
    return sorted(path for path in files if path.name != "lock")


class TestVanishing:
    def test_between_listing_and_reading(self, root: Path) -> None:
        dataset = open_dataset(root)
        (root / "a" / "1.png").unlink()
        store = open_store(dataset, FORM)
        row = store.describe(dataset).table.set_index("locator").loc["a/1.png"]
        assert (row["status"], row["detail"]) == ("missing", "the file does not exist")
        assert len(readable(store, dataset)) == 6
        require_right(store, dataset)

    def test_what_comes_back_as_it_was_is_read_again(self, root: Path, tmp_path: Path) -> None:
        dataset = open_dataset(root)
        (root / "a" / "1.png").rename(tmp_path / "away")
        open_store(dataset, FORM)
        (tmp_path / "away").rename(root / "a" / "1.png")
        assert len(readable(open_store(dataset, FORM), dataset)) == 7

    def test_a_disk_that_fails_for_a_moment_condemns_no_picture(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file's stamp stays the same, so nothing else would ever look at it again."""
        dataset = open_dataset(root)
        opening = os.open

        def fails(path: Any, *rest: Any, **more: Any) -> int:
            if Path(path).name == "1.png":
                raise OSError(errno.EIO, "Input/output error")
            return opening(path, *rest, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", fails)
            failed = open_store(dataset, FORM).describe(dataset).table
        assert failed.set_index("locator").loc["a/1.png", "detail"] == (
            "the file cannot be read (Input/output error)"
        )
        assert len(readable(open_store(dataset, FORM), dataset)) == 7

    def test_live_pictures_that_turn_bad_are_dropped_and_named(self, root: Path) -> None:
        dataset = open_dataset(root)
        pictures = open_store(dataset, FORM, budget=0).pictures(dataset)
        assert isinstance(pictures, LivePictures)
        (root / "a" / "1.png").unlink()
        (root / "b" / "0.png").write_bytes(b"rubbish")
        pixels, kept = pictures.read(np.array([0, 1, 2, 4, 1]))
        assert kept.tolist() == [True, False, True, False, False]
        expected = [prepare((root / "a" / f"{n}.png").read_bytes(), FORM).pixels for n in (0, 2)]
        assert np.array_equal(pixels, expected)
        assert {one: fault.reason.value for one, fault in pictures.dropped.items()} == {
            "a/1.png": "missing",
            "b/0.png": "not a picture",
        }

    def test_stored_pictures_outlive_their_files(self, root: Path) -> None:
        dataset = open_dataset(root)
        pictures = open_store(dataset, FORM).pictures(dataset)
        before, _ = pictures.read(np.arange(7))
        for path in root.rglob("*.png"):
            path.unlink()
        after, kept = pictures.read(np.arange(7))
        assert kept.all()
        assert np.array_equal(before, after)
        assert pictures.dropped == {}


class TestDamage:
    @pytest.mark.parametrize("row", range(7))
    def test_a_damaged_picture_is_found_and_made_again_alone(
        self, root: Path, work: Work, row: int
    ) -> None:
        dataset = open_dataset(root)
        store = open_store(dataset, FORM)
        locator = next(entry.locator for entry in store.entries.values() if entry.row == row)
        work.forget()
        flip_byte(pixels_file(store), row * 8 * 10 * 3 + 100, mask=1)
        again = open_store(dataset, FORM)
        assert work.read == [locator]
        require_right(again, dataset)
        assert names(again) == WHOLE

    @pytest.mark.parametrize("kind", ["store.json", "index", "pixels"])
    @pytest.mark.parametrize("damage", ["gone", "empty", "shorter", "longer", "foreign", "folder"])
    def test_damaged_files_are_made_again(self, root: Path, kind: str, damage: str) -> None:
        dataset = open_dataset(root)
        store = open_store(dataset, FORM)
        path = next(store.folder.glob(f"{kind}*"))
        data = path.read_bytes()
        path.unlink()
        match damage:
            case "empty":
                path.write_bytes(b"")
            case "shorter":
                path.write_bytes(data[:-1])
            case "longer":
                path.write_bytes(data + b"\0")
            case "foreign":
                path.write_bytes(b'{"identity": [1]}')
            case "folder" if kind != "store.json":
                path.mkdir()
        again = open_store(dataset, FORM)
        require_right(again, dataset)
        require_right(open_store(dataset, FORM), dataset)
        files = [path.name.split("-")[0] for path in stores() if path.parent == again.folder]
        assert sorted(files) == WHOLE

    @pytest.mark.parametrize("kind", ["store.json", "index"])
    def test_no_flipped_bit_is_believed(self, root: Path, kind: str) -> None:
        dataset = open_dataset(root)
        store = open_store(dataset, FORM)
        expected = store.describe(dataset).table
        path = next(store.folder.glob(f"{kind}*"))
        draw = np.random.default_rng(0)
        for position in draw.integers(0, path.stat().st_size, 25):
            flip_byte(path, int(position), mask=1 << int(draw.integers(0, 7)))
            store = open_store(dataset, FORM)
            assert store.describe(dataset).table.equals(expected)
            require_right(store, dataset)
            path = next(store.folder.glob(f"{kind}*"))

    @pytest.mark.parametrize("header", ["[]", "null", "7", '"x"', "{}", '{"identity": null}'])
    def test_a_store_json_of_another_shape(self, root: Path, header: str) -> None:
        dataset = open_dataset(root)
        (open_store(dataset, FORM).folder / "store.json").write_text(header)
        require_right(open_store(dataset, FORM), dataset)

    @pytest.mark.parametrize("what", ["schema", "decoders", "pixels"])
    def test_a_store_of_another_version_is_made_again_in_its_place(
        self, root: Path, work: Work, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        dataset = open_dataset(root)
        old = open_store(dataset, FORM)
        old_files = {path.name for path in old.folder.iterdir() if path.name.startswith("pixels")}
        work.forget()
        form = FORM
        match what:
            case "schema":
                monkeypatch.setattr(layout, "SCHEMA", layout.SCHEMA + 1)
            case "decoders":
                monkeypatch.setattr(preprocessing, "version", lambda name: f"{name} 99")
            case "pixels":
                form = FORM.model_copy(update={"pixels_version": FORM.pixels_version + 1})
        new = open_store(dataset, form)
        assert len(work.decoded) == 7
        assert new.folder == old.folder
        assert names(new) == WHOLE
        assert pixels_file(new).name not in old_files
        work.forget()
        open_store(dataset, form)
        assert work == ([], [])

    def test_leftovers_of_killed_builds_are_removed(self, root: Path) -> None:
        dataset = open_dataset(root)
        folder = open_store(dataset, FORM).folder
        for name in ("pixels-0.u8", "index-0.parquet", ".writing-0.json"):
            (folder / name).write_bytes(b"half")
        write_picture(root / "a" / "new.png", seed=50)
        dataset = open_dataset(root)
        store = open_store(dataset, FORM)
        assert names(store) == WHOLE
        require_right(store, dataset)


@contextmanager
def largest_file(limit: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond so many bytes: as real as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestFullDisk:
    BIG = Preprocessing(height=64, width=64)  # pixels: 7 × 12,288 bytes; index: some 8,000

    @pytest.mark.parametrize(
        ("form", "limit"),
        [(BIG, 0), (BIG, 5_000), (BIG, 50_000), (FORM, 1_000), (FORM, 4_000)],
        ids=["nothing", "first picture", "some pictures", "small pictures", "index"],
    )
    @pytest.mark.parametrize("is_update", [False, True], ids=["first build", "update"])
    def test_writing_that_fails_leaves_nothing_half_written(
        self, root: Path, form: Preprocessing, limit: int, is_update: bool
    ) -> None:
        dataset = open_dataset(root)
        if is_update:
            old = open_store(dataset, form, budget=BUDGET)
            write_picture(root / "a" / "new.png", seed=50)
        before = {path: path.read_bytes() for path in stores()}
        with largest_file(limit), pytest.raises(OutputError) as caught:
            open_store(open_dataset(root), form, budget=BUDGET)
        assert caught.value.fact.startswith(
            f"Cannot write the picture store in {layout.stores_folder()}:"
        )
        assert "VIEWFINDER_CACHE" in str(caught.value.remedy)
        assert {path: path.read_bytes() for path in stores()} == before
        if is_update:
            require_right(old, dataset, form)
        whole = open_dataset(root)
        require_right(open_store(whole, form, budget=BUDGET), whole, form)

    def test_the_last_file_may_be_the_one_too_many(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(path: Path, *_: Any, **__: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        dataset = open_dataset(root)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_text", full)
            with pytest.raises(OutputError, match="No space left") as caught:
                open_store(dataset, FORM)
        assert "VIEWFINDER_CACHE" in str(caught.value.remedy)
        assert stores() == []
        require_right(open_store(dataset, FORM), dataset)

    def test_too_little_space_is_said_before_any_picture_is_read(
        self, root: Path, work: Work, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dataset = open_dataset(root)
        old = open_store(dataset, FORM)
        write_picture(root / "a" / "new.png", seed=50)
        work.forget()
        before = {path: path.read_bytes() for path in stores()}
        monkeypatch.setattr(build.shutil, "disk_usage", lambda _: Disk(10**9, 10**9, 50_000_000))
        with pytest.raises(OutputError, match="it needs 67 MB, and 50 MB are free"):
            open_store(open_dataset(root), FORM)
        assert work.read == []
        assert {path: path.read_bytes() for path in stores()} == before
        require_right(old, dataset)

    def test_interrupted_by_the_user(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        dataset = open_dataset(root)
        with monkeypatch.context() as patch:
            patch.setattr(build, "prepare", interrupted)
            with pytest.raises(KeyboardInterrupt):
                open_store(dataset, FORM)
        assert stores() == []
        require_right(open_store(dataset, FORM), dataset)

    def test_a_cache_that_cannot_be_made(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("VIEWFINDER_CACHE", str(tmp_path / "file"))
        with pytest.raises(OutputError, match="Cannot write the picture store in"):
            open_store(open_dataset(root), FORM)

    def test_a_data_folder_with_a_long_name(self, tmp_path: Path) -> None:
        root = write_classes(tmp_path / ("x" * 250), {"a": 1, "b": 1})
        require_right(open_store(open_dataset(root), FORM), open_dataset(root))


class Disk(NamedTuple):
    total: int
    used: int
    free: int


class TestBudget:
    def said(self, dataset: Dataset, capsys: pytest.CaptureFixture[str], **options: Any) -> str:
        self.store = open_store(dataset, FORM, progress=Progress(), **options)
        return capsys.readouterr().err

    def test_pixels_beyond_it_are_not_kept_and_that_is_said(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        dataset = open_dataset(root)
        needed = 7 * 8 * 10 * 3
        assert self.said(dataset, capsys, budget=needed) == ""
        assert self.store.pixels is not None
        assert "The pictures are decoded again in each epoch" in self.said(
            dataset, capsys, budget=needed - 1
        )
        assert self.store.pixels is None
        assert sum(path.stat().st_size for path in self.store.folder.glob("pixels*")) == 0

    def test_by_default_half_of_what_is_free(
        self, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(build.shutil, "disk_usage", lambda _: Disk(10**9, 10**9, 3000))
        assert "decoded again" in self.said(open_dataset(root), capsys)
        assert self.store.pixels is None


class TestCache:
    def test_stores_are_listed_and_cleared(self, root: Path) -> None:
        assert list(list_stores()) == []
        assert clear_cache() == 0
        dataset = open_dataset(root)
        open_store(dataset, FORM)
        open_store(dataset, Preprocessing(height=20, width=30), budget=0)
        found = {store.size: store for store in list_stores()}
        assert set(found) == {"8 × 10", "20 × 30"}
        assert {store.source for store in found.values()} == {str(root.resolve())}
        assert found["8 × 10"].pictures == 7
        assert found["20 × 30"].pictures == 0
        assert found["8 × 10"].bytes > 7 * 240
        assert clear_cache() == sum(store.bytes for store in found.values())
        assert list(list_stores()) == []
        require_right(open_store(dataset, FORM), dataset)

    def test_a_damaged_store_is_listed_too(self, root: Path) -> None:
        folder = open_store(open_dataset(root), FORM).folder
        (folder / "store.json").write_text("{")
        (damaged,) = list_stores()
        assert (damaged.folder, damaged.source, damaged.pictures) == (folder, "", 0)
        assert clear_cache() > 0


BUILDER = """
import sys
from viewfinder.data.sources import open_dataset
from viewfinder.data.sources.folder import FolderSource
from viewfinder.data.store import open_store
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.core.progress import Progress
import time

read, count = FolderSource.read, 0

def slow_read(source, locator):
    global count
    count += 1
    time.sleep(float(sys.argv[2]))
    return read(source, locator)

FolderSource.read = slow_read
dataset = open_dataset(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
store = open_store(dataset, Preprocessing(height=8, width=10), workers=2, progress=Progress())
print(count, len(store.pictures(dataset)), flush=True)
"""


def builder(root: Path, seconds_a_picture: float) -> subprocess.Popen[str]:
    """Another process that will build the store once it gets a line on stdin."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(root), str(seconds_a_picture)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


def test_of_two_processes_one_builds_and_the_other_waits(root: Path) -> None:
    processes = [builder(root, 0.4) for _ in range(2)]
    for process in processes:
        start(process)
    results = [process.communicate(timeout=250) for process in processes]
    assert sorted(out.split() for out, _ in results) == [["0", "7"], ["7", "7"]], results
    waited = next(err for out, err in results if out.startswith("0"))
    assert "Waiting for another process that reads the same pictures." in waited
    dataset = open_dataset(root)
    require_right(open_store(dataset, FORM), dataset)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(12))
def test_a_build_that_is_killed_leaves_a_store_that_works(root: Path, attempt: int) -> None:
    """At moments that are spread over the whole build; over an older store every second time."""
    dataset = open_dataset(root)
    if attempt % 2:
        open_store(dataset, FORM)
        for seed, path in enumerate(sorted(root.rglob("*.png"))[1:], 100):
            write_picture(path, seed)
    process = builder(root, 0.02)
    start(process)
    time.sleep(attempt * 0.012)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=250)
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    store = open_store(dataset, FORM)
    require_right(store, dataset)
    assert len(readable(store, dataset)) == 7
    write_picture(root / "a" / "0.png", seed=98)  # whatever was left is removed by the next build
    assert names(open_store(dataset, FORM)) == WHOLE


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_leave_a_store_that_works(root: Path) -> None:
    """Forked processes change a picture and bring the store up to date, again and again."""
    drawn = random.Random(0)
    dataset = open_dataset(root)
    open_store(dataset, FORM, budget=BUDGET)
    began = time.perf_counter()
    write_picture(root / "a" / "0.png", seed=1)
    open_store(open_dataset(root), FORM, budget=BUDGET)
    seconds = time.perf_counter() - began
    for kill in range(100):
        begun, begins = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(begins, b"!")
                for number in range(10_000):
                    write_picture(root / "a" / "0.png", seed=1000 * kill + number)
                    open_store(open_dataset(root), FORM, budget=BUDGET)
            finally:
                os._exit(0)
        os.read(begun, 1)
        time.sleep(seconds * 3 * drawn.random())
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it was killed"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(begun)
        os.close(begins)
        write_picture(root / "a" / "0.png", seed=kill)  # the child may have left half of one
        changed = open_dataset(root)
        require_right(open_store(changed, FORM, budget=BUDGET), changed)
