"""What the columns of a table are taken for, said aloud; ambiguous tables are refused."""

import csv
import shlex
import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from folders import write_files
from viewfinder.core.errors import DataError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import open_dataset, open_table

PATHS = [f"pool/{name}.jpg" for name in "abcdef"]
LABELS = ["cat", "dog", "cat", "dog", "cat", "dog"]
SPLITS = ["train", "train", "train", "train", "valid", "test"]
ONE_HOT = {"cat": [1, 0, 1, 0, 1, 0], "dog": [0, 1, 0, 1, 0, 1]}
RIGHT = dict(zip(PATHS, LABELS, strict=True))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_files(tmp_path / "data", *PATHS)


def write(root: Path, columns: dict[str, list], header: bool = True, name: str = "x.csv") -> Path:
    with (root / name).open("w", newline="") as file:
        rows = list(zip(*columns.values(), strict=True))
        csv.writer(file).writerows([list(columns), *rows] if header else rows)
    return root / name


def labels(dataset: Dataset) -> dict[str, str]:
    return dict(zip(dataset.table["locator"], dataset.table["label"], strict=True))


def skipped(dataset: Dataset) -> dict[str, str]:
    return {one.path: one.why for one in dataset.passed_over}


class TestWithoutAHeader:
    @pytest.mark.parametrize("order", list(permutations(("split", "path", "label", "row"))))
    def test_columns_in_any_order(self, root: Path, order: tuple[str, ...]) -> None:
        columns = {"split": SPLITS, "path": PATHS, "label": LABELS, "row": list(range(6))}
        path = write(root, {name: columns[name] for name in order}, header=False)
        dataset = open_dataset(path)
        assert labels(dataset) == RIGHT
        assert dataset.split_sizes() == {"train": 4, "validation": 1, "test": 1}
        at = {name: order.index(name) for name in order}
        assert dataset.notes[0] == (
            f"Columns, numbered from 0: paths from {at['path']}, labels from {at['label']}, "
            f"splits from {at['split']}; ignored: {at['row']}."
        )

    def test_the_only_words_are_the_labels_beside_numbers(self, root: Path) -> None:
        """RetinaNet's form: a path, a box and the class."""
        boxes = {name: [3, 1, 4, 1, 5, 9] for name in ("x1", "y1", "x2", "y2")}
        path = write(root, {"path": PATHS, **boxes, "class": LABELS}, header=False)
        assert labels(open_dataset(path)) == RIGHT

    @pytest.mark.parametrize(
        "further", [["red", "red", "red", "red", "blue", "blue"], LABELS[::-1]]
    )
    def test_two_columns_of_words_are_refused(self, root: Path, further: list[str]) -> None:
        path = write(root, {"colour": further, "path": PATHS, "label": LABELS}, header=False)
        with pytest.raises(DataError, match="not clear which column") as caught:
            open_dataset(path)
        assert "`label_column=0`" in str(caught.value.remedy)
        assert labels(open_dataset(path, label_column="2")) == RIGHT

    def test_several_columns_of_numbers_are_refused(self, root: Path) -> None:
        numbers = {"one": [0, 1, 0, 1, 0, 1], "two": [3, 3, 4, 4, 5, 5]}
        path = write(root, {"path": PATHS, **numbers}, header=False)
        with pytest.raises(DataError, match="holds the labels"):
            open_dataset(path)

    def test_two_columns_of_paths_are_refused(self, root: Path) -> None:
        path = write(root, {"image": PATHS, "mask": PATHS[::-1], "label": LABELS}, header=False)
        with pytest.raises(DataError, match="holds the paths"):
            open_dataset(path)


