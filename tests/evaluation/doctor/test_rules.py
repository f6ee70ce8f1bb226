"""Each rule detects its problem in a made training, and nothing in a healthy one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.doctor.cases import answered, case, flat, history, recipe, scores
from viewfinder.augment import policy
from viewfinder.evaluation.doctor import Severity, diagnose
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.diagnose import RULES
from viewfinder.recipe.named import recipe_named
from viewfinder.run_folder.files import UnitsOfLayer

LR_FIND = "viewfinder lr-find DATA --config RUN/recipe.yaml"
COURSE = pd.read_csv(Path(__file__).with_name("course_cats_dogs.csv"))


def codes(training: Case) -> list[str]:
    return diagnose(training).codes


def verdict(training: Case, code: str):
    (found,) = [verdict for verdict in diagnose(training).verdicts if verdict.code == code]
    return found


def flags(training: Case, code: str) -> list[str]:
    return [option.flag for option in verdict(training, code).tries]


def test_a_healthy_training_is_called_so_first() -> None:
    found = diagnose(case())
    assert found.codes == ["healthy", "optimistic"]
    assert found.worst is Severity.GOOD
    assert found.verdicts[0].sentence.startswith("Healthy")
    assert found.unseen == ()


def test_healthy_lists_what_was_not_examined() -> None:
    found = diagnose(case(units=None, copies=None))
    assert found.codes[0] == "healthy"
    assert "not everything could be examined" in found.verdicts[0].sentence
    assert set(found.unseen) == {"duplicates across splits", "the units' activations"}


@settings(max_examples=80, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    epochs=st.integers(6, 60),
    noise=st.floats(0, 0.02),
    end=st.floats(0.05, 0.3),
)
def test_noise_alone_makes_no_verdict(seed, epochs, noise, end) -> None:
    random = np.random.default_rng(seed)
    speed = epochs / 16  # the last four of six epochs are flat, too
    loss = flat(0.69, end, epochs, speed) + random.normal(size=epochs) * noise * 0.2
    val_loss = flat(0.69, end + 0.05, epochs, speed) + random.normal(size=epochs) * noise
    assert codes(case(history(loss, val_loss))) == ["healthy", "optimistic"]


def test_the_courses_network_overfits_on_cats_and_dogs() -> None:
    """Its real history: 15 epochs on 2,000 photos; 0.922 on training, 0.722 on validation."""
    seen = {"train": 0.922, "validation": 0.722}
    plain = recipe(15)
    counts = {"train": 2000, "validation": 1000}
    one = case(COURSE, seen, best_epoch=7, recipe=plain)
    one = replace(one, scores={name: one.scores[name] for name in counts})
    assert codes(one) == ["overfitting", "optimistic"]
    found = verdict(one, "overfitting")
    assert found.severity is Severity.WARNING
    # The lowest validation loss is at epoch 5; a person sees the rise between 6 and 8.
    assert 6 <= found.evidence["onset_epoch"] <= 8
    assert found.evidence["val_loss_end"] == pytest.approx(1.4852)
    assert found.evidence["gap"] == pytest.approx(0.2)
    low, high = found.evidence["gap_interval"]
    ours = stats.binomtest(1844, 2000).proportion_ci(method="wilson")
    theirs = stats.binomtest(722, 1000).proportion_ci(method="wilson")
    assert low == pytest.approx(0.2 - np.hypot(0.922 - ours.low, theirs.high - 0.722))
    assert high == pytest.approx(0.2 + np.hypot(ours.high - 0.922, 0.722 - theirs.low))
    assert flags(one, "overfitting")[:2] == ["--augment standard", "--set model.dropout=0.5"]


def test_the_courses_network_does_not_overfit_before_its_sixth_epoch() -> None:
    early = replace(case(COURSE[:5]), best_epoch=5)
    assert "overfitting" not in codes(early)


def test_a_gap_alone_is_overfitting_too() -> None:
    one = case(accuracies={"train": 0.99, "validation": 0.8, "test": 0.8})
    assert codes(one)[0] == "overfitting"
    assert "onset_epoch" not in verdict(one, "overfitting").evidence
    few = case(accuracies={"train": 1.0, "validation": 0.8}, counts={"train": 30, "validation": 10})
    assert "overfitting" not in codes(few), "ten pictures cannot show it"


@pytest.mark.parametrize(
    ("schedule", "done", "is_reported"),
    [
        ("cosine", 20, False),
        ("cosine", 17, False),
        ("cosine", 10, True),
        ("one-cycle", 10, True),
        ("constant", 10, False),  # a constant rate does not fall
        ("plateau", 10, False),
    ],
)
def test_a_training_that_ended_at_a_high_rate_is_cut_short(schedule, done, is_reported) -> None:
    table = history(flat(0.69, 0.15), flat(0.69, 0.22))
    table["learning_rate"] = 1e-3 * 0.5 * (1 + np.cos(np.pi * np.arange(1, 21) / 20))
    falling = recipe(20, schedule=schedule, augment="standard", dropout=0.2)
    one = case(table[:done], recipe=falling)
    assert ("cut-short" in codes(one)) is is_reported
    if is_reported:
        assert not {"healthy", "still-improving"} & set(codes(one))
        assert flags(one, "cut-short") == ["--epochs 10"]
        assert "after 10 of 20 epochs" in verdict(one, "cut-short").sentence
        assert "50" in verdict(one, "cut-short").because  # half of a cosine


@pytest.mark.parametrize(
    ("trained", "validated", "pictures", "code"),
    [
        (0.985, 0.895, 1000, "generalization-gap"),
        (0.985, 0.895, 100, None),  # chance could explain it
        (0.985, 0.935, 1000, None),  # 5 points, possibly fewer
        (0.99, 0.92, 10_000, "generalization-gap"),
        (0.99, 0.88, 1000, "overfitting"),
        (0.91, 0.90, 10_000, None),
    ],
)
def test_only_a_significant_gap_is_reported(trained, validated, pictures, code) -> None:
    one = case(
        accuracies={"train": trained, "validation": validated, "test": validated},
        counts={"validation": pictures, "test": pictures},
    )
    found = [name for name in codes(one) if name in ("generalization-gap", "overfitting")]
    assert found == ([code] if code else [])
    assert ("healthy" in codes(one)) is (code is None and pictures > 100)


def test_a_clear_gap_has_figures_and_suggestions() -> None:
    one = case(accuracies={"train": 0.985, "validation": 0.895, "test": 0.895})
    found = verdict(one, "generalization-gap")
    assert found.severity is Severity.WARNING
    assert found.evidence["gap"] == pytest.approx(0.09)
    ours = stats.binomtest(1970, 2000).proportion_ci(method="wilson")
    theirs = stats.binomtest(895, 1000).proportion_ci(method="wilson")
    low, high = found.evidence["gap_interval"]
    assert low == pytest.approx(0.09 - np.hypot(0.985 - ours.low, theirs.high - 0.895))
    assert high == pytest.approx(0.09 + np.hypot(ours.high - 0.985, 0.895 - theirs.low))
    assert "98.5" in found.because
    assert "89.5" in found.because
    wanted = ["--augment strong", "--recipe transfer", "--set model.dropout=0.5"]
    assert flags(one, "generalization-gap") == wanted


def test_accuracy_lost_since_training_is_reported() -> None:
    # Fashion-MNIST, when batch norm was measured on pictures with boxes in them.
    accuracies = {"train": 0.9523, "validation": 0.928, "test": 0.9292}
    counts = {"train": 57_000, "validation": 3_000, "test": 10_000}
    curve = np.linspace(0.6, 0.9618, 20)
    table = history(flat(0.69, 0.3), flat(0.69, 0.35), accuracy=curve)
    settings = {"schedule": "cosine", "augment": policy("standard")}
    averaged = recipe(20, 3e-3, **settings, **{"training.average_epochs": 1})
    one = case(table, accuracies, counts, recipe=averaged, best_epoch=20)
    found = verdict(one, "worse-than-trained")
    assert found.severity is Severity.WARNING
    assert found.evidence["lost"] == pytest.approx(0.0095, abs=1e-5)
    before = stats.binomtest(round(0.9618 * 57_000), 57_000).proportion_ci(method="wilson")
    after = stats.binomtest(round(0.9523 * 57_000), 57_000).proportion_ci(method="wilson")
    low = 0.0095 - np.hypot(0.9618 - before.low, after.high - 0.9523)
    assert found.evidence["lost_interval"][0] == pytest.approx(low, abs=1e-4)
    assert flags(one, "worse-than-trained")[0] == "--augment gentle"
    plain = averaged.changed({"training.average_epochs": 0})
    averaged_anew = flags(replace(one, recipe=plain), "worse-than-trained")
    assert averaged_anew[0] == "--set training.average_epochs=1"
    # No loss: an earlier best epoch; not significant: few pictures; not comparable: sampling.
    few = case(table, accuracies, {**counts, "train": 2_000}, recipe=averaged, best_epoch=20)
    sampled = replace(one, recipe=averaged.changed({"training.balance": "sampling"}))
    for other in (replace(one, best_epoch=18), few, sampled, case()):
        assert "worse-than-trained" not in codes(other)


def test_a_gap_is_a_part_of_overfitting_where_validation_gets_worse() -> None:
    rising = history(flat(0.69, 0.02), np.r_[flat(0.69, 0.4, 6), np.linspace(0.45, 2, 14)])
    one = case(rising, {"train": 0.985, "validation": 0.895, "test": 0.895})
    assert codes(one) == ["overfitting", "optimistic"]
    assert verdict(one, "overfitting").evidence["gap"] == pytest.approx(0.09)


def test_a_solved_head_that_fits_its_training_pictures_does_not_overfit_by_itself() -> None:
    """With more features than pictures it fits any; folds say how it does on others."""
    accuracies = {"train": 1.0, "validation": 0.8, "test": 0.8}
    of_head = {"recipe": recipe_named("transfer"), "units": None, "decisions": ()}
    one = case(history([0.01], [0.5], [1.0], [0.8]), accuracies, **of_head)
    for folds in (0.8, 0.84):
        assert codes(replace(one, folds=folds)) == ["healthy"], folds
    apart = replace(one, folds=0.97)
    assert codes(apart) == ["unlike-training"]
    found = verdict(apart, "unlike-training")
    ours = stats.binomtest(1940, 2000).proportion_ci(method="wilson")
    theirs = stats.binomtest(800, 1000).proportion_ci(method="wilson")
    low, high = found.evidence["gap_interval"]
    assert low == pytest.approx(0.17 - np.hypot(0.97 - ours.low, theirs.high - 0.8))
    assert high == pytest.approx(0.17 + np.hypot(ours.high - 0.97, 0.8 - theirs.low))
    wanted = ["--isolate", "--augment standard --set model.views=4"]
    assert flags(apart, "unlike-training") == wanted


def test_fine_tuning_that_was_not_kept_is_reported_with_its_comparison() -> None:
    """The kept model is the solved head: no curve belongs to it, and it chose no epoch."""
    record = {
        "kept": False,
        "pictures": 78,
        "before": {"accuracy": 75 / 78},
        "after": {"accuracy": 66 / 78},
        "only_before": 10,
        "only_after": 1,
    }
    one = case(
        history([0.1], [0.3], [1.0], [0.9]),
        {"train": 1.0, "validation": 0.9, "test": 0.9},
        recipe=recipe_named("transfer/fine-tuned"),
        fine_tuning=record,
        decisions=("between the head and the fine-tuned model",),
    )
    assert codes(one) == ["healthy", "optimistic", "fine-tuning-not-kept"]
    found = verdict(one, "fine-tuning-not-kept")
    assert "right on 1 that the head misses, and wrong on 10" in found.because
    assert [option.flag for option in found.tries] == ["--lr 0.0003", "--recipe transfer"]
    chose = verdict(one, "optimistic")
    assert chose.sentence.endswith("chose between the head and the fine-tuned model.")
    kept = replace(one, fine_tuning={**record, "kept": True})
    assert "fine-tuning-not-kept" not in codes(kept)


def test_two_steps_are_no_reason_to_doubt_the_learning_rate() -> None:
    """Ten pictures, two epochs of a step: nothing has been learnt, whatever the rate."""
    table = history([7.9, 9.5], [8.1, 8.3], [0.5, 0.5], [0.5, 0.5])
    same = {"train": answered(np.arange(10) % 2, [0] * 10, 2)}
    same["validation"] = answered(np.arange(6) % 2, [0] * 6, 2)
    few = {"class 0": 5, "class 1": 5}
    one = replace(case(table), scores=same, class_counts=few)
    assert codes(one) == ["too-short", "validation-small", "optimistic"]
    assert "2\N{NO-BREAK SPACE}epochs, 2\N{NO-BREAK SPACE}steps" in (
        verdict(one, "too-short").sentence
    )
    assert flags(one, "too-short") == ["--epochs 40"]
    many = replace(one, class_counts={"class 0": 5000, "class 1": 5000})
    assert codes(many)[0] == "majority-only"
    endless = replace(one, history=table.assign(loss=[7.9, np.inf]))
    assert codes(endless)[0] == "diverged"


def test_contradicting_labels() -> None:
    one = case(contradicting=4)
    assert codes(one)[0] == "labels-contradict"
    assert verdict(one, "labels-contradict").evidence == {"pictures": 4}


def test_more_epochs_are_not_suggested_where_another_rule_ends_the_training() -> None:
    table = history(np.linspace(0.69, 0.3, 12), np.linspace(0.69, 0.32, 12))
    assert flags(case(table), "still-improving") == ["--epochs 24"]
    at_its_target = case(table, recipe=recipe(30, **{"training.stop.target": "accuracy=0.9"}))
    assert flags(at_its_target, "still-improving") == []


@pytest.mark.parametrize(
    ("given", "settings", "wanted"),
    [
        ({"train", "validation"}, {}, ["--folds 5"]),
        ((), {}, ["--validation 0.3", "--folds 5"]),
        ((), {"data.validation": 0.4}, ["--folds 5"]),
        ((), {"data.holdout": "validation"}, ["--validation 0.3"]),
        (None, {"data.fold": 1}, []),
    ],
)
def test_a_larger_validation_split_is_suggested_where_it_can_be_made(
    given, settings, wanted
) -> None:
    small = case(accuracies={"validation": 0.8, "train": 0.85}, counts={"validation": 60})
    of_data = replace(small, given=None if given is None else frozenset(given))
    of_data = replace(of_data, recipe=recipe(20, augment="standard", dropout=0.2, **settings))
    assert flags(of_data, "validation-small") == wanted


def test_the_sampling_error_of_a_perfect_accuracy_is_not_zero() -> None:
    swings = np.ones(20)
    swings[10:] = [0.9, 1.0] * 5
    one = case(history(flat(0.69, 0.15), flat(0.69, 0.22), None, swings))
    assert "±0.0" not in verdict(one, "validation-noisy").because


def test_isolation_is_suggested_where_pictures_may_differ_in_kind() -> None:
    one = case(accuracies={"train": 1.0, "validation": 0.6, "test": 0.6})
    assert flags(one, "overfitting")[:2] == ["--isolate", "--augment strong"]
    isolated = replace(one, recipe=recipe(20, **{"input.isolate": True}))
    assert "--isolate" not in flags(isolated, "overfitting")


def test_settings_in_use_are_not_suggested_against_overfitting() -> None:
    one = case(accuracies={"train": 0.99, "validation": 0.8, "test": 0.8})
    rich = recipe(20, augment="strong", dropout=0.5, **{"model.l2": 0.01})
    assert flags(one, "overfitting")[0] == "--augment strong"
    assert flags(replace(one, recipe=rich), "overfitting") == ["--recipe scratch/small"]


def test_underfitting_and_having_learnt_nothing() -> None:
    same = {"train": 0.7, "validation": 0.69, "test": 0.69}
    table = history(flat(0.69, 0.6), flat(0.69, 0.61), accuracy=np.linspace(0.5, 0.7, 20))
    one = case(table, same)
    assert codes(one)[0] == "underfitting"
    assert "--recipe scratch/large" in flags(one, "underfitting")
    table = history(flat(0.7, 0.693), flat(0.7, 0.693), accuracy=np.full(20, 0.5))
    none = case(table, dict.fromkeys(same, 0.5))
    assert codes(none)[0] == "underfitting"
    found = verdict(none, "underfitting")
    assert found.severity is Severity.ERROR
    assert "learnt nothing" in found.sentence
    assert found.tries[0].flag == LR_FIND


@pytest.mark.parametrize(("epochs", "longer"), [(6, "12"), (30, "60")])
def test_still_improving(epochs, longer) -> None:
    table = history(np.linspace(0.69, 0.3, epochs), np.linspace(0.69, 0.32, epochs))
    one = case(table)
    assert codes(one)[0] == "still-improving"
    assert flags(one, "still-improving") == [f"--epochs {longer}"]
    assert verdict(one, "still-improving").evidence["p"] < 0.05


def test_too_few_epochs_are_not_read() -> None:
    one = case(history(flat(0.69, 0.15, 3), flat(0.69, 0.2, 3)))
    assert "too-short" in codes(one)
    none = case(history([], [], [], []), best_epoch=None)
    assert "too-short" in codes(none)
    assert "no epoch was completed" in verdict(none, "too-short").sentence


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_brief_training_is_not_called_healthy_though_nothing_is_wrong(epochs) -> None:
    found = diagnose(case(history(flat(0.69, 0.15, epochs), flat(0.69, 0.2, epochs))))
    assert [code for code in found.codes if code != "optimistic"] == ["healthy", "too-short"]
    assert "too short" in found.verdicts[0].sentence
    assert not found.verdicts[0].sentence.startswith("Healthy")


def test_all_suggestions_of_more_epochs_have_the_same_number() -> None:
    """One epoch with every verdict that suggests more epochs."""
    brief = history([0.7], [0.7], [0.5], [0.5])
    same = dict.fromkeys(("train", "validation", "test"), 0.5)
    for one in (case(brief, same), replace(case(brief, same), scores=one_answer_only())):
        given = {option.flag for found in diagnose(one).verdicts for option in found.tries}
        assert {flag for flag in given if flag.startswith("--epochs")} == {"--epochs 15"}
        assert len(diagnose(one).verdicts) > 1


def one_answer_only():
    return {"train": scores(0.5, 100), "validation": answered(np.arange(100) % 2, [0] * 100, 2)}


def test_suggestions_after_a_brief_training_depend_on_why_it_ended() -> None:
    brief = history(flat(0.69, 0.15, 2), flat(0.69, 0.2, 2))
    of_thirty = recipe(30, augment="standard")
    stopped = case(brief, recipe=of_thirty, interrupted=True)
    assert flags(stopped, "too-short") == ["viewfinder train --resume RUN"]
    at_its_target = case(brief, recipe=of_thirty)
    assert flags(at_its_target, "too-short") == []
    of_two = case(brief, recipe=recipe(2, augment="standard"))
    assert flags(of_two, "too-short") == ["--epochs 15"]


def test_the_first_epochs_of_a_tiny_set_are_no_divergence() -> None:
    """The first steps may have any loss, and the epoch's loss is the mean of a few of them."""
    same = dict.fromkeys(("train", "validation", "test"), 0.5)
    for epochs, is_reported in ((1, False), (2, False), (3, True)):
        high, half = np.full(epochs, 7.9), np.full(epochs, 0.5)
        found = codes(case(history(high, high, half, half), same))
        assert ("diverged" in found) is is_reported


