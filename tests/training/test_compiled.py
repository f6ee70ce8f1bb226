"""Optimizers, schedules and losses, against NumPy's arithmetic and Keras's own."""

import math

import keras
import numpy as np
import pytest
from test_resume import Noise

from viewfinder.augment.batches import Batches
from viewfinder.core.errors import RecipeError
from viewfinder.core.randomness import ids
from viewfinder.models import build_model
from viewfinder.recipe import SGD, CrossEntropy, Focal, Plateau, Recipe, StepDecay, Steps
from viewfinder.training import BatchDataset, compile_model
from viewfinder.training.compiled import accuracy_for
from viewfinder.training.losses import SmoothOrFocal, class_weights, loss_for
from viewfinder.training.schedules import PlateauRate, RateSchedule, schedule_for


def small(**settings) -> Recipe:
    """A recipe for 8 × 8 pictures; keys as `training__epochs=2`."""
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    return Recipe().changed({"input.size": (8, 8), "input.color": "rgb", **changes})


@pytest.mark.parametrize("classes", [2, 3])
def test_loss_and_accuracy_equal_their_definitions(classes):
    model = build_model(small(model__kind="conv-stack", model__filters=[4]), classes)
    compile_model(model, small(), steps=10)
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    labels = rng.integers(0, classes, 12)
    shares = np.asarray(model.predict_on_batch(images), np.float64)
    if classes == 2:
        shares = np.hstack([1 - shares, shares])
    logs = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(-np.log(shares[np.arange(12), labels]).mean(), rel=1e-4)
    assert logs["accuracy"] == pytest.approx((shares.argmax(axis=1) == labels).mean())


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "adamw", "muon", "sgd"])
def test_the_optimizer_is_the_named_one(optimizer):
    recipe = small(training__optimizer=optimizer, training__optimizer__learning_rate=0.02)
    recipe = recipe.changed({"training.schedule": "constant"})
    model = build_model(recipe, 2)
    compile_model(model, recipe, steps=10)
    assert type(model.optimizer).__name__.lower() == optimizer
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == pytest.approx(0.02)


def test_the_cosine_goes_down_to_nearly_nothing():
    recipe = small(training__optimizer__learning_rate=0.5, training__schedule="cosine")
    model = build_model(recipe, 2)
    compile_model(model, recipe, steps=200)
    rates = []
    for step in (0, 100, 200, 300):
        model.optimizer.iterations.assign(step)
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    assert rates == pytest.approx([0.5, 0.5 * (0.99 / 2 + 0.01), 0.005, 0.005], rel=1e-5)


def test_unset_settings_are_keras_defaults():
    for optimizer in ("rmsprop", "adam", "sgd"):
        model = build_model(small(), 2)
        compile_model(model, small(training__optimizer=optimizer), steps=10)
        plain = keras.optimizers.get(optimizer).get_config()
        mine = model.optimizer.get_config()
        for config in (plain, mine):
            config.pop("learning_rate")
            config.pop("name")
        assert mine == plain


# --- Weight decay, clipping, accumulation ---------------------------------------------------------


def a_step(recipe: Recipe, batches: int = 1, steps: int = 100) -> tuple[keras.Model, dict]:
    """Return a model after some steps on noise, and its initial weights by path."""
    model = build_model(recipe, 3)
    compile_model(model, recipe, steps=steps)
    model.run_eagerly = True  # compiling would take longer than the steps
    before = {one.path: np.asarray(one).copy() for one in model.trainable_weights}
    rng = np.random.default_rng(2)
    for _ in range(batches):
        images = rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
        model.train_on_batch(images, rng.integers(0, 3, 8))
    return model, before


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
def test_weight_decay_shrinks_kernels_and_leaves_norms_and_biases(optimizer):
    settings = {"training__optimizer": optimizer, "training__optimizer__learning_rate": 0.01}
    plain, before = a_step(small(**settings))
    decayed, _ = a_step(small(**settings, training__optimizer__weight_decay=0.5))
    seen = set()
    for a, b in zip(plain.trainable_weights, decayed.trainable_weights, strict=True):
        kind = a.path.rsplit("/", 1)[1]
        seen.add(kind)
        # Apart from the gradient: the weight itself, times decay, times rate.
        shrunk = 0.01 * 0.5 * before[a.path] if kind == "kernel" else 0.0
        np.testing.assert_allclose(np.asarray(a) - np.asarray(b), shrunk, atol=1e-6)
    assert seen == {"kernel", "bias", "gamma", "beta"}


def test_the_whole_gradient_is_clipped():
    free, before = a_step(small(training__optimizer="sgd", training__optimizer__learning_rate=1.0))
    held, _ = a_step(
        small(
            training__optimizer="sgd",
            training__optimizer__learning_rate=1.0,
            training__clip_norm=0.05,
        )
    )

    def step(model):
        moved = [np.asarray(one) - before[one.path] for one in model.trainable_weights]
        return np.concatenate([one.ravel() for one in moved]).astype(np.float64)

    assert np.linalg.norm(step(free)) > 0.06
    assert np.linalg.norm(step(held)) == pytest.approx(0.05, rel=1e-4)
    direction = step(free) / np.linalg.norm(step(free))
    np.testing.assert_allclose(step(held) / 0.05, direction, atol=1e-5)


