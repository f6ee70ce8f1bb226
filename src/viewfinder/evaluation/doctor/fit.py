"""Too much learnt by heart, too little learnt, or not yet done."""

from collections.abc import Iterator

import numpy as np

from viewfinder.core import curves
from viewfinder.evaluation.doctor.case import Case, Setup
from viewfinder.evaluation.doctor.gap import gap_of, stronger_augmentation, without_scenes
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict, between, percent
from viewfinder.evaluation.evaluate import wilson_interval

# Of the way from guessing to always right, a model that fits has come so far on its own pictures.
_HALF_WAY = 0.5
_FEWEST_EPOCHS = 4
_STILL_FALLING = 0.05
# Of its highest, where the rate is still on its way down: a cosine is there at four fifths.
_STILL_HIGH = 0.1


def overfitting(case: Case) -> Iterator[Verdict]:
    """Validation parts from training: its loss rises, or its accuracy stays far behind."""
    rise = curves.rising_for_good(case.curve("loss"), case.curve("val_loss"))
    gap = gap_of(case)
    if not rise and not (gap and gap.is_far):
        return
    evidence, gap_words = (gap.evidence, gap.in_words()) if gap else ({}, "")
    because = gap_words
    sentence = "It knows its training pictures far better than others: it overfits."
    if rise:
        training = curves.levels(case.curve("loss"))
        lowest = int(curves.levels(case.curve("val_loss")).argmin())
        onset = case.epoch(rise.onset)
        sentence = (
            f"It overfits from epoch {onset} on: the validation loss rises while the training "
            "loss goes on falling."
        )
        because = (
            f"Validation loss from {rise.low:.3f} to {rise.end:.3f} "
            f"(+{100 * (rise.end / rise.low - 1):.0f}\N{NO-BREAK SPACE}%), training loss from "
            f"{training[lowest]:.3f} to {training[-1]:.3f}. {gap_words}"
        ).strip()
        evidence |= {
            "onset_epoch": onset,
            "val_loss_lowest": rise.low,
            "val_loss_end": rise.end,
            "val_loss_scatter": rise.scatter,
            "loss_end": float(training[-1]),
        }
    tries = _against_overfitting(
        case.setup, stops_early=rise is not None, is_strange=gap is not None and gap.is_strange
    )
    yield Verdict("overfitting", Severity.WARNING, sentence, because, evidence, tries)


def underfitting(case: Case) -> Iterator[Verdict]:
    """It is not good even on the pictures that it was trained on."""
    trained = case.right("train")
    name, guess = case.guess
    if trained is None or guess >= 1:
        return
    accuracy, interval = trained[0] / trained[1], wilson_interval(*trained)
    way = (accuracy - guess) / (1 - guess)
    gap = gap_of(case)
    if way >= _HALF_WAY or (gap and gap.is_far):
        return
    has_learnt = interval[0] > guess
    sentence = (
        "It underfits: it is often wrong even on the pictures it was trained on."
        if has_learnt
        else "It has learnt nothing: on its own training pictures it is no better than guessing."
    )
    because = (
        f"Right on {percent(accuracy)} of the training pictures ({between(interval)}); always "
        f"answering “{name}” would be right on {percent(guess)}."
    )
    evidence = {"train_accuracy": accuracy, "train_interval": list(interval), "guess": guess}
    tries = _against_underfitting(case) if has_learnt else _against_nothing(case)
    severity = Severity.WARNING if has_learnt else Severity.ERROR
    yield Verdict("underfitting", severity, sentence, because, evidence, tries)


