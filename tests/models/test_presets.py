"""The networks, against the course's own words in Keras and against arithmetic by hand."""

from pathlib import Path

import keras
import numpy as np
import pytest

from viewfinder.core.errors import RecipeError
from viewfinder.models import build_model, model_summary
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import RECIPES, recipe_named
from viewfinder.training import compile_model

# Only TensorFlow's fused norms make half precision fast on a CPU.
BY_TENSORFLOW = "bfloat16" if keras.backend.backend() == "tensorflow" else "float32"

COURSE = recipe_named("course/cats-dogs")


def settled(size: tuple[int, int], color: str = "rgb", **settings) -> Recipe:
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    return Recipe().changed({"input.size": size, "input.color": color, **changes})


def answers_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The outputs without the graph that `predict` would compile."""
    return np.asarray(model(images, training=False))


def conv(filters: int) -> list[keras.layers.Layer]:
    layers = keras.layers
    return [layers.Conv2D(filters, (3, 3), activation="relu"), layers.MaxPooling2D(2, 2)]


def typed(*shape: int, layers: list[keras.layers.Layer], classes: int) -> keras.Model:
    """A network as in the course, with the scaling in the model instead of `rescale=1/255`."""
    last = (
        keras.layers.Dense(1, activation="sigmoid")
        if classes == 2
        else keras.layers.Dense(classes, activation="softmax")
    )
    return keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1 / 255), *layers, last])


def dense(units: int) -> keras.layers.Layer:
    return keras.layers.Dense(units, activation="relu")


def flatten() -> keras.layers.Layer:
    return keras.layers.Flatten()


# Each system: its network as the course writes it, and its parameters, counted by hand.
THE_COURSE = {
    "fashion-dense": lambda: typed(28, 28, 1, layers=[flatten(), dense(512)], classes=10),
    "fashion-cnn": lambda: typed(
        28, 28, 1, layers=[*conv(64), *conv(64), flatten(), dense(128)], classes=10
    ),
    "mnist": lambda: typed(28, 28, 1, layers=[*conv(32), flatten(), dense(128)], classes=10),
    "mnist-dense": lambda: typed(28, 28, 1, layers=[flatten(), dense(512)], classes=10),
    "horses-humans": lambda: typed(
        *(300, 300, 3),
        layers=[
            *conv(16),
            *conv(32),
            *conv(64),
            *conv(64),
            *conv(64),
            flatten(),
            dense(512),
        ],
        classes=2,
    ),
    "horses-humans-augmented": lambda: typed(
        *(300, 300, 3),
        layers=[
            *conv(16),
            *conv(32),
            *conv(64),
            *conv(64),
            *conv(64),
            flatten(),
            dense(512),
        ],
        classes=2,
    ),
    "happy-sad": lambda: typed(
        150, 150, 3, layers=[*conv(16), *conv(32), *conv(32), flatten(), dense(512)], classes=2
    ),
    "cats-dogs": lambda: typed(
        150, 150, 3, layers=[*conv(16), *conv(32), *conv(64), flatten(), dense(512)], classes=2
    ),
    "cats-dogs-augmented": lambda: typed(
        *(150, 150, 3),
        layers=[*conv(32), *conv(64), *conv(128), *conv(128), flatten(), dense(512)],
        classes=2,
    ),
    "rock-paper-scissors": lambda: typed(
        *(150, 150, 3),
        layers=[
            *conv(64),
            *conv(64),
            *conv(128),
            *conv(128),
            flatten(),
            keras.layers.Dropout(0.5),
            dense(512),
        ],
        classes=3,
    ),
    "sign-language": lambda: typed(
        28, 28, 1, layers=[*conv(64), *conv(64), flatten(), dense(128)], classes=24
    ),
}
PARAMETERS = {
    "fashion-dense": 785 * 512 + 513 * 10,
    "fashion-cnn": 10 * 64 + 577 * 64 + (5 * 5 * 64 + 1) * 128 + 129 * 10,
    "mnist": 10 * 32 + (13 * 13 * 32 + 1) * 128 + 129 * 10,
    "mnist-dense": 785 * 512 + 513 * 10,
    # 300 → 298 149 → 147 73 → 71 35 → 33 16 → 14 7
    "horses-humans": 28 * 16 + 145 * 32 + 289 * 64 + 2 * 577 * 64 + (49 * 64 + 1) * 512 + 513,
    "horses-humans-augmented": 448 + 145 * 32 + 289 * 64 + 2 * 577 * 64 + 3137 * 512 + 513,
    "happy-sad": 28 * 16 + 145 * 32 + 289 * 32 + (17 * 17 * 32 + 1) * 512 + 513,
    "cats-dogs": 28 * 16 + 145 * 32 + 289 * 64 + (17 * 17 * 64 + 1) * 512 + 513,
    # 150 → 148 74 → 72 36 → 34 17 → 15 7
    "cats-dogs-augmented": 28 * 32 + 289 * 64 + 577 * 128 + 1153 * 128 + 6273 * 512 + 513,
    "rock-paper-scissors": 28 * 64 + 577 * 64 + 577 * 128 + 1153 * 128 + 6273 * 512 + 513 * 3,
    "sign-language": 10 * 64 + 577 * 64 + (5 * 5 * 64 + 1) * 128 + 129 * 24,
}


def test_every_system_of_the_course_is_listed_here():
    """Except for those on a base, which `test_transfer_model.py` has."""
    own = [recipe for recipe in RECIPES.values() if recipe.model.kind != "transfer"]
    assert {f"course/{system}" for system in THE_COURSE} == {
        recipe.name for recipe in own if recipe.name.startswith("course/")
    }


def seedless(layer: keras.layers.Layer) -> dict[str, object]:
    """A layer's settings without its name and the seeds of its first weights."""
    config = layer.get_config()
    for key in ("name", "seed"):
        config.pop(key, None)
    for key in ("kernel_initializer", "bias_initializer"):
        config.get(key, {}).get("config", {}).pop("seed", None)
    return config


