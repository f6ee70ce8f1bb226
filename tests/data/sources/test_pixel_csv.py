"""Tables with a picture in each row, held against `np.loadtxt` and the `csv` module."""

import csv
import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from sklearn.datasets import load_digits

from folders import write_files
from shared_data import SHARED
from viewfinder.core.errors import DataError, Reason, RejectedPicture, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record, open_dataset


def table(count: int = 6, pixels: int = 25, seed: int = 0) -> np.ndarray:
    """A label and random levels in each row."""
    random = np.random.default_rng(seed)
    return np.column_stack([np.arange(count) % 3, random.integers(0, 256, (count, pixels))]).astype(
        int
    )


def write(path: Path, rows: np.ndarray, header: str | None = None, end: str = "\n") -> Path:
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    path.write_text("\n".join([header, *lines] if header else lines) + end, encoding="utf-8")
    return path


def pictures(dataset: Dataset, split: str = "") -> np.ndarray:
    """All pictures in the order of the file, (n, height, width) or with channels."""
    count = (dataset.table["locator"].str.startswith(f"{split}#")).sum()
    return np.stack([dataset.source.read(f"{split}#{row}") for row in range(count)])


def labels(dataset: Dataset) -> list[str]:
    by_locator = dataset.table.set_index("locator")["label"]
    return [by_locator[f"#{row}"] for row in range(len(dataset))]


PIXELS = ",".join(f"pixel{i}" for i in range(1, 26))


class TestForms:
    @pytest.mark.parametrize(
        "header",
        [
            None,
            f"label,{PIXELS}",
            f"class,{PIXELS}",
            "label," + ",".join(f"{i}x{j}" for i in range(5) for j in range(5)),
            "label," + ",".join(map(str, range(25))),
            ",".join(map(str, range(26))),
        ],
    )
    @pytest.mark.parametrize("end", ["\n", "", "\r\n\r\n"])
    def test_with_and_without_header_and_last_newline(
        self, tmp_path: Path, header: str | None, end: str
    ) -> None:
        rows = table()
        path = write(tmp_path / "x.csv", rows, header, end)
        dataset = open_dataset(path)
        read = np.loadtxt(path, delimiter=",", skiprows=1 if header else 0, dtype=int)
        np.testing.assert_array_equal(pictures(dataset), read[:, 1:].reshape(-1, 5, 5))
        assert labels(dataset) == [str(label) for label in read[:, 0]]
        assert dataset.classes == ("0", "1", "2")
        assert dataset.table["bytes"].unique().tolist() == [25]
        assert any(note.startswith("Pictures of 5 × 5 × 1") for note in dataset.notes)

    def test_a_label_that_is_named_may_stand_anywhere(self, tmp_path: Path) -> None:
        rows = np.roll(table(), -1, axis=1)
        dataset = open_dataset(write(tmp_path / "x.csv", rows, f"{PIXELS},label"))
        np.testing.assert_array_equal(pictures(dataset).reshape(-1, 25), rows[:, :-1])

    def test_a_label_without_a_name_may_be_given_by_number(self, tmp_path: Path) -> None:
        rows = np.roll(table(), -1, axis=1)
        dataset = open_dataset(write(tmp_path / "x.csv", rows), label_column="25")
        assert labels(dataset) == ["0", "1", "2"] * 2
        assert open_dataset(tmp_path / "x.csv", label_column="-1").table.equals(dataset.table)

    def test_labels_may_be_words(self, tmp_path: Path) -> None:
        rows = table().astype(str).astype(object)
        rows[:, 0] = list("ABCABC")
        dataset = open_dataset(write(tmp_path / "x.csv", rows))
        assert labels(dataset) == list("ABCABC")

    def test_the_number_of_the_row_is_no_pixel(self, tmp_path: Path) -> None:
        rows = np.column_stack([np.arange(6), table()])
        dataset = open_dataset(write(tmp_path / "x.csv", rows, f",label,{PIXELS}"))
        np.testing.assert_array_equal(pictures(dataset).reshape(-1, 25), rows[:, 2:])
        note = "The first column of x.csv was ignored, because it numbers the rows."
        assert note in dataset.notes

    def test_gzipped_and_with_a_mark(self, tmp_path: Path) -> None:
        write(tmp_path / "x.csv", table(), f"\ufefflabel,{PIXELS}")
        (tmp_path / "x.csv.gz").write_bytes(gzip.compress((tmp_path / "x.csv").read_bytes()))
        plain, packed = (open_dataset(tmp_path / name) for name in ("x.csv", "x.csv.gz"))
        assert plain.table.equals(packed.table)
        np.testing.assert_array_equal(pictures(plain), pictures(packed))

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_other_delimiters(self, tmp_path: Path, delimiter: str) -> None:
        text = write(tmp_path / "x.csv", table()).read_text().replace(",", delimiter)
        (tmp_path / "y.csv").write_text(text)
        one, other = (open_dataset(tmp_path / name) for name in ("x.csv", "y.csv"))
        np.testing.assert_array_equal(pictures(one), pictures(other))


