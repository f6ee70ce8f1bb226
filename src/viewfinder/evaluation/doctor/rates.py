"""The learning rate, as far as the curves tell: too high, too low, or far beyond."""

from collections.abc import Iterator, Mapping

import numpy as np

from viewfinder.core import curves
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict

# Beyond twice what guessing costs, and twice what was reached before, a loss has blown up.
_BLOWN_UP = 2.0
_OSCILLATES, _FEWEST_CLIMBS = 0.5, 3
_HIGH_WAVES = 0.05
_FEWEST_EPOCHS = 5
# An epoch's loss has its first steps in it, which cost what they like.
_FEWEST_TO_DIVERGE = 3
# Slow: less than a tenth gone in the whole training, and no slower at its end than half its pace.
_SLOW_FALL, _UNABATED = 0.25, 0.5


def diverged(case: Case) -> Iterator[Verdict]:
    """The loss is no number any more, or far above where it was."""
    for column, name in (("loss", "training"), ("val_loss", "validation")):
        losses = case.curve(column)
        lost = np.flatnonzero(~np.isfinite(losses))
        if len(lost):
            epoch = case.epoch(int(lost[0]))
            sentence = f"It diverged: from epoch {epoch} on the {name} loss is not a number."
            because = f"The learning rate was {case.setup.learning_rate:g}."
            yield _diverged(case, sentence, because, {"epoch": epoch, "curve": column})
            return
    if case.diverged:
        sentence = "It diverged: it was ended at the first loss that was not a number."
        yield _diverged(case, sentence, case.diverged, {"epoch": len(case.history) + 1})
        return
    losses = curves.levels(case.curve("loss"))
    if len(losses) < _FEWEST_TO_DIVERGE:
        return
    guessing = case.guessing_loss
    lowest, end = float(losses.min()), float(losses[-1])
    accuracy = curves.levels(case.curve("accuracy"))
    has_failed = len(accuracy) > 0 and accuracy[-1] <= case.guess[1] + _HIGH_WAVES
    from_start = has_failed and lowest > _BLOWN_UP * guessing
    if from_start or end > _BLOWN_UP * max(guessing, lowest):
        sentence = "It diverged: the training loss ended far above that of guessing."
        because = (
            f"It ended at {end:.3g}; guessing costs {guessing:.3g}, its lowest was {lowest:.3g}."
        )
        evidence = {"loss_end": end, "loss_lowest": lowest, "loss_of_guessing": guessing}
        yield _diverged(case, sentence, because, evidence)


def too_high(case: Case) -> Iterator[Verdict]:
    """The training loss climbs as often as it falls, in waves that are no noise."""
    losses = case.curve("loss")[1:]  # the first epoch falls from anywhere
    if len(losses) < _FEWEST_EPOCHS or not np.isfinite(losses).all():
        return
    share, climbs = curves.up_and_down(losses)
    wave, least = curves.scatter(losses), _HIGH_WAVES * case.guessing_loss
    if share < _OSCILLATES or climbs < _FEWEST_CLIMBS or wave < least:
        return
    sentence = "The training loss goes up and down: the learning rate is probably too high."
    because = (
        f"It climbed in {climbs} of {len(losses) - 1} epochs, by {100 * share:.0f}"
        f"\N{NO-BREAK SPACE}% of what it fell; it strays by ±{wave:.3f} from epoch to epoch."
    )
    evidence = {
        "climbs": climbs,
        "share_climbed": share,
        "loss_scatter": wave,
        "learning_rate": case.setup.learning_rate,
    }
    yield Verdict("lr-too-high", Severity.WARNING, sentence, because, evidence, _lower(case, 3))


def too_low(case: Case) -> Iterator[Verdict]:
    """The training loss falls evenly, epoch for epoch, and has hardly got anywhere."""
    losses = case.curve("loss")[1:]
    if len(losses) < _FEWEST_EPOCHS or not np.isfinite(losses).all():
        return
    third = max(2, len(losses) // 3)
    fall = losses[0] - losses[-1]
    begun, ended = losses[0] - losses[third], losses[-1 - third] - losses[-1]
    is_high = losses[-1] > case.guessing_loss / 2
    is_even = curves.falls_steadily(losses) and ended >= _UNABATED * begun
    if not (is_even and is_high and 0 < fall < _SLOW_FALL * losses[0]):
        return
    rate = case.setup.learning_rate
    sentence = "It learns evenly but slowly: the learning rate is probably too low."
    because = (
        f"From epoch {case.epoch(1)} to {case.epoch(-1)} the training loss fell from "
        f"{losses[0]:.3f} to {losses[-1]:.3f}, in nearly every epoch and no slower at the end."
    )
    evidence = {
        "loss_start": float(losses[0]),
        "loss_end": float(losses[-1]),
        "learning_rate": rate,
    }
    tries = (
        Try(f"--lr {_rounded(10 * rate)}", "ten times as much"),
        Try("viewfinder lr-find DATA", "finds the highest rate that still holds"),
    )
    yield Verdict("lr-too-low", Severity.WARNING, sentence, because, evidence, tries)


def _diverged(case: Case, sentence: str, because: str, evidence: Mapping[str, object]) -> Verdict:
    evidence = dict(evidence) | {"learning_rate": case.setup.learning_rate}
    return Verdict("diverged", Severity.ERROR, sentence, because, evidence, _lower(case, 10))


def _lower(case: Case, times: int) -> tuple[Try, ...]:
    lower = Try(f"--lr {_rounded(case.setup.learning_rate / times)}", f"a {_PARTS[times]} of it")
    return lower, Try("viewfinder lr-find DATA", "finds the highest rate that still holds")


_PARTS = {3: "third", 10: "tenth"}


def _rounded(rate: float) -> str:
    return f"{float(f'{rate:.1g}'):g}"
