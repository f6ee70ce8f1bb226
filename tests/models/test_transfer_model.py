"""Transfer as the course does it, held against the same steps in plain Keras."""

import keras
import numpy as np
import pytest
from keras import layers

from viewfinder.bases.networks import BuiltBase
from viewfinder.bases.networks.blocks import blocks_of
from viewfinder.core.errors import RecipeError, UsageError
from viewfinder.models import build_base, build_model, transfer
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.recipe.transfer import Head

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)


def built(name: str = "MobileNet", **options) -> BuiltBase:
    options = {"alpha": 0.25} | options if name == "MobileNet" else options
    return build_base(name, input_shape=SHAPE, weights="none", **options)


@pytest.fixture(scope="module")
def base() -> BuiltBase:
    return built()


def own(**options) -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=2, activation="relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5),
            layers.Conv2D(8, 3, strides=2, name="second"),
            *options.get("more", ()),
        ]
    )


def test_transfer_equals_the_courses_thirteen_steps(base):
    """Base, weights, freeze, cut, flatten, dense, dropout, last layer, as the notes write them."""
    ours = transfer(base, classes=2, head=Head(pooling="flatten", dense=(16,), dropout=0.2))
    theirs_base = keras.applications.MobileNet(
        include_top=False, weights=None, alpha=0.25, input_shape=SHAPE
    )
    theirs_base.set_weights(base.model.get_weights())
    theirs_base.trainable = False
    x = layers.Flatten()(theirs_base.get_layer("conv_pw_13_relu").output)
    x = layers.Dropout(0.2)(layers.Dense(16, activation="relu")(x))
    theirs = keras.Model(theirs_base.input, layers.Dense(1, activation="sigmoid")(x))
    theirs.set_weights(ours.get_weights())
    scaled = keras.applications.mobilenet.preprocess_input(PIXELS.astype(np.float32))
    np.testing.assert_allclose(ours(PIXELS), theirs(scaled), atol=1e-5)
    assert len(ours.trainable_weights) == len(theirs.trainable_weights) == 4


def test_the_model_is_flat_and_every_layer_is_found_by_name(base):
    model = transfer(base, classes=3)
    assert not [one for one in model.layers if isinstance(one, keras.Model)]
    assert model.get_layer("conv_pw_13_relu").output.shape == (None, 1, 1, 256)
    assert [one.name for one in model.layers[-3:]] == [
        "head_average",
        "head_dropout",
        "probability",
    ]
    assert model.output_shape == (None, 3)


def test_a_head_takes_batch_norm_and_l2_as_keras_writes_them(base):
    head = Head(dense=(16, 8), dropout=0, batch_norm=True, l2=0.01)
    ours = transfer(base, classes=3, head=head)
    for layer in base.model.layers:
        layer.trainable = False
    l2 = keras.regularizers.L2(0.01)
    x = layers.GlobalAveragePooling2D()(base.model.output)
    for units in (16, 8):
        x = layers.Dense(units, use_bias=False, kernel_regularizer=l2)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    outputs = layers.Dense(3, activation="softmax", kernel_regularizer=l2)(x)
    theirs = keras.Model(base.model.input, outputs)
    for one in (ours, theirs):
        one.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    theirs.set_weights(ours.get_weights())
    labels = np.arange(4) % 3
    losses = [one.train_on_batch(PIXELS, labels) for one in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"this one has none: set model\.dense"):
        Head(batch_norm=True)


def test_a_cut_ends_the_base_there(base):
    short = built(cut="conv_pw_5_relu")
    assert short.feature_shape == (4, 4, 64)
    assert short.cut == "conv_pw_5_relu"
    assert "conv_dw_6" not in [one.name for one in transfer(short, classes=2).layers]
    middle = keras.Model(base.model.inputs, base.model.get_layer("conv_pw_5_relu").output)
    np.testing.assert_array_equal(np.asarray(short.model(PIXELS)), np.asarray(middle(PIXELS)))


def test_training_the_head_leaves_a_frozen_base_unchanged():
    model = transfer(own(), classes=3)
    before = [np.array(one) for one in model.get_weights()]
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(PIXELS, np.arange(4) % 3, epochs=2, verbose=0)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved[-2:] == [True, True]
    assert not any(moved[:-2])  # batch norms' statistics included


@pytest.mark.parametrize("name", ["EfficientNetB0", "own"])
def test_dropout_inside_a_frozen_base_is_off(name):
    model = transfer(own() if name == "own" else built(name), classes=2, head=Head(dropout=0))
    assert [one for one in model.layers if isinstance(one, layers.Dropout)]
    first, second = (
        keras.ops.convert_to_numpy(model(PIXELS, training=way)) for way in (True, False)
    )
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("name", ["MobileNet", "VGG16"])  # VGG reverses the channels
def test_the_model_loads_in_safe_mode_without_this_package(name, tmp_path):
    model = transfer(built(name), classes=3, head=Head(dense=(4,)))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(model(PIXELS), again(PIXELS))
    assert len(again.trainable_weights) == 4


def test_random_weights_depend_on_the_seed_alone(base):
    assert base.weights_hash == built(seed=0).weights_hash
    assert base.weights_hash != built(seed=1).weights_hash


def test_pooling_matches_numpy(base):
    maps = np.asarray(base.model(PIXELS))
    expected = {
        "average": maps.mean(axis=(1, 2)),
        "max": maps.max(axis=(1, 2)),
        "flatten": maps.reshape(len(maps), -1),
    }
    for pooling, features in expected.items():
        model = transfer(base, classes=2, head=Head(pooling=pooling))
        pooled = keras.Model(model.inputs, model.get_layer(f"head_{pooling}").output)
        np.testing.assert_allclose(np.asarray(pooled(PIXELS)), features, rtol=1e-4, atol=1e-6)


