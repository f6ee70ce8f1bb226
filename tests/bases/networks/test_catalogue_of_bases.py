"""The catalogue of bases, held against `keras.applications` itself."""

import importlib
import inspect

import keras
import numpy as np
import pytest
from keras.src.applications import imagenet_utils

from viewfinder.bases.catalogue import (
    BASES,
    all_published,
    bases_with,
    network_named,
    published_weights,
)
from viewfinder.bases.networks.layers import scaled
from viewfinder.core.errors import UsageError
from viewfinder.models import build_base

V3 = ["MobileNetV3Small", "MobileNetV3Large"]  # they check sizes in a way of their own


def built(name: str, *, weights: str | None = None, **options) -> keras.Model:
    """Return Keras's own network without values: drawing them takes most of the time."""
    with keras.StatelessScope(initialize_variables=False):
        return getattr(keras.applications, name)(include_top=False, weights=weights, **options)


def module_of(name: str):
    return importlib.import_module(
        inspect.unwrap(getattr(keras.applications, name)).__module__.replace(".src", "")
    )


def test_every_network_of_keras_is_there_and_no_other():
    assert set(BASES) == {
        name
        for name, value in vars(keras.applications).items()
        if callable(value) and not name.startswith("_")
    }


@pytest.mark.parametrize("name", BASES)
def test_pixels_are_scaled_as_keras_does_it(name):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype(np.float32)
    inputs = keras.Input((5, 7, 3))
    ours = keras.Model(inputs, scaled(inputs, BASES[name].scaling)).predict_on_batch(pixels)
    theirs = module_of(name).preprocess_input(pixels.copy())
    np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [name for name in BASES if name not in V3])
def test_default_and_least_size_are_keras_own(name, monkeypatch):
    class AskedError(Exception):
        pass

    def caught(input_shape, default_size, min_size, **_):
        raise AskedError(default_size, min_size)

    monkeypatch.setattr(imagenet_utils, "obtain_input_shape", caught)
    if name.startswith("NASNet") and keras.backend.backend() == "torch":
        with pytest.raises(UsageError, match="Keras has no NASNet"):
            build_base(name, input_shape=(64, 64, 3), weights="none")
        return
    with pytest.raises(AskedError) as asked:
        built(name)
    assert asked.value.args == (BASES[name].size, BASES[name].least_size)


@pytest.mark.parametrize("name", V3)
def test_least_size_of_those_that_check_it_themselves(name):
    assert BASES[name].least_size == 32
    with pytest.raises(ValueError, match="32"):
        built(name, input_shape=(31, 31, 3))


@pytest.mark.parametrize("name", BASES)
def test_parameters_are_counted_right(name):
    for alpha, parameters in BASES[name].widths.items():
        options = {"alpha": alpha} if BASES[name].has_alpha else {}
        model = built(name, input_shape=(96, 96, 3), **options)
        assert model.count_params() == parameters
        assert (name, alpha) in bases_with(parameters)


@pytest.mark.slow
@pytest.mark.parametrize("name", BASES)
def test_weights_are_where_keras_looks_for_them(name, monkeypatch):
    class AskedError(Exception):
        pass

    def caught(name, url, file_hash=None, **_):
        raise AskedError(name, url, file_hash)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", caught)
    base = BASES[name]
    sides = (96, 128, 160, 192, 224) if name in ("MobileNet", "MobileNetV2") else (None,)
    for alpha in base.widths:
        for side in sides:
            if name == "MobileNet" and side == 96:
                continue  # it has none for this side
            options = {"alpha": alpha} if base.has_alpha else {}
            if side:
                options["input_shape"] = (side, side, 3)
            with pytest.raises(AskedError) as asked:
                built(name, weights="imagenet", **options)
            found = published_weights(base, alpha, side)
            assert asked.value.args == (found.name, found.url, found.checksum)


def test_published_checksums_are_in_the_sources_of_keras():
    for name, base in BASES.items():
        home = inspect.unwrap(getattr(keras.applications, name)).__module__
        sources = inspect.getsource(importlib.import_module(home))
        if name.startswith("ResNet"):
            sources += inspect.getsource(importlib.import_module("keras.src.applications.resnet"))
        stated = {one.checksum for _, one in all_published(base)}
        without = name in ("MobileNet", "MobileNetV2")
        assert stated == {None} if without else all(one and one in sources for one in stated)


@pytest.mark.parametrize(
    ("side", "nearest"), [(None, 224), (224, 224), (150, 160), (96, 96), (32, 96), (176, 192)]
)
def test_weights_for_the_nearest_side_are_chosen(side, nearest):
    name = published_weights(network_named("MobileNetV2"), 0.35, side).name
    assert name == f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_{nearest}_no_top.h5"


def test_unknown_names_and_widths_are_refused():
    with pytest.raises(UsageError, match=r"no base 'InceptonV3'(.|\n)*mean 'InceptionV3'"):
        network_named("InceptonV3")
    with pytest.raises(UsageError, match="mean 'MobileNetV2'"):
        network_named("mobilenetv2")
    with pytest.raises(UsageError, match=r"VGG16 has one width only(.|\n)*MobileNetV2"):
        network_named("VGG16").width(0.5)
    with pytest.raises(UsageError, match=r"alpha 0\.4 has no ImageNet weights(.|\n)*0\.35, 0\.5"):
        published_weights(network_named("MobileNetV2"), 0.4)
    with pytest.raises(UsageError, match="cannot have this width"):
        network_named("MobileNetV2").width(-1)
