"""Convolution and pooling: equal to SciPy's and to Keras's layers with the same weights."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, signal

import viewfinder as vf
from viewfinder.explain.convolution import FILTERS, filter_weights

PICTURE = np.random.default_rng(0).integers(0, 256, (13, 18, 3)).astype(np.uint8)


def of_keras(layer: keras.Layer, picture: np.ndarray) -> np.ndarray:
    return np.asarray(layer(picture[None].astype(np.float32)))[0]


def depthwise(weights: np.ndarray, **settings: object) -> keras.Layer:
    layer = keras.layers.DepthwiseConv2D(weights.shape, use_bias=False, **settings)
    layer.build((1, *PICTURE.shape))
    layer.set_weights([np.repeat(weights[:, :, None, None], 3, axis=2)])
    return layer


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_equals_scipy(name):
    gray = PICTURE[:, :, 0].astype(float)
    weights = filter_weights(name)
    assert np.allclose(
        vf.convolve(gray, name), signal.correlate2d(gray, weights, "valid"), atol=1e-9
    )
    same = ndimage.correlate(gray, weights, mode="constant")
    assert np.allclose(vf.convolve(gray, name, padding="same"), same, atol=1e-9)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("name", ["sobel-x", "gaussian-5"])
def test_convolution_equals_the_layer(name, stride, padding):
    layer = depthwise(filter_weights(name), strides=stride, padding=padding)
    found = vf.convolve(PICTURE, name, stride=stride, padding=padding)
    assert found.shape == of_keras(layer, PICTURE).shape
    assert np.allclose(found, of_keras(layer, PICTURE), atol=1e-3)


@given(
    kind=st.sampled_from(["max", "mean"]),
    size=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.sampled_from(["valid", "same"]),
)
def test_pooling_equals_the_layer(kind, size, stride, padding):
    layers = {"max": keras.layers.MaxPooling2D, "mean": keras.layers.AveragePooling2D}
    layer = layers[kind](size, strides=stride, padding=padding)
    found = vf.pool(PICTURE, kind, size=size, stride=stride, padding=padding)
    assert np.allclose(found, of_keras(layer, PICTURE), atol=1e-3)


def test_numbers_are_read_row_by_row():
    expected = np.arange(9.0).reshape(3, 3)
    assert np.array_equal(filter_weights("0 1 2, 3 4 5, 6 7 8"), expected)
    assert np.array_equal(filter_weights(expected.tolist()), expected)
    assert np.array_equal(filter_weights(range(9)), expected)
    assert filter_weights(",".join("1" * 25)).shape == (5, 5)


@pytest.mark.parametrize(
    ("filter", "words"),
    [
        ("sobelx", "did you mean 'sobel-x'"),
        ("1 2 3", "3 numbers"),
        ("1 2 3 4 5 6 7 8 x", "9 or 25 numbers"),
        (np.ones((2, 2)), "shape (2, 2)"),
        ("1 2 3 4 5 6 7 8 nan", "not finite"),
        ("", "0 numbers"),
    ],
)
def test_what_is_no_filter_is_refused(filter, words):
    with pytest.raises(vf.ViewfinderError) as error:
        vf.convolve(PICTURE, filter)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: vf.convolve(PICTURE[:2], "blur"), "at least 3 × 3"),
        (lambda: vf.convolve(PICTURE[0, 0], "blur"), "shape (3,)"),
        (lambda: vf.convolve(PICTURE, "blur", stride=0), "stride 0"),
        (lambda: vf.convolve("cat.jpg", "blur"), "vf.decode"),
        (lambda: vf.pool("cat.jpg"), "'cat.jpg'"),
        (lambda: vf.convolve(PICTURE, "blur", padding="full"), "padding 'full'"),
        (lambda: vf.pool(PICTURE, "median"), "pooling 'median'"),
        (lambda: vf.pool(PICTURE, size=99), "at least 99 × 99"),
    ],
)
def test_other_faults_are_named(call, words):
    with pytest.raises(vf.ViewfinderError) as error:
        call()
    assert words in str(error.value)