def test_a_loss_that_is_not_finite() -> None:
    loss = np.r_[0.69, 0.5, 0.4, np.nan, np.nan, np.nan]
    one = case(history(loss, flat(0.69, 0.2, 6)))
    assert codes(one) == ["diverged", "optimistic"]
    found = verdict(one, "diverged")
    assert found.evidence["epoch"] == 4
    assert found.tries[0].flag == "--lr 0.0001"
    endless = replace(one, history=history(flat(0.69, 0.2, 6), np.full(6, np.inf)))
    assert verdict(endless, "diverged").evidence["curve"] == "val_loss"


def test_a_loss_far_above_guessing() -> None:
    wild = history(np.full(8, 7.9), np.full(8, 8.1), np.full(8, 0.5), np.full(8, 0.5))
    assert codes(case(wild, dict.fromkeys(("train", "validation", "test"), 0.5)))[0] == "diverged"
    late = history(np.r_[flat(0.69, 0.3, 6), 2, 5, 9, 20], np.r_[flat(0.69, 0.3, 6), 2, 5, 9, 20])
    assert codes(case(late))[0] == "diverged"


def test_a_loss_with_penalties_is_not_taken_for_divergence() -> None:
    """L2 adds to the training loss, which may then be above guessing in a healthy training."""
    assert codes(case(history(flat(3, 1.7), flat(0.69, 0.2)))) == ["healthy", "optimistic"]


