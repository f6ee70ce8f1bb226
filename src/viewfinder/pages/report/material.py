"""All that a report is made from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from viewfinder.evaluation.doctor import Diagnosis

# From the most to the least telling about pictures that the model will meet.
_SPLITS = ("test", "validation", "train")


@dataclass(frozen=True, slots=True, eq=False)
class ReportMaterial:
    """What a run left behind, as plain tables and mappings.

    Labels and predicted classes are names, not positions, in every table.

    Attributes:
        name: The run's name.
        created: When it was made, as it shall be read.
        recipe: Settings; values may be mappings again.
        environment: Versions and hardware; values may be mappings again.
        timing: Seconds, under names that end in `_s`; `epochs_s` is a list.
        metrics: A parsed `metrics.json`; any split, and `best_epoch`, may be absent.
        history: A row an epoch: `epoch` (from 1), `loss`, `accuracy`, and where present
            `val_loss`, `val_accuracy`, `learning_rate`.
        data: A row a picture: `locator`, `label`, `split` ("train", "validation", "test"),
            `status` ("ok" or why it was left out), `detail`, `width`, `height`, `bytes`.
        predictions: A row an answer: `locator`, `split`, `label`, `predicted`, `confidence` (0 to
            1), `probabilities` (a list in class order).
        classes: The class names, in the model's order.
        model_summary: The layers, as text of fixed width.
        interrupted: Whether training was stopped before its end.
        steered_by: The split that chose the best epoch, or "" where none did.
        picture: From a locator to upright uint8 RGB, `(height, width, 3)`, or None when the file
            has gone.
        diagnosis: What the doctor says of the training; None where nobody asked.
        passed_over: What was found beside the pictures: path, and why it is none of them.
        probe: A parsed `probe.json` where a linear head was solved for: its page shows the
            strengths that were tried, in place of curves.
        trials: A parsed `trials.json` where several ways of training were tried.
    """

    name: str
    created: str
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    timing: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: "pd.DataFrame"
    data: "pd.DataFrame"
    predictions: "pd.DataFrame"
    classes: Sequence[str]
    model_summary: str
    interrupted: bool
    steered_by: str
    picture: Callable[[str], NDArray[np.uint8] | None]
    diagnosis: "Diagnosis | None" = None
    passed_over: Sequence[tuple[str, str]] = ()
    probe: Mapping[str, Any] | None = None
    trials: Mapping[str, Any] | None = None

    @property
    def headline_split(self) -> str | None:
        """The split whose figure stands at the top: the most independent one that was scored."""
        return next((split for split in _SPLITS if self.metrics.get(split)), None)

    @property
    def headline(self) -> Mapping[str, Any] | None:
        """The scores of that split, as `Scores.to_json` gives them."""
        return self.metrics[self.headline_split] if self.headline_split else None

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights were kept, from 1."""
        return self.metrics.get("best_epoch")

    @property
    def answers(self) -> "pd.DataFrame":
        """The predictions for the headline split."""
        return self.predictions[self.predictions["split"] == self.headline_split]

    @property
    def mistakes(self) -> "pd.DataFrame":
        """The wrong ones among the answers, the most confident first."""
        answers = self.answers
        wrong = answers[answers["label"] != answers["predicted"]]
        return wrong.sort_values("confidence", ascending=False, kind="stable")

    @property
    def usable(self) -> "pd.DataFrame":
        """The pictures that were not left out."""
        return self.data[self.data["status"] == "ok"]
