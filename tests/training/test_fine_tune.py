"""Fine-tuning: the layers that train, their learning rates, and the decision to keep it."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from residual import COUNT, Pixels, batches, recipe, residual_base
from scipy import stats

from viewfinder.augment.batches import Batches
from viewfinder.core.errors import DataError, RecipeError, UsageError
from viewfinder.core.randomness import ids
from viewfinder.models import transfer
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import FineTune
from viewfinder.run_folder import RunFolder, best_epoch
from viewfinder.training import BatchDataset, compile_model, fit
from viewfinder.training.fine_tune import Decision, Feeds, answers, fine_tune, thaw
from viewfinder.training.phases import Phases, set_aside
from viewfinder.training.schedules import set_rates


def trainable(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable_weights]


# --- What trains ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({"blocks": 1}, ["top_conv"]),
        ({"blocks": 2}, ["block_2_conv", "top_conv"]),
        ({"blocks": 9}, ["stem", "block_1_conv", "block_2_conv", "top_conv"]),
        ({"from_layer": "block_2_norm"}, ["top_conv"]),
        ({"from_layer": "block_2_conv"}, ["block_2_conv", "top_conv"]),
    ],
)
def test_the_top_of_the_base_trains_without_its_batch_norms(settings, base):
    model = transfer(residual_base(), classes=2)
    assert trainable(model) == ["probability"]
    thaw(model, FineTune(**settings))
    assert trainable(model) == [*base, "probability"]


def test_learning_rates_fall_from_block_to_block():
    model = transfer(residual_base(), classes=2)
    shares = thaw(model, FineTune(blocks=3, decay=0.5))
    found = {path.partition("/")[0]: share for path, share in shares.items()}
    assert found == {"top_conv": 0.5, "block_2_conv": 0.25, "stem": 0.125, "block_1_conv": 0.125}


def test_a_wrong_layer_names_the_nearest():
    model = transfer(residual_base(), classes=2)
    with pytest.raises(UsageError, match=r"no layer 'top_con'(.|\n)*mean 'top_conv'"):
        thaw(model, FineTune(from_layer="top_con"))
    above_all = transfer(keras.Sequential([residual_base(), layers.ReLU(name="end")]), classes=2)
    with pytest.raises(UsageError, match="No layer of the base would train"):
        thaw(above_all, FineTune(from_layer="end"))


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_each_weight_moves_by_its_own_share_of_the_learning_rate(name):
    """Take one step with and one without shares from the same weights, and compare their ratio."""
    moves = []
    for shares in ({}, {"near/kernel": 0.25, "near/bias": 0.0}):
        inputs = keras.Input((3,))
        x = layers.Dense(3, kernel_initializer="ones", name="near")(inputs)
        outputs = layers.Dense(2, kernel_initializer="ones", name="far")(x)
        model = keras.Model(inputs, outputs)
        model.compile(getattr(keras.optimizers, name)(0.01), "mse", run_eagerly=True)
        set_rates(model.optimizer, shares)
        before = {one.path: one.numpy() for one in model.weights}
        rows = np.arange(12, dtype=np.float32).reshape(4, 3)
        model.train_on_batch(rows, np.ones((4, 2), np.float32))
        moves.append({one.path: one.numpy() - before[one.path] for one in model.weights})
    plain, slowed = moves
    np.testing.assert_allclose(slowed["near/kernel"], 0.25 * plain["near/kernel"], rtol=1e-4)
    np.testing.assert_array_equal(slowed["near/bias"], 0)
    np.testing.assert_allclose(slowed["far/kernel"], plain["far/kernel"], rtol=1e-6)
    assert np.abs(plain["near/bias"]).min() > 0
    assert type(model.optimizer).__module__.startswith("keras.")  # a saved model loads anywhere
    assert isinstance(model.optimizer, getattr(keras.optimizers, name))


# --- What decides ---------------------------------------------------------------------------------


def test_pictures_set_aside_do_not_train_and_are_of_every_class():
    train, aside = set_aside(batches(shuffle=True, seed=3), 0.2)
    assert (len(train.labels), len(aside.labels)) == (32, 8)
    assert np.bincount(aside.labels).tolist() == [4, 4]
    assert not set(train.ids.tolist()) & set(aside.ids.tolist())
    assert train.shuffle
    assert not aside.shuffle
    pixels = Pixels().pixels
    for one, ids_of_one in zip(aside.batch(0).images, aside.ids, strict=True):
        number = ids(map(str, range(COUNT))).tolist().index(ids_of_one)
        np.testing.assert_array_equal(one, pixels[number])
    again = set_aside(batches(shuffle=True, seed=3), 0.2)[1]
    np.testing.assert_array_equal(again.ids, aside.ids)
    assert set_aside(batches(seed=4), 0.2)[1].ids.tolist() != aside.ids.tolist()


def test_one_picture_a_class_cannot_be_set_aside():
    one = Batches(Pixels(), np.arange(COUNT), ids(map(str, range(COUNT))), batch_size=8)
    with pytest.raises(DataError, match="too few pictures"):
        set_aside(one, 0.1)


def tuned(folder, **fine_tuning):
    """Return the result of both phases, and the weights of the first phase's best model."""
    wanted = recipe(**fine_tuning)
    train, aside = set_aside(batches(shuffle=True), 0.2)
    feeds = Feeds(train, batches(), aside)
    model = transfer(residual_base(), classes=2)
    folder.mkdir()
    compile_model(model, wanted, steps=10)
    phases = Phases(folder)
    phases.end_first(fit(model, train, feeds.validation, wanted, folder))
    head = best_weights(folder)
    return fine_tune(phases, feeds, wanted), head


