"""What a model showed in training, and no longer shows of the same pictures."""

from collections.abc import Iterator

from viewfinder.results.doctor.case import Case, Setup
from viewfinder.results.doctor.verdict import (
    Severity,
    Try,
    Verdict,
    percent,
    points,
    points_between,
)
from viewfinder.results.significance import difference_interval

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