class TestSplitsAndFolds:
    @pytest.mark.parametrize("words", [("True", "False"), ("1", "0"), ("1.0", "0.0"), ("yes", "")])
    def test_is_valid(self, root: Path, words: tuple[str, str]) -> None:
        """As fastai writes it."""
        marks = [words[split == "train"] for split in SPLITS]
        dataset = open_dataset(write(root, {"path": PATHS, "label": LABELS, "is_valid": marks}))
        assert dataset.split_sizes() == {"train": 4, "validation": 2}
        assert "splits from is_valid" in dataset.notes[0]

    def test_marks_of_two_splits(self, root: Path) -> None:
        valid = [int(split == "valid") for split in SPLITS]
        test = [int(split == "test") for split in SPLITS]
        table = {"path": PATHS, "label": LABELS, "isTest": test, "is_val": valid}
        dataset = open_dataset(write(root, table))
        assert dataset.split_sizes() == {"train": 4, "validation": 1, "test": 1}

    def test_what_is_not_for_training_is_for_testing(self, root: Path) -> None:
        """As in Caltech-UCSD Birds."""
        marks = [int(split == "train") for split in SPLITS]
        table = {"path": PATHS, "label": LABELS, "is_training_img": marks}
        assert open_dataset(write(root, table)).split_sizes() == {"train": 4, "test": 2}

    @pytest.mark.parametrize("first", [0, 1])
    def test_folds(self, root: Path, first: int) -> None:
        folds = [first + row % 3 for row in range(5)]
        table = {"path": PATHS, "label": LABELS, "fold": [*folds, -1]}
        dataset = open_dataset(write(root, table))
        assert dataset.table["fold"].tolist() == ["0", "1", "2", "0", "1", ""]
        assert "folds from fold" in dataset.notes[0]
        used = dataset.use_fold(1).table
        assert used.loc[used["split"] == "validation", "locator"].tolist() == [PATHS[1], PATHS[4]]

    def test_columns_of_other_content_are_ignored_aloud(self, root: Path) -> None:
        words = ["left", "right"] * 3
        table = {"path": PATHS, "label": LABELS, "fold": words, "is_valid": words, "age": words}
        dataset = open_dataset(write(root, table))
        assert dataset.notes[0] == (
            "Columns: paths from path, labels from label; ignored: fold, is_valid, age."
        )
        assert dataset.split_sizes() == {"unsplit": 6}


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["0.0", "1.0", "0.0", "1.0", "", "1."], ("0", "1")),
        (["1", "1.0", "0", "0.0", "nan", "1"], ("0", "1")),
        (["0.5", "1.0", "0.5", "1.0", "0.5", "1.0"], ("0.5", "1.0")),
        (["00", "01", "00", "01", "00", "01"], ("00", "01")),
        (["v1.0", "1.0", "v1.0", "1.0", "NaN", "1.0"], ("1.0", "v1.0")),
        (["None", "NA", "None", "NA", "None", "NA"], ("NA", "None")),
    ],
)
def test_whole_numbers_are_labels_without_a_fraction_and_nan_is_none(
    root: Path, cells: list[str], classes: tuple[str, ...]
) -> None:
    dataset = open_dataset(write(root, {"path": PATHS, "label": cells}))
    assert dataset.classes == classes
    empty = [path for path, cell in zip(PATHS, cells, strict=True) if cell in ("", "nan", "NaN")]
    assert skipped(dataset) == dict.fromkeys(empty, "it has no label in the table")


class TestSeveralLabels:
    @pytest.mark.parametrize("both", ["cat,dog", "dog; cat", "cat|dog", "dog cat"])
    def test_a_cell_with_two_labels_is_no_class(self, root: Path, both: str) -> None:
        table = {"path": PATHS, "label": [*LABELS[:5], both]}
        dataset = open_dataset(write(root, table))
        assert dataset.classes == ("cat", "dog")
        assert len(dataset) == 5
        assert skipped(dataset)[PATHS[5]].startswith("it has several labels: ")
        assert "Rows with several labels, which were skipped: 1." in dataset.notes

    def test_a_cell_with_a_list_is_read_as_its_labels(self, root: Path) -> None:
        cells = ["['cat']", '["dog"]', "['cat']", "['dog']", "['cat', 'dog']", "[]"]
        dataset = open_dataset(write(root, {"path": PATHS, "labels": cells}))
        assert list(labels(dataset).values()) == ["cat", "dog", "cat", "dog"]
        assert skipped(dataset) == {
            PATHS[4]: "it has several labels: cat, dog",
            PATHS[5]: "it has no label in the table",
        }

    @pytest.mark.parametrize(
        "names",
        [
            ["tench, Tinca tinca", "goldfish, Carassius auratus"],
            ["hot dog", "dog"],
            ["big, old dog", "small, young dog"],
        ],
    )
    def test_names_with_separators_are_classes(self, root: Path, names: list[str]) -> None:
        dataset = open_dataset(write(root, {"path": PATHS, "label": names * 3}))
        assert set(dataset.classes) == set(names)

    def test_a_table_of_several_labels_each_is_refused(self, root: Path) -> None:
        cells = ["haze|water", "clear|water", "clear|road", "haze|road", "clear", "water|road"]
        with pytest.raises(DataError, match=r"Most rows of .* have several labels"):
            open_dataset(write(root, {"path": PATHS, "label": cells}))