def best_weights(folder):
    return keras.saving.load_model(folder / "best.keras").get_weights()


def last_weights(folder):
    return keras.saving.load_model(folder / "last.keras").get_weights()


def test_two_phases_are_one_history(tmp_path):
    fitted, head = tuned(tmp_path / "run", blocks=2, factor=0.5)
    record = json.loads((tmp_path / "run/fine_tuning.json").read_text())
    kept = record["kept"]
    history = pd.read_csv(tmp_path / "run/history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    second = "fine-tuning" if kept else "fine-tuning, not kept"
    assert history["phase"].tolist() == ["head", "head", second, second]
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.1, 0.05, 0.05], rtol=1e-6)
    assert fitted.best_epoch == best_epoch(history)
    assert len(fitted.seconds) == 4
    assert (record["pictures"], record["set_aside"]) == (48, 8)  # and 40 of validation
    assert record["from_layer"] == "block_2_conv"
    only_after, only_before = record["only_after"], record["only_before"]
    gained = record["after"]["accuracy"] - record["before"]["accuracy"]
    assert gained == pytest.approx((only_after - only_before) / 48)
    assert kept == (only_after > 0 and is_more_than_chance(only_after, only_before))
    best = keras.saving.load_model(tmp_path / "run/best.keras")
    same = all(np.array_equal(a, b) for a, b in zip(best.get_weights(), head, strict=True))
    assert same != kept
    for norm in ("block_1_norm", "block_2_norm"):  # statistics of the base, untouched
        np.testing.assert_array_equal(best.get_layer(norm).moving_mean, np.zeros(4))
    assert {one.name for one in (tmp_path / "run").iterdir()} >= {"best.keras", "last.keras"}


def is_more_than_chance(only_after: int, only_before: int) -> bool:
    trials = only_after + only_before
    return stats.binomtest(only_after, trials, alternative="greater").pvalue < 1 / 6


def answered(validation, aside):
    """Answers to 60 validation pictures and 18 set aside, with as many of them right."""
    index = [("validation", row) for row in range(60)] + [("aside", row) for row in range(18)]
    right = [*(np.arange(60) < validation), *(np.arange(18) < aside)]
    table = pd.DataFrame({"accuracy": right, "loss": 0.5}, pd.MultiIndex.from_tuples(index))
    return table.astype(float)