def test_a_learning_rate_too_high_makes_the_loss_oscillate() -> None:
    waves = 0.4 + 0.15 * (-1.0) ** np.arange(14)
    one = case(history(waves, waves + 0.02))
    assert codes(one)[0] == "lr-too-high"
    assert flags(one, "lr-too-high")[0] == "--lr 0.0003"
    tiny = 0.004 + 0.002 * (-1.0) ** np.arange(14)
    assert "lr-too-high" not in codes(case(history(tiny, flat(0.3, 0.2, 14))))


def test_a_learning_rate_too_low_makes_the_loss_fall_slowly() -> None:
    creeping = np.linspace(0.72, 0.66, 12)
    one = case(
        history(creeping, creeping),
        dict.fromkeys(("train", "validation", "test"), 0.6),
        recipe=recipe(12, 1e-5),
    )
    assert codes(one)[0] == "lr-too-low"
    assert flags(one, "lr-too-low")[0] == "--lr 0.0001"
    saturating = history(flat(0.72, 0.66, 12, 1.0), flat(0.72, 0.66, 12, 1.0))
    assert "lr-too-low" not in codes(replace(one, history=saturating))


@pytest.mark.parametrize(("count", "is_small"), [(16, True), (200, True), (1000, False)])
def test_a_small_validation_split(count, is_small) -> None:
    one = case(accuracies={"validation": 0.8125, "train": 0.85}, counts={"validation": count})
    assert ("validation-small" in codes(one)) is is_small
    if is_small:
        found = verdict(one, "validation-small").evidence
        assert found["interval"][1] - found["interval"][0] > 0.1
        assert 400 < found["needed"] < 1200


