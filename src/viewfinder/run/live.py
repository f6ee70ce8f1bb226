"""What is said and drawn of a run while its history grows."""

from typing import TYPE_CHECKING

import pandas as pd

from viewfinder.progress import Progress
from viewfinder.results.report import write_curves
from viewfinder.run.files import best_epoch
from viewfinder.run.run import Run

if TYPE_CHECKING:
    import keras


def watchers_of(run: Run, progress: Progress) -> "list[keras.callbacks.Callback]":
    """The callbacks that read a run's `history.csv`: warnings, and its plots drawn again."""
    from viewfinder.training import watchers  # imports Keras

    def draw(history: pd.DataFrame) -> None:
        write_curves(history, best_epoch(history), run.folder / "plots")

    return watchers(lambda: run.history, draw, progress)