@pytest.mark.parametrize(
    ("before", "after", "is_kept"),
    [
        ((58, 17), (49, 17), False),  # a tie on the pictures set aside, far worse on validation
        ((58, 17), (58, 17), False),
        ((58, 17), (60, 17), False),  # chance may be the reason
        ((50, 15), (52, 17), True),
        ((49, 17), (58, 17), True),
        ((50, 15), (47, 17), False),
    ],
)
def test_it_is_kept_if_it_is_right_more_often_by_more_than_chance(before, after, is_kept):
    decision = Decision.of(answered(*before), answered(*after))
    assert decision.is_kept == is_kept
    assert decision.after.accuracy == pytest.approx(sum(after) / 78)
    assert decision.pictures == 78
    assert ("not kept" in str(decision)) != is_kept


def test_a_picture_that_became_unreadable_is_left_out_of_the_comparison():
    before, after = answered(60, 18), answered(60, 18).drop([("validation", 3)])
    assert Decision.of(before, after).pictures == 77


@pytest.mark.parametrize("classes", [2, 3])
def test_answers_are_those_that_keras_evaluates(classes):
    model = transfer(residual_base(), classes=classes)
    model.compile(
        loss=f"{'binary' if classes == 2 else 'sparse_categorical'}_crossentropy",
        metrics=["accuracy"],
    )
    aside = set_aside(batches(), 0.2)[1]
    found = answers(model, Feeds(batches(), batches(), aside))
    for name, part in (("validation", batches()), ("aside", aside)):
        theirs = model.evaluate(BatchDataset(part), verbose=0, return_dict=True)
        ours = found.loc[name].mean()
        assert len(found.loc[name]) == len(part.labels)
        np.testing.assert_allclose(ours["accuracy"], theirs["accuracy"], rtol=1e-6)
        np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-4)


def test_without_validation_the_last_epoch_of_fine_tuning_is_kept(tmp_path):
    wanted, folder = recipe(blocks=2), tmp_path / "run"
    feeds, model = Feeds(batches(shuffle=True)), transfer(residual_base(), classes=2)
    folder.mkdir()
    compile_model(model, wanted, steps=10)
    phases = Phases(folder)
    phases.end_first(fit(model, feeds.train, None, wanted, folder))
    fitted = fine_tune(phases, feeds, wanted)
    assert fitted.best_epoch == 4
    history = pd.read_csv(folder / "history.csv")
    assert history["phase"].tolist() == ["head", "head", "fine-tuning", "fine-tuning"]
    assert not any(column.startswith("val_") for column in history)
    record = json.loads((folder / "fine_tuning.json").read_text())
    assert (record["kept"], record["set_aside"], "pictures" in record) == (True, 0, False)
    assert RunFolder(folder).decisions == ()
    for one, other in zip(best_weights(folder), last_weights(folder), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("is_better", [True, False])
def test_the_run_is_that_of_the_better_phase(tmp_path, monkeypatch, is_better):
    monkeypatch.setattr(Decision, "is_kept", is_better)
    fitted, head = tuned(tmp_path / "run", blocks=3)
    best = best_weights(tmp_path / "run")
    moved = not all(np.array_equal(ours, theirs) for ours, theirs in zip(best, head, strict=True))
    assert moved == is_better
    assert (fitted.best_epoch > 2) == is_better


def test_only_a_base_can_be_fine_tuned():
    with pytest.raises(RecipeError, match="Only a base can be fine-tuned"):
        Recipe().changed({"training.fine_tune.epochs": 2})
    assert recipe().training.fine_tune == FineTune(epochs=2)
    with pytest.raises(RecipeError, match=r"no key 'training\.fine_tune\.epoch'"):
        recipe().changed({"training.fine_tune.epoch": 2})
