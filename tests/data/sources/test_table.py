"""Tables of paths and labels: as people write them, with what is wrong in them said aloud."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folders import write_classes, write_files
from viewfinder.core.errors import DataError, Reason, RejectedPicture, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import Columns, from_record, open_dataset, open_table
from viewfinder.data.sources.cells import read_json_lines


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    return write_files(folder, "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg")


def rows(dataset: Dataset) -> set[tuple[str, str, str]]:
    table = dataset.table
    return set(zip(table["locator"], table["label"], table["split"], strict=True))


PLAIN = [("a/1.jpg", "cat"), ("a/2.jpg", "cat"), ("b/1.jpg", "dog"), ("b/2.jpg", "dog")]
EXPECTED = {(path, label, "") for path, label in PLAIN}


def write_csv(root: Path, *lines: str, name: str = "labels.csv") -> Path:
    path = root / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class TestColumns:
    @pytest.mark.parametrize(
        "header",
        ["path,label", "filename,class", "Image,Target", "file_name,category", "File Name,Labels"],
    )
    def test_names_as_people_write_them(self, root: Path, header: str) -> None:
        path = write_csv(root, header, *(",".join(row) for row in PLAIN))
        dataset = open_dataset(path)
        assert rows(dataset) == EXPECTED
        assert dataset.classes == ("cat", "dog")
        assert dataset.table["bytes"].tolist() == [7] * 4
        assert dataset.source.read("a/1.jpg") == b"a/1.jpg"

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.txt"])
    def test_any_delimiter(self, root: Path, delimiter: str, name: str) -> None:
        lines = [delimiter.join(row) for row in [("path", "label"), *PLAIN]]
        assert rows(open_dataset(write_csv(root, *lines, name=name))) == EXPECTED

    @pytest.mark.parametrize("swapped", [False, True])
    def test_without_a_header_the_file_tells_the_path(self, root: Path, swapped: bool) -> None:
        lines = [",".join(row[::-1] if swapped else row) for row in PLAIN]
        assert rows(open_dataset(write_csv(root, *lines))) == EXPECTED

    def test_a_list_with_blanks(self, root: Path) -> None:
        lines = [" ".join(row) for row in PLAIN]
        assert rows(open_dataset(write_csv(root, *lines, name="train.txt"))) == EXPECTED

    def test_among_other_columns_in_any_order(self, root: Path) -> None:
        lines = [f"{i},{label},x y,{path}" for i, (path, label) in enumerate(PLAIN)]
        path = write_csv(root, ",class,comment,image", *lines)
        assert rows(open_dataset(path)) == EXPECTED

    def test_forty_numbers_beside_the_path_are_no_pixels(self, root: Path) -> None:
        """CelebA: a name and forty attributes of 1 and -1."""
        numbers = [",".join(["-1"] * 40)] * 4
        header = "image_id," + ",".join(f"attribute{i}" for i in range(39)) + ",Smiling"
        lines = [f"{path},{line}" for (path, _), line in zip(PLAIN, numbers, strict=True)]
        lines[0] = lines[0][:-2] + "1"
        dataset = open_dataset(write_csv(root, header, *lines), label_column="Smiling")
        assert dataset.classes == ("-1", "1")

    def test_given_columns(self, root: Path) -> None:
        lines = [f"{path},{label},x{label},g{label}" for path, label in PLAIN]
        path = write_csv(root, "path,label,breed,patient", *lines)
        assert open_dataset(path, label_column="breed").classes == ("xcat", "xdog")
        assert open_dataset(path, label_column="2").classes == ("xcat", "xdog")
        dataset = open_table(path, columns=Columns(group="patient"))
        assert dataset.table["group"].tolist() == ["gcat", "gcat", "gdog", "gdog"]

    def test_splits_and_groups(self, root: Path) -> None:
        splits = ["Train", "train", "valid", "TEST"]
        lines = [f"{p},{x},{s},7" for (p, x), s in zip(PLAIN, splits, strict=True)]
        dataset = open_dataset(write_csv(root, "path,label,split,group", *lines))
        assert dataset.table["split"].tolist() == ["train", "train", "validation", "test"]
        assert dataset.table["group"].tolist() == ["7"] * 4

    def test_cells_with_delimiters_quotes_and_blanks(self, root: Path) -> None:
        write_files(root, 'c/a, "b".jpg')
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows([("path", "label"), ('c/a, "b".jpg', " cat "), ("a/1.jpg", "dog, big")])
        (root / "x.csv").write_text(text.getvalue(), encoding="utf-8-sig")
        dataset = open_dataset(root / "x.csv")
        assert rows(dataset) == {('c/a, "b".jpg', "cat", ""), ("a/1.jpg", "dog, big", "")}

    def test_words_that_pandas_takes_for_nothing_are_labels(self, root: Path) -> None:
        lines = ["path,label", "a/1.jpg,NA", "a/2.jpg,None", "b/1.jpg,null", "b/2.jpg,01"]
        assert open_dataset(write_csv(root, *lines)).classes == ("01", "NA", "None", "null")

    @pytest.mark.parametrize(
        ("header", "fact"),
        [
            ("what,label", "has no column that is named like a path"),
            ("path,what", "has no column that is named like a label"),
        ],
    )
    def test_names_that_tell_nothing(self, root: Path, header: str, fact: str) -> None:
        path = write_csv(root, header, "1,x", "2,y")
        with pytest.raises(DataError, match=fact) as caught:
            open_dataset(path)
        assert caught.value.received == header.replace(",", ", ")

    def test_a_given_column_that_is_not_there(self, root: Path) -> None:
        path = write_csv(root, "path,label", "a/1.jpg,x")
        with pytest.raises(UsageError, match=r"no column 'lable'(.|\n)*did you mean 'label'"):
            open_dataset(path, label_column="lable")

    def test_a_split_that_is_none(self, root: Path) -> None:
        path = write_csv(root, "path,label,split", "a/1.jpg,x,trian", "a/2.jpg,y,test")
        with pytest.raises(DataError, match="has values that are not splits") as caught:
            open_dataset(path)
        assert caught.value.received == "trian"


class TestRows:
    def test_missing_files_are_said_and_rejected_when_read(self, root: Path) -> None:
        path = write_csv(root, "path,label", "a/1.jpg,x", "gone.jpg,y")
        dataset = open_dataset(path)
        assert dataset.table["bytes"].tolist() == [7, -1]
        assert "1 of 2 files are missing, the first gone.jpg." in dataset.notes
        for ask in (dataset.source.read, dataset.source.stamp):
            with pytest.raises(RejectedPicture) as caught:
                ask("gone.jpg")
            assert caught.value.reason is Reason.MISSING

    def test_none_there(self, root: Path) -> None:
        path = write_csv(root, "path,label", "x/1.jpg,x", "x/2.jpg,y")
        with pytest.raises(DataError, match=r"None of the 2 files(.|\n)*`root`"):
            open_dataset(path)

    def test_root(self, root: Path, tmp_path: Path) -> None:
        path = write_csv(tmp_path, "path,label", *(",".join(row) for row in PLAIN))
        dataset = open_dataset(path, root=root)
        assert rows(dataset) == EXPECTED
        assert dataset.source.read("b/2.jpg") == b"b/2.jpg"

    @pytest.mark.parametrize("start", ["/content/drive/My Drive/", "C:/Users/anna/", "D:\\x\\"])
    def test_paths_of_another_computer_lead_to_the_files_here(self, root: Path, start: str) -> None:
        dataset = open_table(
            write_csv(root, "path,label", f"{start}a/1.jpg,x", f"{start}b/1.jpg,y")
        )
        assert list(dataset.table["locator"]) == ["a/1.jpg", "b/1.jpg"]
        plain = start.replace("\\", "/")
        assert (
            f"The paths start with {plain}, which is not here: read below {root}." in dataset.notes
        )

    def test_paths_of_two_other_folders_are_refused(self, root: Path) -> None:
        table = write_csv(root, "path,label", "/content/a/1.jpg,x", "/kaggle/b/1.jpg,y")
        with pytest.raises(DataError, match="None of the 2 files"):
            open_table(table)

    def test_absolute_and_outer_paths_are_followed_aloud(self, root: Path, tmp_path: Path) -> None:
        write_files(tmp_path, "outer.jpg")
        absolute = str(root / "a" / "1.jpg")
        dataset = open_dataset(
            write_csv(root, "path,label", f"{absolute},x", "../outer.jpg,y", "b/1.jpg,y")
        )
        assert dataset.source.read(absolute) == b"a/1.jpg"
        assert dataset.source.read("../outer.jpg") == b"outer.jpg"
        assert any(note.startswith("2 paths are absolute or lead out of") for note in dataset.notes)

    def test_one_spelling_for_each_file(self, root: Path) -> None:
        spelled = ["./a/1.jpg", "a//2.jpg", ".//b/./1.jpg", "b/2.jpg"]
        lines = [f"{path},{label}" for path, (_, label) in zip(spelled, PLAIN, strict=True)]
        assert rows(open_dataset(write_csv(root, "path,label", *lines))) == EXPECTED

    def test_backslashes(self, root: Path) -> None:
        lines = [f"{path},{label}".replace("/", "\\") for path, label in PLAIN]
        dataset = open_dataset(write_csv(root, "path,label", *lines))
        assert rows(dataset) == EXPECTED
        assert "Backslashes in the paths were read as slashes." in dataset.notes

    def test_rows_without_path_or_label_are_passed_over_aloud(self, root: Path) -> None:
        path = write_csv(root, "path,label", "a/1.jpg,x", ",x", "a/2.jpg,", "b/1.jpg,y")
        dataset = open_dataset(path)
        assert dataset.table["locator"].tolist() == ["a/1.jpg", "b/1.jpg"]
        assert {one.path: one.why for one in dataset.passed_over} == {
            "row 2": "it has no path",
            "a/2.jpg": "it has no label in the table",
        }

    def test_a_picture_named_twice(self, root: Path) -> None:
        lines = ["a/1.jpg,x", "a/1.jpg,x", "a/2.jpg,x", "./a/2.jpg,y", "b/1.jpg,y"]
        dataset = open_dataset(write_csv(root, "path,label", *lines))
        assert rows(dataset) == {("a/1.jpg", "x", ""), ("b/1.jpg", "y", "")}
        assert "Rows that repeat another row: 1." in dataset.notes
        assert {one.path for one in dataset.passed_over} == {"a/2.jpg"}

    def test_a_zero_in_a_path_is_a_missing_file(self, root: Path) -> None:
        frame = pd.DataFrame({"path": ["a/1.jpg", "a\0.jpg"], "label": ["x", "y"]})
        dataset = open_table(frame, root=root)
        with pytest.raises(RejectedPicture, match="no file can have this path"):
            dataset.source.read("a\0.jpg")

    @pytest.mark.timeout(30)
    @pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
    def test_pipes_and_devices_are_rejected(self, root: Path, name: str) -> None:
        os.mkfifo(root / "pipe.jpg")
        zero = os.path.relpath("/dev/zero", root)
        header = "file_name,label"
        path = write_csv(root, header, "a/1.jpg,cat", f"{zero},dog", "pipe.jpg,dog", name=name)
        source = open_dataset(root if name == "metadata.csv" else path).source
        for locator, kind in (("pipe.jpg", "a pipe"), (zero, "a device")):
            with pytest.raises(RejectedPicture, match=f"Not a picture: it is {kind}"):
                source.read(locator)

    def test_only_one_class(self, root: Path) -> None:
        with pytest.raises(DataError, match="has only one class: x"):
            open_dataset(write_csv(root, "path,label", "a/1.jpg,x", "a/2.jpg,x"))

    @pytest.mark.parametrize("content", [b"", b"path,label\n", b"\n\n"])
    def test_no_rows(self, root: Path, content: bytes) -> None:
        (root / "x.csv").write_bytes(content)
        with pytest.raises(DataError, match=r"is empty|has no rows"):
            open_dataset(root / "x.csv")

    @pytest.mark.parametrize(
        "content", ["path,label\nä.jpg,x\nb.jpg,y\n".encode("latin-1"), bytes(range(256))]
    )
    def test_other_encodings_are_refused(self, root: Path, content: bytes) -> None:
        (root / "x.csv").write_bytes(content)
        with pytest.raises(DataError, match="is not text in UTF-8"):
            open_dataset(root / "x.csv")

    def test_a_row_with_more_cells(self, root: Path) -> None:
        with pytest.raises(DataError, match="is not a complete table"):
            open_dataset(write_csv(root, "path,label", "a/1.jpg,x", "a/2.jpg,x,y"))


class TestClasses:
    def test_names_for_numbers(self, root: Path) -> None:
        lines = [f"{path},{number}" for (path, _), number in zip(PLAIN, "0012", strict=True)]
        path = write_csv(root, "path,label", *lines)
        assert open_dataset(path).classes == ("0", "1", "2")
        dataset = open_dataset(path, classes=["zebra", "ant", "bee", "cow"])
        assert dataset.classes == ("zebra", "ant", "bee", "cow")
        assert dataset.table["label"].tolist() == ["zebra", "zebra", "ant", "bee"]
        assert dataset.labels.tolist() == [0, 0, 1, 2]

    def test_a_given_order(self, root: Path) -> None:
        path = write_csv(root, "path,label", *(",".join(row) for row in PLAIN))
        assert open_dataset(path, classes=["dog", "cat"]).labels.tolist() == [1, 1, 0, 0]
        assert open_dataset(root, classes=["b", "a"]).labels.tolist() == [1, 1, 0, 0]

    def test_names_by_order_where_numbers_have_a_gap(self, root: Path) -> None:
        lines = [f"{path},{number}" for (path, _), number in zip(PLAIN, [8, 8, 10, 8], strict=True)]
        path = write_csv(root, "path,label", *lines)
        assert open_dataset(path, classes=["I", "K"]).table["label"].tolist() == list("IIKI")

    @pytest.mark.parametrize("classes", [["cat", "cow"], ["x", "y"], ["1", "2", "3"]])
    def test_labels_that_are_no_class(self, root: Path, classes: list[str]) -> None:
        path = write_csv(root, "path,label", *(",".join(row) for row in PLAIN))
        with pytest.raises(DataError, match="Some labels are not in `classes`"):
            open_dataset(path, classes=classes)

    @pytest.mark.parametrize("classes", [["cat", "cat"], ["cat"], []])
    def test_names_that_are_not_different(self, root: Path, classes: list[str]) -> None:
        path = write_csv(root, "path,label", *(",".join(row) for row in PLAIN))
        with pytest.raises(UsageError, match="not two or more distinct"):
            open_dataset(path, classes=classes)


class TestFrames:
    def test_a_frame(self, root: Path) -> None:
        frame = pd.DataFrame(PLAIN, columns=["image", "class"], index=[9, 9, 9, 9])
        before = frame.copy()
        dataset = open_table(frame, root=root)
        assert rows(dataset) == EXPECTED
        assert str(dataset.source) == str(root)
        assert frame.equals(before)

    @pytest.mark.parametrize(
        ("labels", "classes"),
        [
            ([0, 1, 2, 10], ("0", "1", "2", "10")),
            ([0.0, 1.0, 1.0, None], ("0", "1")),
            ([True, False, True, True], ("False", "True")),
            (pd.Categorical(["x", "y", "x", "y"]), ("x", "y")),
            (pd.Categorical([3, 1, 3, 1]), ("1", "3")),
            (pd.array([1, None, 2, 2], dtype="Int64"), ("1", "2")),
            (["x", None, np.nan, "y"], ("x", "y")),
        ],
    )
    def test_labels_of_any_type(self, root: Path, labels: Any, classes: tuple[str, ...]) -> None:
        frame = pd.DataFrame({"path": [path for path, _ in PLAIN], "label": labels})
        assert open_table(frame, root=root).classes == classes

    def test_paths_as_objects_from_the_current_folder(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(root)
        frame = pd.DataFrame({"path": [Path(path) for path, _ in PLAIN], "label": list("xxyy")})
        assert len(open_table(frame)) == 4

    @pytest.mark.parametrize("kind", ["plain", "dictionary"])
    def test_parquet(self, root: Path, kind: str) -> None:
        frame = pd.DataFrame(PLAIN, columns=["file_name", "label"])
        frame = frame.astype("category") if kind == "dictionary" else frame
        frame.to_parquet(root / "x.parquet")
        assert rows(open_dataset(root / "x.parquet")) == EXPECTED

    def test_parquet_with_lists_for_paths(self, root: Path) -> None:
        frame = pd.DataFrame({"image": [[1, 2, 3]] * 2, "label": [0, 1]})
        frame.to_parquet(root / "x.parquet")
        with pytest.raises(DataError, match=r"The column image of .* does not hold paths"):
            open_dataset(root / "x.parquet")

    def test_parquet_with_text_that_is_none(self, root: Path) -> None:
        pd.DataFrame(PLAIN, columns=["path", "label"]).to_parquet(root / "x.parquet")
        data = (root / "x.parquet").read_bytes()
        (root / "x.parquet").write_bytes(data.replace(b"a/1", b"a/\xff"))
        with pytest.raises(DataError, match="cannot be read as Parquet"):
            open_dataset(root / "x.parquet")

    def test_damaged_parquet(self, root: Path) -> None:
        (root / "x.parquet").write_bytes(b"PAR1" + bytes(100))
        with pytest.raises(DataError, match="cannot be read as Parquet"):
            open_dataset(root / "x.parquet")


class TestHuggingFace:
    def test_metadata_beside_the_pictures(self, root: Path) -> None:
        write_csv(root, "file_name,label", *(",".join(row) for row in PLAIN), name="metadata.csv")
        assert rows(open_dataset(root)) == EXPECTED

    def test_metadata_as_lines_of_json(self, root: Path) -> None:
        objects = [{"file_name": path, "label": label, "box": [1, 2]} for path, label in PLAIN]
        lines = "\n\n".join(map(json.dumps, objects))
        (root / "metadata.jsonl").write_text(f"\ufeff{lines}\n", encoding="utf-8")
        assert rows(open_dataset(root)) == EXPECTED

    def test_labels_in_json_may_be_numbers(self, root: Path) -> None:
        objects = [{"file_name": path, "label": row % 2} for row, (path, _) in enumerate(PLAIN)]
        (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, objects)))
        assert open_dataset(root).classes == ("0", "1")

    @pytest.mark.parametrize("line", ["[1]", "{", "3", "[" * 100_000, '{"a": "\\ud800"}'])
    def test_bad_lines_of_json_describe_nothing(self, root: Path, line: str) -> None:
        good = json.dumps({"file_name": PLAIN[0][0], "label": "x"})
        (root / "metadata.jsonl").write_text(f"{good}\n{line}\n")
        with pytest.raises(DataError, match="line 2"):
            read_json_lines(root / "metadata.jsonl")

    def test_metadata_in_each_split(self, tmp_path: Path) -> None:
        root = write_files(tmp_path / "hf", "train/1.jpg", "train/2.jpg", "test/1.jpg")
        write_csv(root / "train", "file_name,label", "1.jpg,x", "2.jpg,y", name="metadata.csv")
        write_csv(root / "test", "file_name,label", "1.jpg,y", name="metadata.csv")
        dataset = open_dataset(root)
        expected = {("train/1.jpg", "x"), ("train/2.jpg", "y"), ("test/1.jpg", "y")}
        assert rows(dataset) == {(path, x, path.split("/")[0]) for path, x in expected}
        assert dataset.source.read("test/1.jpg") == b"test/1.jpg"

    def test_one_metadata_for_all_splits(self, tmp_path: Path) -> None:
        root = write_files(tmp_path / "hf", "train/1.jpg", "train/2.jpg", "val/1.jpg")
        lines = ["train/1.jpg,x", "train/2.jpg,y", "val/1.jpg,y"]
        write_csv(root, "file_name,label", *lines, name="metadata.csv")
        assert open_dataset(root).split_sizes() == {"train": 2, "validation": 1}

    @pytest.fixture
    def hf(self, tmp_path: Path) -> Path:
        """Two splits whose column of labels has a name of its own; and test pictures without."""
        root = write_files(
            tmp_path / "hf",
            *(f"{split}/{row}.jpg" for split in ("train", "val", "test") for row in "12"),
        )
        for split in ("train", "val"):
            write_csv(root / split, "file_name,breed", "1.jpg,x", "2.jpg,y", name="metadata.csv")
        write_csv(root / "test", "file_name", "1.jpg", "2.jpg", name="metadata.csv")
        return root

    def test_a_column_of_labels_may_be_named_for_all_splits(self, hf: Path) -> None:
        dataset = open_dataset(hf, label_column="breed")
        assert dataset.split_sizes() == {"train": 2, "validation": 2}
        assert "test/metadata.csv has no labels: its pictures are skipped." in dataset.notes
        assert [one.path for one in dataset.passed_over] == ["test/metadata.csv"]

    def test_the_remedy_keeps_the_splits(self, hf: Path) -> None:
        """Opening the table of one split would split that split at random."""
        with pytest.raises(DataError, match="no column that is named like a label") as caught:
            open_dataset(hf)
        assert caught.value.received == "file_name, breed"
        assert caught.value.remedy == (
            f"open {hf}, which has all splits, with `label_column=breed`"
        )

    def test_a_wrong_column_of_labels_is_refused(self, hf: Path) -> None:
        with pytest.raises(UsageError, match=r"race(.|\n)*breed"):
            open_dataset(hf, label_column="race")

    def test_metadata_of_something_else_leaves_the_folders(self, root: Path) -> None:
        write_csv(root, "file_name,caption", "a/1.jpg,nice", name="metadata.csv")
        assert open_dataset(root).classes == ("a", "b")


def test_a_record_makes_it_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(root, "path,label", *(",".join(row) for row in PLAIN))
    monkeypatch.chdir(root)
    records = [
        open_dataset(path.name).source.record(),
        open_table(pd.DataFrame(PLAIN, columns=["path", "label"])).source.record(),
    ]
    monkeypatch.chdir("/")
    for record in records:
        assert from_record(record).read("a/1.jpg") == b"a/1.jpg"
        assert "path" in record


@pytest.mark.parametrize("said", [{"label_from": "(x)"}, {"image_size": (2, 2)}])
def test_what_a_table_has_no_use_for(root: Path, said: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be used with a table of paths"):
        open_dataset(write_csv(root, "path,label", "a/1.jpg,x"), **said)


@pytest.mark.parametrize("thing", [pd.DataFrame({"path": ["x"]}), np.zeros(3), ["a"], None, b"x"])
def test_what_is_no_path_is_told_where_it_goes(thing: Any) -> None:
    with pytest.raises(UsageError, match=r"vf\.from_table\(frame\)") as caught:
        open_dataset(thing)
    assert caught.value.received == type(thing).__name__
    if not isinstance(thing, pd.DataFrame):
        with pytest.raises(UsageError, match="neither a path nor a pandas DataFrame"):
            open_table(thing)


WORDS = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\\"), min_size=1
).filter(lambda word: word.strip() == word and word.lower() != "nan")  # which is no label


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(WORDS, WORDS), min_size=2, max_size=6, unique_by=lambda row: row[0]))
def test_cells_are_those_of_the_csv_module(root: Path, cells: list[tuple[str, str]]) -> None:
    from viewfinder.data.sources.cells import read_cells

    with (root / "x.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label"), *cells])
    read = read_cells(root / "x.csv").table
    assert list(zip(read["path"], read["label"], strict=True)) == cells


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
@pytest.mark.parametrize("group", ["", "patient"])
def test_a_million_rows_in_seconds_and_less_than_1500_megabytes(tmp_path: Path, group: str) -> None:
    import subprocess
    import sys

    script = """