# --- A user's own model ---------------------------------------------------------------------------


def test_a_users_model_is_copied_and_the_copy_frozen():
    mine = own()
    model = transfer(mine, classes=2)
    assert len(mine.trainable_weights) == 6
    assert len(model.trainable_weights) == 2
    assert mine.get_layer("norm").trainable
    np.testing.assert_array_equal(model.get_layer("first").kernel, mine.get_layer("first").kernel)
    cut = transfer(mine, classes=2, cut="first")
    assert "second" not in [one.name for one in cut.layers]


def test_a_model_that_is_no_graph_of_layers_is_not_copied():
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.conv = layers.Conv2D(5, 3)

        def call(self, x):
            return self.conv(x / 255)

    mine = Own()
    with pytest.raises(UsageError, match="own has no fixed input shape"):
        transfer(mine, classes=2)
    model = transfer(mine, classes=2, input_shape=SHAPE)
    assert len(model.trainable_weights) == 2
    assert model.predict_on_batch(PIXELS).shape == (4, 1)


def test_a_model_for_other_pictures_is_refused():
    with pytest.raises(UsageError, match="takes other pictures"):
        transfer(own(), classes=2, input_shape=(48, 48, 3))
    inputs = [keras.Input(SHAPE), keras.Input(SHAPE)]
    with pytest.raises(UsageError, match="one input and one output"):
        transfer(keras.Model(inputs, layers.Add()(inputs)), classes=2)


# --- What is refused ------------------------------------------------------------------------------


def test_a_wrong_cut_names_the_nearest_layer():
    with pytest.raises(UsageError, match=r"no layer 'conv_pw_5_rel'(.|\n)*mean 'conv_pw_5_relu'"):
        built(cut="conv_pw_5_rel")


def test_features_without_a_map_cannot_be_flattened():
    flat = own(more=[layers.GlobalAveragePooling2D()])
    assert transfer(flat, classes=2).output_shape == (None, 1)
    with pytest.raises(RecipeError, match="is no feature map"):
        transfer(flat, classes=2, head=Head(pooling="flatten"))
    with pytest.raises(RecipeError, match=r"is no feature map(.|\n)*32 × 32 × 3 × 1"):
        transfer(
            keras.Sequential([keras.Input(SHAPE), layers.Reshape((*SHAPE, 1))]),
            classes=2,
        )


def test_a_sequence_is_pooled_over_its_positions():
    tokens = keras.Sequential([keras.Input(SHAPE), layers.Reshape((32, 96))])
    rows = PIXELS.astype(np.float32).reshape(4, 32, 96)
    expected = {"average": rows.mean(axis=1), "quarters": rows.mean(axis=1)}
    expected |= {"max": rows.max(axis=1), "flatten": rows.reshape(4, -1)}
    for pooling, features in expected.items():
        model = transfer(tokens, classes=2, head=Head(pooling=pooling))
        pooled = keras.Model(model.inputs, model.get_layer(f"head_{pooling}").output)
        np.testing.assert_allclose(np.asarray(pooled(PIXELS)), features, rtol=1e-5)


def test_pictures_that_are_too_small_or_gray_are_refused():
    with pytest.raises(RecipeError, match=r"too small for InceptionV3(.|\n)*75 × 75(.|\n)*32 × 32"):
        build_base("InceptionV3", input_shape=SHAPE, weights="none")
    with pytest.raises(RecipeError, match="takes colour pictures"):
        build_base("MobileNet", input_shape=(32, 32, 1), weights="none")
    with pytest.raises(UsageError, match="needs several classes"):
        transfer("MobileNet", classes=1, weights="none")
    with pytest.raises(UsageError, match="has its cut and its input shape already"):
        transfer(built(), classes=2, cut="conv_pw_5_relu")


# --- Recipes and blocks ---------------------------------------------------------------------------


def test_the_courses_recipe_builds_the_courses_network():
    recipe = recipe_named("course/cats-dogs-inception").changed(
        {"model.weights": "none", "model.dense": [8]}
    )
    model = build_model(recipe, 2)
    assert model.input_shape == (None, 150, 150, 3)
    assert model.get_layer("mixed7").output.shape == (None, 7, 7, 768)
    assert model.get_layer("head_flatten").output.shape == (None, 7 * 7 * 768)
    assert sum(np.prod(one.shape) for one in model.trainable_weights) == 37632 * 8 + 8 + 8 + 1
    assert [one.name for one in model.layers[-4:]] == [
        "head_flatten",
        "head_dense_1",
        "head_dropout",
        "probability",
    ]


def test_equal_recipes_give_equal_models():
    recipe = Recipe().changed(
        {"model": {"kind": "transfer", "base": "MobileNet", "alpha": 0.25, "weights": "none"}}
    )
    recipe = recipe.resolved((32, 32), "rgb")
    first, second = build_model(recipe, 3), build_model(recipe, 3)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    third = build_model(recipe.changed({"seed": 1}), 3)
    assert not np.array_equal(third.get_weights()[0], first.get_weights()[0])


@pytest.mark.parametrize(
    ("name", "count", "last"),
    [("MobileNet", 27, "conv_pw_13"), ("VGG16", 13, "block5_conv3"), ("ResNet50", 16, None)],
)
def test_blocks_are_those_of_the_papers(name, count, last):
    blocks = blocks_of(transfer(built(name), classes=2))
    assert len(blocks) == count
    names = [layer.name for block in blocks for layer in block]
    assert len(set(names)) == len(names)
    if last:
        assert blocks[-1][0].name == last
    else:
        assert all(block[-1].name.endswith("_add") for block in blocks)
        assert blocks[-1][-1].name == "conv5_block3_add"
