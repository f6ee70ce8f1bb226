"""From a run to its bundle."""

import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from viewfinder.classifier import Classifier
from viewfinder.classifier.bundle import (
    GOLDEN,
    MANIFEST,
    RECIPE,
    SCHEMA,
    SIGNATURE,
    SUFFIX,
    Golden,
    is_bundle,
)
from viewfinder.classifier.files import CARD, EXPORT, LABELS, MODEL
from viewfinder.classifier.outliers import OUTLIERS, REFERENCE
from viewfinder.classifier.sets import SETS, PredictionSets
from viewfinder.classifier.settings import SETTINGS, Settings, read_condition
from viewfinder.core.errors import OutputError, UsageError
from viewfinder.core.files import json_text, read_regular, written_whole
from viewfinder.delivery.bundle.golden import golden_pictures
from viewfinder.delivery.bundle.signature import sign
from viewfinder.delivery.bundle.verify import verify
from viewfinder.run import Run

# The same bytes from the same run: members have no date of their own.
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


def bundle(
    run: Run | str | Path,
    output: str | Path | None = None,
    *,
    keras: bool = False,
    golden: bool = True,
    thresholds: Sequence[str] = (),
    key: str | Path | None = None,
) -> Path:
    """Write a run as one file that predicts anywhere; `viewfinder.load` opens it.

    The file is verified before it takes its name. The same run gives the same bytes, but for the
    signature.

    Args:
        run: The run, or its folder. `model.onnx` is written into it if it has none.
        output: The file; by default `NAME.bundle` beside the run's folder.
        keras: Whether to add `best.keras`, for gradients, maps and further training.
        golden: Whether 8 of the run's test or validation pictures travel in the bundle, with
            their expected results; False for private pictures.
        thresholds: Conditions such as "precision >= 0.99 for cats"; the validation pictures choose
            the threshold of each. Those of `viewfinder.evaluate` come along without being named.
        key: A private key (PEM, elliptic curve), to sign the bundle with.

    Returns:
        The path of the file.

    Raises:
        RunError: The folder is no run, or one of its files is missing or damaged.
        UsageError: The model cannot be exported to ONNX, or a condition or the key cannot be used.
        OutputError: The file cannot be written, or would replace one that is not a bundle.
    """
    opened = run if isinstance(run, Run) else Run.open(run)
    path = Path(output) if output else opened.folder.with_name(opened.folder.name + SUFFIX)
    if os.path.isfile(path) and not is_bundle(path):  # noqa: PTH113 (names that are too long)
        raise OutputError(
            f"{path} is not a bundle, so no bundle replaces it.", remedy="choose another `output`"
        )
    members = _members(opened, keras=keras, golden=golden, thresholds=thresholds)
    manifest = {
        "schema": SCHEMA,
        "version": version("viewfinder"),
        "data": opened.environment["data"]["hash"],
        "members": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
        },
    }
    first = {MANIFEST: _json(manifest)}
    if key is not None:
        first[SIGNATURE] = sign(first[MANIFEST], Path(key))
    with written_whole(path) as temporary:
        _write_archive(temporary, first | members)
        verify(temporary)
    return path


def _members(run: Run, *, keras: bool, golden: bool, thresholds: Sequence[str]) -> dict[str, bytes]:
    classifier = _exported(run)
    folder = run.folder
    members = {
        LABELS: read_regular(folder / LABELS),
        EXPORT: read_regular(folder / EXPORT),
        SETTINGS: _json({"schema": 1, **_settings(run, thresholds).model_dump()}),
        RECIPE: run.recipe.to_yaml().encode(),
        CARD: _card(run),
    }
    if (folder / SETS).is_file():
        sets = PredictionSets.read(folder / SETS)
        if sets.model == classifier.model_name:
            members[SETS] = _json(sets.content)
    if classifier.outliers is not None:
        members |= {name: read_regular(folder / name) for name in (OUTLIERS, REFERENCE)}
    if keras and run.recipe.int8:
        raise UsageError(
            "best.keras is the model in float32, which predicts otherwise than the bundle in int8.",
            expected="a bundle of an int8 model with `keras=False`",
        )
    if keras:
        _ = classifier.model  # written into the folder, if the run was trained without Keras
        members[MODEL] = read_regular(folder / MODEL)
    found = golden_pictures(run, classifier) if golden else []
    members |= {picture.file: content for picture, content in found}
    listed = Golden(pictures=[picture for picture, _ in found])
    members[GOLDEN] = _json(listed.model_dump(by_alias=True))
    return members


def _card(run: Run) -> bytes:
    """Return the card of the run's report, with what its owner has added."""
    if not run.is_evaluated:
        return f"# {run.name}\n\nThe model has not been evaluated.\n".encode()
    path = run.folder / CARD
    if not path.is_file():
        run.report()
    return read_regular(path)


def _exported(run: Run) -> Classifier:
    """Return the run's classifier on ONNX Runtime; export the model if there is no export."""
    if not run.classifier.starts_at_once:
        run.export()
    classifier = Run.open(run.folder).classifier
    if not classifier.starts_at_once:
        raise UsageError(
            f"The model of {run} cannot be exported to ONNX, which a bundle needs.",
            expected="a network that ONNX Runtime can run",
            remedy=f"load {run.folder / MODEL} in Keras instead",
        )
    return classifier


def _settings(run: Run, conditions: Sequence[str]) -> Settings:
    """Return the temperature and thresholds that the validation pictures choose."""
    requested = [read_condition(text, run.classes) for text in conditions]
    none = Settings(temperature=None, thresholds=[], pictures=0)
    found = run.fitted_settings(requested) if run.is_evaluated else none
    if requested and not found.pictures:
        raise UsageError(
            "`thresholds`: the run has no evaluated validation pictures to choose them.",
            expected="a run with a validation split",
        )
    return found


def _json(content: Any) -> bytes:
    return (json_text(content) + "\n").encode()


def _write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
            for name, content in members.items():
                member = zipfile.ZipInfo(name, _NO_DATE)
                member.create_system, member.external_attr = 3, _REGULAR_FILE
                archive.writestr(member, content)
    except zipfile.LargeZipFile as error:
        raise UsageError("A bundle holds 2 GB at most.", received=str(error)) from error