@pytest.mark.parametrize("system", THE_COURSE)
def test_the_courses_networks_layer_by_layer(system):
    theirs = THE_COURSE[system]()
    outputs = theirs.output_shape[-1]
    ours = build_model(recipe_named(f"course/{system}"), 2 if outputs == 1 else outputs)
    layers = ours.layers[1:]  # a functional model lists its input
    assert [type(one) for one in layers] == [type(one) for one in theirs.layers]
    for mine, obvious in zip(layers, theirs.layers, strict=True):
        assert mine.output.shape == obvious.output.shape
        assert mine.count_params() == obvious.count_params()
        assert seedless(mine) == seedless(obvious)
    assert ours.count_params() == PARAMETERS[system]


def test_a_step_of_the_courses_training_is_the_courses():
    """With smaller pictures, and so a hundredth of the weights."""
    ours = build_model(COURSE.changed({"input.size": [30, 30]}), 2)
    stack = [*conv(16), *conv(32), *conv(64), flatten(), dense(512)]
    theirs = typed(30, 30, 3, layers=stack, classes=2)
    theirs.set_weights(ours.get_weights())
    compile_model(ours, COURSE, steps=100)
    theirs.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.RMSprop(learning_rate=0.001),
        metrics=["accuracy"],
    )
    images = np.random.default_rng(0).integers(0, 256, (4, 30, 30, 3), dtype=np.uint8)
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


