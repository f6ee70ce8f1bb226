"""Rules about series that file names carry, near duplicates, and classes that are missed."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.doctor.cases import answered, case, scores
from viewfinder.evaluation.doctor import Severity, diagnose

SERIES = {
    "group_from": "^([a-z]+) ",
    "count": 6,
    "torn": 5,
    "torn_as_given": 0,
    "differs": True,
    "measured_on": "the shapes in thumbnails",
    "accuracy_at_random": 0.978,
    "accuracy_grouped": 0.75,
    "folds": 3,
}


def test_series_in_two_splits_that_raise_the_accuracy_are_a_warning_with_the_figures() -> None:
    found = diagnose(replace(case(), series=SERIES))
    verdict = next(one for one in found.verdicts if one.code == "series-torn")
    assert verdict.severity is Severity.WARNING
    assert "6 series, and 5 of them" in verdict.sentence
    assert "97.8" in verdict.because
    assert "75.0" in verdict.because
    assert [one.flag for one in verdict.tries] == [
        "--group-from '^([a-z]+) '",
        "--folds 3 --group-from '^([a-z]+) '",
    ]


def test_given_splits_are_made_anew() -> None:
    found = diagnose(replace(case(), series=SERIES | {"torn_as_given": 5}))
    verdict = next(one for one in found.verdicts if one.code == "series-torn")
    assert [one.flag for one in verdict.tries] == [
        "viewfinder split DATA --group-from '^([a-z]+) ' --anew --output NAME.dataset"
    ]


@pytest.mark.parametrize("change", [{"differs": False}, {"torn": 0}])
def test_nothing_is_said_where_accuracies_agree_or_series_are_kept_apart(change) -> None:
    found = diagnose(replace(case(), series=SERIES | change))
    assert "series-torn" not in found.codes


def test_no_split_is_advised_for_near_duplicates_that_no_split_keeps_together() -> None:
    held_out = {**scores(0.9, 200), "leaks": {"exact": 0, "near": 30}}
    leaking = replace(case(), scores={"train": scores(0.95, 800), "validation": held_out})

    def advice(inseparable: bool) -> str:
        found = diagnose(replace(leaking, inseparable=inseparable))
        verdict = next(one for one in found.verdicts if one.code == "leak-suspected")
        return verdict.tries[0].flag

    assert advice(False).startswith("viewfinder split")
    assert advice(True).startswith("viewfinder clean DATA --fix near-duplicates")


def test_a_class_that_is_mostly_missed_is_named_with_its_recall() -> None:
    labels = [0] * 100 + [1] * 100 + [2] * 44
    predicted = [0] * 97 + [2] * 3 + [1] * 95 + [0] * 5 + [2] * 4 + [1] * 30 + [0] * 10
    held_out = answered(np.array(labels), np.array(predicted), 3)
    found = diagnose(
        replace(case(), scores={"train": scores(0.95, 800, 3), "validation": held_out})
    )
    verdict = next(one for one in found.verdicts if one.code == "weak-class")
    assert verdict.severity is Severity.WARNING
    assert verdict.sentence == "The model misses most pictures of “class 2”."
    assert "9.1" in verdict.because
    assert "30 are taken for “class 1”" in verdict.because
    even = answered(np.array(labels), np.array(labels), 3)
    healthy = replace(case(), scores={"train": scores(0.95, 800, 3), "validation": even})
    assert "weak-class" not in diagnose(healthy).codes
    never = [*predicted[:97], 0, 0, 0, *predicted[100:200], *[1] * 44]
    collapsed = answered(np.array(labels), np.array(never), 3)
    codes = diagnose(replace(case(), scores={"validation": collapsed})).codes
    assert "class-collapse" in codes
    assert "weak-class" not in codes
