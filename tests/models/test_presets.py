"""The networks, against the course's own words in Keras and against arithmetic by hand."""

import keras
import numpy as np
import pytest

from viewfinder.errors import RecipeError
from viewfinder.models import build_model, model_summary
from viewfinder.recipe import Recipe
from viewfinder.recipes import recipe_named
from viewfinder.training import compile_model

COURSE = recipe_named("course/cats-dogs")


def settled(size: tuple[int, int], color: str = "rgb", **settings) -> Recipe:
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    return recipe_named("scratch").changed({"input.size": size, "input.color": color, **changes})


def the_course() -> keras.Model:
    """The first network of the course's cats and dogs, as a student types it."""
    return keras.Sequential(
        [
            keras.Input((150, 150, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(16, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D(2, 2),
            keras.layers.Conv2D(32, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D(2, 2),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D(2, 2),
            keras.layers.Flatten(),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def test_the_courses_network_layer_by_layer():
    ours, theirs = build_model(COURSE, 2), the_course()
    layers = ours.layers[1:]  # a functional model lists its input
    assert [type(one) for one in layers] == [type(one) for one in theirs.layers]
    for mine, obvious in zip(layers, theirs.layers, strict=True):
        assert mine.output.shape == obvious.output.shape
        mine_config, obvious_config = mine.get_config(), obvious.get_config()
        for config in (mine_config, obvious_config):
            config.pop("name")
            for key in ("kernel_initializer", "bias_initializer"):
                config.get(key, {}).get("config", {}).pop("seed", None)
        assert mine_config == obvious_config


def test_the_courses_parameters_by_hand():
    # 150 → conv 148 → pool 74 → conv 72 → pool 36 → conv 34 → pool 17
    convolutions = (9 * 3 + 1) * 16 + (9 * 16 + 1) * 32 + (9 * 32 + 1) * 64
    dense = (17 * 17 * 64 + 1) * 512 + (512 + 1)
    assert convolutions + dense == 9_494_561
    assert build_model(COURSE, 2).count_params() == 9_494_561


def test_a_step_of_the_courses_training_is_the_courses():
    ours, theirs = build_model(COURSE, 2), the_course()
    theirs.set_weights(ours.get_weights())
    compile_model(ours, COURSE, steps=100)
    theirs.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.RMSprop(learning_rate=0.001),
        metrics=["accuracy"],
    )
    images = np.random.default_rng(0).integers(0, 256, (4, 150, 150, 3), dtype=np.uint8)
    labels = np.array([0, 1, 1, 0])
    mine = ours.train_on_batch(images, labels, return_dict=True)
    obvious = theirs.train_on_batch(images.astype("float32"), labels, return_dict=True)
    assert mine.keys() == obvious.keys()
    assert mine["loss"] == pytest.approx(obvious["loss"], rel=1e-5)
    assert mine["accuracy"] == obvious["accuracy"]
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        # RMSprop's first step is ±lr/√0.1, whatever the gradient: rounding may turn a sign where
        # the gradient is nothing.
        assert np.mean(np.abs(a - b) > 1e-5) < 1e-3
    mine_config, obvious_config = ours.optimizer.get_config(), theirs.optimizer.get_config()
    assert mine_config | {"name": ""} == obvious_config | {"name": ""}


@pytest.mark.parametrize("kind", ["conv-stack", "compact"])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_last_layer_matches_the_classes(kind, classes):
    model = build_model(settled((32, 32), model__kind=kind), classes)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    assert model.output_shape == (None, units)
    assert model.layers[-1].activation.__name__ == activation
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    answers = np.asarray(model.predict_on_batch(images))
    assert ((answers >= 0) & (answers <= 1)).all()
    if classes > 2:
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_loss_and_accuracy_are_the_textbooks(classes):
    model = build_model(settled((8, 8), model__kind="conv-stack", model__filters=[4]), classes)
    compile_model(model, settled((8, 8)), steps=10)
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    labels = rng.integers(0, classes, 12)
    shares = np.asarray(model.predict_on_batch(images), np.float64)
    if classes == 2:
        shares = np.hstack([1 - shares, shares])
    logs = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(-np.log(shares[np.arange(12), labels]).mean(), rel=1e-4)
    assert logs["accuracy"] == pytest.approx((shares.argmax(axis=1) == labels).mean())


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "adamw", "sgd"])
def test_the_optimizer_is_the_named_one(optimizer):
    recipe = settled((8, 8), training__optimizer=optimizer, training__learning_rate=0.02)
    recipe = recipe.changed({"training.schedule": "constant"})
    model = build_model(recipe, 2)
    compile_model(model, recipe, steps=10)
    assert type(model.optimizer).__name__.lower() == optimizer
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == pytest.approx(0.02)


def test_the_cosine_goes_down_to_nearly_nothing():
    recipe = settled((8, 8), training__learning_rate=0.5, training__schedule="cosine")
    model = build_model(recipe, 2)
    compile_model(model, recipe, steps=200)
    schedule = model.optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 100, 200, 300)]
    assert rates == pytest.approx([0.5, 0.5 * (0.99 / 2 + 0.01), 0.005, 0.005], rel=1e-5)


@pytest.mark.parametrize("kind", ["conv-stack", "compact"])
def test_equal_seeds_give_equal_first_weights_whatever_was_built_before(kind):
    recipe = settled((32, 32), model__kind=kind)
    first = build_model(recipe, 3).get_weights()
    keras.utils.set_random_seed(99)
    build_model(recipe.changed({"seed": 5}), 7)
    again = build_model(recipe, 3).get_weights()
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["conv-stack", "compact"])
@pytest.mark.parametrize("seed", [1, 2**31, 2**32 - 1])
def test_other_seeds_give_other_weights(kind, seed):
    recipe = settled((32, 32), model__kind=kind)
    first = build_model(recipe, 3)
    other = build_model(recipe.changed({"seed": seed}), 3)
    kernels = [weight.path for weight in first.weights if weight.path.endswith("kernel")]
    assert len(kernels) >= 3
    for a, b in zip(first.weights, other.weights, strict=True):
        if a.path.endswith("kernel"):
            assert np.abs(np.asarray(a) - np.asarray(b)).mean() > 1e-3