def test_a_noisy_validation_accuracy() -> None:
    swings = 0.85 + 0.05 * np.random.default_rng(0).normal(size=20)
    one = case(history(flat(0.69, 0.15), flat(0.69, 0.22), None, swings))
    assert "validation-noisy" in codes(one)
    assert verdict(one, "validation-noisy").evidence["scatter"] > 0.03
    few = case(one.history, counts={"validation": 40})
    assert "validation-noisy" not in codes(few), "forty pictures explain it"


def test_better_on_validation_because_augmentation_acts_in_training_only() -> None:
    table = history(flat(0.69, 0.3), flat(0.69, 0.22), np.full(20, 0.85), np.full(20, 0.91))
    found = verdict(case(table), "validation-easier")
    assert found.severity is Severity.INFO
    assert "augmentation" in found.sentence
    assert "dropout" in found.sentence
    plain = case(table, recipe=recipe(20))
    assert "an average over the epoch" in verdict(plain, "validation-easier").sentence


def test_a_kept_model_better_on_validation_is_suspicious() -> None:
    table = history(flat(0.69, 0.3), flat(0.69, 0.35), accuracy=np.linspace(0.6, 0.85, 20))
    one = case(table, {"train": 0.85, "validation": 0.93, "test": 0.93})
    assert codes(one)[0] == "leak-suspected"
    assert "validation-easier" not in codes(one)
    assert flags(one, "leak-suspected")[0] == "viewfinder audit DATA"


