"""Feature maps: equal to those of Keras's own submodels; receptive fields equal to gradients."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from small_networks import SHAPE, SIDE, classifier_of, made, pictures

import viewfinder as vf
from viewfinder.explain.activations import FeatureMap, exciting_patches
from viewfinder.explain.networks import Network, receptive_box
from viewfinder.pages.explanations.maps import draw_maps, draw_patches
from viewfinder.runtime.gradients import gradient


def test_maps_are_those_of_a_model_cut_after_the_activation():
    model, image = made("functional"), pictures()[0]
    found = vf.feature_maps(classifier_of(model), image)
    assert [(one.layer, one.kind, one.after) for one in found.maps] == [
        ("conv_1", "Conv2D", ("BatchNormalization", "ReLU")),
        ("pool_1", "MaxPooling2D", ()),
        ("conv_2", "Conv2D", ()),
    ]
    for one, layer in zip(found.maps, ("relu_1", "pool_1", "conv_2"), strict=True):
        cut = keras.Model(model.input, model.get_layer(layer).output)
        expected = np.asarray(cut(image[None].astype(np.float32)))[0]
        assert one.values == pytest.approx(expected, rel=1e-5)
        means = np.abs(expected).mean(axis=(0, 1))
        assert np.all(np.diff(means[one.order]) <= 0)
        assert one.sparsity == np.mean(expected == 0)
    assert np.array_equal(found.filters, model.get_layer("conv_1").get_weights()[0])


def test_a_network_alone_is_refused_with_the_way_to_a_classifier():
    for call in (vf.feature_maps, vf.explain):
        with pytest.raises(vf.ViewfinderError, match=r"Sequential(?s:.*)vf\.load"):
            call(made("sequential"), pictures()[0])


def test_nested_layers_are_found_by_path_name_and_glob():
    classifier = classifier_of(made("nested"))
    every = [one.layer for one in vf.feature_maps(classifier, pictures()[0]).maps]
    assert every == ["base/conv_1", "base/pool_1", "base/conv_2"]
    for layers_, expected in (
        ("conv_2", ["base/conv_2"]),
        ("base/conv*", ["base/conv_1", "base/conv_2"]),
        (["*relu*", "pool_1"], ["base/relu_1", "base/pool_1"]),
    ):
        found = vf.feature_maps(classifier, pictures()[0], layers=layers_)
        assert [one.layer for one in found.maps] == expected
        assert (found.filters is None) == ("base/conv_1" not in expected)
    with pytest.raises(vf.ViewfinderError, match="did you mean"):
        vf.feature_maps(classifier, pictures()[0], layers="base/conv_9")


@pytest.mark.parametrize("rank", [1, 3])
def test_the_effective_rank_of_equally_strong_patterns_is_their_number(rank):
    orthogonal, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(16, rank)))
    mixed, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(6, rank)))
    values = (orthogonal @ mixed.T).reshape(4, 4, 6).astype(np.float32)
    assert FeatureMap("one", "Conv2D", (), values).effective_rank == pytest.approx(rank, abs=0.01)


def test_a_dead_layer_has_rank_zero_and_only_zeros():
    dead = FeatureMap("one", "Conv2D", (), np.zeros((3, 3, 2), np.float32))
    assert (dead.effective_rank, dead.sparsity) == (0, 1)


def chain(*parts):
    return keras.Sequential([keras.Input((24, 24, 1)), *parts, layers.GlobalAveragePooling2D()])


def conv(size, **settings):
    return layers.Conv2D(1, size, kernel_initializer="ones", **settings)


CHAINS = {
    "3 × 3": lambda: [conv(3)],
    "same, odd": lambda: [conv(3, padding="same"), layers.AveragePooling2D(3, 2, padding="same")],
    "strides": lambda: [conv(5, strides=2), conv(3, strides=2, padding="same")],
    "dilated": lambda: [conv(3, dilation_rate=3), layers.AveragePooling2D(2)],
    "padded": lambda: [layers.ZeroPadding2D(((0, 1), (2, 1))), conv(3, strides=2), conv(2)],
    "cropped": lambda: [layers.Cropping2D(2), conv(4, strides=3), layers.ReLU()],
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 2)])
def test_the_receptive_box_holds_exactly_the_pixels_with_a_gradient(name, place):
    model = chain(*CHAINS[name]())
    image = np.full((24, 24, 1), 3, np.uint8)
    network = Network(model, image)
    step = network.maps[-1]
    inner = keras.Model(model.inputs, model.layers[-2].output)
    slopes = gradient(lambda at: inner(at)[:, place[0], place[1], 0], image[None].astype("float32"))
    rows, columns = np.nonzero(slopes[0, :, :, 0])
    expected = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    assert tuple(receptive_box(network, step, *place)) == expected


def test_a_sum_has_the_larger_field_and_attention_the_whole_picture():
    network = Network(made("residual"), pictures()[0])
    assert receptive_box(network, network.step("stem"), 8, 8) == (7, 7, 10, 10)
    assert receptive_box(network, network.step("sum"), 8, 8) == (6, 6, 11, 11)
    inputs = keras.Input(SHAPE)
    gate = layers.Reshape((1, 1, 3))(layers.GlobalAveragePooling2D()(inputs))
    x = conv(1)(layers.Multiply(name="gated")([inputs, gate]))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    network = Network(model, pictures()[0])
    assert receptive_box(network, network.step("gated"), 8, 8) == (0, 0, SIDE, SIDE)


def test_patches_are_where_the_channel_is_highest(tmp_path):
    for number in range(6):
        levels = np.zeros((SIDE, SIDE, 3), np.uint8)
        levels[3 + number, 5] = 40 * (number + 1)
        Image.fromarray(levels).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(2, 3, kernel_initializer="ones", name="sum")(inputs)
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(x)))
    dataset = vf.open(tmp_path, needs_labels=False)
    found = exciting_patches(classifier_of(model), dataset, "sum", 1, patches=3)
    assert [one.locator for one in found] == ["5.png", "4.png", "3.png"]
    assert [one.value for one in found] == [3 * 240, 3 * 200, 3 * 160]
    for one, row in zip(found, (8, 7, 6), strict=True):
        assert one.box.top <= row < one.box.bottom
        assert one.box.left <= 5 < one.box.right
        assert (one.box.bottom - one.box.top, one.box.right - one.box.left) == (3, 3)
    frames = [axes.patches[-1].get_bbox().bounds for axes in draw_patches(found, "sum", 1).axes]
    assert frames == [(one.box.left - 0.5, one.box.top - 0.5, 3, 3) for one in found]
    with pytest.raises(vf.ViewfinderError, match="0 to 1"):
        exciting_patches(classifier_of(model), dataset, "sum", 2)


def test_the_figure_has_a_row_for_each_layer_and_one_for_the_filters():
    found = vf.feature_maps(classifier_of(made("functional")), pictures()[0])
    figure = draw_maps(found, channels=3)
    texts = [text.get_text() for text in figure.texts]
    assert [text.split("\n")[0] for text in texts] == [
        "Filters of the first layer", "1  conv_1", "2  pool_1", "3  conv_2",
    ]  # fmt: skip
    sheet, course = figure.axes
    height, width, _ = sheet.images[0].get_array().shape
    assert (height / 152, width / 144) == (4, 1 + 3)
    zeros, rank = (line.get_ydata() for line in course.lines)
    assert list(zeros) == [one.sparsity for one in found.maps]
    assert all(0 <= share <= 1 for share in rank)