import re, sys, time
from pathlib import Path
from viewfinder.data.sources import open_dataset

start = time.thread_time()  # Of computing: a busy machine takes longer by the clock.
dataset = open_dataset(sys.argv[1], group_column=sys.argv[2] or None)
split = dataset.split(0.2, 0.1, seed=1)
part = split.where(split.table["label"] == "c007").only("train")
split.counts(), split.split_sizes()
seconds = time.thread_time() - start
assert len(dataset) == 1_000_000 and 0 < len(part) < len(split.only("train"))
# getrusage would count the parent's peak, too.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(seconds, peak)
"""
    write_files(tmp_path, "images/007/0000007.jpg")
    with (tmp_path / "big.csv").open("w") as file:
        file.write("path,label,patient\n")
        file.writelines(
            f"images/{i % 1000:03}/{i:07}.jpg,c{i % 100:03},p{i // 9}\n" for i in range(10**6)
        )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "big.csv"), group],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak = map(float, done.stdout.split())
    print(f"{seconds:.1f} s, {peak / 1e6:.0f} MB")
    assert seconds < 40  # 5 to 8 on two cores of 2026
    assert peak < 1.5e9


@pytest.mark.parametrize(
    ("start", "fact"),
    [
        ("https://example.com/", "holds addresses of the web"),
        ("iVBORw0KGgo" + "A" * 300, r"holds pictures as text \(base64\)"),
        ("data:image/png;base64,iVBOR", r"holds pictures as text \(base64\)"),
    ],
)
def test_cells_that_are_no_paths(tmp_path: Path, start: str, fact: str) -> None:
    cells = [f"{start}{number}.jpg" if ":" in start else f"{start}{number}=" for number in range(4)]
    table = pd.DataFrame({"image": cells, "label": list("abab")})
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DataError, match=fact) as caught:
        open_dataset(tmp_path / "x.csv")
    assert "into the table" in str(caught.value.remedy)


@pytest.mark.parametrize("name", ["folder", "patient"])
def test_a_row_for_a_folder_stands_for_its_pictures(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path, {"001": 3, "002/left": 2, "002/right": 1, "003": 1})
    write_files(tmp_path, "001/notes.txt", "001/.hidden.png")
    table = pd.DataFrame({name: ["001/", "./002", "003"], "label": ["ill", "well", "ill"]})
    table.to_csv(tmp_path / "x.csv", index=False)
    if name == "patient":
        with pytest.raises(DataError, match="named like a path"):
            open_dataset(tmp_path / "x.csv")
        return
    dataset = open_dataset(tmp_path / "x.csv", group_column=name)
    assert dict(zip(dataset.table["locator"], dataset.table["label"], strict=True)) == {
        **dict.fromkeys(["001/0.png", "001/1.png", "001/2.png", "003/0.png"], "ill"),
        **dict.fromkeys(["002/left/0.png", "002/left/1.png", "002/right/0.png"], "well"),
    }
    assert dataset.table["group"].nunique() == 3
    assert (dataset.table["bytes"] > 0).all()
    assert "Folders that stand for the pictures in them: 3, with 7." in dataset.notes


def test_folders_outside_of_the_root_are_not_opened(tmp_path: Path) -> None:
    write_classes(tmp_path / "pictures", {"a": 2, "b": 2})
    (tmp_path / "tables").mkdir()
    for start in ("../pictures", str(tmp_path / "pictures")):
        table = pd.DataFrame({"folder": [f"{start}/a", f"{start}/b"], "label": ["a", "b"]})
        table.to_csv(tmp_path / "tables/x.csv", index=False)
        with pytest.raises(DataError, match="None of the 2 files"):
            open_dataset(tmp_path / "tables/x.csv")
    table.replace(f"{start}/", "", regex=True).to_csv(tmp_path / "tables/x.csv", index=False)
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path / "tables/x.csv")
    assert caught.value.remedy == f"`root={tmp_path / 'pictures'}`, where this file is"
    assert len(open_dataset(tmp_path / "tables/x.csv", root=tmp_path / "pictures")) == 4
