"""Tables of pixels as they are shared: pixels in one cell, columns beside the pixels, splits."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from folders import write_files
from viewfinder.core.errors import DataError, RejectedPicture, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record, open_dataset

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 64))
KIND = np.arange(12) % 3
USAGE = ["Training"] * 6 + ["PublicTest"] * 3 + ["PrivateTest"] * 3
SPLITS = {"train": range(6), "validation": range(6, 9), "test": range(9, 12)}
IN_ORDER = {"": range(12)}


def write(folder: Path, columns: dict[str, Any], name: str = "x.csv", **form: Any) -> Path:
    pd.DataFrame(columns).to_csv(folder / name, index=False, **form)
    return folder / name


def wide(prefix: str = "pixel") -> dict[str, Any]:
    return {f"{prefix}{index}": PIXELS[:, index] for index in range(PIXELS.shape[1])}


def in_cells(separator: str = " ", form: str = "{}") -> list[str]:
    return [form.format(separator.join(map(str, row))) for row in PIXELS]


def assert_reads(
    dataset: Dataset, splits: dict[str, range], side: tuple[int, ...] = (8, 8)
) -> None:
    label = dict(zip(dataset.table["locator"], dataset.table["label"], strict=True))
    assert len(label) == 12
    for source in (dataset.source, from_record(json.loads(json.dumps(dataset.source.record())))):
        for split, rows in splits.items():
            for number, row in enumerate(rows):
                locator = f"{split}#{number}"
                np.testing.assert_array_equal(source.read(locator), PIXELS[row].reshape(side))
                assert label[locator] == str(KIND[row])


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("form", [{}, {"sep": ";"}])
@pytest.mark.parametrize("order", ["emotion pixels Usage", "Usage pixels emotion"])
def test_fer2013(tmp_path: Path, order: str, form: dict[str, Any], header: bool) -> None:
    columns = {"emotion": KIND, "pixels": in_cells(), "Usage": USAGE}
    ordered = {f" {name}": columns[name] for name in order.split()}  # as its other copy has them
    dataset = open_dataset(write(tmp_path, ordered, header=header, **form))
    assert_reads(dataset, SPLITS)
    assert dataset.split_sizes() == {"train": 6, "validation": 3, "test": 3}
    at = order.split().index("emotion")
    named = "emotion" if header else f"{at}, numbered from 0"
    assert f"Labels of x.csv from column {named}." in dataset.notes


@pytest.mark.parametrize(
    ("cells", "side"),
    [
        (in_cells(", ", "[{}]"), (8, 8)),
        (in_cells("\n  "), (8, 8)),
        ([str(row.reshape(8, 8)) for row in PIXELS], (8, 8)),
        ([json.dumps(row.reshape(4, 16).tolist()) for row in PIXELS], (4, 16)),
        ([json.dumps(row.reshape(4, 4, 4).tolist()) for row in PIXELS], (4, 4, 4)),
        ([" ".join(map(str, row / 255)) for row in PIXELS], (8, 8)),
    ],
    ids=["json", "lines", "numpy", "rows", "channels", "shares"],
)
@pytest.mark.parametrize("name", ["pixels", "image"])
def test_lists_in_cells(tmp_path: Path, cells: list[str], side: tuple[int, ...], name: str) -> None:
    path = write(tmp_path, {"img_name": [f"{n}.jpg" for n in KIND], "label": KIND, name: cells})
    dataset = open_dataset(path)
    assert_reads(dataset, IN_ORDER, side)
    assert "Columns of x.csv that were ignored: img_name." in dataset.notes


@pytest.mark.parametrize(
    ("columns", "ignored"),
    [
        ({"id": range(5, 17), "label": KIND, **wide()}, "id"),
        ({"label": KIND, **wide("px_"), "index": range(12)}, "index"),
        ({"id": range(12), "emotion": KIND, **wide("")}, "id"),
        ({"file": [f"{n}.png" for n in range(12)], "label": KIND, **wide()}, "file"),
        ({"label": KIND, "{a}": ["a b"] * 12, "age": KIND, **wide()}, "{a}, age"),
    ],
)
def test_columns_beside_the_pixels(tmp_path: Path, columns: Any, ignored: str) -> None:
    dataset = open_dataset(write(tmp_path, columns))
    assert_reads(dataset, IN_ORDER)
    assert f"Columns of x.csv that were ignored: {ignored}." in dataset.notes


def test_a_column_of_splits_beside_the_pixels(tmp_path: Path) -> None:
    for header in (True, False):
        path = write(tmp_path, {"label": KIND, "Usage": USAGE, **wide()}, header=header)
        assert_reads(open_dataset(path), SPLITS)
    source = open_dataset(path).source
    write(tmp_path, {"label": KIND, "Usage": ["train"] * 12, **wide()})
    with pytest.raises(RejectedPicture, match="no longer has this row"):
        source.read("test#0")


@pytest.mark.parametrize("columns", [wide(), {"pixels": in_cells()}])
def test_a_table_for_each_split_and_one_without_labels(tmp_path: Path, columns: Any) -> None:
    write(tmp_path, {"emotion": KIND, **columns}, "train.csv")
    write(tmp_path, columns, "test.csv")
    dataset = open_dataset(tmp_path)
    assert dataset.split_sizes() == {"unsplit": 12}
    assert [(one.path, one.why) for one in dataset.passed_over] == [
        ("test.csv", "it has no labels")
    ]


@pytest.mark.parametrize("columns", [wide(), {"pixels": in_cells()}])
def test_several_columns_may_hold_the_labels(tmp_path: Path, columns: Any) -> None:
    path = write(tmp_path, {"gender": KIND, "age": KIND, **columns})
    with pytest.raises(DataError, match="not clear which column") as caught:
        open_dataset(path)
    assert caught.value.received == "gender, age"
    assert caught.value.remedy == "state it, such as `label_column=gender`"
    assert_reads(open_dataset(path, label_column="gender"), IN_ORDER)
    with pytest.raises(DataError, match="no column beside the pixels"):
        open_dataset(write(tmp_path, columns))


def test_pixels_of_more_letters_than_the_csv_module_reads(tmp_path: Path) -> None:
    cell = " ".join(["255"] * 190 * 190)
    path = write(tmp_path, {"label": ["a", "b"], "pixels": [cell, cell]})
    assert open_dataset(path).source.read("#1").shape == (190, 190)


@pytest.mark.parametrize(
    ("cell", "fact"),
    [
        ("1 2 3", r"number of pixels in line 3 .* differs(.|\n)*Received: 3"),
        ("", "no pixels in line 3"),
        ("1 " * 63 + "x", r"Column 2 in line 3 .* is not a pixel(.|\n)*'x'"),
        ("1 " * 63 + "300", r"Row 2 .* above 255(.|\n)*its pixel 64"),
        ("[0 0 0 ... 0 0 0]", "Most pixels are missing in line 3"),
        (json.dumps(PIXELS[:1].reshape(4, 4, 4).tolist())[:-1], None),
    ],
)
def test_faults_in_a_cell(tmp_path: Path, cell: str, fact: str | None) -> None:
    cells = in_cells()
    cells[1] = cell
    path = write(tmp_path, {"label": KIND, "pixels": cells})
    if fact is None:
        np.testing.assert_array_equal(open_dataset(path).source.read("#1").ravel(), PIXELS[0])
        return
    with pytest.raises(DataError, match=fact):
        open_dataset(path)
    cells[0], cells[1] = cell, cells[0]  # also where the first row tells what the table is
    if cell.startswith(("1 2", "1 1")):
        return
    with pytest.raises(DataError, match=fact.replace("line 3", "line 2")):
        open_dataset(write(tmp_path, {"label": KIND, "pixels": cells}))


def test_channels_first_are_refused(tmp_path: Path) -> None:
    cells = [json.dumps(row[:48].reshape(3, 4, 4).tolist()) for row in PIXELS]
    cells = [json.dumps(np.moveaxis(row[:60].reshape(4, 5, 3), -1, 0).tolist()) for row in PIXELS]
    with pytest.raises(DataError, match=r"not have the shape(.|\n)*np.moveaxis"):
        open_dataset(write(tmp_path, {"label": KIND, "pixels": cells}))


def test_a_transposed_table(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": KIND, **wide()})
    pd.concat([table, table], ignore_index=True).T.to_csv(tmp_path / "x.csv")
    with pytest.raises(DataError, match=r"each column may be a picture") as caught:
        open_dataset(tmp_path / "x.csv")
    code = str(caught.value.remedy)
    eval(code.replace("'pictures.csv'", repr(str(tmp_path / "y.csv"))), {"pandas": pd})
    dataset = open_dataset(tmp_path / "y.csv")
    assert (len(dataset), dataset.classes) == (24, ("0", "1", "2"))
    np.testing.assert_array_equal(dataset.source.read("#17").ravel(), PIXELS[5])


@pytest.mark.parametrize("columns", [wide(), {"pixels": in_cells()}])
def test_no_rows(tmp_path: Path, columns: Any) -> None:
    path = tmp_path / "x.csv"
    pd.DataFrame({"label": KIND, **columns})[:0].to_csv(path, index=False)
    with pytest.raises(DataError, match="has no rows"):
        open_dataset(path)


@pytest.mark.parametrize("columns", [wide(), {"pixels": in_cells()}])
def test_groups_and_folds(tmp_path: Path, columns: Any) -> None:
    groups, folds = list("aabbccddeeff"), [1, 2, 3] * 4
    table = {"emotion": KIND, "patient": groups, "Usage": USAGE, "fold": folds, **columns}
    dataset = open_dataset(write(tmp_path, table), label_column="emotion", group_column="patient")
    found = dataset.table.set_index("locator")
    for split, rows in SPLITS.items():
        for number, row in enumerate(rows):
            assert found.loc[f"{split}#{number}", "group"] == groups[row]
            assert found.loc[f"{split}#{number}", "fold"] == str(folds[row] - 1)
    assert_reads(dataset, SPLITS)
    assert_reads(open_dataset(tmp_path / "x.csv", group_column="patient"), SPLITS)
    with pytest.raises(UsageError, match="'emotion' holds the labels, and cannot hold the groups"):
        open_dataset(tmp_path / "x.csv", label_column="emotion", group_column="0")
    table["group"] = table.pop("patient")
    assert open_dataset(write(tmp_path, table)).table.equals(dataset.table)
    with pytest.raises(UsageError, match="no column 'nurse'"):
        open_dataset(write(tmp_path, table), group_column="nurse")


def test_the_archive_of_fer2013(tmp_path: Path) -> None:
    """Kaggle's archive has a README without an ending and a .bib beside the table."""
    folder = tmp_path / "pack" / "fer2013"
    folder.mkdir(parents=True)
    write(folder, {"emotion": KIND, "pixels": in_cells(), "Usage": USAGE}, "fer2013.csv")
    write_files(folder, "README", "fer2013.bib")
    for form in ("gztar", "zip"):
        archive = shutil.make_archive(str(tmp_path / "fer2013"), form, tmp_path / "pack")
        assert_reads(open_dataset(archive), SPLITS)
    assert_reads(open_dataset(folder), SPLITS)


