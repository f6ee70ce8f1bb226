"""Averaged weights and their norm statistics, against an average computed in NumPy."""

import keras
import numpy as np
import pytest

from viewfinder.models import build_model
from viewfinder.recipe import Recipe
from viewfinder.training import compile_model
from viewfinder.training.averaging import AveragedWeights, NormStatistics
from viewfinder.training.compiled import average_momentum

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (48, 8, 8, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 3, 48)


def recipe(**settings) -> Recipe:
    changes = {f"training.{key}": value for key, value in settings.items()}
    return Recipe().changed(
        {
            "input.size": (8, 8),
            "input.color": "rgb",
            "model.width": 4,
            "model.dropout": 0.5,
            "training.epochs": 3,
            "training.average_epochs": 1.0,
            "training.optimizer.learning_rate": 0.01,
            **changes,
        }
    )


class ByHand(keras.callbacks.Callback):
    """Averages the weights after each batch, and records the weights after validation."""

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.average: list[np.ndarray] | None = None
        self.after_epochs: list[list[np.ndarray]] = []

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        now = [np.asarray(one, np.float64) for one in self.model.trainable_variables]
        if self.average is None:
            self.average = now
        m = self.momentum
        self.average = [m * a + (1 - m) * b for a, b in zip(self.average, now, strict=True)]

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        self.after_epochs.append([np.asarray(one).copy() for one in self.model.variables])


def fitted(wanted: Recipe, averaged: bool = True):
    model = build_model(wanted, 3)
    compile_model(model, wanted, steps=18)  # 48 pictures in batches of 8, for 3 epochs
    callback = AveragedWeights(lambda: [IMAGES[:24], IMAGES[24:]])
    by_hand = ByHand(average_momentum(wanted.training, 6))
    callbacks = [by_hand, *([callback] if averaged else [])]
    history = model.fit(
        IMAGES,
        LABELS,
        batch_size=8,
        epochs=3,
        shuffle=False,
        verbose=0,
        validation_data=(IMAGES, LABELS),
        callbacks=callbacks,
    )
    return model, callback, by_hand, history.history


@pytest.fixture(scope="module")
def averaged():
    """A fit with averaged weights. Tests do not change its model."""
    return fitted(recipe())


def test_the_window_is_in_epochs():
    training = recipe(average_epochs=2.0).training
    assert average_momentum(training, steps_an_epoch=50) == pytest.approx(1 - 1 / 100)
    assert average_momentum(training, steps_an_epoch=0.1) == 0


def test_the_model_ends_as_the_average(averaged):
    model, _, by_hand, _ = averaged
    for mine, obvious in zip(model.trainable_variables, by_hand.average, strict=True):
        np.testing.assert_allclose(np.asarray(mine), obvious, atol=1e-5)


def test_validation_evaluates_the_saved_model(averaged):
    model, callback, _, history = averaged
    with callback.in_model():
        again = model.evaluate(IMAGES, LABELS, batch_size=8, verbose=0, return_dict=True)
    assert again["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-5)
    assert again["accuracy"] == pytest.approx(history["val_accuracy"][-1])


def test_averaging_does_not_change_the_training(averaged):
    """With dropout and batch norm, each epoch's weights equal those without averaging."""
    _, _, with_average, judged = averaged
    _, _, without, plain = fitted(recipe(), averaged=False)
    for mine, obvious in zip(with_average.after_epochs, without.after_epochs, strict=True):
        for a, b in zip(mine, obvious, strict=True):
            np.testing.assert_array_equal(a, b)
    assert judged["loss"] == plain["loss"]
    assert judged["val_loss"] != plain["val_loss"]


def test_norm_statistics_are_measured_under_the_average():
    model = build_model(recipe(), 3)
    before = {one.path: np.asarray(one).copy() for one in model.variables}
    NormStatistics(model).measure([IMAGES[:24], IMAGES[24:]])
    stem = model.get_layer("stem_norm")
    seen = keras.Model(model.inputs, model.get_layer("stem_conv").output)
    maps = [
        np.asarray(seen.predict_on_batch(part), np.float64) for part in (IMAGES[:24], IMAGES[24:])
    ]
    mean = np.mean([one.mean(axis=(0, 1, 2)) for one in maps], axis=0)
    variance = np.mean([one.var(axis=(0, 1, 2)) for one in maps], axis=0)
    np.testing.assert_allclose(np.asarray(stem.moving_mean), mean, atol=1e-4)
    np.testing.assert_allclose(np.asarray(stem.moving_variance), variance, rtol=1e-3)
    for one in model.variables:
        if "moving" not in one.path:
            np.testing.assert_array_equal(np.asarray(one), before[one.path])
    assert stem.momentum == 0.9


def test_frozen_norms_keep_their_statistics():
    model = build_model(recipe(), 3)
    model.trainable = False
    NormStatistics(model).measure([IMAGES])
    assert not np.asarray(model.get_layer("stem_norm").moving_mean).any()


def test_before_the_first_step_there_is_nothing_to_swap():
    model = build_model(recipe(), 3)
    compile_model(model, recipe(), steps=18)
    callback = AveragedWeights(lambda: [IMAGES])
    callback.set_model(model)
    before = model.get_weights()
    with callback.in_model():
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
