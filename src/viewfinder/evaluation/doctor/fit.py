"""Rules about the fit: overfitting, underfitting, and trainings that ended early."""

from collections.abc import Iterator

import numpy as np

from viewfinder.core import curves
from viewfinder.core.shares import wilson_interval
from viewfinder.core.words import percent
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.gap import gap_of, stronger_augmentation, without_scenes
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict, between, plural, rate_flag

# The least training accuracy that is no underfitting, as a share of the way from guessing to 1.
_HALF_WAY = 0.5
_FEWEST_EPOCHS = 4
_STILL_FALLING = 0.05
# A rate above this share of the highest is still high; a cosine gets there at four fifths.
_STILL_HIGH = 0.1


def overfitting(case: Case) -> Iterator[Verdict]:
    """Report a validation loss that rises for good, or an accuracy far below training."""
    rise = curves.rising_for_good(case.curve("loss"), case.curve("val_loss"))
    gap = gap_of(case)
    if not rise and not (gap and gap.is_far):
        return
    evidence, gap_words = (gap.evidence, gap.in_words()) if gap else ({}, "")
    because = gap_words
    sentence = "The model overfits: it is far better on its training pictures than on others."
    if rise:
        training = curves.levels(case.curve("loss"))
        lowest = int(curves.levels(case.curve("val_loss")).argmin())
        onset = case.epoch(rise.onset)
        sentence = (
            f"The model overfits from epoch {onset} on: the validation loss rises while the "
            "training loss still falls."
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
        case, stops_early=rise is not None, is_strange=gap is not None and gap.is_strange
    )
    yield Verdict("overfitting", Severity.WARNING, sentence, because, evidence, tries)


def underfitting(case: Case) -> Iterator[Verdict]:
    """Report a low accuracy on the training pictures themselves."""
    trained = case.correct("train")
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
        "The model underfits: it is often wrong even on its training pictures."
        if has_learnt
        else "The model has learnt nothing: on its training pictures it is no better than guessing."
    )
    because = (
        f"The training accuracy is {percent(accuracy)} ({between(interval)}); always predicting "
        f"“{name}” would reach {percent(guess)}."
    )
    evidence = {"train_accuracy": accuracy, "train_interval": list(interval), "guess": guess}
    tries = _against_underfitting(case) if has_learnt else _against_nothing(case)
    severity = Severity.WARNING if has_learnt else Severity.ERROR
    yield Verdict("underfitting", severity, sentence, because, evidence, tries)


def still_improving(case: Case) -> Iterator[Verdict]:
    """Report a validation loss that was still falling when the training ended."""
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
    sentence = "The validation loss was still falling at the end: more epochs would help."
    because = (
        f"The validation loss fell by {100 * fall / start:.0f}\N{NO-BREAK SPACE}% over the last "
        f"{count} epochs; by chance, a trend as steady has a probability of {percent(chance)}."
    )
    evidence = {"epochs": count, "val_loss_fall": fall, "share": fall / start, "p": chance}
    longer = 2 * max(case.setup.epochs, len(losses))
    tries = case.more_epochs("twice as many", longer)
    yield Verdict("still-improving", Severity.WARNING, sentence, because, evidence, tries)


def cut_short(case: Case) -> Iterator[Verdict]:
    """Report a training that ended while its falling learning rate was still high."""
    done, planned, peak = len(case.history), case.setup.epochs, case.setup.learning_rate
    rates = case.curve("learning_rate")
    falls = case.setup.schedule in ("cosine", "one-cycle", "step") and not case.setup.tuned
    if not falls or not 0 < done < planned or not len(rates) or rates[-1] < _STILL_HIGH * peak:
        return
    sentence = (
        f"The training ended after {done} of {planned} epochs, while the learning rate was still "
        "high."
    )
    because = (
        f"The learning rate ended at {percent(rates[-1] / peak)} of its highest value. The "
        "schedule lowers it until the last epoch, where models still improve."
    )
    evidence = {"epochs": done, "planned": planned, "rate": rates[-1], "highest": peak}
    ends = case.setup.schedule != "step" and case.setup.averaged <= done
    as_long = Try(f"--epochs {done}", "as many epochs, with the whole schedule")
    tries = (*((as_long,) if ends else ()), *_resume(case))
    yield Verdict("cut-short", Severity.WARNING, sentence, because, evidence, tries)


