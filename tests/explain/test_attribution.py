"""Where a model looked: held against formulas, finite differences and the usual Grad-CAM."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import KINDS, LAST, SIDE, classifier_of, made, pictures

import viewfinder as vf
from viewfinder.explain.attribution import Method, attribute, blurred
from viewfinder.explain.networks import Network
from viewfinder.runtime.gradients import gradient


def traced(kind: str) -> Network:
    return Network(made(kind), pictures()[0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_explained_by_every_method(kind):
    network, images = traced(kind), pictures()
    assert network.last_map.name == LAST[kind]
    for method in Method:
        maps, layer = attribute(network, images, np.array([0, 1, 1]), method=method)
        assert maps.shape == (3, SIDE, SIDE)
        assert np.isfinite(maps).all()
        of_pixels = method in (Method.INTEGRATED_GRADIENTS, Method.OCCLUSION)
        assert layer == (None if of_pixels else LAST[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_by_a_layer_is_that_of_finite_differences(kind):
    network, images = traced(kind), pictures(2)
    step, classes = network.last_map, np.array([1, 0])
    values = network.values(step, images)
    found = network.gradients(step, values, images, classes)
    random = np.random.default_rng(0)
    direction = random.normal(0, 1, values.shape).astype(np.float32) * 1e-2 * values.std()
    # The layers above the map are piecewise linear, so a small step is nearly exact.
    moved = [scores_with(network, step, values + sign * direction, images) for sign in (1, -1)]
    expected = (moved[0] - moved[1])[np.arange(2), classes] / 2
    assert (found * direction).sum(axis=(1, 2, 3)) == pytest.approx(expected, rel=0.05, abs=1e-4)


def scores_with(network, step, values, images):
    with network._at(step, lambda _: keras.ops.convert_to_tensor(values)):
        return network.scores(images)


def test_grad_cam_is_the_usual_one_from_the_web():
    model, images = made("functional"), pictures(1)
    inner = keras.Model(model.input, [model.get_layer("conv_2").output, model.output])
    dense = model.get_layer("probability")
    dense.activation = keras.activations.linear
    with tf.GradientTape() as tape:
        values, scores = inner(images.astype(np.float32))
        score = scores[:, 2]
    weights = tf.reduce_mean(tape.gradient(score, values), axis=(1, 2))
    expected = np.maximum((values * weights[:, None, None]).numpy().sum(axis=3), 0)[0]
    dense.activation = keras.activations.softmax
    network = Network(model, images[0])
    step = network.last_map
    kept = network.values(step, images)
    gradients = network.gradients(step, kept, images, np.array([2]))
    (found,) = np.maximum((kept * gradients.mean(axis=(1, 2), keepdims=True)).sum(axis=3), 0)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-7)
    (large,), _ = attribute(network, images, np.array([2]))
    assert large == pytest.approx(cv2.resize(expected, (SIDE, SIDE)), rel=1e-4, abs=1e-7)


def test_on_average_pooling_hirescam_is_the_class_activation_map():
    model, images = made("functional"), pictures(1)
    kernel = model.get_layer("probability").get_weights()[0]
    network = Network(model, images[0])
    kept = network.values(network.last_map, images)[0]
    expected = np.maximum(kept @ kernel[:, 1], 0) / kept[..., 0].size
    maps = {
        method: attribute(network, images, np.array([1]), method=method)[0][0]
        for method in (Method.GRAD_CAM, Method.HIRES_CAM)
    }
    assert maps[Method.HIRES_CAM].max() <= expected.max() * 1.001
    assert maps[Method.HIRES_CAM] == pytest.approx(maps[Method.GRAD_CAM], rel=1e-3, abs=1e-7)


def test_the_fused_map_adds_the_map_of_a_finer_layer():
    inputs = keras.Input((SIDE, SIDE, 3))
    fine = keras.layers.Conv2D(4, 3, activation="relu", name="fine")(inputs)
    padded = keras.layers.ZeroPadding2D()(fine)
    coarse = keras.layers.Conv2D(5, 3, strides=2, activation="relu", name="coarse")(padded)
    pooled = keras.layers.GlobalMaxPooling2D()(coarse)
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax")(pooled))
    network, images = Network(model, pictures()[0]), pictures(2)
    classes = np.array([0, 1])

    def expected(name: str, weights_of) -> np.ndarray:
        step = network.step(name)
        values = network.values(step, images)
        gradients = network.gradients(step, values, images, classes)
        small = (values * weights_of(gradients)).sum(axis=3)
        large = np.stack([cv2.resize(one, (SIDE, SIDE)) for one in small])
        return large / np.abs(large).max(axis=(1, 2), keepdims=True)

    found, layer = attribute(network, images, classes, method="fused-cam")
    means = expected("coarse", lambda one: one.mean(axis=(1, 2), keepdims=True))
    assert found == pytest.approx(means + expected("fine", lambda one: one), abs=1e-5)
    assert layer == "coarse"
    alone, layer = attribute(network, images, classes, method="fused-cam", layer="fine")
    means = expected("fine", lambda one: one.mean(axis=(1, 2), keepdims=True))
    assert alone == pytest.approx(means, abs=1e-5)  # none is finer


def test_one_sigmoid_speaks_for_the_second_class_and_against_the_first():
    network, images = traced("binary"), pictures(1)
    first, second = network.scores(images)[0]
    assert first == -second
    share = 1 / (1 + np.exp(-second))
    assert share == pytest.approx(
        classifier_of(network.model).probabilities(images)[0, 1], abs=1e-6
    )
    maps = [
        attribute(network, images, np.array([one]), method="integrated-gradients")[0]
        for one in (0, 1)
    ]
    assert maps[0] == pytest.approx(-maps[1], abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_add_up_to_the_difference_of_scores(kind):
    network, images = traced(kind), pictures(1)
    (found,), _ = attribute(network, images, np.array([1]), method="integrated-gradients")
    whole = network.scores(images)[0, 1] - network.scores(blurred(images[0])[None])[0, 1]
    assert found.sum() == pytest.approx(whole, rel=0.05, abs=0.02)


def test_occlusion_finds_the_only_place_that_counts():
    inputs = keras.Input((SIDE, SIDE, 3))
    corner = keras.layers.Cropping2D(((0, 12), (12, 0)))(inputs)
    mean = keras.layers.GlobalAveragePooling2D()(corner)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")(mean))
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[:4, 12:] = 255
    (found,) = vf.explain(classifier_of(model), picture, method="occlusion", classes=["dogs"])
    assert found.peak[0] < 4
    assert found.peak[1] >= 12
    assert np.abs(found.values[6:, :10]).max() == pytest.approx(0, abs=1e-4)


def test_classes_and_batches():
    classifier, images = classifier_of(made("functional")), list(pictures(2))
    found = vf.explain(classifier, images, classes=["owls", "cats"])
    assert [(one.picture, one.label) for one in found] == [
        ("#0", "owls"), ("#0", "cats"), ("#1", "owls"), ("#1", "cats"),
    ]  # fmt: skip
    (alone,) = vf.explain(classifier, images[1], classes=["cats"])
    assert alone.values == pytest.approx(found[3].values, rel=1e-4, abs=1e-7)
    answers = [one.label for one in classifier.predict(images)]
    assert [one.label for one in vf.explain(classifier, images)] == answers
    assert alone.overlay().shape == (SIDE, SIDE, 3)
    assert repr(alone) == "<Explanation grad-cam of 'cats' in #0>"


def test_the_model_is_left_as_it_was():
    model = made("nested")
    before = model.predict(pictures(), verbose=0)
    vf.explain(classifier_of(model), list(pictures()), method="layercam")
    with pytest.raises(vf.ViewfinderError):
        vf.explain(classifier_of(model), pictures()[0], layer="none")
    assert np.array_equal(model.predict(pictures(), verbose=0), before)
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "gradcam"}, "did you mean 'grad-cam'?"),
        ({"classes": ["cat"]}, "did you mean 'cats'?"),
        ({"layer": "conv_3"}, "did you mean 'conv_2' or 'conv_1'?"),
        ({"layer": "probability"}, "no map of positions"),
    ],
)
def test_what_does_not_exist_is_named_with_the_nearest(options, words):
    with pytest.raises(vf.ViewfinderError) as error:
        vf.explain(classifier_of(made("functional")), pictures()[0], **options)
    assert words in str(error.value)


def test_a_model_without_convolution_has_the_other_methods():
    inputs = keras.Input((SIDE, SIDE, 3))
    dense = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(inputs))
    classifier = classifier_of(keras.Model(inputs, dense))
    with pytest.raises(vf.ViewfinderError, match="no convolution"):
        vf.explain(classifier, pictures()[0])
    with pytest.raises(vf.ViewfinderError, match="no convolution"):
        vf.feature_maps(classifier, pictures()[0])
    for method in ("integrated-gradients", "occlusion"):
        (found,) = vf.explain(classifier, pictures()[0], method=method)
        assert found.values.any()


def test_a_model_that_takes_no_picture_is_refused():
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(3, "softmax")])
    with pytest.raises(vf.ViewfinderError, match=r"(?s)cannot take this picture.*\(784,\)"):
        Network(model, pictures()[0])


def test_a_gradient_that_is_unconnected_is_zero():
    assert not gradient(lambda values: keras.ops.zeros_like(values), np.ones(3, np.float32)).any()
    found = gradient(lambda values: values**3, np.array([1, 2, -1], np.float32))
    assert found.tolist() == [3, 12, 3]