def test_leaks() -> None:
    copied = case(copies=3)
    found = verdict(copied, "leak-suspected")
    assert found.severity is Severity.ERROR
    assert "3\N{NO-BREAK SPACE}pictures" in found.sentence
    neighbours = case(accuracies={"train": 1.0, "validation": 1.0, "test": 0.93})
    assert flags(neighbours, "leak-suspected")[-1] == "--isolate"
    assert "leak-suspected" not in codes(case(accuracies={"validation": 0.93, "test": 0.91}))


def test_known_near_duplicates_are_reported_with_their_remedy() -> None:
    leaking = case()
    leaking.scores["validation"]["leaks"] = {"exact": 0, "near": 365}
    found = verdict(leaking, "leak-suspected")
    assert found.severity is Severity.WARNING
    assert found.sentence.startswith("365 of ")
    assert found.evidence["near"] == {"validation": 365}
    assert flags(leaking, "leak-suspected") == ["viewfinder split DATA --output NAME.dataset"]
    # A much harder test split is a separate finding.
    harder = case(accuracies={"train": 1.0, "validation": 1.0, "test": 0.93})
    harder.scores["validation"]["leaks"] = {"exact": 0, "near": 365}
    assert codes(harder).count("leak-suspected") == 2


def test_optimistic_states_the_test_accuracy_if_there_is_one() -> None:
    found = verdict(case(), "optimistic")
    assert "The test accuracy is unbiased: 91.0" in found.because
    assert found.tries == ()
    alone = case()
    without = {name: alone.scores[name] for name in ("train", "validation")}
    assert flags(replace(alone, scores=without), "optimistic") == [
        "--test 0.2",
        "--holdout validation",
    ]
    assert "optimistic" not in codes(case(decisions=()))


