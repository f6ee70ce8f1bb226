"""How much better the kept model knows its training pictures than others, measured alike."""

from collections.abc import Iterator
from dataclasses import dataclass

from viewfinder.evaluation.doctor.case import Case, Setup
from viewfinder.evaluation.doctor.verdict import (
    Severity,
    Try,
    Verdict,
    percent,
    points,
    points_between,
)
from viewfinder.evaluation.significance import difference_interval

# A gap is spoken of where it is surely beyond 5 points; from 10 on it is overfitting by itself.
_SURELY, _FAR = 0.05, 0.10
# Learning by heart alone rarely explains so much: the other pictures may be of another kind.
_STRANGE = 0.25
_STRONGER = {"none": "standard", "course": "standard", "standard": "strong"}


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference of accuracies that chance does not explain.

    Attributes:
        trained: The share of the training pictures that is answered rightly.
        judged: The same of the other pictures.
        split: Which these are.
        interval: The 95 % interval of the difference.
    """

    trained: float
    judged: float
    split: str
    interval: tuple[float, float]

    @property
    def size(self) -> float:
        """By how much training is better: -1 to 1."""
        return self.trained - self.judged

    @property
    def is_far(self) -> bool:
        """Whether it is overfitting, whatever the curves show."""
        return self.size >= _FAR

    @property
    def is_strange(self) -> bool:
        """Whether the other pictures may well be of another kind."""
        return self.size >= _STRANGE

    @property
    def evidence(self) -> dict[str, object]:
        """The figures."""
        return {"gap": self.size, "gap_interval": list(self.interval)}

    def in_words(self) -> str:
        """The figures, as a sentence."""
        return (
            f"The kept model is right on {percent(self.trained)} of the training pictures and "
            f"{percent(self.judged)} of the {self.split} pictures: {points(self.size)} apart "
            f"({points_between(self.interval)})."
        )


def gap_of(case: Case) -> Gap | None:
    """The gap of the kept model, where it is surely more than 5 points."""
    trained, judged = case.right("train"), case.right(case.judged or "")
    if trained is None or judged is None or case.judged is None:
        return None
    interval = difference_interval(trained, judged)
    if interval[0] <= _SURELY:
        return None
    return Gap(trained[0] / trained[1], judged[0] / judged[1], case.judged, interval)


def clear_gap(case: Case) -> Iterator[Verdict]:
    """The kept model is clearly better on its training pictures, and not so far as to overfit."""
    gap = gap_of(case)
    if gap is None or gap.is_far:
        return
    sentence = (
        "It knows its training pictures clearly better than others: more pictures, or more varied "
        "ones, would help."
    )
    yield Verdict(
        "generalization-gap",
        Severity.WARNING,
        sentence,
        gap.in_words(),
        gap.evidence,
        _against_gap(case.setup),
    )


def stronger_augmentation(setup: Setup) -> tuple[Try, ...]:
    """The next stronger policy, as this kind of model takes it; none beyond the strongest."""
    stronger = _STRONGER.get(setup.augment)
    if stronger is None:
        return ()
    views = " --views 4" if setup.on_features else ""
    return (Try(f"--augment {stronger}{views}", "pictures that are never twice the same"),)


def without_scenes(setup: Setup) -> tuple[Try, ...]:
    """What helps where other pictures differ by what is behind their subjects."""
    if setup.isolated:
        return ()
    return (Try("--isolate", "cuts subjects out of their scenes, where only these are others"),)


def _against_gap(setup: Setup) -> tuple[Try, ...]:
    transfer = Try("--recipe transfer", "begins with what a network has learnt from other photos")
    dropout = Try("--dropout 0.5", "no unit can rely on another")
    return (
        *stronger_augmentation(setup),
        *(() if setup.on_base else (transfer,)),
        *(() if setup.solved or setup.dropout >= 0.4 else (dropout,)),
    )


# Pictures as they are, without dropout and at an epoch's end, are the easier ones: a loss of any
# size is a fault, and half a point is one that matters.
_SURELY = 0.005


def worse_than_trained(case: Case) -> Iterator[Verdict]:
    """The kept model answers its training pictures worse than it did in the epoch that made it."""
    judged, accuracy = case.right("train"), case.curve("accuracy")
    # Balanced sampling asks in training for rare classes more often than judging does.
    if judged is None or case.best_epoch is None or case.setup.balance == "sampling":
        return
    places = (case.history["epoch"] == case.best_epoch).to_numpy().nonzero()[0]
    if not len(places) or not len(accuracy):
        return
    shown = float(accuracy[places[0]])
    right, count = judged
    interval = difference_interval((round(shown * count), count), judged)
    if interval[0] <= _SURELY:
        return
    sentence = "It answers its training pictures worse than it did while it trained on them."
    because = (
        f"Right on {percent(right / count)} of them, and on {percent(shown)} in epoch "
        f"{case.best_epoch}: {points(shown - right / count)} lost ({points_between(interval)}), "
        "though nothing varies or hides them now. Where there is batch norm, its averages do not "
        "fit the weights, or pictures as they are."
    )
    evidence = {
        "in_training": shown,
        "judged": right / count,
        "lost": shown - right / count,
        "lost_interval": list(interval),
    }
    tries = _tries(case.setup)
    yield Verdict("worse-than-trained", Severity.WARNING, sentence, because, evidence, tries)


def _tries(setup: Setup) -> tuple[Try, ...]:
    anew = "batch norm is measured anew, on training pictures as they are"
    offers = [
        (not setup.averaged, "--set training.average_epochs=1", anew),
        (
            setup.augment not in ("none", "gentle"),
            "--augment gentle",
            "nearer to pictures as they are",
        ),
    ]
    settle = setup.more_epochs("averages need steps to settle")
    return (*(Try(flag, why) for holds, flag, why in offers if holds), *settle)
