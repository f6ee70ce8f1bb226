"""What a training shows: warnings and redrawn plots while it runs, how it ended, how to resume."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from viewfinder.classifier.files import CHOSEN
from viewfinder.core.progress import Progress
from viewfinder.jobs.job import Job
from viewfinder.recipe.stopping import GOES_ON, direction_of, known_metric, parse_target
from viewfinder.run_folder import RunFolder, best_epoch, of_kept_phase

if TYPE_CHECKING:
    import keras

    from viewfinder.models.fitted import Fitted

_RESUME = "Resume with: viewfinder train --resume"


def watchers_of(run: Path, fit: Path, job: Job) -> "list[keras.callbacks.Callback]":
    """The callbacks of a training: warnings, plots, TensorBoard's logs, and the caller's own.

    Args:
        run: The run's folder, for plots and logs.
        fit: The folder whose `history.csv` grows; the run's, or a head's within it.
        job: The caller's callbacks, and whether logs for TensorBoard are written.
    """
    from viewfinder.pages.report import write_curves
    from viewfinder.training import watching  # imports Keras

    def history() -> pd.DataFrame:
        return RunFolder(fit).history

    def draw(history: pd.DataFrame) -> None:
        write_curves(history, best_epoch(history), run / "plots")

    found: list[keras.callbacks.Callback] = [
        watching.Warnings(history, job.progress),
        watching.Redrawing(history, draw, job.progress),
    ]
    if job.tensorboard:
        found.append(watching.tensorboard_logs(run))
    return [*found, *job.callbacks]


def announce_end(fitted: "Fitted", run: RunFolder, progress: Progress) -> None:
    """Print why a training ended, and how to resume it where it can be resumed."""
    if fitted.interrupted:
        progress.say("Interrupted: saving the training …", style="yellow")
    lines = [_missed_target(fitted, run), _kept_epoch(fitted)] if not fitted.probe else []
    for line in filter(None, lines):
        progress.say(line)
    diverged = fitted.ended == "diverged"
    if fitted.why:
        progress.say(fitted.why, style="yellow" if diverged else None)
    if diverged:
        kept = "best epoch" if fitted.best_epoch else "last checkpoint before it"
        progress.say(f"The model of the {kept} is kept. Try a lower learning rate next.")
    if fitted.interrupted:
        announce_resume(run, progress)
    elif fitted.ended in GOES_ON:  # also as a candidate of a search, which ends with its time
        progress.say(f"{_RESUME} {run}")


def _missed_target(fitted: "Fitted", run: RunFolder) -> str:
    """The best value of the target's metric where it was not reached, as a sentence; else ""."""
    target = run.recipe.steps.stop.target
    if target is None or fitted.ended == "target":
        return ""
    metric, value = parse_target(target)
    metric = known_metric(metric, fitted.history.columns)
    by_epoch = fitted.history.set_index("epoch")[metric].dropna()
    if by_epoch.empty:
        return ""
    is_rising = direction_of(metric) == "up"
    best = by_epoch.max() if is_rising else by_epoch.min()
    return (
        f"The target {metric}={value:g} was not reached: the "
        f"{'highest' if is_rising else 'lowest'} is {best:.4f}, in epoch "
        f"{by_epoch.index[by_epoch == best][0]}."
    )


def _kept_epoch(fitted: "Fitted") -> str:
    """Why the model of another epoch than the last is kept, as a sentence; else ""."""
    history = of_kept_phase(fitted.history)
    if fitted.best_epoch is None or "val_accuracy" not in history:
        return ""
    by_epoch = history.set_index("epoch")["val_accuracy"]
    kept, last, highest = by_epoch[fitted.best_epoch], by_epoch.iloc[-1], by_epoch.max()
    words = f"The model of epoch {fitted.best_epoch} is kept: "
    if kept < highest:
        return (
            f"{words}of the epochs whose validation accuracy is within one standard error of the "
            f"highest ({highest:.4f}, in epoch {by_epoch.idxmax()}), it is the latest ({kept:.4f})."
        )
    if fitted.best_epoch == by_epoch.index[-1]:
        return ""
    if kept > last:
        return f"{words}its validation accuracy of {kept:.4f} is the highest ({last:.4f} at last)."
    return f"{words}its validation accuracy of {kept:.4f} is the highest, with the lowest loss."


def announce_resume(run: RunFolder, progress: Progress) -> None:
    """Print the command that resumes an interrupted run, or the search that it belongs to."""
    search = run.folder.parent
    progress.say(f"{_RESUME} {search if (search / CHOSEN).is_file() else run}")