def test_the_same_prediction_for_every_picture() -> None:
    same = answered(np.arange(100) % 2, np.zeros(100, int), 2)
    half = scores(0.5, 100)
    one = replace(case(), scores={"train": half, "validation": same})
    assert codes(one)[0] == "majority-only"
    found = verdict(one, "majority-only")
    assert found.evidence["answer"] == "class 0"
    assert found.tries[0].flag == "--epochs 40", "the last training accuracy is 93 %"
    assert "batch norm" in found.because
    lagging = replace(one, history=one.history.assign(accuracy=0.5))
    assert flags(lagging, "majority-only")[0] == LR_FIND


def test_a_class_that_is_never_predicted() -> None:
    labels = np.arange(300) % 3
    predicted = np.where(labels == 2, 1, labels)
    counts = {"class 0": 900, "class 1": 900, "class 2": 60}
    one = replace(case(classes=3), class_counts=counts)
    one = replace(
        one, scores={"train": scores(0.9, 300, 3), "validation": answered(labels, predicted, 3)}
    )
    found = verdict(one, "class-collapse")
    assert found.evidence["classes"] == ["class 2"]
    assert found.evidence["recall_at_most"] == pytest.approx(0.037, abs=1e-3)  # Wilson, 0 of 100
    assert flags(one, "class-collapse")[0] == "--set training.balance=weights"
    even = replace(one, class_counts=dict.fromkeys(counts, 900))
    assert flags(even, "class-collapse") == ["viewfinder audit DATA"]


