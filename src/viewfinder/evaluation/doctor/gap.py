"""Rules about the accuracy of the kept model on training pictures: gap, and loss since training."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from viewfinder.core.words import percent
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.setup import Setup
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict, points, points_between
from viewfinder.evaluation.significance import difference_interval

# A gap is reported if it is surely above 5 points; from 10 on it is overfitting.
_SURELY, _FAR = 0.05, 0.10
# Overfitting alone rarely explains such a gap: the other pictures may differ in kind.
_STRANGE = 0.25
_STRONGER = {"none": "standard", "course": "standard", "standard": "strong"}


@dataclass(frozen=True, slots=True)
class Gap:
    """A significant difference between the accuracies on training and held-out pictures.

    Attributes:
        trained: The accuracy on the training pictures, 0 to 1.
        held_out: The accuracy on the held-out pictures, 0 to 1.
        split: The split of the held-out pictures.
        interval: The 95 % interval of the difference.
    """

    trained: float
    held_out: float
    split: str
    interval: tuple[float, float]

    @property
    def size(self) -> float:
        """The difference of the accuracies, -1 to 1."""
        return self.trained - self.held_out

    @property
    def is_far(self) -> bool:
        """Whether the gap is overfitting, whatever the curves show."""
        return self.size >= _FAR

    @property
    def is_strange(self) -> bool:
        """Whether the held-out pictures may differ in kind."""
        return self.size >= _STRANGE

    @property
    def evidence(self) -> dict[str, object]:
        """The figures, for a verdict's evidence."""
        return {"gap": self.size, "gap_interval": list(self.interval)}

    def in_words(self) -> str:
        """Return the figures as a sentence."""
        return (
            f"The accuracy of the kept model is {percent(self.trained)} on the training pictures "
            f"and {percent(self.held_out)} on the {self.split} pictures, a difference of "
            f"{points(self.size)} ({points_between(self.interval)})."
        )


def gap_of(case: Case) -> Gap | None:
    """Return the gap of the kept model, or None if it is not surely above 5 points.

    None for a solved head: with more features than pictures, it fits any training pictures, and
    folds of them have chosen its regularisation.
    """
    if case.held_out is None or case.setup.solved:
        return None
    trained, held_out = case.correct("train"), case.correct(case.held_out)
    if trained is None or held_out is None:
        return None
    interval = difference_interval(trained, held_out)
    if interval[0] <= _SURELY:
        return None
    return Gap(trained[0] / trained[1], held_out[0] / held_out[1], case.held_out, interval)


def clear_gap(case: Case) -> Iterator[Verdict]:
    """Report a gap that is surely above 5 points and below 10."""
    gap = gap_of(case)
    if gap is None or gap.is_far:
        return
    sentence = (
        "The model is clearly better on its training pictures than on others: more, or more "
        "varied, pictures would help."
    )
    yield Verdict(
        "generalization-gap",
        Severity.WARNING,
        sentence,
        gap.in_words(),
        gap.evidence,
        _against_gap(case.setup),
    )


def unlike(case: Case) -> Iterator[Verdict]:
    """Report a solved head that is better on folds of its training pictures than on others."""
    held_out = case.correct(case.held_out) if case.held_out else None
    count = sum(case.class_counts.values())
    if case.folds is None or held_out is None or not count:
        return
    interval = difference_interval((round(case.folds * count), count), held_out)
    if interval[0] <= _SURELY:
        return
    accuracy = held_out[0] / held_out[1]
    gap = Gap(case.folds, accuracy, str(case.held_out), interval)
    sentence = (
        f"The {gap.split} pictures are unlike the training pictures: the model is better on "
        "training pictures that it was not fitted on."
    )
    because = (
        f"The accuracy is {percent(gap.trained)} on folds of the training pictures, and "
        f"{percent(accuracy)} on the {gap.split} pictures, a difference of {points(gap.size)} "
        f"({points_between(interval)})."
    )
    tries = (*without_scenes(case.setup), *stronger_augmentation(case.setup))
    yield Verdict("unlike-training", Severity.WARNING, sentence, because, gap.evidence, tries)


def stronger_augmentation(setup: Setup) -> tuple[Try, ...]:
    """Suggest the next stronger augmentation policy; nothing beyond the strongest."""
    stronger = _STRONGER.get(setup.augment)
    if stronger is None:
        return ()
    views = " --set model.views=4" if setup.on_features else ""
    return (Try(f"--augment {stronger}{views}", "varies the pictures in every epoch"),)


def without_scenes(setup: Setup) -> tuple[Try, ...]:
    """Suggest to cut subjects out of their scenes, where the recipe does not."""
    if setup.isolated:
        return ()
    return (Try("--isolate", "cuts subjects out of their scenes, if only the scenes differ"),)


def _against_gap(setup: Setup) -> tuple[Try, ...]:
    transfer = Try("--recipe transfer", "starts from a pretrained network")
    dropout = Try("--set model.dropout=0.5", "prevents units from relying on each other")
    return (
        *stronger_augmentation(setup),
        *(() if setup.on_base else (transfer,)),
        *(() if setup.solved or setup.dropout >= 0.4 else (dropout,)),
    )


# Plain pictures, without dropout and at the end of an epoch, are easier than those of the training
# curve, so any loss of accuracy is a fault. Smaller ones do not matter.
_LOST = 0.005


def worse_than_trained(case: Case) -> Iterator[Verdict]:
    """Report a training accuracy surely below the training curve in the kept epoch."""
    evaluated, accuracy = case.correct("train"), case.curve("accuracy")
    # With balanced sampling, rare classes are more frequent in training than in the evaluation;
    # before fine-tuning, pictures are set aside that do not train.
    is_of_others = case.setup.balance == "sampling" or case.recipe.training.fine_tune
    if evaluated is None or case.best_epoch is None or is_of_others:
        return
    positions = (case.history["epoch"] == case.best_epoch).to_numpy().nonzero()[0]
    if not len(positions) or not math.isfinite(accuracy[positions[0]]):
        return
    in_training = float(accuracy[positions[0]])
    correct, count = evaluated
    interval = difference_interval((round(in_training * count), count), evaluated)
    if interval[0] <= _LOST:
        return
    lost = in_training - correct / count
    sentence = "The kept model is worse on its training pictures than the training curve shows."
    because = (
        f"Its training accuracy is {percent(correct / count)}; in epoch {case.best_epoch} the "
        f"curve shows {percent(in_training)}, {points(lost)} more ({points_between(interval)}), "
        "although the evaluation has no augmentation or dropout. With batch norm, the averages "
        "may not fit the weights or plain pictures."
    )
    evidence = {
        "in_training": in_training,
        "judged": correct / count,
        "lost": lost,
        "lost_interval": list(interval),
    }
    tries = _tries(case)
    yield Verdict("worse-than-trained", Severity.WARNING, sentence, because, evidence, tries)


def _tries(case: Case) -> tuple[Try, ...]:
    setup = case.setup
    anew = "measures batch norm again, on plain training pictures"
    offers = [
        (not setup.averaged, "--set training.average_epochs=1", anew),
        (setup.augment not in ("none", "gentle"), "--augment gentle", "closer to plain pictures"),
    ]
    longer = case.more_epochs("averages need steps to converge")
    return (*(Try(flag, why) for applies, flag, why in offers if applies), *longer)
