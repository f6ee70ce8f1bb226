"""MNIST's format, written here byte by byte, and what damaged files of it give."""

import gzip
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_data import SHARED
from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record, open_dataset
from viewfinder.data.sources.idx import read_idx


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return (
        struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()
    )


def levels(count: int, height: int = 4, width: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width), dtype=np.uint8)


def write_mnist(folder: Path, packed: bool = True, form: str = "{}-{}-idx{}-ubyte") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, count) in enumerate([("train", 9), ("t10k", 6)]):
        for what, array in [
            ("images", levels(count, seed=seed)),
            ("labels", (np.arange(count) % 3).astype(np.uint8)),
        ]:
            file = folder / form.format(name, what, array.ndim)
            data = idx(array)
            if packed:
                file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(data))
            else:
                file.write_bytes(data)
    return folder


def pictures(dataset: Dataset, split: str, count: int) -> np.ndarray:
    return np.stack([dataset.source.read(f"{split}#{row}") for row in range(count)])


class TestFolders:
    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize("form", ["{}-{}-idx{}-ubyte", "{}-{}.idx{}-ubyte"])
    @pytest.mark.parametrize("inside", ["", "MNIST/raw"])
    def test_mnist_as_it_is_published(
        self, tmp_path: Path, packed: bool, form: str, inside: str
    ) -> None:
        write_mnist(tmp_path / "data" / inside, packed, form)
        dataset = open_dataset(tmp_path / "data")
        assert dataset.split_sizes() == {"train": 9, "test": 6}
        assert dataset.classes == ("0", "1", "2")
        np.testing.assert_array_equal(pictures(dataset, "train", 9), levels(9, seed=0))
        np.testing.assert_array_equal(pictures(dataset, "test", 6), levels(6, seed=1))
        by_locator = dataset.table.set_index("locator")["label"]
        assert [by_locator[f"train#{row}"] for row in range(9)] == list("012" * 3)
        again = from_record(dataset.source.record())
        assert again == dataset.source
        np.testing.assert_array_equal(again.read("test#5"), dataset.source.read("test#5"))

    def test_names_of_the_classes(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_mnist(tmp_path), classes=["shirt", "coat", "bag"])
        assert dataset.classes == ("shirt", "coat", "bag")
        assert set(dataset.table["label"]) == {"shirt", "coat", "bag"}

    @pytest.mark.parametrize("what", ["images-idx3", "labels-idx1"])
    def test_one_file_finds_its_partner(self, tmp_path: Path, what: str) -> None:
        write_mnist(tmp_path)
        dataset = open_dataset(tmp_path / f"t10k-{what}-ubyte.gz")
        assert dataset.split_sizes() == {"unsplit": 6}
        np.testing.assert_array_equal(pictures(dataset, "", 6), levels(6, seed=1))

    def test_no_labels(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
        with pytest.raises(DataError, match="labels that belong to train-images"):
            open_dataset(tmp_path)

    def test_other_numbers_of_labels(self, tmp_path: Path) -> None:
        write_mnist(tmp_path, packed=False)
        (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(5, np.uint8)))
        with pytest.raises(DataError, match="numbers of labels and pictures"):
            open_dataset(tmp_path)

    def test_two_sets_in_one_folder(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        write_mnist(tmp_path, form="emnist-{}-{}-idx{}-ubyte")
        with pytest.raises(DataError, match="not clear which idx files"):
            open_dataset(tmp_path)


class TestDamage:
    GOOD = idx(levels(3))

    def refused(self, path: Path, data: bytes, packed: bool) -> DataError:
        path.write_bytes(gzip.compress(data) if packed else data)
        with pytest.raises(DataError) as caught:
            read_idx(path)
        return caught.value

    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize(
        ("data", "fact"),
        [
            (b"", "is not an idx file"),
            (b"\0\0\x08", "is not an idx file"),
            (b"\1\0\x08\3" + bytes(20), "is not an idx file"),
            (b"\0\0\x08\0", "is not an idx file"),
            (b"\0\0\x08\xff" + bytes(2000), "is not an idx file"),
            (b"\0\0\x0d\3" + bytes(20), "does not hold bytes"),
            (b"\0\0\x08\3" + bytes(5), "ends within its header"),
            (GOOD[:-1], "differs from its header"),
            (GOOD + b"x", "differs from its header"),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, data: bytes, fact: str, packed: bool) -> None:
        assert fact in self.refused(tmp_path / "x", data, packed).fact

    @pytest.mark.parametrize("packed", [True, False])
    def test_a_header_that_lies_takes_no_memory(self, tmp_path: Path, packed: bool) -> None:
        data = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(100)
        tracemalloc.start()
        assert "differs from its header" in self.refused(tmp_path / "x", data, packed).fact
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20

    def test_broken_gzip(self, tmp_path: Path) -> None:
        data = gzip.compress(self.GOOD)
        (tmp_path / "x").write_bytes(data[:-9])
        with pytest.raises(DataError, match="is damaged or truncated"):
            read_idx(tmp_path / "x")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_any_damage_gives_an_array_or_one_error(
        self, tmp_path: Path, data: st.DataObject
    ) -> None:
        good = gzip.compress(self.GOOD) if data.draw(st.booleans()) else self.GOOD
        damaged = bytearray(good)
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
        (tmp_path / "x").write_bytes(damaged)
        with suppress(DataError):
            assert read_idx(tmp_path / "x").dtype == np.uint8

    def test_a_file_that_was_damaged_later_is_a_rejection(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_mnist(tmp_path, packed=False))
        (tmp_path / "train-images-idx3-ubyte").write_bytes(b"x")
        with pytest.raises(RejectedPicture) as caught:
            dataset.source.read("train#0")
        assert caught.value.reason is Reason.CORRUPT


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_ones(name: str) -> None:
    dataset = open_dataset(SHARED / "idx" / name)
    assert dataset.split_sizes() == {"train": 60_000, "test": 10_000}
    assert dataset.classes == tuple("0123456789")
    with gzip.open(SHARED / "idx" / name / "t10k-images-idx3-ubyte.gz") as file:
        expected = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(SHARED / "idx" / name / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    np.testing.assert_array_equal(pictures(dataset, "test", 10_000), expected)
    by_locator = dataset.table.set_index("locator")["label"]
    assert [by_locator[f"test#{row}"] for row in range(10_000)] == [str(one) for one in labels]


class TestClassNames:
    """`write_mnist` has the labels 0, 1 and 2."""

    def test_from_a_file_beside_the_arrays(self, tmp_path: Path) -> None:
        folder = write_mnist(tmp_path / "data")
        (folder / "class_names.txt").write_text("shirt\nbag\nAnkle boot\n")
        dataset = open_dataset(folder)
        assert dataset.classes == ("shirt", "bag", "Ankle boot")
        labels = dataset.table.set_index("locator")["label"]
        assert [labels[f"test#{row}"] for row in range(4)] == [
            "shirt",
            "bag",
            "Ankle boot",
            "shirt",
        ]
        assert any("class_names.txt" in note for note in dataset.notes)

    def test_stated_names_come_first(self, tmp_path: Path) -> None:
        folder = write_mnist(tmp_path / "data")
        (folder / "class_names.txt").write_text("shirt\nbag\nAnkle boot\n")
        (tmp_path / "mine.txt").write_text("a\nb\nc\n")
        assert open_dataset(folder, classes=tmp_path / "mine.txt").classes == ("a", "b", "c")
        assert open_dataset(folder, classes=["x", "y", "z"]).classes == ("x", "y", "z")

    @pytest.mark.parametrize("content", ["shirt\nbag\n", "shirt\nshirt\nbag\n"])
    def test_a_file_that_does_not_fit_is_pointed_out(self, tmp_path: Path, content: str) -> None:
        folder = write_mnist(tmp_path / "data")
        (folder / "class_names.txt").write_text(content)
        dataset = open_dataset(folder)
        assert dataset.classes == ("0", "1", "2")
        assert any("is not used" in note for note in dataset.notes)

    def test_a_stated_file_that_does_not_fit_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("a\nb\n")
        with pytest.raises(DataError, match="not in `classes`"):
            open_dataset(write_mnist(tmp_path / "data"), classes=tmp_path / "mine.txt")
