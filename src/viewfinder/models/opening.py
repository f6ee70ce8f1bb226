"""Opening what can predict; `best.keras` of a run is written when it is first needed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from viewfinder.classifier import Classifier, opening


def load(
    path: str | Path,
    *,
    class_names: Sequence[str] | str | Path | None = None,
    preprocessing: str | Path | None = None,
) -> Classifier:
    """Load what can predict: a run, or a model that was trained elsewhere.

    The `model` of a run that was trained without Keras is built when it is first used. See
    :func:`viewfinder.classifier.opening.load` for the arguments and errors.
    """
    found = opening.load(path, class_names=class_names, preprocessing=preprocessing)
    return replace(found, make_keras=_make_keras)


def _make_keras(folder: Path) -> None:
    from viewfinder.models.features.joined import write_keras

    write_keras(folder)