def test_a_training_that_would_end_before_its_first_step_is_refused():
    recipe = small(training__accumulate=5)
    model = build_model(recipe, 2)
    compile_model(model, recipe, steps=5)
    with pytest.raises(RecipeError, match="before its first step"):
        compile_model(model, recipe, steps=4)


def test_accumulated_batches_are_one_step():
    settings = {
        "model__batch_norm": False,  # a norm sees each batch for itself
        "model__dropout": 0,
        "training__optimizer": "sgd",
        "training__optimizer__learning_rate": 0.1,
    }
    recipe = small(**settings, training__accumulate=4)
    model, _ = a_step(recipe, batches=4, steps=40)

    whole = small(**settings)
    once = build_model(whole, 3)
    compile_model(once, whole, steps=10)
    rng = np.random.default_rng(2)
    drawn = [
        (rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8), rng.integers(0, 3, 8))
        for _ in range(4)
    ]
    images, labels = map(np.concatenate, zip(*drawn, strict=True))
    once.run_eagerly = True
    once.train_on_batch(images, labels)
    for a, b in zip(model.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_a_schedule_goes_by_batches_whether_or_not_they_are_accumulated(accumulate):
    settings = {"training__schedule": "cosine", "training__optimizer__learning_rate": 0.1}
    model, _ = a_step(small(**settings, training__accumulate=accumulate), batches=8, steps=16)
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    assert rate == pytest.approx(0.1 * (0.01 + 0.99 / 2), rel=1e-4)


def test_float16_has_its_gradients_scaled():
    recipe = small(training__precision="mixed_float16")
    model = build_model(recipe, 3)
    compile_model(model, recipe, steps=10)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    other = small(training__precision="mixed_bfloat16")
    model = build_model(other, 3)
    compile_model(model, other, steps=10)
    assert isinstance(model.optimizer, keras.optimizers.Adam)


# --- Schedules ------------------------------------------------------------------------------------


def expected_rate(kind: str, step: int, steps: int, rise: int, every: float) -> float:
    """Return the rate computed in NumPy, for a peak of 1 and a decay factor of 0.3."""
    if kind == "one-cycle":
        top = rise or 0.3 * steps
        if step < top:  # from a 25th up
            return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * step / top)) / 2
        way = min((step - top) / (steps - 1 - top), 1)
        return 4e-6 + (1 - 4e-6) * (1 + math.cos(math.pi * way)) / 2
    up = min((step + 1) / (rise + 1), 1)
    if kind == "constant":
        return up
    if kind == "step":
        return up * 0.3 ** math.floor(step / every)
    way = min(max((step - rise) / (steps - rise), 0), 1)
    return up * (0.01 + 0.99 * (1 + math.cos(math.pi * way)) / 2)


@pytest.mark.parametrize("kind", ["constant", "cosine", "one-cycle", "step"])
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_schedules_match_their_formulas(kind, warmup):
    settings = {"one-cycle": {"rise": warmup or 0.3}, "step": {"warmup": warmup, "decay_every": 4}}
    given = {"kind": kind, **settings.get(kind, {"warmup": warmup})}
    training = small(
        training__schedule=given, training__optimizer__learning_rate=2, training__epochs=10
    ).steps
    schedule = schedule_for(training, 100)
    if kind == "constant" and not warmup:
        assert schedule == 2.0
        return
    for step in (0, 1, 5, 9, 10, 11, 29, 30, 31, 39, 40, 50, 79, 80, 98, 99, 150):
        rate = float(schedule(step))
        expected = 2 * expected_rate(kind, step, 100, round(100 * warmup), every=40)
        assert rate == pytest.approx(expected, rel=1e-4, abs=1e-7), step


def test_a_schedule_survives_its_config():
    record = StepDecay(warmup=0.1, decay_every=7, decay_factor=0.2)
    schedule = RateSchedule(record, 0.5, steps=100, epochs=100)
    again = RateSchedule.from_config(schedule.get_config())
    assert [float(again(step)) for step in range(0, 100, 9)] == [
        float(schedule(step)) for step in range(0, 100, 9)
    ]


def rates_on_plateau(training: Steps, losses: list[float]) -> list[float]:
    model = build_model(small(), 2)
    compile_model(model, Recipe(training=training), steps=10)
    callback = PlateauRate(training)
    callback.set_model(model)
    rates = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_begin(epoch)
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
        callback.on_epoch_end(epoch, {"val_loss": loss})
    return rates


def test_on_a_plateau_the_rate_falls_once_the_loss_has_not():
    plateau = Plateau(decay_every=2, decay_factor=0.5)
    training = Steps(schedule=plateau, optimizer=SGD(learning_rate=1.0), epochs=10)
    losses = [1.0, 0.9, 0.9, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]
    #             best  1     2 ↓  best  1    2 ↓   1   2 ↓  1
    assert rates_on_plateau(training, losses) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_a_plateau_begins_after_the_warm_up():
    plateau = Plateau(warmup=0.3, decay_every=1)
    training = Steps(schedule=plateau, optimizer=SGD(learning_rate=1.0), epochs=10)
    rates = rates_on_plateau(training, [1.0] * 6)
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.3, 0.09])


