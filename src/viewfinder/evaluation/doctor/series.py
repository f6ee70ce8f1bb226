"""The rule about series that file names carry, and that are in several splits."""

import shlex
from collections.abc import Iterator

from viewfinder.core.words import percent
from viewfinder.data.sources.grouping import carrier_of
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict

_FOLDS = 5


def torn(case: Case) -> Iterator[Verdict]:
    """Report series in several splits whose pictures raise the accuracy."""
    series = case.series
    if series is None or not series["differs"] or not series["torn"]:
        return
    carrier = carrier_of(series["group_from"])
    sentence = (
        f"The accuracy is too high for a new series: {carrier} {series['count']:,} series, "
        f"and {series['torn']:,} of them are in training and in another split."
    )
    because = (
        f"A linear classifier of {series['measured_on']} is right for "
        f"{percent(series['accuracy_at_random'])} on folds at random, and for "
        f"{percent(series['accuracy_grouped'])} on folds of whole series."
    )
    keys = ("group_from", "count", "torn", "accuracy_at_random", "accuracy_grouped")
    evidence = {key: series[key] for key in keys}
    yield Verdict("series-torn", Severity.WARNING, sentence, because, evidence, _tries(case))


def _tries(case: Case) -> tuple[Try, ...]:
    assert case.series is not None
    option = f"--group-from {shlex.quote(case.series['group_from'])}"
    if case.series["torn_as_given"]:
        command = f"viewfinder split DATA {option} --anew --output NAME.dataset"
        return (Try(command, "discards the given splits, and keeps each series in one split"),)
    data = case.recipe.data
    folds = min(_FOLDS, case.series["folds"])
    why = "evaluates each picture by a model that has not seen its series"
    of_folds = Try(f"--folds {folds} {option}", why)
    is_else = data.fold is not None or data.holdout or data.test
    return (Try(option, "keeps each series in one split"), *(() if is_else else (of_folds,)))