@pytest.mark.parametrize("kind", ["dense", "conv-stack", "compact", "residual"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_last_layer_matches_the_classes(kind, classes):
    model = build_model(settled((32, 32), model__kind=kind), classes)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    assert model.output_shape == (None, units)
    assert model.layers[-1].activation.__name__ == activation
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    answers = answers_of(model, images)
    assert ((answers >= 0) & (answers <= 1)).all()
    if classes > 2:
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", ["dense", "conv-stack", "compact", "residual"])
def test_equal_seeds_give_equal_first_weights_whatever_was_built_before(kind):
    recipe = settled((32, 32), model__kind=kind)
    first = build_model(recipe, 3).get_weights()
    keras.utils.set_random_seed(99)
    build_model(recipe.changed({"seed": 5}), 7)
    again = build_model(recipe, 3).get_weights()
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["dense", "conv-stack", "compact", "residual"])
@pytest.mark.parametrize("seed", [1, 2**32 - 1])
def test_other_seeds_give_other_weights(kind, seed):
    recipe = settled((32, 32), model__kind=kind)
    first = build_model(recipe, 3)
    other = build_model(recipe.changed({"seed": seed}), 3)
    kernels = [weight.path for weight in first.weights if weight.path.endswith("kernel")]
    assert len(kernels) >= 2
    for a, b in zip(first.weights, other.weights, strict=True):
        if a.path.endswith("kernel"):
            assert np.abs(np.asarray(a) - np.asarray(b)).mean() > 1e-3


def test_no_two_layers_share_their_initial_weights():
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
    model = build_model(settled((side, side), model__kind="compact"), 2)
    last_map = model.get_layer("average").input.shape[1:3]
    assert min(side, 3) <= last_map[0] <= 5
    assert model.get_layer("average").input.shape[3] <= 8 * 32
    assert np.isfinite(answers_of(model, np.zeros((1, side, side, 3), np.uint8))).all()


@pytest.mark.parametrize(
    ("side", "stages", "last"),
    [(8, 1, 4), (28, 3, 4), (32, 3, 4), (64, 3, 8), (96, 4, 6), (128, 4, 8), (300, 5, 10)],
)
def test_the_residual_networks_depth_depends_on_the_pictures(side, stages, last):
    model = build_model(settled((side, side)), 2)
    assert model.get_layer("average").input.shape[1:] == (
        last,
        last,
        {1: 32, 2: 48, 3: 96}.get(stages, 192),
    )
    sums = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert len(sums) == stages


def test_a_residual_block_is_two_convolutions_beside_its_shortcut():
    model = build_model(settled((8, 8), model__width=4, model__blocks=[1, 1]), 2)
    block = {one.name: one for one in model.layers if one.name.startswith("stage_2_block_1")}
    inner = keras.Model(
        model.get_layer("stage_1_block_1_relu").output,
        [
            block["stage_2_block_1_shortcut_norm"].output,
            block["stage_2_block_1_2_norm"].output,
            block["stage_2_block_1_relu"].output,
        ],
    )
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 4)).astype("float32")
    block["stage_2_block_1_2_norm"].gamma.assign(np.full(8, 0.5, "float32"))
    shortcut, residue, out = map(np.asarray, inner(x, training=False))
    np.testing.assert_allclose(out, np.maximum(shortcut + residue, 0), rtol=1e-5, atol=1e-6)
    kernel = np.asarray(block["stage_2_block_1_shortcut_conv"].kernel)[0, 0]
    averaged = x.reshape(2, 2, 2, 2, 2, 4).mean(axis=(2, 4)) @ kernel
    np.testing.assert_allclose(shortcut, averaged / np.sqrt(1.001), rtol=1e-4, atol=1e-5)


def test_a_residual_block_begins_as_its_shortcut():
    model = build_model(settled((64, 64)), 2)
    x = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    names = ["stem_relu", "stage_1_block_1_relu"]
    inner = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    before, after = map(np.asarray, inner([x], training=False))
    np.testing.assert_allclose(before, after, rtol=1e-6)


@pytest.mark.parametrize("kind", ["dense", "conv-stack", "compact", "residual"])
def test_weights_fit_any_size_where_a_network_says_so(kind):
    recipe = settled((64, 64), model__kind=kind)
    model = build_model(recipe, 3)
    free = keras.Input((None, None, 3))
    if not recipe.model.any_size:
        with pytest.raises(ValueError, match="shape"):
            keras.models.clone_model(model, input_tensors=free)
        return
    elastic = keras.models.clone_model(model, input_tensors=free)
    elastic.set_weights(model.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_allclose(answers_of(model, images), answers_of(elastic, images), rtol=1e-5)
    assert np.isfinite(answers_of(elastic, images[:, :40, :52])).all()


@pytest.mark.parametrize("kind", ["dense", "conv-stack", "compact", "residual"])
def test_l2_is_of_kernels_only(kind):
    plain = build_model(settled((32, 32), model__kind=kind), 3)
    model = build_model(settled((32, 32), model__kind=kind, model__l2=0.01), 3)
    assert sum(float(one) for one in plain.losses) == 0
    kernels = [np.asarray(one) for one in model.weights if one.path.endswith("kernel")]
    expected = 0.01 * sum((one.astype(np.float64) ** 2).sum() for one in kernels)
    assert sum(float(one) for one in model.losses) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["dense", "conv-stack", "compact", "residual"])
