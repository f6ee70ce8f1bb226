"""What happens at each epoch's end: the history is written, the best model kept, the user told."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from viewfinder.core.files import written_whole
from viewfinder.training.step import in_float32

Logs = dict[str, float]


class HistoryFile(keras.callbacks.Callback):
    """Keeps the history, a row an epoch, in memory and in a CSV file that is always whole.

    Attributes:
        rows: The epochs so far: `epoch` (from 1), the metrics, `learning_rate`; `size`, the
            (height)x(width) that was trained at, where epochs differ in it; and, once `BestModel`
            has considered it, `kept`: 1 where its model took the place of the one kept before.
        seconds: How long each epoch took, its validation included.
        size: What the rows say of the size from now on; None for nothing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        self.size: str | None = None
        self._path = path
        self._began = 0.0
        self._earlier = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Note the time."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the epoch's row."""
        self.seconds.append(self._in_epoch())
        self._earlier = 0.0
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        metrics.pop("learning_rate", None)
        size = {"size": self.size} if self.size else {}
        self.rows.append({"epoch": epoch + 1, **metrics, "learning_rate": rate, **size})
        self.write()

    def get_state(self) -> dict[str, Any]:
        """The rows so far, and how long the epochs took, with the one at hand."""
        return {"rows": self.rows, "seconds": self.seconds, "in_epoch": self._in_epoch()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up the rows; the file has them, too, and no more than them."""
        self.rows, self.seconds = list(state["rows"]), list(state["seconds"])
        self._earlier = float(state["in_epoch"])
        if self.rows:
            self.write()
        else:
            self._path.unlink(missing_ok=True)

    def write(self) -> None:
        """Write the file."""
        with written_whole(self._path) as temporary:
            self.table().to_csv(temporary, index=False)

    def table(self) -> pd.DataFrame:
        """The history, a row an epoch."""
        return pd.DataFrame(self.rows, columns=list(self.rows[0]) if self.rows else ["epoch"])

    def _in_epoch(self) -> float:
        return self._earlier + time.perf_counter() - self._began


class BestModel(keras.callbacks.Callback):
    """Keeps the model of the best epoch, as far as the validation pictures can tell epochs apart.

    That is the highest `val_accuracy`, at ties the lowest loss. A training that comes to rest, by a
    falling rate or averaged weights, ends with its best guess; an earlier epoch is then preferred
    only if it is better by more than one standard error of its accuracy, and else the latest that
    is not (the rule of one standard error: Breiman, Friedman, Olshen and Stone, "Classification
    and Regression Trees", 1984). Else a few lucky pictures would choose a model that is unfinished.

    Args:
        path: The `.keras` file.
        history: Whose last row is considered, and gets `kept`: 1 if the model is saved, else 0.
        pictures: How many validation pictures there are.
        comes_to_rest: Whether the training does.
        model: What is kept, where it is not the model that is fitted but one with its weights.
        as_kept: Within it, the model has the weights that were validated.

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

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Save the model if this epoch is the best so far."""
        self.consider()

    def consider(self) -> None:
        """Save the model if the last row of the history is the best so far; look at it once."""
        row = self._history.rows[-1]
        if "kept" in row:
            return
        reached = (row["val_accuracy"], -row["val_loss"])
        is_ahead = self._best is None or reached > self._best
        is_kept = is_ahead or (self._comes_to_rest and reached[0] >= self._within_noise())
        if is_kept:
            with self._as_kept():
                save_model(self._kept or self.model, self._path)
            self.best_epoch = int(row["epoch"])
        if is_ahead:
            self._best = reached
        row["kept"] = int(is_kept)
        self._history.write()

    def get_state(self) -> dict[str, Any]:
        """Which epoch is the best so far."""
        return {"best": self._best, "epoch": self.best_epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on comparing."""
        self._best = tuple(state["best"]) if state["best"] else None
        self.best_epoch = state["epoch"]

    def _within_noise(self) -> float:
        """The lowest accuracy that is not worse than the best by more than its standard error."""
        assert self._best is not None
        # By Laplace's rule, one right and one wrong more: where all are right, it is not zero.
        share = (self._best[0] * self._pictures + 1) / (self._pictures + 2)
        return self._best[0] - math.sqrt(share * (1 - share) / (self._pictures + 3))


def save_model(model: keras.Model, path: Path) -> None:
    """Save a `.keras` file whole: `model.save` itself writes over the old one in place.

    Saved without loss, schedule and optimizer, it loads in any Keras, without this package; in
    float32, whatever it was trained in, it answers alike on any device.
    """
    plain = keras.Model(model.inputs, model.outputs, name=model.name)  # the same layers
    with in_float32(plain), written_whole(path) as temporary:
        plain.save(temporary)
