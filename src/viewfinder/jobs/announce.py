"""What a training shows: warnings and redrawn plots while it runs, how it ended, how to resume."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from viewfinder.core.progress import Progress
from viewfinder.jobs.job import Job
from viewfinder.pages.report import write_curves
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.run_folder import RunFolder, best_epoch

if TYPE_CHECKING:
    import keras

    from viewfinder.training import Fitted


def watchers_of(run: Path, fit: Path, job: Job) -> "list[keras.callbacks.Callback]":
    """The callbacks of a training: warnings, plots, TensorBoard's logs, and the caller's own.

    Args:
        run: The run's folder, for plots and logs.
        fit: The folder whose `history.csv` grows; the run's, or a head's within it.
        job: The caller's callbacks, and whether logs for TensorBoard are written.
    """
    from viewfinder.training import tensorboard_logs, watchers  # imports Keras

    def draw(history: pd.DataFrame) -> None:
        write_curves(history, best_epoch(history), run / "plots")

    logs = [tensorboard_logs(run)] if job.tensorboard else []
    return [*watchers(lambda: RunFolder(fit).history, draw, job.progress), *logs, *job.callbacks]


def announce_end(fitted: "Fitted", run: RunFolder, progress: Progress) -> None:
    """Print why a training ended, and how to resume it where it can be resumed."""
    if fitted.interrupted:
        progress.say("Interrupted: saving the training …", style="yellow")
    diverged = fitted.ended == "diverged"
    if fitted.why:
        progress.say(fitted.why, style="yellow" if diverged else None)
    if diverged:
        kept = "best epoch" if fitted.best_epoch else "last checkpoint before it"
        progress.say(f"The model of the {kept} is kept. Try a lower learning rate next.")
    if fitted.ended in GOES_ON:
        announce_resume(run, progress)


def announce_resume(run: RunFolder, progress: Progress) -> None:
    """Print the command that resumes a run."""
    progress.say(f"Resume with: viewfinder train --resume {run}")