def too_short(case: Case) -> Iterator[Verdict]:
    """Report a training with too few steps to learn, or too few epochs for trends."""
    done, steps = len(case.history), case.steps
    is_barely_trained = case.is_barely_trained
    if case.setup.solved or (done >= _FEWEST_EPOCHS + 1 and not is_barely_trained):
        return
    count = "no epoch was completed"
    if done:
        count = f"{plural(done, 'epoch')}, {plural(steps, 'step')}"
    if is_barely_trained and done:
        sentence = f"The training is too short to learn much, or to be judged: {count}."
        because = "A step moves each weight by little; a network needs hundreds of steps."
        severity = Severity.WARNING
    else:
        sentence = f"The training is too short to show trends: {count}."
        because = f"Trends need at least {_FEWEST_EPOCHS + 1} epochs."
        severity = Severity.INFO
    evidence = {"epochs": done, "steps": steps}
    yield Verdict("too-short", severity, sentence, because, evidence, _continue(case))


def not_kept(case: Case) -> Iterator[Verdict]:
    """Report that fine-tuning was not kept, with the comparison that decided."""
    tuning = case.fine_tuning
    if not tuning or tuning["kept"] or "only_after" not in tuning:
        return
    before, after = tuning["before"]["accuracy"], tuning["after"]["accuracy"]
    only_after, only_before = tuning["only_after"], tuning["only_before"]
    sentence = "Fine-tuning did not help and is not kept: the model is the head before it."
    because = (
        f"Of {tuning['pictures']:,} validation pictures and training pictures set aside, the "
        f"fine-tuned model is right on {only_after:,} that the head misses, and wrong on "
        f"{only_before:,} that the head knows: {percent(before)} before, {percent(after)} after."
    )
    rate = case.recipe.steps.optimizer.learning_rate / 3
    tries = [Try(rate_flag(rate), "smaller steps change the base less")]
    if case.setup.solved:
        why = "the head alone, solved in seconds, on all training pictures"
        tries.append(Try("--recipe transfer", why))
    evidence = {key: tuning[key] for key in ("pictures", "only_before", "only_after")}
    yield Verdict("fine-tuning-not-kept", Severity.INFO, sentence, because, evidence, tuple(tries))


def _resume(case: Case) -> tuple[Try, ...]:
    """Suggest to resume, where the training was interrupted and has steps of its own."""
    if not case.interrupted or case.setup.on_features:
        return ()
    return (Try("viewfinder train --resume RUN", "resumes the training"),)


def _continue(case: Case) -> tuple[Try, ...]:
    """Suggest more epochs, unless the training ended by itself before."""
    if case.interrupted:
        return _resume(case)
    why = "enough to learn, and to show a trend" if case.is_barely_trained else "enough for trends"
    return case.more_epochs(why)


def _against_overfitting(case: Case, *, stops_early: bool, is_strange: bool) -> tuple[Try, ...]:
    setup, patience = case.setup, case.recipe.training.stop.patience
    penalty = max(setup.l2, setup.decay)
    offers = [
        (
            setup.dropout < 0.4,
            "--set model.dropout=0.5",
            "prevents units from relying on each other",
        ),
        (penalty < 1e-4, "--set model.l2=0.0005", "keeps weights small"),
        (
            stops_early and not patience,
            "--patience 3",
            "stops soon after the best epoch: the same model, sooner",
        ),
        (_may_be(case, "scratch/small"), "--recipe scratch/small", "a smaller network"),
    ]
    others = [Try(flag, why) for applies, flag, why in offers if applies]
    scenes = without_scenes(setup) if is_strange else ()
    return tuple([*scenes, *stronger_augmentation(setup), *others][:3])


def _against_underfitting(case: Case) -> tuple[Try, ...]:
    setup = case.setup
    offers = [
        (setup.dropout >= 0.4, "--set model.dropout=0.1", "weaker regularization"),
        (setup.augment == "strong", "--augment standard", "weaker augmentation"),
        (setup.l2 > 1e-2, "--set model.l2=0", "no penalty on weights"),
        (
            setup.decay > 1e-1,
            "--set training.optimizer.weight_decay=0.01",
            "a smaller penalty on weights",
        ),
    ]
    wider = [Try("--recipe scratch/large", "a larger network")]
    return tuple(
        [
            *(Try(flag, why) for applies, flag, why in offers if applies and not setup.solved),
            *case.more_epochs("more steps"),
            *(wider if _may_be(case, "scratch/large") else []),
            *case.find_rate("finds a learning rate"),
        ][:3]
    )


def _against_nothing(case: Case) -> tuple[Try, ...]:
    return (
        *case.find_rate("a rate that is far too high or too low has this effect"),
        Try("viewfinder audit DATA", "finds wrong labels and unreadable pictures"),
        *case.more_epochs("if the training loss has started to fall"),
    )


def _may_be(case: Case, recipe: str) -> bool:
    """Whether another network without a base may be suggested."""
    return not case.setup.on_base and case.recipe.name != recipe