class TestSizes:
    @pytest.mark.parametrize(
        ("count", "size", "shape"),
        [
            (784, None, (28, 28)),
            (2352, None, (28, 28, 3)),
            (64, (4, 16), (4, 16)),
            (60, (4, 5), (4, 5, 3)),
            (80, (4, 5), (4, 5, 4)),
        ],
    )
    def test_told_or_given(
        self, tmp_path: Path, count: int, size: tuple[int, int] | None, shape: tuple[int, int, int]
    ) -> None:
        rows = table(pixels=count)
        dataset = open_dataset(write(tmp_path / "x.csv", rows), image_size=size)
        np.testing.assert_array_equal(pictures(dataset), rows[:, 1:].reshape(-1, *shape))

    def test_no_square(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"30 numbers are not a square(.|\n)*image_size"):
            open_dataset(write(tmp_path / "x.csv", table(pixels=30)))

    def test_a_size_that_does_not_fit(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="are not 4 × 5"):
            open_dataset(write(tmp_path / "x.csv", table()), image_size=(4, 5))


class TestNumbers:
    def test_fractions_of_one(self, tmp_path: Path) -> None:
        rows = table()
        shares = np.column_stack([rows[:, 0], np.round(rows[:, 1:] / 255, 6)])
        dataset = open_dataset(write(tmp_path / "x.csv", shares, f"label,{PIXELS}"))
        np.testing.assert_array_equal(pictures(dataset).reshape(-1, 25), rows[:, 1:])
        assert dataset.classes == ("0", "1", "2")  # as in a table of the same labels as integers
        assert "Numbers from 0 to 1 were read as shares of full brightness." in dataset.notes

    @pytest.mark.parametrize("bad", [256, 1000])
    def test_too_bright(self, tmp_path: Path, bad: int) -> None:
        rows = table()
        rows[3, 7] = bad
        with pytest.raises(DataError, match=r"Row 4 of .* has a pixel above 255") as caught:
            open_dataset(write(tmp_path / "x.csv", rows))
        assert caught.value.received == f"{bad}, its pixel 7"

    def test_below_zero(self, tmp_path: Path) -> None:
        rows = table()
        rows[3, 7] = -1
        with pytest.raises(DataError, match="not clear which numbers") as caught:
            open_dataset(write(tmp_path / "x.csv", rows))
        assert str(caught.value.received).startswith("numbers from -1 to ")

    @pytest.mark.parametrize("bad", ["x", "", "nan", "12a"])
    def test_no_number(self, tmp_path: Path, bad: str) -> None:
        rows = table().astype(object)
        rows[3, 7] = bad
        path = write(tmp_path / "x.csv", rows, f"label,{PIXELS}")
        with pytest.raises(DataError, match=r"Column 8 in line 5 of .* is not a pixel") as caught:
            open_dataset(path)
        assert caught.value.received == repr(bad)

    @pytest.mark.parametrize("cell", ["", "NaN"])
    def test_no_label(self, tmp_path: Path, cell: str) -> None:
        rows = table().astype(object)
        rows[2, 0] = cell
        with pytest.raises(DataError, match=r"no label for row 2|There is no label in line 4"):
            open_dataset(write(tmp_path / "x.csv", rows, f"label,{PIXELS}"))

    @pytest.mark.parametrize("keep", [0.6, 0.97])
    def test_cut_short(self, tmp_path: Path, keep: float) -> None:
        path = write(tmp_path / "x.csv", table(), f"label,{PIXELS}")
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(DataError, match=r"number of cells(.|\n)*truncated"):
            open_dataset(path)

    def test_digits_of_scikit_learn_need_their_range(self, tmp_path: Path) -> None:
        digits = load_digits()
        path = write(
            tmp_path / "x.csv", np.column_stack([digits.target, digits.data]).astype(int)[:200]
        )
        with pytest.raises(DataError, match=r"`value_range=0,16`"):
            open_dataset(path)
        dataset = open_dataset(path, value_range=(0, 16))
        expected = np.rint(digits.images[:200] * (255 / 16))
        np.testing.assert_array_equal(pictures(dataset), expected)
        assert labels(dataset) == [str(label) for label in digits.target[:200]]
        again = from_record(json.loads(json.dumps(dataset.source.record())))
        np.testing.assert_array_equal(again.read("#7"), expected[7])

    def test_twelve_bits_need_their_range(self, tmp_path: Path) -> None:
        rows = table()
        rows[3, 7] = 4095
        path = write(tmp_path / "x.csv", rows)
        with pytest.raises(DataError, match=r"Row 4 of (.|\n)*`value_range=0,4095`"):
            open_dataset(path)
        assert pictures(open_dataset(path, value_range=(0, 4095)))[3].ravel()[6] == 255

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        arrays(np.uint8, st.tuples(st.integers(2, 5), st.sampled_from([16, 48, 49]))),
        st.booleans(),
        st.booleans(),
    )
    def test_as_the_csv_module_reads_it(
        self, tmp_path: Path, levels: np.ndarray, header: bool, newline: bool
    ) -> None:
        rows = np.column_stack([np.arange(len(levels)), levels.astype(int)])
        names = "label," + ",".join(f"p{i}" for i in range(levels.shape[1])) if header else None
        path = write(tmp_path / "x.csv", rows, names, "\n" if newline else "")
        with path.open(newline="") as file:
            expected = [list(map(int, row)) for row in list(csv.reader(file))[int(header) :]]
        dataset = open_dataset(path, value_range=(0, 255))
        read = pictures(dataset).reshape(len(levels), -1).tolist()
        assert [[int(x), *row] for x, row in zip(labels(dataset), read, strict=True)] == expected


