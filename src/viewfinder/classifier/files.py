"""The files that a classifier is opened from: the classes, the model, and which run was chosen."""

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from viewfinder.core.errors import OutputError, RunError
from viewfinder.core.files import named, write_json
from viewfinder.core.records import RunRecord
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.scaling import ScalingName
from viewfinder.runtime.header import archive_of

# The file with the chosen candidate, in a folder of several runs.
CHOSEN = "auto.json"
LABELS = "labels.json"
MODEL = "best.keras"
# The same network for ONNX Runtime. Its facts have the name of the model, which is the fingerprint
# of `best.keras`. It may come first: then `best.keras` is made from it.
EXPORT = "model.onnx"
# The name of its second output: the pooled features before the head.
FEATURES = "features"
# The card for sharing the model, in a run and in its bundle.
CARD = "model-card.md"
# Beside a model that leaves the run: the classes, one a line, and the preprocessing.
NAMES = "labels.txt"
HANDED = "preprocessing.json"
_TABLES = (
    *("data.parquet", "predictions.parquet", "out_of_fold.parquet"),
    *("history.csv", "skipped.csv"),
)


class Choice(RunRecord):
    """What `auto.json` says of the candidate that its folder opens as."""

    chosen: Annotated[str, Field(pattern=r"^[\w-]+$")] | None


class Labels(RunRecord):
    """The content of `labels.json`."""

    classes: Annotated[list[str], Field(min_length=1)]
    preprocessing: Preprocessing

    @model_validator(mode="after")
    def _are_distinct(self) -> "Labels":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class occurs twice")
        return self


class Handed(RunRecord):
    """The content of `preprocessing.json`, beside a model that has left its run."""

    preprocessing: Preprocessing
    scaling: ScalingName = "0-255"


def fingerprint(model: Path) -> str:
    """Return the name of the model in a `.keras` file, without reading its weights.

    It is a hash of the checksums of the file's members; or, of a file that was made from a
    `model.onnx` and has not changed since, the name in that file.

    Raises:
        OSError, zipfile.BadZipFile: There is no such file.
    """
    with archive_of(model) as archive:
        stated, _, of = archive.comment.decode("ascii", "replace").partition(" ")
        found = _members_hash(archive)
    return stated if of == found else found


def name_model(model: Path, name: str) -> None:
    """Write into a `.keras` file that it is the model of this name; see :func:`fingerprint`."""
    with zipfile.ZipFile(model, "a") as archive:
        archive.comment = f"{name} {_members_hash(archive)}".encode()


def _members_hash(archive: zipfile.ZipFile) -> str:
    members = [(member.filename, member.CRC) for member in archive.infolist()]
    return hashlib.blake2b(repr(sorted(members)).encode(), digest_size=16).hexdigest()


def run_folder(folder: str | Path) -> Path:
    """Return the folder itself, or for a folder of candidates that of the chosen run.

    It has a name, also where `.` or `..` is given.

    Raises:
        RunError: The record of the choice is damaged.
    """
    folder = named(folder)
    if not os.path.isfile(folder / CHOSEN):  # noqa: PTH113 (False for names that are too long)
        return folder
    chosen = Choice.read(folder / CHOSEN).chosen
    return folder / chosen if chosen else folder


def require_no_file_of_run(path: Path) -> None:
    """Raise `OutputError` where a table of predictions would replace one that belongs to a run."""
    # False for names that are too long.
    if path.name in _TABLES and all(map(os.path.isfile, (path, path.parent / LABELS))):
        raise OutputError(f"{path} is a file of a run.", remedy="choose another file name")


def write_labels(folder: Path, classes: Sequence[str], preprocessing: Preprocessing) -> None:
    """Write a classifier's classes and preprocessing, without the model."""
    write_json(
        folder / LABELS,
        {
            "schema": 1,
            "classes": list(classes),
            "preprocessing": preprocessing.model_dump(mode="json"),
        },
    )


def read_labels(folder: Path) -> tuple[tuple[str, ...], Preprocessing]:
    """Return the classes in the order of the model's outputs, and the preprocessing.

    Raises:
        RunError: The file is missing or damaged.
    """
    if not (folder / LABELS).is_file():
        is_in_run = folder.is_file() and (folder.parent / LABELS).is_file()
        raise RunError(
            f"{folder} is not a run that can predict.",
            expected=f"a folder with {MODEL} and {LABELS}, written by `viewfinder train`",
            received=_described(folder),
            remedy=f"give its folder, {folder.parent}" if is_in_run else None,
        )
    labels = Labels.read(folder / LABELS)
    return tuple(labels.classes), labels.preprocessing


def _described(folder: Path) -> str:
    if folder.is_dir():
        return f"a folder without {LABELS}"
    return "a file" if folder.exists() else "no such folder"
