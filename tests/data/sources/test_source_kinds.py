"""From the source to the model: what is the same data trains the same, wherever it lies."""

import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from small import copied, small_recipe, small_words
from viewfinder.cli import main
from viewfinder.core.errors import DataError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record, open_arrays, open_dataset, open_table
from viewfinder.jobs.train import train
from viewfinder.run import Run


def read_digits(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The digits' paths, labels and splits in the folder's order, and their levels."""
    files = sorted(folder.rglob("*.png"))
    rows = [(*file.relative_to(folder).parts[:2], file) for file in files]
    table = pd.DataFrame(
        [(f.relative_to(folder).as_posix(), label, split) for split, label, f in rows],
        columns=["path", "label", "split"],
    )
    return table, np.stack([np.asarray(Image.open(file)) for file in files])


def write_zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    return path


def write_kinds(digits: Path, to: Path) -> dict[str, Path]:
    """The digits as files of every kind."""
    table, levels = read_digits(digits)
    is_train = (table["split"] == "train").to_numpy()
    pixels = np.column_stack([table["label"].astype(int), levels.reshape(len(levels), -1)])
    kinds = {"zip": write_zip(digits, to / "digits.zip"), "table": to / "digits.csv"}
    table.to_csv(kinds["table"], index=False)
    for name, rows in (("train", is_train), ("test", ~is_train)):
        (to / "pixels").mkdir(exist_ok=True)
        np.savetxt(to / "pixels" / f"{name}.csv", pixels[rows], "%d", ",")
    np.savez(
        to / "digits.npz",
        x_train=levels[is_train],
        y_train=pixels[is_train, 0],
        x_test=levels[~is_train],
        y_test=pixels[~is_train, 0],
    )
    return {**kinds, "pixels": to / "pixels", "npz": to / "digits.npz"}


def one_epoch(dataset: Dataset, output: Path) -> Run:
    recipe = small_recipe(training__epochs=1)
    return train(dataset, recipe, output=output, progress=Progress(0))


@pytest.fixture(scope="module")
def kinds(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_kinds(digits, tmp_path_factory.mktemp("kinds"))


@pytest.fixture(scope="module")
def trained_on(
    kinds: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Run]:
    """The run on a kind, trained when it is first asked for. Tests only read it."""

    @cache
    def run(kind: str) -> Run:
        return one_epoch(open_dataset(kinds[kind]), tmp_path_factory.mktemp("runs"))

    return run


def test_same_paths_same_history(
    digits: Path, trained_on: Callable[[str], Run], tmp_path: Path
) -> None:
    """Folder and zip: locators are equal, so order, splits and variation are."""
    runs = [
        one_epoch(open_dataset(digits), tmp_path),
        trained_on("zip"),
    ]
    histories = [(run.folder / "history.csv").read_text() for run in runs]
    assert histories[0] == histories[1]
    assert runs[0].metrics == runs[1].metrics
    assert all((run.folder / "report.html").exists() for run in runs)


def test_same_rows_same_history(
    digits: Path, trained_on: Callable[[str], Run], tmp_path: Path
) -> None:
    """CSV of pixels and arrays: rows of the same numbers."""
    table, levels = read_digits(digits)
    images, labels = (
        {split: one[(table["split"] == split).to_numpy()] for split in ("train", "test")}
        for one in (levels, table["label"].to_numpy())
    )
    runs = [trained_on("pixels"), one_epoch(open_arrays(images, labels), tmp_path)]
    histories = [(run.folder / "history.csv").read_text() for run in runs]
    assert histories[0] == histories[1]
    assert [run.recipe.input.color for run in runs] == ["gray"] * 2


@pytest.mark.parametrize("kind", ["zip", "pixels"])
def test_a_run_is_evaluated_again_from_its_record(
    trained_on: Callable[[str], Run], tmp_path: Path, kind: str
) -> None:
    before = trained_on(kind)
    again = copied(before.folder, tmp_path)
    assert Run.open(again).evaluate() == before.metrics
    assert Run.open(again).report().stat().st_size > 10_000


@pytest.mark.parametrize("kind", ["zip", "pixels", "npz", "table"])
def test_the_command_line_takes_them(
    kinds: dict[str, Path], digits: Path, tmp_path: Path, kind: str
) -> None:
    more = ["--root", str(digits), "--label-column", "label"] if kind == "table" else []
    words = ["train", str(kinds[kind]), "--dry-run", "--json", *small_words(), *more]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 0, shown.output
    plan = json.loads(shown.stdout)
    assert {split: sum(counts.values()) for split, counts in plan["pictures"].items()} == {
        "train": 96,
        "validation": 24,
        "test": 36,
    }
    sheet = tmp_path / "sheet.png"
    words = ["preview", str(kinds[kind]), "--output", str(sheet), "--pictures", "2", *more]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 0, shown.output
    assert sheet.exists()


def test_what_the_library_exports(digits: Path) -> None:
    import viewfinder as vf

    table, levels = read_digits(digits)
    assert len(vf.from_arrays(levels, table["label"].to_numpy())) == len(table)
    assert len(vf.from_table(table, root=digits)) == len(table)
    assert vf.from_table is open_table


@pytest.mark.parametrize(
    "record",
    [{}, {"kind": "table"}, {"kind": "pixel csv", "files": 3}, {"kind": "unpacked", "path": "x"}],
)
def test_damaged_records(record: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"Unknown kind of source|record of a source is damaged"):
        from_record(record)