class TestOneHot:
    @pytest.mark.parametrize("kind", [int, float, bool])
    def test_a_column_for_each_class(self, root: Path, kind: type) -> None:
        columns = {f" {name}": list(map(kind, marks)) for name, marks in ONE_HOT.items()}
        table = {"filename": PATHS, **columns, "width": [640] * 6}
        for dataset in (
            open_dataset(write(root, table)),
            open_table(pd.DataFrame(table).rename(columns=str.strip), root=root),
        ):
            assert labels(dataset) == RIGHT
            assert dataset.notes[0] == (
                "Columns: paths from filename, labels from 2 columns, a class each; ignored: width."
            )

    def test_rows_with_several_or_none_are_skipped(self, root: Path) -> None:
        columns = {"cat": [1, 0, 1, 0, 1, 0], "dog": [0, 1, 0, 1, 1, 0]}
        dataset = open_dataset(write(root, {"filename": PATHS, **columns}))
        assert skipped(dataset) == {
            PATHS[4]: "it has several labels: cat, dog",
            PATHS[5]: "it has no label in the table",
        }

    def test_attributes_are_no_classes(self, root: Path) -> None:
        """CelebA's are -1 and 1, and others' 0 and 1, with many of them in a row."""
        for marks, words in (
            ({"a": [1] * 6, "b": [1] * 6}, "Most rows(.|\n)*6 rows with several, 0 with none"),
            ({"a": [1, 0] * 3, "b": [0] * 6, "c": [0] * 6}, "single 1 in the columns a, b, c"),
            ({"a": [1, -1] * 3, "b": [-1, 1] * 3}, "no column that is named like a label"),
        ):
            with pytest.raises(DataError, match=words):
                open_dataset(write(root, {"filename": PATHS, **marks}))

    @pytest.mark.parametrize("packed", [False, True])
    def test_roboflows_folders(self, tmp_path: Path, packed: bool) -> None:
        root = tmp_path / "export"
        for split, count in {"train": 4, "valid": 2, "test": 2}.items():
            names = [f"{split}{row}.jpg" for row in range(count)]
            write_files(root / split, *names)
            cats = [row % 2 for row in range(count)]
            table = {"filename": names, " cat": cats, " dog": [1 - cat for cat in cats]}
            write(root / split, table, name="_classes.csv")
        (root / "README.roboflow.txt").write_text("words")
        if packed:
            root = Path(shutil.make_archive(str(root), "zip", root))
        dataset = open_dataset(root)
        assert dataset.split_sizes() == {"train": 4, "validation": 2, "test": 2}
        assert labels(dataset)["train/train3.jpg"] == "cat"
        assert labels(dataset)["valid/valid0.jpg"] == "dog"


