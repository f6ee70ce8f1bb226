"""Prediction sets of a run: fitted on its validation pictures, kept in its folder, measured."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from viewfinder.classifier.sets import SETS, PredictionSets
from viewfinder.core.progress import Progress
from viewfinder.evaluation.answers import arrays_of
from viewfinder.evaluation.conformal import SetFigures, SetOptions, fit_levels, measure_sets
from viewfinder.evaluation.rejection import reject_threshold, risk_coverage
from viewfinder.run.calibrating import calibrating
from viewfinder.run.run import Run


@dataclass(frozen=True, eq=False)
class SetsEvaluation:
    """A run's prediction sets, and their figures on the evaluated pictures.

    Attributes:
        sets: What was fitted and written to the run's folder.
        figures: Their figures; None where the evaluated pictures trained the model or fitted the
            sets.
        risk_coverage: The error above each threshold of the confidence on the pictures that fitted
            the sets; see :func:`viewfinder.evaluation.rejection.risk_coverage`.
        notes: What the reader should know.
    """

    sets: PredictionSets
    figures: SetFigures | None
    risk_coverage: pd.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        fitted = f"<Prediction sets ({self.sets.method}) for a coverage of {self.sets.coverage:g}"
        if self.figures is None:
            return f"{fitted}: not measured>"
        value, low, high = self.figures.coverage
        size = f"mean size {self.figures.mean_size:.2f}"
        return f"{fitted}: {value:.3f} ({low:.3f} to {high:.3f}), {size}>"

    def _repr_html_(self) -> str:
        table = self.figures.table.to_html() if self.figures else ""
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{table}"

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return {
            **self.sets.content,
            "figures": self.figures and self.figures.to_json(),
            "risk_coverage": self.risk_coverage.to_dict("records"),
        }


def fit_sets(run: Run, options: SetOptions, *, progress: Progress | None = None) -> SetsEvaluation:
    """Fit prediction sets on the run's validation pictures, and write `prediction_sets.json`.

    See :func:`viewfinder.run.calibrating.calibrating` for the pictures.

    Args:
        run: An evaluated run.
        options: Coverage and method. `1 - coverage` is also the largest error bound of the reject
            threshold.
        progress: Shows the search for duplicates.

    Raises:
        DataError: There are no such pictures, or too few.
    """
    on = calibrating(run, progress)
    labels, shares = arrays_of(on.rows, run.classes)
    levels = fit_levels(labels, shares, options)
    notes = list(on.notes)
    if few := [name for name, level in zip(run.classes, levels, strict=True) if level is None]:
        notes.append(
            f"Fewer than {options.least:,} {on.of} pictures of {', '.join(map(repr, few))}: "
            "every set has these classes."
        )
    notes += on.cautions("the coverage and the error bound hold")
    sets = PredictionSets(
        coverage=options.coverage,
        method=options.method,
        by_class=options.by_class,
        levels=list(levels),
        pictures=len(labels),
        of=on.of,
        weaker=list(on.weaker),
        reject=reject_threshold(labels, shares, 1 - options.coverage),
        model=run.classifier.model_name if run.has_model else None,
    )
    run.write(SETS, sets.content)
    return SetsEvaluation(sets, None, risk_coverage(labels, shares), tuple(notes))


def measured(found: SetsEvaluation, rows: pd.DataFrame, classes: Sequence[str]) -> SetsEvaluation:
    """Measure the sets on pictures that neither trained the model nor fitted the sets.

    Args:
        found: The fitted sets.
        rows: The table of these pictures' predictions; it may be empty.
        classes: The class names.
    """
    if not len(rows):
        note = "The coverage of the sets is not measured: it needs pictures, such as a test split, "
        note += "that are neither in training nor in validation."
        return replace(found, notes=(*found.notes, note))
    figures = measure_sets(found.sets, *arrays_of(rows, classes), classes)
    notes = found.notes
    reject, error = found.sets.reject, figures.error
    if figures.coverage.high < found.sets.coverage or (
        reject and error and error.low > reject.error_bound
    ):
        notes += (
            "The guarantee fails on these pictures by more than chance: they differ from the "
            "validation pictures, or those are not independent of each other.",
        )
    return replace(found, figures=figures, notes=notes)