class TestSource:
    def test_reads_and_stamps(self, tmp_path: Path) -> None:
        source = open_dataset(write(tmp_path / "x.csv", table())).source
        before = source.stamp("#0")
        assert source.read("#0").shape == (5, 5)
        with pytest.raises(ValueError, match="read-only"):
            source.read("#0")[0] = 1
        write(tmp_path / "x.csv", table(seed=9))
        os.utime(tmp_path / "x.csv", ns=(1, 1))
        assert source.stamp("#0") != before
        np.testing.assert_array_equal(source.read("#5").ravel(), table(seed=9)[5, 1:])

    @pytest.mark.parametrize("locator", ["#6", "#x", "x", "train#0", "#-1"])
    def test_rows_that_are_not_there(self, tmp_path: Path, locator: str) -> None:
        source = open_dataset(write(tmp_path / "x.csv", table())).source
        with pytest.raises(RejectedPicture) as caught:
            source.read(locator)
        assert caught.value.reason is Reason.MISSING

    def test_a_file_that_is_gone_or_damaged(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.csv", table())
        source = from_record(open_dataset(path).source.record())
        path.write_text("1,2,3,4\n0,x,y,z\n")
        with pytest.raises(RejectedPicture) as caught:
            source.read("#0")
        assert caught.value.reason is Reason.CORRUPT
        path.unlink()
        for ask in (source.read, source.stamp):
            with pytest.raises(RejectedPicture) as caught:
                ask("#0")
            assert caught.value.reason is Reason.MISSING

    @pytest.mark.parametrize("said", [{}, {"label_column": "0", "image_size": (1, 25)}])
    def test_a_record_makes_it_again(self, tmp_path: Path, said: dict[str, Any]) -> None:
        source = open_dataset(write(tmp_path / "x.csv", table()), **said).source
        again = from_record(source.record())
        assert again == source
        np.testing.assert_array_equal(again.read("#3"), source.read("#3"))

    @pytest.mark.parametrize("said", [{"label_from": "(x)"}, {"root": "."}])
    def test_what_it_has_no_use_for(self, tmp_path: Path, said: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="cannot be used with a table of pixels"):
            open_dataset(write(tmp_path / "x.csv", table()), **said)


class TestFolders:
    @pytest.mark.parametrize("around", ["", "archive/"])
    def test_a_table_for_each_split(self, tmp_path: Path, around: str) -> None:
        (tmp_path / "data" / around).mkdir(parents=True)
        folder = tmp_path / "data" / around
        write(folder / "sign_mnist_train.csv", table(9))
        write(folder / "sign_mnist_test.csv", table(3))
        write_files(folder, ".DS_Store")
        dataset = open_dataset(tmp_path / "data")
        assert dataset.split_sizes() == {"train": 9, "test": 3}
        np.testing.assert_array_equal(pictures(dataset, "test").reshape(3, 25), table(3)[:, 1:])
        assert from_record(dataset.source.record()) == dataset.source
        assert str(dataset.source) == str(folder).rstrip("/")

    def test_kaggles_test_table_has_no_labels(self, tmp_path: Path) -> None:
        write(tmp_path / "train.csv", table(9), f"label,{PIXELS}")
        write(tmp_path / "test.csv", table(3)[:, 1:], PIXELS)
        dataset = open_dataset(tmp_path)
        assert dataset.split_sizes() == {"unsplit": 9}
        assert [(one.path, one.why) for one in dataset.passed_over] == [
            ("test.csv", "it has no labels")
        ]

    def test_kaggles_sign_language_has_drawings_and_copies_beside(self, tmp_path: Path) -> None:
        for name, count in (("sign_mnist_train", 9), ("sign_mnist_test", 3)):
            (tmp_path / "signs" / name).mkdir(parents=True)
            write(tmp_path / "signs" / f"{name}.csv", table(count))  # without a header
            write(tmp_path / "signs" / name / f"{name}.csv", table(count))
        for name in ("amer_sign2.png", "american_sign_language.PNG"):
            Image.fromarray(table(8).astype(np.uint8)).save(tmp_path / "signs" / name)
        (tmp_path / "signs" / "README.md").write_text("letters")
        shutil.make_archive(str(tmp_path / "signs"), "zip", tmp_path / "signs")
        for path in (tmp_path / "signs", tmp_path / "signs.zip"):
            dataset = open_dataset(path)
            assert dataset.split_sizes() == {"train": 9, "test": 3}
            np.testing.assert_array_equal(pictures(dataset, "test").reshape(3, 25), table(3)[:, 1:])
            assert {one.path for one in dataset.passed_over} == {
                "amer_sign2.png",
                "american_sign_language.PNG",
                "sign_mnist_train/",
                "sign_mnist_test/",
            }

    def test_pictures_in_class_folders_go_before_tables_beside_them(self, tmp_path: Path) -> None:
        write(tmp_path / "train.csv", table(9))
        for number, label in enumerate(("cats", "dogs")):
            (tmp_path / "train" / label).mkdir(parents=True)
            levels = np.full((8, 8), number, np.uint8)
            Image.fromarray(levels).save(tmp_path / "train" / label / "0.png")
        assert open_dataset(tmp_path).classes == ("cats", "dogs")

    def test_two_of_one_split(self, tmp_path: Path) -> None:
        for name in ("a_train.csv", "b_train.csv"):
            write(tmp_path / name, table())
        with pytest.raises(DataError, match="not clear which belong together"):
            open_dataset(tmp_path)

    def test_one_table_alone(self, tmp_path: Path) -> None:
        write(tmp_path / "data.csv", table())
        write_files(tmp_path, "README.txt")
        assert len(open_dataset(tmp_path)) == 6


@pytest.mark.slow
def test_sign_language_mnist_in_seconds(tmp_path: Path) -> None:
    import time

    rows = np.random.default_rng(0).integers(0, 256, (27_455, 785))
    rows[:, 0] %= 24
    path = tmp_path / "train.csv"
    names = "label," + ",".join(f"pixel{i}" for i in range(1, 785))
    np.savetxt(path, rows, "%d", ",", header=names, comments="")
    start = time.process_time()
    dataset = open_dataset(path)
    seconds = time.process_time() - start
    print(f"{seconds:.2f} s")
    np.testing.assert_array_equal(pictures(dataset).reshape(len(rows), -1), rows[:, 1:])
    assert seconds < 20


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}")
@pytest.mark.parametrize(
    ("name", "header", "count", "classes"),
    [
        ("train", 0, 188, 24),
        ("test", 0, 11, 9),
        ("13bal_train", 1, 130, 10),
        ("13bal_test", 1, 130, 10),
    ],
)
def test_real_tables(name: str, header: int, count: int, classes: int) -> None:
    path = SHARED / "sign_mnist" / f"sign_mnist_{name}.csv"
    dataset = open_dataset(path)
    read = np.loadtxt(path, delimiter=",", skiprows=header, dtype=int)
    assert (len(dataset), len(dataset.classes)) == (count, classes)
    np.testing.assert_array_equal(pictures(dataset), read[:, 1:].reshape(-1, 28, 28))
    assert labels(dataset) == [str(label) for label in read[:, 0]]