def test_batch_norm_is_optional(kind):
    for wanted in (True, False):
        model = build_model(settled((32, 32), model__kind=kind, model__batch_norm=wanted), 2)
        norms = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
        convs = [
            one
            for one in model.layers
            if isinstance(one, keras.layers.Conv2D | keras.layers.Dense)
            and one.name != "probability"
        ]
        assert len(norms) == (len(convs) if wanted else 0)
        assert all(one.use_bias is not wanted for one in convs)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_half_precision_keeps_weights_and_outputs_in_float32(half):
    model = build_model(settled((16, 16), training__precision=f"mixed_{half}"), 3)
    assert model.get_layer("stem_conv").compute_dtype == half
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert str(answers_of(model, np.zeros((2, 16, 16, 3), np.uint8)).dtype) == "float32"


@pytest.mark.parametrize(
    ("capability", "flags", "dtype"),
    [
        (None, "flags : fpu avx2 avx512f", "float32"),
        ((8, 0), "flags : fpu avx2 avx512f", "bfloat16"),
        ((9, 0), None, "bfloat16"),
        ((7, 5), "flags : fpu avx2 avx512f", "float32"),  # a T4 feigns it, and slowly
        (None, "flags : fpu avx512f avx512_bf16 sse", BY_TENSORFLOW),
        (None, "flags : fpu amx_bf16", BY_TENSORFLOW),
        (None, None, "float32"),
    ],
)
def test_precision_is_resolved_by_the_device(monkeypatch, capability, flags, dtype):
    if capability:
        tf = pytest.importorskip("tensorflow")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("the GPU is one that TensorFlow tells of")
        details = {"compute_capability": capability}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a GPU"])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: details)
    read = Path.read_text

    def read_text(path: Path, *words: object, **more: object) -> str:
        if path != Path("/proc/cpuinfo"):
            return read(path, *words, **more)
        if flags is None:
            raise FileNotFoundError(path)
        return flags

    monkeypatch.setattr(Path, "read_text", read_text)
    model = build_model(settled((16, 16), training__precision="auto"), 3)
    assert model.get_layer("stem_conv").compute_dtype == dtype


def test_filters_are_rounded_up_to_full_groups():
    def filters(width: int) -> list[int]:
        model = build_model(settled((64, 64), model__width=width), 2)
        return [one.filters for one in model.layers if one.name.endswith(("stem_conv", "1_1_conv"))]

    assert filters(24) == [32, 32, 48, 96]
    assert filters(32) == [32, 32, 64, 128]
    assert filters(6) == [6, 6, 12, 32]  # few stay few


def test_pictures_too_small_for_a_stack_of_convolutions_are_refused():
    with pytest.raises(RecipeError, match="too small for 3 convolutions") as refused:
        build_model(COURSE.changed({"input.size": [16, 40]}), 2)
    # 16 → conv 14 → pool 7 → conv 5 → pool 2
    assert refused.value.received == "2 × 8 before convolution 3"
    build_model(COURSE.changed({"input.size": [22, 22]}), 2)  # 22, 20, 10, 8, 4, 2, 1


def test_dropout_acts_in_training_only_and_where_requested():
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
    scaled = keras.Model(model.input, model.get_layer("scale").output)
    images = np.array([0, 51, 255], np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    levels = answers_of(scaled, images)[:, 0, 0, 0]
    assert levels == pytest.approx([0, 0.2, 1])


def test_the_summary_is_as_wide_in_any_terminal(monkeypatch):
    model = build_model(settled((8, 8)), 3)
    monkeypatch.setenv("COLUMNS", "40")
    narrow = model_summary(model)
    monkeypatch.setenv("COLUMNS", "300")
    assert model_summary(model) == narrow
    assert f"{model.count_params():,}" in narrow
    assert max(map(len, narrow.splitlines())) <= 88