def test_no_two_layers_share_their_numbers():
    """Two layers of one shape, and the same layer of the next seed, are all different."""
    recipe = settled((32, 32), model__kind="conv-stack", model__filters=[3, 3, 3])
    kernels = [
        np.asarray(layer.kernel)
        for seed in range(3)
        for layer in build_model(recipe.changed({"seed": seed}), 2).layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    for place, one in enumerate(kernels):
        for other in kernels[:place]:
            assert not np.array_equal(one, other)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 6, 8, 11, 12, 28, 63, 64, 127, 128, 150, 256])
def test_the_compact_network_takes_any_size_and_ends_in_a_few_pixels(side):
    model = build_model(settled((side, side)), 2)
    last_map = model.get_layer("average").input.shape[1:3]
    assert min(side, 3) <= last_map[0] <= 5
    assert model.get_layer("average").input.shape[3] <= 8 * 32
    answers = model.predict_on_batch(np.zeros((1, side, side, 3), np.uint8))
    assert np.isfinite(np.asarray(answers)).all()


def test_a_stack_of_convolutions_says_when_pictures_are_too_small():
    with pytest.raises(RecipeError, match="too small for 3 convolutions") as refused:
        build_model(COURSE.changed({"input.size": [16, 40]}), 2)
    # 16 → conv 14 → pool 7 → conv 5 → pool 2
    assert refused.value.received == "2 × 8 before convolution 3"
    build_model(COURSE.changed({"input.size": [22, 22]}), 2)  # 22, 20, 10, 8, 4, 2, 1


def test_dropout_only_works_in_training_and_where_it_is_asked_for():
    with_dropout = build_model(settled((16, 16), model__dropout=0.5), 2)
    without = build_model(settled((16, 16), model__dropout=0), 2)
    assert any(isinstance(layer, keras.layers.Dropout) for layer in with_dropout.layers)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in without.layers)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        with_dropout.predict_on_batch(images), with_dropout.predict_on_batch(images)
    )


def test_pixels_from_0_to_255_are_scaled_inside():
    model = build_model(settled((8, 8), color="gray"), 3)
    scaled = keras.Model(model.inputs, model.get_layer("scale").output)
    images = np.array([0, 51, 255], np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    levels = np.asarray(scaled.predict_on_batch(images))[:, 0, 0, 0]
    assert levels == pytest.approx([0, 0.2, 1])


def test_the_summary_is_as_wide_in_any_terminal(monkeypatch):
    model = build_model(settled((8, 8)), 3)
    monkeypatch.setenv("COLUMNS", "40")
    narrow = model_summary(model)
    monkeypatch.setenv("COLUMNS", "300")
    assert model_summary(model) == narrow
    assert f"{model.count_params():,}" in narrow
    assert max(map(len, narrow.splitlines())) <= 88
