"""Rules about the reliability of the validation accuracy."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from viewfinder.core import curves
from viewfinder.core.shares import wilson_interval
from viewfinder.core.words import percent
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.gap import without_scenes
from viewfinder.evaluation.doctor.verdict import (
    Severity,
    Try,
    Verdict,
    between,
    plural,
    points,
    points_between,
)
from viewfinder.evaluation.significance import difference_interval

_WIDE = 0.10
_WANTED = 0.03
_SWINGS, _BEYOND_SAMPLING = 0.03, 2.0
_BETTER = 0.02
_FEWEST_EPOCHS = 5
_SURELY_EASIER, _SURELY_UNLIKE = 0.01, 0.03
_Z = 1.96
_FOLDS = 5
_SPLIT = "viewfinder split DATA --output NAME.dataset"
_CLEAN = "viewfinder clean DATA --fix near-duplicates --output NAME.dataset"


def small(case: Case) -> Iterator[Verdict]:
    """Report a validation split whose accuracy has a wide interval."""
    validated = case.correct("validation")
    if validated is None:
        return
    interval = wilson_interval(*validated)
    width = interval[1] - interval[0]
    if width <= _WIDE:
        return
    accuracy, count = validated[0] / validated[1], validated[1]
    # From the middle of the Wilson interval, because an accuracy of 100 % would need no pictures.
    middle = sum(interval) / 2
    needed = math.ceil(_Z**2 * middle * (1 - middle) / _WANTED**2)
    sentence = (
        f"{plural(count, 'validation picture')} {'is' if count == 1 else 'are'} too few to "
        "measure the accuracy or compare models."
    )
    because = (
        f"The accuracy is {percent(accuracy)} ({between(interval)}); ±{100 * _WANTED:.0f} points "
        f"need about {needed:,} pictures."
    )
    evidence = {
        "count": count,
        "accuracy": accuracy,
        "interval": list(interval),
        "needed": needed,
    }
    tries = _more_validation(case)
    yield Verdict("validation-small", Severity.WARNING, sentence, because, evidence, tries)


def _more_validation(case: Case) -> tuple[Try, ...]:
    """Suggest a larger validation split, where one is made; and folds, where they can be dealt."""
    data, counts = case.recipe.data, [count for count in case.class_counts.values() if count]
    larger = Try("--validation 0.3", "sets more pictures aside; fewer train")
    folds = Try(f"--folds {_FOLDS}", "evaluates every training picture, in as many trainings")
    is_made = case.given is not None and "validation" not in case.given
    has_room = data.validation < 0.3 and 0.3 + data.test < 1
    is_else = data.fold is not None or data.holdout or data.test
    is_dealt = is_else or min(counts, default=0) < 2 * _FOLDS
    return (*([larger] if is_made and has_room else []), *([] if is_dealt else [folds]))


def noisy(case: Case) -> Iterator[Verdict]:
    """Report a validation accuracy that scatters by more than its sampling error."""
    accuracies = case.curve("val_accuracy")
    late = accuracies[len(accuracies) // 3 :]
    validated = case.correct("validation")
    if validated is None or len(late) < _FEWEST_EPOCHS or not np.isfinite(late).all():
        return
    scatter, level = curves.scatter(late), float(np.median(late))
    count = validated[1]
    # Laplace's estimate, because the level of a small split may be 0 or 1.
    share = (level * count + 1) / (count + 2)
    sampling = math.sqrt(share * (1 - share) / count)
    if scatter < max(_SWINGS, _BEYOND_SAMPLING * sampling):
        return
    sentence = (
        "The validation accuracy varies strongly between epochs, so the best epoch is partly "
        "chance."
    )
    because = (
        f"The scatter is ±{points(scatter)}; the sampling error of {count:,} pictures is "
        f"±{points(sampling)}."
    )
    falls = Try("--set training.schedule=cosine", "lowers the learning rate until the end")
    tries = (
        *case.lower_rate(3, "a third of the learning rate"),
        *((falls,) if case.setup.schedule == "constant" else ()),
    )
    evidence = {"scatter": scatter, "sampling": sampling, "median": level}
    yield Verdict("validation-noisy", Severity.WARNING, sentence, because, evidence, tries)


def contradictions(case: Case) -> Iterator[Verdict]:
    """Report exact copies of a picture under different labels."""
    count = case.contradicting
    if not count:
        return
    sentence = (
        f"{plural(count, 'picture')} are exact copies of each other under different labels: some "
        "of these labels are wrong."
    )
    because = "The files are identical, byte for byte; no model can be right on all of them."
    tries = (
        Try("viewfinder audit DATA", "lists them, and pictures with other faults"),
        Try("viewfinder clean DATA --output NAME.dataset", "leaves out all copies of each of them"),
    )
    evidence = {"pictures": count}
    yield Verdict("labels-contradict", Severity.WARNING, sentence, because, evidence, tries)


def easier(case: Case) -> Iterator[Verdict]:
    """Report a validation accuracy above training: in the curves only, or of the kept model."""
    yield from _seems_better(case)
    trained, validated = case.correct("train"), case.correct("validation")
    if trained is None or validated is None:
        return
    better = validated[0] / validated[1] - trained[0] / trained[1]
    interval = difference_interval(validated, trained)
    if interval[0] <= _SURELY_EASIER:
        return
    sentence = (
        "The model is better on validation than on training pictures: the validation pictures are "
        "easier, or duplicates of training pictures."
    )
    because = (
        f"Without augmentation and dropout, the difference is {points(better)} "
        f"({points_between(interval)})."
    )
    evidence = {"difference": better, "interval": list(interval)}
    yield _leak(Severity.WARNING, sentence, because, evidence)


def leaks(case: Case) -> Iterator[Verdict]:
    """Report training pictures in other splits, and validation far better than test."""
    if case.copies:
        sentence = (
            f"{plural(case.copies, 'picture')} of validation or test "
            f"{'is' if case.copies == 1 else 'are'} also in training: the figures are too high."
        )
        because = "The files are identical, byte for byte."
        known = _leak(Severity.ERROR, sentence, because, {"copies": case.copies})
        apart = Try(_SPLIT, "keeps duplicates and near duplicates in one split")
        yield replace(known, tries=(*known.tries, apart))
    near = {split: found["near"] for split in case.scores if (found := case.leaks(split))}
    if count := sum(near.values()):
        total = sum(case.scores[split]["count"] for split in near)
        sentence = (
            f"{count:,} of {total:,} {' and '.join(near)} pictures are near duplicates of training "
            "pictures: the figures are too high."
        )
        because = "Near duplicates are other encodings, crops, or neighbouring frames."
        tries = (Try(_SPLIT, "keeps near duplicates in one split"),)
        if case.inseparable:
            because += " Their groups are too large for a split to keep them together."
            tries = (Try(_CLEAN, "keeps one picture of each group"),)
        yield Verdict("leak-suspected", Severity.WARNING, sentence, because, {"near": near}, tries)
    validated, tested = case.correct("validation"), case.correct("test")
    if validated is None or tested is None:
        return
    interval = difference_interval(validated, tested)
    if interval[0] <= _SURELY_UNLIKE:
        return
    validation, test = validated[0] / validated[1], tested[0] / tested[1]
    sentence = (
        "The model is far better on validation than on test: the validation pictures resemble the "
        "training pictures more, or are duplicates of them."
    )
    because = (
        f"The accuracy is {percent(validation)} on validation and {percent(test)} on test, a "
        f"difference of {points(validation - test)} ({points_between(interval)})."
    )
    evidence = {"validation": validation, "test": test, "interval": list(interval)}
    likely = _leak(Severity.WARNING, sentence, because, evidence)
    yield replace(likely, tries=(*likely.tries, *without_scenes(case.setup)))


def optimistic(case: Case) -> Iterator[Verdict]:
    """Report an accuracy on the pictures that chose the best epoch."""
    evaluated, tested, lead = case.correct("validation"), case.correct("test"), _lead(case)
    if evaluated is None or not case.decisions:
        return
    chosen = ", and ".join(case.decisions)
    sentence = (
        f"The validation accuracy is optimistic, because the validation pictures chose {chosen}."
    )
    because = (
        f"It is {percent(evaluated[0] / evaluated[1])}, the best of several evaluations of the "
        "same pictures"
    )
    # With few epochs, the accuracy still rises around the best one.
    if lead > 0 and len(case.history) >= _FEWEST_EPOCHS:
        because += f"; this epoch is {points(lead)} above the median of itself and its neighbours"
    because += "."
    evidence: dict[str, object] = {"chose": list(case.decisions), "lead": lead}
    tries: list[Try] = []
    if tested:
        interval = wilson_interval(*tested)
        because += (
            f" The test accuracy is unbiased: {percent(tested[0] / tested[1])} "
            f"({between(interval)})."
        )
        evidence |= {"test": tested[0] / tested[1], "test_interval": list(interval)}
    else:
        tries = _final_evaluation(case)
    yield Verdict("optimistic", Severity.INFO, sentence, because, evidence, tuple(tries))


def _final_evaluation(case: Case) -> list[Try]:
    """Suggest pictures that are evaluated once, at the end, where none are."""
    data, given = case.recipe.data, case.given
    if given is None or "test" in given or data.holdout or data.test:
        return []
    tries = []
    if data.fold is None and data.validation + 0.2 < 1:
        tries.append(Try("--test 0.2", "sets pictures aside for one final evaluation"))
    if "validation" in given and data.fold is None:
        tries.append(Try("--holdout validation", "uses this split of the data for it"))
    return tries


def _seems_better(case: Case) -> Iterator[Verdict]:
    training, validation = case.curve("accuracy"), case.curve("val_accuracy")
    trained, validated = case.correct("train"), case.correct("validation")
    if not len(validation) or trained is None or validated is None:
        return
    lead = float(np.median((validation - training)[len(validation) // 2 :]))
    is_easier = difference_interval(validated, trained)[0] > _SURELY_EASIER
    if not lead >= _BETTER or is_easier:
        return
    reasons = _reasons_for_lead(case)
    sentence = (
        "The validation curve is above the training curve, which is no problem, because "
        f"{' and '.join(reasons)}."
    )
    because = (
        f"The curves differ by {points(lead)}; without augmentation and dropout, the accuracy of "
        f"the kept model is {percent(trained[0] / trained[1])} on training and "
        f"{percent(validated[0] / validated[1])} on validation."
    )
    evidence = {"lead_in_curves": lead, "train": trained[0] / trained[1]}
    yield Verdict("validation-easier", Severity.INFO, sentence, because, evidence)


def _reasons_for_lead(case: Case) -> list[str]:
    setup = case.setup
    causes = [
        (setup.augment != "none", "augmentation makes training pictures harder"),
        (setup.mixup > 0, "blended pictures are harder"),
        (setup.dropout > 0, "dropout acts in training only"),
        (setup.averaged > 0, "the validated weights are averages over steps"),
    ]
    reasons = [reason for applies, reason in causes if applies]
    return reasons or ["the training accuracy is an average over the epoch"]


def _lead(case: Case) -> float:
    """Return the chosen epoch's accuracy minus the median of itself and its two neighbours."""
    accuracies = case.curve("val_accuracy")
    positions = np.flatnonzero(case.history["epoch"].to_numpy() == case.best_epoch)
    if not len(accuracies) or not len(positions):
        return 0.0
    position = int(positions[0])
    around = accuracies[max(0, position - 1) : position + 2]
    return float(accuracies[position] - np.median(around))


def _leak(severity: Severity, sentence: str, because: str, evidence: dict[str, object]) -> Verdict:
    tries = (Try("viewfinder audit DATA", "lists pictures that are in two splits"),)
    return Verdict("leak-suspected", severity, sentence, because, evidence, tries)
