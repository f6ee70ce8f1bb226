"""The outcome of a fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from viewfinder.audit.series import Series
from viewfinder.models.features.probe import Probe

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, eq=False)
class Fitted:
    """The outcome of a fit; its folder has the best model, for Keras or as `model.onnx`.

    Attributes:
        history: A row for each epoch: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate,
            size where the training has stages, and kept. A solved head has one row.
        seconds: The duration of each epoch.
        training_seconds: The duration of the whole fit, without interruptions.
        best_epoch: The epoch of `best.keras`, from 1; None if no epoch ended, or the head
            is solved.
        ended: Why the fit ended: "finished", "target", "patience", "time", "behind",
            "interrupted", "diverged", or "callback" for a callback of the caller.
        why: The reason as a sentence with figures; empty for "finished", "interrupted" and
            "callback".
        parts: Seconds of the parts of `training_seconds`, by name; empty for a fit by steps.
        stages: The seconds of `training_seconds` by stage; see
            :func:`viewfinder.core.stages.shared_out`. Empty for a solved head.
        probe: The selection of a solved head; None for other fits.
        model: The best model if it is in memory, else None.
        series: The series of the pictures with accuracies on the features of a base, or None.
        predictions: Predictions of a solved head, a row for each picture of every split; else
            None.
        out_of_fold: Of a solved head, the training pictures' predictions by heads fitted on the
            other folds; else None.
    """

    history: pd.DataFrame
    seconds: list[float]
    training_seconds: float
    best_epoch: int | None
    ended: str
    why: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)
    stages: Mapping[str, float] = field(default_factory=dict)
    probe: Probe | None = None
    model: "keras.Model | None" = None
    series: Series | None = None
    predictions: pd.DataFrame | None = None
    out_of_fold: pd.DataFrame | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the fit."""
        return self.ended == "interrupted"
