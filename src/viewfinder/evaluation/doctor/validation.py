"""How far the validation figure is to be believed."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from viewfinder.core import curves
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.gap import without_scenes
from viewfinder.evaluation.doctor.verdict import (
    Severity,
    Try,
    Verdict,
    between,
    percent,
    plural,
    points,
    points_between,
)
from viewfinder.evaluation.evaluate import wilson_interval
from viewfinder.evaluation.significance import difference_interval

_WIDE = 0.10
_WANTED = 0.03
_SWINGS, _BEYOND_SAMPLING = 0.03, 2.0
_BETTER = 0.02
_FEWEST_EPOCHS = 5
_SURELY_EASIER, _SURELY_UNLIKE = 0.01, 0.03
_Z = 1.96


def small(case: Case) -> Iterator[Verdict]:
    """There are so few validation pictures that the figure says little."""
    right = case.right("validation")
    if right is None:
        return
    interval = wilson_interval(*right)
    width = interval[1] - interval[0]
    if width <= _WIDE:
        return
    accuracy = right[0] / right[1]
    # Of the Wilson interval's middle, so that 100 % of a few asks for more pictures, too.
    middle = sum(interval) / 2
    needed = math.ceil(_Z**2 * middle * (1 - middle) / _WANTED**2)
    sentence = (
        f"{plural(right[1], 'validation picture')} are too few to tell how good it is, or which "
        "of two models is better."
    )
    because = (
        f"{percent(accuracy)} may be anything in the {between(interval)}; about {needed:,} "
        f"pictures would tell it to ±{100 * _WANTED:.0f} points."
    )
    evidence = {
        "count": right[1],
        "accuracy": accuracy,
        "interval": list(interval),
        "needed": needed,
    }
    tries = (
        Try("--set data.validation=0.3", "where the validation split is made by Viewfinder"),
        Try("viewfinder split DATA", "makes a larger one, once for all runs"),
    )
    yield Verdict("validation-small", Severity.WARNING, sentence, because, evidence, tries)


def noisy(case: Case) -> Iterator[Verdict]:
    """The figure swings from epoch to epoch by more than its pictures explain."""
    accuracies = case.curve("val_accuracy")
    late = accuracies[len(accuracies) // 3 :]
    right = case.right("validation")
    if right is None or len(late) < _FEWEST_EPOCHS or not np.isfinite(late).all():
        return
    swing, level = curves.scatter(late), float(np.median(late))
    sampling = math.sqrt(level * (1 - level) / right[1])
    if swing < max(_SWINGS, _BEYOND_SAMPLING * sampling):
        return
    sentence = (
        "The validation accuracy swings from epoch to epoch, so the best epoch is partly luck."
    )
    because = (
        f"It strays by ±{points(swing)}; that there are {right[1]:,} pictures explains "
        f"±{points(sampling)}, and the rest is the model moving."
    )
    rate = case.setup.learning_rate
    falls = Try("--set training.schedule=cosine", "ends in ever smaller steps")
    tries = (
        Try(f"--lr {float(f'{rate / 3:.1g}'):g}", "smaller steps"),
        *((falls,) if case.setup.schedule == "constant" else ()),
    )
    evidence = {"scatter": swing, "sampling": sampling, "median": level}
    yield Verdict("validation-noisy", Severity.WARNING, sentence, because, evidence, tries)


def easier(case: Case) -> Iterator[Verdict]:
    """Better on validation than on training: because of how both are measured, or for no reason."""
    yield from _seems_better(case)
    trained, judged = case.right("train"), case.right("validation")
    if trained is None or judged is None:
        return
    better = judged[0] / judged[1] - trained[0] / trained[1]
    interval = difference_interval(judged, trained)
    if interval[0] <= _SURELY_EASIER:
        return
    sentence = (
        "It is better on validation than on its own training pictures, measured alike: the "
        "validation pictures are easier, or copies of training pictures."
    )
    because = f"By {points(better)} ({points_between(interval)})."
    evidence = {"difference": better, "interval": list(interval)}
    yield _leak(Severity.WARNING, sentence, because, evidence)


def leaks(case: Case) -> Iterator[Verdict]:
    """Training pictures are in another split, or validation is too good beside test."""
    if case.copies:
        sentence = (
            f"{plural(case.copies, 'picture')} of validation or test "
            f"{'is' if case.copies == 1 else 'are'} also in training: the figures are too good."
        )
        because = "Their files are the same, byte for byte."
        yield _leak(Severity.ERROR, sentence, because, {"copies": case.copies})
    near = {split: found["near"] for split in case.scores if (found := case.leaks(split))}
    if count := sum(near.values()):
        judging = sum(case.scores[split]["count"] for split in near)
        sentence = (
            f"{count:,} of {judging:,} {' and '.join(near)} pictures look nearly like a training "
            "picture: the figures are too good."
        )
        because = "They are new encodings, crops, or neighbouring frames of training pictures."
        tries = (Try("viewfinder split DATA", "keeps such pictures on one side"),)
        yield Verdict("leak-suspected", Severity.WARNING, sentence, because, {"near": near}, tries)
    judged, tested = case.right("validation"), case.right("test")
    if judged is None or tested is None:
        return
    interval = difference_interval(judged, tested)
    if interval[0] <= _SURELY_UNLIKE:
        return
    here, there = judged[0] / judged[1], tested[0] / tested[1]
    sentence = (
        "Validation is far better than test: its pictures are more like the training pictures "
        "than new ones are, or the splits hold copies."
    )
    because = (
        f"Right on {percent(here)} of validation and {percent(there)} of test: "
        f"{points(here - there)} apart ({points_between(interval)})."
    )
    evidence = {"validation": here, "test": there, "interval": list(interval)}
    likely = _leak(Severity.WARNING, sentence, because, evidence)
    yield replace(likely, tries=(*likely.tries, *without_scenes(case.setup)))


def optimistic(case: Case) -> Iterator[Verdict]:
    """What the validation pictures have chosen, they judge too well."""
    split = case.steered_by
    judged = case.right(split)
    if judged is None or case.best_epoch is None or len(case.history) < 2:
        return
    lead = _lead(case)
    sentence = (
        f"The best epoch ({case.best_epoch}) was chosen by the {split} pictures, so their figure "
        "is optimistic."
    )
    tested = case.right("test") if split != "test" else None
    because = (
        f"{percent(judged[0] / judged[1])} is one of {len(case.history)} looks at the same pictures"
    )
    # Of few epochs, the ones beside the best are still on their way up.
    if lead > 0 and len(case.history) >= _FEWEST_EPOCHS:
        because += f", {points(lead)} above the median of it and its neighbours"
    because += "."
    evidence: dict[str, object] = {"steered_by": split, "looks": len(case.history), "lead": lead}
    tries: tuple[Try, ...] = ()
    if tested:
        interval = wilson_interval(*tested)
        because += (
            f" Believe the test figure: {percent(tested[0] / tested[1])} ({between(interval)})."
        )
        evidence |= {"test": tested[0] / tested[1], "test_interval": list(interval)}
    else:
        tries = (
            Try("--test 0.2", "sets pictures aside for one look at the end"),
            Try(f"--holdout {split}", "keeps these for it, if the data came with them"),
        )
    yield Verdict("optimistic", Severity.INFO, sentence, because, evidence, tries)


def _seems_better(case: Case) -> Iterator[Verdict]:
    shown, held = case.curve("accuracy"), case.curve("val_accuracy")
    trained, judged = case.right("train"), case.right("validation")
    if not len(held) or trained is None or judged is None:
        return
    lead = float(np.median((held - shown)[len(held) // 2 :]))
    is_so = difference_interval(judged, trained)[0] > _SURELY_EASIER
    if not lead >= _BETTER or is_so:
        return
    reasons = _acts_in_training(case)
    sentence = (
        "The curves show validation above training, but only because "
        f"{' and '.join(reasons)}; nothing is wrong."
    )
    because = (
        f"In the curves by {points(lead)}; measured alike, the kept model is right on "
        f"{percent(trained[0] / trained[1])} of training and {percent(judged[0] / judged[1])} of "
        "validation."
    )
    evidence = {"lead_in_curves": lead, "train": trained[0] / trained[1]}
    yield Verdict("validation-easier", Severity.INFO, sentence, because, evidence)


def _acts_in_training(case: Case) -> list[str]:
    setup = case.setup
    offers = [
        (setup.augment != "none", "augmentation makes training pictures harder"),
        (setup.mixup > 0, "blended pictures are harder still"),
        (setup.dropout > 0, "dropout acts in training only"),
        (setup.averaged > 0, "the validated model is an average over steps"),
    ]
    reasons = [reason for holds, reason in offers if holds]
    return reasons or ["training is measured while the epoch is still learning"]


def _lead(case: Case) -> float:
    """How far the chosen epoch's accuracy lies above the median of it and its two neighbours."""
    accuracies = case.curve("val_accuracy")
    at = np.flatnonzero(case.history["epoch"].to_numpy() == case.best_epoch)
    if not len(accuracies) or not len(at):
        return 0.0
    place = int(at[0])
    around = accuracies[max(0, place - 1) : place + 2]
    return float(accuracies[place] - np.median(around))


def _leak(severity: Severity, sentence: str, because: str, evidence: dict[str, object]) -> Verdict:
    tries = (
        Try("viewfinder audit DATA", "names pictures that are in two splits"),
        Try("viewfinder split DATA", "keeps copies and near copies on one side"),
    )
    return Verdict("leak-suspected", severity, sentence, because, evidence, tries)
