"""What validation pictures chose for the use of a model: a temperature, thresholds of classes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.records import RunRecord

SETTINGS = "settings.json"

Share = Annotated[float, Field(ge=0, le=1)]
_CONDITION = re.compile(
    r"\s*(?P<figure>precision|recall)\s*(?:>=|≥|=>)\s*(?P<goal>\d*\.?\d+)\s*(?P<percent>%?)"
    r"\s*(?:for|of)\s+(?P<name>.+?)\s*",
    re.IGNORECASE,
)
_LEAST = 1e-12


class Condition(RunRecord):
    """A requested figure of one class: "precision >= 0.99 for cats"."""

    figure: Literal["precision", "recall"]
    goal: Share
    name: str

    def __str__(self) -> str:
        return f"{self.figure} >= {self.goal:g} for {self.name}"


class ClassThreshold(Condition):
    """The probability of a class from which a condition holds; None where none suffices."""

    threshold: Share | None


class Settings(RunRecord):
    """The content of `settings.json`.

    Attributes:
        temperature: Calibrates probabilities; None without validation pictures.
        thresholds: A threshold for each condition; of the network's own probabilities.
        pictures: How many validation pictures chose them.
        model: The name of the model; None where it was not there.
    """

    temperature: Annotated[float, Field(gt=0)] | None
    thresholds: list[ClassThreshold]
    pictures: Annotated[int, Field(ge=0)]
    model: str | None = None

    def of(self, condition: Condition) -> ClassThreshold | None:
        """Return the threshold of a condition; None where it was not fitted."""
        return next((one for one in self.thresholds if str(one) == str(condition)), None)


def read_settings(folder: Path, model: str | None) -> Settings | None:
    """Read the settings of a run; None without such a file, or where it is of another model.

    Args:
        folder: The run's folder.
        model: The name of the run's model; None where it is not there.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / SETTINGS
    found = Settings.read(path) if path.is_file() else None
    return None if found is None or (model is not None and found.model != model) else found


def read_condition(text: str, classes: Sequence[str]) -> Condition:
    """Read a condition such as "precision >= 0.99 for cats", or "recall ≥ 95 % for dogs".

    Raises:
        UsageError: The text is not a condition, or there is no such class.
    """
    found = _CONDITION.fullmatch(text)
    goal = float(found["goal"]) / (100 if found["percent"] else 1) if found else 0.0
    if not found or not 0 < goal <= 1:
        raise UsageError(
            f"`threshold`: {text!r} is not a condition.",
            expected="'precision >= 0.99 for cats' or 'recall >= 95 % for cats'; for "
            "predictions also a number from 0 to 1",
        )
    if found["name"] not in classes:
        raise UsageError(
            f"There is no class {found['name']!r}.", remedy=nearest(found["name"], classes)
        )
    figure = cast('Literal["precision", "recall"]', found["figure"].lower())
    return Condition(figure=figure, goal=goal, name=found["name"])


def tempered(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return softmax(log p / temperature), shape `(n, k)`; the answers stay the same."""
    logits = np.log(np.maximum(probabilities, _LEAST)) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