def test_other_tables_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"pixels": [1, 2]}')
    with pytest.raises(DataError, match="save the table as CSV"):
        open_dataset(tmp_path / "x.jsonl")
    (tmp_path / "x.jsonl").unlink()
    write_files(
        tmp_path, "train/data-00000-of-00001.arrow", "train/state.json", "dataset_dict.json"
    )
    with pytest.raises(DataError, match=r"load_from_disk\('.*/train'\).to_parquet"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("header", [True, False])
def test_other_lists_of_numbers_beside_paths_are_no_pixels(tmp_path: Path, header: bool) -> None:
    """As the outlines of what pictures show."""
    names = [f"{row}.png" for row in range(12)]
    write_files(tmp_path, *names)
    table = {"image": names, "label": KIND, "outline": in_cells(", ", "[{}]")}
    dataset = open_dataset(write(tmp_path, table, header=header))
    assert set(dataset.table["locator"]) == set(names)


def test_rows_of_other_lengths_that_add_up(tmp_path: Path) -> None:
    cells = in_cells()
    cells[3], cells[4] = cells[3] + " 7", cells[4].rpartition(" ")[0]
    with pytest.raises(DataError, match=r"pixels in line 5 .* differs(.|\n)*Received: 65"):
        open_dataset(write(tmp_path, {"label": KIND, "pixels": cells}))


def test_a_first_row_without_its_pixels_is_named(tmp_path: Path) -> None:
    row = "1," + " ".join(["7"] * 16)
    (tmp_path / "x.csv").write_text(f"label,pixels\n{row} nan\n{row}\n")
    with pytest.raises(DataError, match=r"first row has none(.|\n)*remove the row"):
        open_dataset(tmp_path / "x.csv")
