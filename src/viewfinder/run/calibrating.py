"""The answers of a run on which sets and thresholds are fitted: none of them trained its model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from viewfinder.audit import duplicate_groups, survey
from viewfinder.audit.measurements import is_measured
from viewfinder.classifier.sets import Calibrated
from viewfinder.core.errors import DataError, ViewfinderError
from viewfinder.core.progress import Progress
from viewfinder.core.words import counted
from viewfinder.data.splits.groups import Groups, connected, known_groups
from viewfinder.run.run import Run
from viewfinder.split.leaks import MEASURED_AT_ONCE, known_leaks


@dataclass(frozen=True, eq=False)
class Calibrating:
    """The pictures that fit sets and thresholds.

    Attributes:
        rows: Their predictions, one of each group of duplicates.
        of: What they are: "validation" or "out-of-fold".
        weaker: What else these pictures or answers decided, which weakens a guarantee.
        notes: What the reader should know.
    """

    rows: pd.DataFrame
    of: Calibrated
    weaker: tuple[str, ...]
    notes: tuple[str, ...]

    def cautions(self, claim: str) -> list[str]:
        """Return the sentence that names a weaker guarantee of `claim`, if it is weaker."""
        if self.of == "out-of-fold":
            return [
                "Without validation pictures, the answers are out-of-fold: those of heads fitted "
                f"on the other folds, at the strength that the folds chose. So {claim} only "
                "approximately."
            ]
        if not self.weaker:
            return []
        chosen = " and ".join(self.weaker)
        return [f"The validation pictures also chose {chosen}, so {claim} only approximately."]


def calibrating(run: Run, progress: Progress | None = None) -> Calibrating:
    """Return a run's answers for validation pictures, or out-of-fold answers where there are none.

    Validation pictures with a duplicate in training are left out. Of each group of duplicates, and
    of each value of the column `group`, one picture is kept, because levels and limits need
    independent pictures. Out-of-fold answers for pictures with near duplicates are left out: these
    may be in other folds.

    Args:
        run: An evaluated run.
        progress: Shows the search for duplicates.

    Raises:
        DataError: There are neither validation pictures nor out-of-fold answers.
    """
    dataset = run.dataset
    leaking = set(known_leaks(dataset))
    stored = run.predictions
    validation = stored[stored["split"] == "validation"]
    rows = validation[~validation["locator"].isin(leaking)]
    of: Calibrated = "validation"
    notes: list[str] = []
    if missing := len(validation) - len(rows):
        notes.append(
            f"{counted(missing, 'picture has')} a duplicate in training: not used for fitting."
        )
    weaker = list(run.decisions)
    if not len(rows):
        rows, of = _out_of_fold(run), "out-of-fold"
        weaker = ["the strength of the linear head"]
    groups, found = _groups(run, rows, progress or Progress(0))
    notes += found
    kept = groups.keys == np.arange(len(rows))
    if of == "out-of-fold":
        sizes = np.bincount(groups.keys, minlength=len(rows))[groups.keys]
        in_fold = np.bincount(groups.required, minlength=len(rows))[groups.required]
        kept &= sizes == in_fold
    if several := int((~kept).sum()):
        notes.append(
            f"{counted(several, 'picture is')} left out: duplicates of others, or in their group."
        )
    return Calibrating(rows[kept].reset_index(drop=True), of, tuple(weaker), tuple(notes))


def _out_of_fold(run: Run) -> pd.DataFrame:
    answers = run.out_of_fold
    if answers is None:
        raise DataError(
            "The run has no validation pictures to fit on, and no out-of-fold answers.",
            expected="validation pictures without a duplicate in training, or a linear head",
            remedy="train on data with validation and test splits, such as `viewfinder split DATA "
            "--validation 0.2 --test 0.2 --output NAME.dataset` writes",
        )
    return answers


def _groups(run: Run, rows: pd.DataFrame, progress: Progress) -> tuple[Groups, list[str]]:
    """Return the groups of these pictures, and notes where near duplicates are not looked for.

    Their required groups are those of equal bytes and of the column `group`, as in folds.
    """
    dataset = run.dataset
    table = dataset.table.set_index("locator", drop=False).reindex(rows["locator"])
    known = known_groups(table.reset_index(drop=True))
    alone = np.arange(len(rows))
    keys = alone if known is None else known.keys
    part = dataset.where(dataset.table["locator"].isin(rows["locator"]))
    try:
        if len(rows) > MEASURED_AT_ONCE and not is_measured(part):
            why = f"there are more than {MEASURED_AT_ONCE:,}; viewfinder audit measures them"
        else:
            duplicates = duplicate_groups(survey(part, progress=progress)).as_groups()
            at = pd.Index(part.table["locator"]).get_indexer(rows["locator"])
            return Groups(connected(keys, duplicates.keys[at]), connected(keys)), []
    except ViewfinderError as error:
        why = error.fact
    note = f"Near duplicates among the {len(rows):,} pictures are not looked for: {why}"
    return Groups.of(keys), [note if note.endswith(".") else f"{note}."]
