"""What is said and drawn of a run while its history grows."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from viewfinder.core.progress import Progress
from viewfinder.pages.report import write_curves
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.run.run import Run
from viewfinder.run_folder import best_epoch

if TYPE_CHECKING:
    import keras

    from viewfinder.training import Fitted


def watchers_of(run: Run, progress: Progress) -> "list[keras.callbacks.Callback]":
    """The callbacks that read a run's `history.csv`: warnings, and its plots drawn again."""
    from viewfinder.training import watchers  # imports Keras

    def draw(history: pd.DataFrame) -> None:
        write_curves(history, best_epoch(history), run.folder / "plots")

    return watchers(lambda: run.history, draw, progress)


def _watching(run: Run, progress: Progress, *, tensorboard: bool) -> list[Any]:
    """The callbacks that say, draw and log how a training goes on."""
    from viewfinder.training import tensorboard_logs

    logs = [tensorboard_logs(run.folder)] if tensorboard else []
    return [*watchers_of(run, progress), *logs]


def _say_how_it_ended(fitted: "Fitted", run: Run, progress: Progress) -> None:
    if fitted.interrupted:
        progress.say("Interrupted: saving what was reached …", style="yellow")
    kept = "best epoch's" if fitted.best_epoch else "last good checkpoint's"
    _say_why_it_ended(fitted.ended, fitted.why, kept, progress)
    if fitted.ended in GOES_ON:
        _say_how_to_go_on(run, progress)


def _say_why_it_ended(ended: str, why: str, kept: str, progress: Progress) -> None:
    if why:
        progress.say(why, style="yellow" if ended == "diverged" else None)
    if ended == "diverged":
        progress.say(f"The {kept} model is kept. A lower --lr is the next thing to try.")


def _say_how_to_go_on(run: Run, progress: Progress) -> None:
    progress.say(f"Go on with: viewfinder train --resume {run}")
