"""Maps of a linear head from `model.onnx` alone, held against gradients of Keras's own layers."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import viewfinder as vf
from viewfinder.classifier import Classifier
from viewfinder.core.errors import BackendError
from viewfinder.core.progress import Progress
from viewfinder.explain.attribution import network_of
from viewfinder.explain.linear import LinearNetwork
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.joined import write_joined
from viewfinder.models.features.logistic import Linear
from viewfinder.models.networks.head import pooled
from viewfinder.recipe.named import recipe_named
from viewfinder.runtime.onnx import OnnxModel

pytestmark = pytest.mark.usefixtures("shared_cache")

SIDE = 96  # a map of 3 × 3 positions, so that the quarters overlap
CUT = "block3b_add"  # 12 × 12 positions, 40 channels
IMAGES = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)


def joined(folder: Path, pooling: str, classes: int, cut: str | None = None) -> Classifier:
    recipe = recipe_named("transfer").changed(
        {
            "model.base": "EfficientNetLite0",
            "model.weights": "none",
            "model.pooling": pooling,
            "model.cut": cut,
            "input.size": [SIDE, SIDE],
            "input.color": "rgb",
        }
    )
    base = BaseExtractor.of(recipe, recipe.on_features, Progress(0))
    graph = base.graph(Progress(0))
    width = OnnxModel(graph).outputs
    random = np.random.default_rng(1)
    outputs = 1 if classes == 2 else classes
    head = Linear(
        random.normal(0, 0.05, (width, outputs)).astype(np.float32),
        random.normal(0, 1, outputs).astype(np.float32),
    )
    write_joined(base, graph, head, folder)
    names = tuple(f"class {number}" for number in range(classes))
    return Classifier(OnnxModel(folder / "model.onnx"), names, recipe.preprocessing, folder)


@pytest.mark.parametrize("cut", [None, CUT])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("pooling", ["average", "max", "quarters", "flatten"])
def test_scores_and_gradients_are_those_of_keras(pooling, classes, cut, tmp_path):
    classifier = joined(tmp_path, pooling, classes, cut)
    network = network_of(classifier, IMAGES[0])
    assert isinstance(network, LinearNetwork)
    values = network.values(network.last_map, IMAGES)
    maps = tf.constant(values)
    given = keras.Input(values.shape[1:])
    pooling_of = keras.Model(given, pooled(given, pooling))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        scores = pooling_of(maps) @ network.head.weights + network.head.bias
        if classes == 2:
            scores = tf.concat([-scores, scores], 1)
        chosen = tf.reduce_sum(scores * np.eye(classes, dtype=np.float32)[[0, 1, 1]], 1)
    expected = tape.gradient(chosen, maps).numpy()
    found = network.gradients(network.last_map, values, IMAGES, np.array([0, 1, 1]))
    assert found.shape == values.shape
    if pooling == "max":  # of equal values, each framework chooses one
        found, expected = found.sum(axis=(1, 2)), expected.sum(axis=(1, 2))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(network.scores(IMAGES), scores.numpy(), rtol=1e-4, atol=1e-4)
    shares = classifier.probabilities(IMAGES)
    logits = scores.numpy() if classes > 2 else scores.numpy() * [0, 1]
    np.testing.assert_allclose(shares, tf.nn.softmax(logits).numpy(), atol=1e-5)


def test_the_map_adds_up_to_the_score(tmp_path):
    """The class activation map is exact: its mean and the bias are the score."""
    classifier = joined(tmp_path, "average", 3)
    network = network_of(classifier, IMAGES[0])
    values = network.values(network.last_map, IMAGES)
    maps = values @ network.head.weights
    np.testing.assert_allclose(
        maps.mean(axis=(1, 2)) + network.head.bias, network.scores(IMAGES), rtol=1e-4, atol=1e-5
    )
    (found,) = vf.explain(classifier, IMAGES[0], classes=["class 1"], method="hirescam")
    row, column = np.unravel_index(maps[0, ..., 1].argmax(), (3, 3))
    assert (found.peak[0] * 3 // SIDE, found.peak[1] * 3 // SIDE) == (row, column)
    assert found.layer == "maps"


def test_what_needs_gradients_of_the_base_names_the_extra(tmp_path, monkeypatch):
    classifier = joined(tmp_path, "average", 3)
    for name in ("grad-cam", "grad-cam++", "hirescam", "layercam", "occlusion"):
        assert np.isfinite(vf.explain(classifier, IMAGES[0], method=name)[0].values).all()
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setattr("viewfinder.runtime.backend.find_spec", lambda _: None)
    for name in list(sys.modules):
        if name.startswith("viewfinder.explain.networks"):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(BackendError, match=r"viewfinder\[cpu\]"):
        vf.explain(classifier, IMAGES[0], method="integrated-gradients")
