"""Rules about the learning rate: diverged, too high, too low."""

from collections.abc import Iterator, Mapping

import numpy as np

from viewfinder.core import curves
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict, rate_flag

# A loss has diverged above so many times the loss of guessing and its own minimum.
_BLOWN_UP = 2.0
_OSCILLATES, _FEWEST_CLIMBS = 0.5, 3
_HIGH_WAVES = 0.05
_FEWEST_EPOCHS = 5
# The loss of the first epochs includes the first steps, which may be of any size.
_FEWEST_TO_DIVERGE = 3
# Slow: falls by less than a quarter in all, and in its last third at least half as fast as first.
_SLOW_FALL, _UNABATED = 0.25, 0.5


def diverged(case: Case) -> Iterator[Verdict]:
    """Report a loss that is not finite, or far above its minimum."""
    for column, name in (("loss", "training"), ("val_loss", "validation")):
        losses = case.curve(column)
        not_finite = np.flatnonzero(~np.isfinite(losses))
        if len(not_finite):
            epoch = case.epoch(int(not_finite[0]))
            sentence = (
                f"The training diverged: from epoch {epoch} on, the {name} loss is not finite."
            )
            because = f"The learning rate was {case.setup.learning_rate:g}."
            yield _diverged(case, sentence, because, {"epoch": epoch, "curve": column})
            return
    if case.diverged:
        sentence = "The training diverged and was stopped at the first loss that was not finite."
        yield _diverged(case, sentence, case.diverged, {"epoch": len(case.history) + 1})
        return
    losses = curves.levels(case.curve("loss"))
    if len(losses) < _FEWEST_TO_DIVERGE or case.is_barely_trained:
        return
    guessing = case.guessing_loss
    lowest, end = float(losses.min()), float(losses[-1])
    accuracy = curves.levels(case.curve("accuracy"))
    has_failed = len(accuracy) > 0 and accuracy[-1] <= case.guess[1] + _HIGH_WAVES
    from_start = has_failed and lowest > _BLOWN_UP * guessing
    if from_start or end > _BLOWN_UP * max(guessing, lowest):
        sentence = "The training diverged: the training loss ended far above the loss of guessing."
        because = (
            f"The loss ended at {end:.3g}; its minimum was {lowest:.3g}, and the loss of guessing "
            f"is {guessing:.3g}."
        )
        evidence = {"loss_end": end, "loss_lowest": lowest, "loss_of_guessing": guessing}
        yield _diverged(case, sentence, because, evidence)


def too_high(case: Case) -> Iterator[Verdict]:
    """Report a training loss that rises and falls by more than noise."""
    losses = case.curve("loss")[1:]  # the first epoch starts anywhere
    if len(losses) < _FEWEST_EPOCHS or not np.isfinite(losses).all():
        return
    share, climbs = curves.up_and_down(losses)
    scatter, least = curves.scatter(losses), _HIGH_WAVES * case.guessing_loss
    if share < _OSCILLATES or climbs < _FEWEST_CLIMBS or scatter < least:
        return
    sentence = "The training loss oscillates: the learning rate is probably too high."
    because = (
        f"The loss rose in {climbs} of {len(losses) - 1} epochs, in sum by {100 * share:.0f}"
        f"\N{NO-BREAK SPACE}% of what it fell; its scatter from epoch to epoch is ±{scatter:.3f}."
    )
    evidence = {
        "climbs": climbs,
        "share_climbed": share,
        "loss_scatter": scatter,
        "learning_rate": case.setup.learning_rate,
    }
    yield Verdict(
        "lr-too-high", Severity.WARNING, sentence, because, evidence, _lower(case, 3, "third")
    )


def too_low(case: Case) -> Iterator[Verdict]:
    """Report a training loss that falls steadily, but by little."""
    losses = case.curve("loss")[1:]
    if len(losses) < _FEWEST_EPOCHS or not np.isfinite(losses).all():
        return
    third = max(2, len(losses) // 3)
    fall = losses[0] - losses[-1]
    first, last = losses[0] - losses[third], losses[-1 - third] - losses[-1]
    is_high = losses[-1] > case.guessing_loss / 2
    is_steady = curves.falls_steadily(losses) and last >= _UNABATED * first
    if not (is_steady and is_high and 0 < fall < _SLOW_FALL * losses[0]):
        return
    rate = case.setup.learning_rate
    sentence = "The training loss falls steadily but slowly: the learning rate is probably too low."
    because = (
        f"From epoch {case.epoch(1)} to {case.epoch(-1)} the training loss fell from "
        f"{losses[0]:.3f} to {losses[-1]:.3f}, in nearly every epoch, up to the end."
    )
    evidence = {
        "loss_start": float(losses[0]),
        "loss_end": float(losses[-1]),
        "learning_rate": rate,
    }
    tries = (
        Try(rate_flag(10 * rate), "ten times the learning rate"),
        *case.find_rate("finds the highest stable rate"),
    )
    yield Verdict("lr-too-low", Severity.WARNING, sentence, because, evidence, tries)


def _diverged(case: Case, sentence: str, because: str, evidence: Mapping[str, object]) -> Verdict:
    evidence = dict(evidence) | {"learning_rate": case.setup.learning_rate}
    return Verdict(
        "diverged", Severity.ERROR, sentence, because, evidence, _lower(case, 10, "tenth")
    )


def _lower(case: Case, times: int, part: str) -> tuple[Try, ...]:
    lower = case.lower_rate(times, f"a {part} of the learning rate")
    return (*lower, *case.find_rate("finds the highest stable rate")) if lower else ()
