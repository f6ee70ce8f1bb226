"""Callbacks that write the history and save the best model at the end of each epoch."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras
import pandas as pd
from typing_extensions import override

from viewfinder.core.files import written_whole
from viewfinder.core.stages import Stages
from viewfinder.training.adapters import Logs
from viewfinder.training.step import in_float32


class HistoryFile(keras.callbacks.Callback):
    """Records the history, a row for each epoch, in memory and in a CSV file, written atomically.

    Attributes:
        rows: The epochs so far: `epoch` (from 1), the metrics, `learning_rate`; `size`, the
            "(height)x(width)" of the training pictures, where epochs differ in it; and, once
            `BestModel` has considered the row, `kept`: 1 if it saved the epoch's model, else 0.
        seconds: The duration of each epoch, validation included.
        size: The `size` of the next rows; None to omit it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        self.size: str | None = None
        self._path = path
        self._began = 0.0
        self._earlier = 0.0

    @override
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = time.perf_counter()

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.seconds.append(self._in_epoch())
        self._earlier = 0.0
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        metrics.pop("learning_rate", None)
        size = {"size": self.size} if self.size else {}
        self.rows.append({"epoch": epoch + 1, **metrics, "learning_rate": rate, **size})
        self.write()

    def get_state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, in JSON types."""
        return {"rows": self.rows, "seconds": self.seconds, "in_epoch": self._in_epoch()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        self.rows, self.seconds = list(state["rows"]), list(state["seconds"])
        self._earlier = float(state["in_epoch"])
        if self.rows:
            self.write()
        else:
            self._path.unlink(missing_ok=True)

    def write(self) -> None:
        """Write the CSV file."""
        with written_whole(self._path) as temporary:
            self.table().to_csv(temporary, index=False)

    def table(self) -> pd.DataFrame:
        """Return the history, a row for each epoch."""
        return pd.DataFrame(self.rows, columns=list(self.rows[0]) if self.rows else ["epoch"])

    def _in_epoch(self) -> float:
        return self._earlier + time.perf_counter() - self._began


class StageClock(keras.callbacks.Callback):
    """Keeps the seconds of validation, and those of the stages before a resumed checkpoint.

    Args:
        measured: Returns the seconds that batches and pictures have measured in this process.
    """

    def __init__(self, measured: Callable[[], Mapping[str, float]]) -> None:
        super().__init__()
        self._measured = measured
        self._stages, self._earlier = Stages(), Stages()
        self._began = 0.0

    @override
    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._began = time.perf_counter()

    @override
    def on_test_end(self, logs: Logs | None = None) -> None:
        self._stages.add("validation", time.perf_counter() - self._began)

    def get_state(self) -> dict[str, float]:
        """Return the seconds by stage so far."""
        sums = Stages()
        for part in (self._earlier.seconds, self._stages.seconds, self._measured()):
            for stage, seconds in part.items():
                sums.add(stage, seconds)
        return sums.seconds

    def set_state(self, state: Mapping[str, float]) -> None:
        """Continue from the seconds of a checkpoint."""
        for stage, seconds in state.items():
            self._earlier.add(stage, float(seconds))


class BestModel(keras.callbacks.Callback):
    """Saves the model of the best epoch, allowing for the sampling error of its accuracy.

    The best epoch has the highest `val_accuracy`, at ties the lowest loss. A training that
    converges, by a falling rate or averaged weights, is expected to be best at its end. The best
    epoch is then the latest whose accuracy is within one standard error of the highest (the
    one-standard-error rule: Breiman, Friedman, Olshen and Stone, "Classification and Regression
    Trees", 1984). Otherwise a few pictures, correct by chance, would select an unfinished model.
    Without validation pictures, the last epoch is kept.

    Args:
        path: The `.keras` file.
        history: The history; its last row gets `kept`: 1 if the model is saved, else 0.
        pictures: The number of validation pictures.
        comes_to_rest: Whether the training converges, and the one-standard-error rule applies.
        model: The model to save, where another model that shares its weights is fitted.
        as_kept: A context in which the model has the weights that were validated.

    Attributes:
        best_epoch: From 1; None until an epoch has ended.
    """

    def __init__(
        self,
        path: Path,
        history: HistoryFile,
        pictures: int,
        *,
        comes_to_rest: bool = False,
        model: keras.Model | None = None,
        as_kept: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        super().__init__()
        self.best_epoch: int | None = None
        self._path = path
        self._history = history
        self._pictures = pictures
        self._comes_to_rest = comes_to_rest
        self._kept = model
        self._as_kept = as_kept
        self._best: tuple[float, float] | None = None

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.consider()

    def consider(self) -> None:
        """Save the model if the last row of the history is the best so far; consider a row once."""
        row = self._history.rows[-1]
        if "kept" in row:
            return
        # Without validation, a later epoch counts as better.
        score = (row.get("val_accuracy", 0.0), -row.get("val_loss", -float(row["epoch"])))
        is_ahead = self._best is None or score > self._best
        is_kept = is_ahead or (self._comes_to_rest and score[0] >= self._within_noise())
        if is_kept:
            with self._as_kept():
                save_model(self._kept or self.model, self._path)
            self.best_epoch = int(row["epoch"])
        if is_ahead:
            self._best = score
        row["kept"] = int(is_kept)
        self._history.write()

    def get_state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, in JSON types."""
        return {"best": self._best, "epoch": self.best_epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        self._best = tuple(state["best"]) if state["best"] else None
        self.best_epoch = state["epoch"]

    def _within_noise(self) -> float:
        """Return the best accuracy minus its standard error."""
        assert self._best is not None
        # Laplace's rule adds one correct and one wrong picture: the error is never 0.
        share = (self._best[0] * self._pictures + 1) / (self._pictures + 2)
        return self._best[0] - math.sqrt(share * (1 - share) / (self._pictures + 3))


def save_model(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file atomically; `model.save` itself overwrites the old file in place.

    Without loss, schedule and optimizer, the file loads in any Keras, without this package. In
    float32, whatever the training's precision, its predictions are alike on any device. Its input
    and output are tensors, not lists of one.
    """
    # The same layers.
    plain = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    with in_float32(plain), written_whole(path) as temporary:
        plain.save(temporary)