class TestIds:
    def test_endings_are_found(self, root: Path) -> None:
        """Kaggle's dog breeds: `id,breed`, where the files are `id.jpg`."""
        write_files(root, "pool/g.png")
        ids = [*(path.removesuffix(".jpg") for path in PATHS), "pool/g", "pool/none"]
        table = {"id": ids, "label": [*LABELS, "cat", "dog"]}
        dataset = open_dataset(write(root, table))
        assert dataset.table["locator"].tolist() == [*PATHS, "pool/g.png", "pool/none"]
        assert dataset.source.read("pool/g.png") == b"pool/g.png"
        assert "Paths without an ending were completed: .jpg, .png." in dataset.notes
        assert "1 of 8 files are missing, the first pool/none." in dataset.notes

    def test_two_files_of_one_id_are_left_missing(self, root: Path) -> None:
        write_files(root, "pool/a.png")
        ids = [path.removesuffix(".jpg") for path in PATHS]
        dataset = open_dataset(write(root, {"id": ids, "label": LABELS}))
        assert "1 of 6 files are missing, the first pool/a." in dataset.notes

    def test_an_id_and_its_file_are_one_picture(self, root: Path) -> None:
        table = {"id": ["pool/a", "pool/a.jpg", "pool/b"], "label": ["cat", "cat", "dog"]}
        with pytest.raises(DataError, match=r"stand for one file(.|\n)*pool/a.jpg"):
            open_dataset(write(root, table))

    @pytest.mark.parametrize("ending", ["", ".jpg"])
    @pytest.mark.parametrize("where", ["pool", "."])
    def test_the_folder_is_named_where_it_is_another(
        self, root: Path, ending: str, where: str
    ) -> None:
        (root / "tables").mkdir()
        names = [path.removesuffix(".jpg").removeprefix("pool/") + ending for path in PATHS]
        path = write(root / where, {"id": names, "label": LABELS})
        if where == "pool":
            path = path.rename(root / "tables" / "x.csv")
        with pytest.raises(DataError, match="None of the 6 files") as caught:
            open_dataset(path)
        remedy = str(caught.value.remedy)
        assert remedy == f"`root={root / 'pool'}`, where this file is"
        assert labels(open_dataset(path, root=root / "pool")).keys() == {
            path.removeprefix("pool/") for path in PATHS
        }


class TestPixels:
    PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16))
    LABELS = np.arange(12) % 3

    def written(self, folder: Path, *columns: np.ndarray) -> Path:
        pd.DataFrame(np.column_stack(columns)).to_csv(folder / "x.csv", index=False, header=False)
        return folder / "x.csv"

    @pytest.mark.parametrize("corner", [0, None])
    def test_the_label_may_be_last(self, tmp_path: Path, corner: int | None) -> None:
        """MNIST's corners are all black."""
        pixels = self.PIXELS.copy()
        if corner is not None:
            pixels[:, 0] = pixels[:, -1] = corner
        for columns, at in (((self.LABELS, pixels), 0), ((pixels, self.LABELS), 16)):
            dataset = open_dataset(self.written(tmp_path, *columns))
            by_row = {f"#{row}": str(label) for row, label in enumerate(self.LABELS)}
            assert labels(dataset) == by_row
            assert f"Labels of x.csv from column {at}, numbered from 0." in dataset.notes
            np.testing.assert_array_equal(dataset.source.read("#5").ravel(), pixels[5])

    def test_splits_are_no_labels(self, tmp_path: Path) -> None:
        splits = np.array(["train", "test"] * 6, object)
        path = self.written(tmp_path, splits, self.LABELS.astype(object), self.PIXELS)
        dataset = open_dataset(path)
        assert dataset.split_sizes() == {"train": 6, "test": 6}
        assert dataset.classes == ("0", "1", "2")
        table = pd.DataFrame(self.PIXELS).add_prefix("pixel").assign(phase=splits)
        table.to_csv(path, index=False)
        with pytest.raises(DataError, match="holds splits, not labels"):
            open_dataset(path)


@pytest.mark.parametrize("name", ["patient_id", "Subject", "lesion id", "VideoID"])
def test_a_column_that_may_name_series_is_pointed_out(root: Path, name: str) -> None:
    columns = {"path": PATHS, "label": LABELS, name: ["1", "1", "2", "2", "3", "3"]}
    table = write(root, columns)
    note = open_dataset(table).notes[0]
    option = f"--group-by {shlex.quote(name)}"
    assert f"If pictures of one {name} belong together, viewfinder split {option}" in note
    grouped = open_dataset(table, group_column=name)
    assert list(grouped.table["group"]) == ["1", "1", "2", "2", "3", "3"]
    assert "belong together" not in grouped.notes[0]
    plain = write(root, {"path": PATHS, "label": LABELS, "group": PATHS, name: PATHS}, name="y.csv")
    assert "belong together" not in open_dataset(plain).notes[0]