def still_improving(case: Case) -> Iterator[Verdict]:
    """The validation loss was falling steadily when the training ended."""
    losses = case.curve("val_loss")
    count = max(_FEWEST_EPOCHS, len(losses) // 3)
    last = losses[-count:]
    if len(losses) <= count or not np.isfinite(losses).all():
        return
    slope, two_sided = curves.trend(last)
    chance, fall = two_sided / 2, -slope * (count - 1)
    start = float(np.median(last[:2]))
    if chance > 0.05 or fall < max(_STILL_FALLING * start, 3 * curves.scatter(losses)):
        return
    sentence = "It was still getting better when it ended: more epochs would help."
    because = (
        f"The validation loss fell by {100 * fall / start:.0f}\N{NO-BREAK SPACE}% over the last "
        f"{count} epochs, and so steadily that chance gives it in {percent(chance)} of cases."
    )
    evidence = {"epochs": count, "val_loss_fall": fall, "share": fall / start, "p": chance}
    longer = 2 * max(case.setup.epochs, len(losses))
    tries = case.setup.more_epochs("twice as long", longer)
    yield Verdict("still-improving", Severity.WARNING, sentence, because, evidence, tries)


def cut_short(case: Case) -> Iterator[Verdict]:
    """It was ended while its learning rate, which falls by plan, was still high."""
    done, planned, peak = len(case.history), case.setup.epochs, case.setup.learning_rate
    rates = case.curve("learning_rate")
    falls = case.setup.schedule in ("cosine", "one-cycle", "step") and not case.setup.tuned
    if not falls or not 0 < done < planned or not len(rates) or rates[-1] < _STILL_HIGH * peak:
        return
    sentence = f"It was cut short after {done} of {planned} epochs, with the rate still high."
    because = (
        f"The learning rate ended at {percent(rates[-1] / peak)} of its highest. It falls until "
        "the last epoch, and much of what a model learns, it learns then."
    )
    evidence = {"epochs": done, "planned": planned, "rate": rates[-1], "highest": peak}
    ends = case.setup.schedule != "step" and case.setup.averaged <= done
    as_long = Try(f"--epochs {done}", "as long, and the rate falls to its end")
    tries = (*((as_long,) if ends else ()), *_resume(case))
    yield Verdict("cut-short", Severity.WARNING, sentence, because, evidence, tries)


def too_short(case: Case) -> Iterator[Verdict]:
    """There are too few epochs to read the curves."""
    done = len(case.history)
    if case.setup.solved or done >= _FEWEST_EPOCHS + 1:
        return
    sentence = f"The curves are too short to be read: {_epochs(done)}."
    because = f"From {_FEWEST_EPOCHS + 1} epochs on, trends are told from chance."
    yield Verdict("too-short", Severity.INFO, sentence, because, {"epochs": done}, _goes_on(case))


def _epochs(count: int) -> str:
    return "no epoch was finished" if not count else f"{count} epoch{'' if count == 1 else 's'}"


def _resume(case: Case) -> tuple[Try, ...]:
    """Going on, where the training was stopped and is not fitted in one go."""
    if not case.interrupted or case.setup.on_features:
        return ()
    return (Try("viewfinder train --resume RUN", "goes on where it was stopped"),)


def _goes_on(case: Case) -> tuple[Try, ...]:
    """More epochs, where there was no reason to end before."""
    if case.interrupted:
        return _resume(case)
    if len(case.history) < case.setup.epochs:
        return ()
    return case.setup.more_epochs("long enough to see where it leads")


def _against_overfitting(setup: Setup, *, stops_early: bool, is_strange: bool) -> tuple[Try, ...]:
    learns_in_steps = not setup.solved
    offers = [
        (learns_in_steps and setup.dropout < 0.4, "--dropout 0.5", "no unit can rely on another"),
        (learns_in_steps and setup.penalty < 1e-4, "--l2 0.0005", "keeps weights small"),
        (stops_early, "--patience 3", "ends soon after the best epoch: the same model, sooner"),
        (not setup.on_base, "--recipe scratch/small", "fewer weights to learn by heart with"),
    ]
    others = [Try(flag, why) for holds, flag, why in offers if holds]
    scenes = without_scenes(setup) if is_strange else ()
    return tuple([*scenes, *stronger_augmentation(setup), *others][:3])


def _against_underfitting(case: Case) -> tuple[Try, ...]:
    setup = case.setup
    offers = [
        (setup.dropout >= 0.4, "--dropout 0.1", "less is hidden while it learns"),
        (setup.augment == "strong", "--augment standard", "less is varied while it learns"),
        (setup.penalty > 1e-2, "--l2 0", "weights may grow"),
    ]
    in_steps = [] if setup.solved else [Try("viewfinder lr-find DATA", "is the rate right?")]
    return tuple(
        [
            *(Try(flag, why) for holds, flag, why in offers if holds and not setup.solved),
            *setup.more_epochs("more time"),
            Try("--recipe scratch/large", "a larger network"),
            *in_steps,
        ][:3]
    )


def _against_nothing(case: Case) -> tuple[Try, ...]:
    rate = Try("viewfinder lr-find DATA", "a learning rate far too high or too low looks like this")
    return (
        *(() if case.setup.solved else (rate,)),
        Try("viewfinder audit DATA", "are labels and pictures what they should be?"),
        *case.setup.more_epochs("if the training loss has begun to fall"),
    )