# --- Losses ---------------------------------------------------------------------------------------

LABELS = np.array([0, 1, 1, 2, 0, 2])
SHARES = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.1, 0.8, 0.1],
        [0.6, 0.3, 0.1],
        [0.2, 0.2, 0.6],
        [0.05, 0.9, 0.05],
        [0, 0, 1],
    ]
)


@pytest.mark.parametrize(("gamma", "smoothing"), [(0.0, 0.1), (2.0, 0.0), (1.5, 0.0), (0.0, 0.0)])
def test_the_loss_is_the_papers_and_keras_own(gamma, smoothing):
    mine = float(SmoothOrFocal(gamma, smoothing)(LABELS, SHARES.astype("float32")))
    clipped = np.clip(SHARES, 1e-7, 1 - 1e-7)
    target = np.eye(3)[LABELS] * (1 - smoothing) + smoothing / 3
    by_hand = -(target * (1 - clipped) ** gamma * np.log(clipped)).sum(axis=1).mean()
    assert mine == pytest.approx(by_hand, rel=1e-4)
    theirs = keras.losses.CategoricalFocalCrossentropy(
        alpha=1.0, gamma=gamma, label_smoothing=smoothing
    )
    assert mine == pytest.approx(float(theirs(np.eye(3)[LABELS], SHARES)), rel=1e-4)


@pytest.mark.parametrize(("gamma", "smoothing"), [(0.0, 0.1), (2.0, 0.0)])
def test_the_loss_of_two_classes_is_keras_own(gamma, smoothing):
    labels = np.array([0, 1, 1, 0])
    shares = np.array([[0.2], [0.9], [0.3], [0.6]], np.float32)
    mine = float(SmoothOrFocal(gamma, smoothing)(labels, shares))
    theirs = (
        keras.losses.BinaryFocalCrossentropy(gamma=gamma)
        if gamma
        else keras.losses.BinaryCrossentropy(label_smoothing=smoothing)
    )
    assert mine == pytest.approx(float(theirs(labels[:, None], shares)), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_loss_of_blended_pictures_is_keras_own_of_their_shares(classes):
    random = np.random.default_rng(0)
    shares, answers = random.dirichlet(np.ones(classes), (2, 6)).astype("float32")
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)(shares, answers)
    given = answers[:, 1:] if classes == 2 else answers
    mine = loss_for(Steps(mixup=0.5, loss=CrossEntropy(label_smoothing=0.1)), classes)(
        shares, given
    )
    assert float(mine) == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_accuracy_of_blended_pictures_is_of_the_largest_share_and_of_others_keras_own(classes):
    random = np.random.default_rng(1)
    shares, answers = random.dirichlet(np.ones(classes), (2, 60)).astype("float32")
    given = answers[:, 1:] if classes == 2 else answers
    wanted = (shares.argmax(axis=1) == answers.argmax(axis=1)).mean()
    metric = accuracy_for(Steps(mixup=0.5), classes)
    assert float(metric(shares, given)) == pytest.approx(wanted)
    labels = shares.argmax(axis=1)
    again, plain = metric.from_config(metric.get_config()), accuracy_for(Steps(), classes)
    of_keras = plain(labels[:, None] if classes == 2 else labels, given)
    assert float(again(labels, given)) == pytest.approx(float(of_keras))


def test_blended_pictures_count_by_their_shares():
    pictures = Noise()
    made = Batches(pictures, np.arange(20) % 2, ids(map(str, range(20))), batch_size=20, mixup=1)
    weights = np.array([0.5, 2.0], np.float32)
    _, targets, counts = BatchDataset(made, class_weights=weights)[0]
    np.testing.assert_allclose(counts, targets[:, 0] * 0.5 + targets[:, 1] * 2, rtol=1e-6)


def test_plain_cross_entropy_is_keras_by_name():
    if keras.backend.backend() == "torch":  # whose own raises where a training diverges
        assert isinstance(loss_for(Steps(), 2), SmoothOrFocal)
    else:
        assert loss_for(Steps(), 2) == "binary_crossentropy"
    assert loss_for(Steps(), 3) == "sparse_categorical_crossentropy"
    focal = loss_for(Steps(loss=Focal()), 3)
    assert (focal.gamma, focal.smoothing) == (2.0, 0.0)


def test_class_weights_make_classes_weigh_the_same_and_pictures_1_on_average():
    labels = np.array([0] * 8 + [1] * 2 + [3] * 2)
    weights = class_weights(labels, 5)
    np.testing.assert_allclose(weights, [0.5, 2, 0, 2, 0])
    assert weights[labels].mean() == pytest.approx(1)
    totals = np.bincount(labels, weights[labels], minlength=5)
    np.testing.assert_allclose(totals[[0, 1, 3]], 4)