def layer(name: str, units: int, dead: int, largest: float | None = 3.0):
    return UnitsOfLayer(layer=name, units=units, relu=True, dead=dead, largest=largest)


def test_dead_and_exploding_units() -> None:
    half = case(units=[layer("a", 32, 2), layer("b", 64, 40)])
    assert verdict(half, "dead-units").severity is Severity.INFO
    assert "62.5" in verdict(half, "dead-units").because
    assert codes(case(units=[layer("a", 32, 32)]))[0] == "dead-units"
    assert codes(case(units=[layer("a", 32, 0, 1e6)]))[0] == "exploding-units"
    broken = case(units=[layer("a", 32, 0, None)])
    assert verdict(broken, "exploding-units").severity is Severity.ERROR
    assert "dead-units" not in codes(case(units=[layer("a", 4, 3), layer("b", 64, 10)]))


def test_the_worst_comes_first_and_consequences_are_left_out() -> None:
    one = case(
        history(flat(0.69, 0.02), np.r_[flat(0.69, 0.4, 6), np.linspace(0.45, 2, 14)]),
        {"train": 1.0, "validation": 0.75, "test": 0.74},
        copies=5,
        units=[layer("a", 64, 40)],
    )
    found = diagnose(one)
    assert found.codes == ["leak-suspected", "overfitting", "dead-units", "optimistic"]
    ranks = [verdict.severity.rank for verdict in found.verdicts]
    assert ranks == sorted(ranks)


def test_every_rule_is_documented() -> None:
    """Every rule has a code in `docs/doctor.md`."""
    page = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text(encoding="utf-8")
    named = {
        "diverged",
        "exploding-units",
        "majority-only",
        "leak-suspected",
        "overfitting",
        "lr-too-high",
        "lr-too-low",
        "cut-short",
        "worse-than-trained",
        "underfitting",
        "class-collapse",
        "still-improving",
        "generalization-gap",
        "validation-easier",
        "validation-noisy",
        "validation-small",
        "dead-units",
        "optimistic",
        "too-short",
        "labels-contradict",
        "unlike-training",
        "fine-tuning-not-kept",
        "series-torn",
        "weak-class",
        "limiting-stage",
    }
    assert len(RULES) == len(named)
    assert all(f"`{code}`" in page for code in named | {"healthy"})


@pytest.mark.parametrize(
    ("limit", "words", "suggested"),
    [
        ("network", "The network limits", []),
        ("decoding", "Decoding pictures limits", ["--store-limit 20GB"]),
    ],
)
def test_the_stage_that_takes_most_of_the_time_is_named(limit, words, suggested) -> None:
    stages = {"preparing": 5.0, "network": 30.0, "decoding": 30.0, limit: 90.0}
    found = verdict(case(stages=stages), "limiting-stage")
    assert found.sentence.startswith(f"{words} the training: 72")
    assert found.evidence["limit"] == limit
    assert found.evidence["share"] == pytest.approx(90 / 125)
    assert flags(case(stages=stages), "limiting-stage") == suggested
    assert codes(case(stages=stages))[0] == "healthy"
    brief = {name: seconds / 10 for name, seconds in stages.items()}
    assert "limiting-stage" not in codes(case(stages=brief))


def test_json_is_plain() -> None:
    import json

    for one in (case(), case(COURSE), case(copies=2, units=[layer("a", 32, 32, None)])):
        written = json.loads(json.dumps(diagnose(one).to_json(), allow_nan=False))
        assert written["schema"] == 1
        assert set(written["verdicts"][0]) == {
            "code",
            "severity",
            "sentence",
            "because",
            "evidence",
            "try",
        }


def test_a_case_without_anything_is_no_error() -> None:
    empty = Case(pd.DataFrame({"epoch": [], "loss": []}), {}, recipe(10), {})
    assert codes(empty) == ["healthy", "too-short"]
