"""Batch norm as one operation, against Keras's own and NumPy."""

import keras
import numpy as np
import pytest
from keras import layers

from viewfinder.training.step import fused_norms

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow's are fused"
)

RNG = np.random.default_rng(0)
MAPS = RNG.normal(3, 2, (5, 7, 6, 4)).astype(np.float32)


def norm_of(**settings) -> keras.Model:
    inputs = keras.Input(MAPS.shape[1:])
    return keras.Model(inputs, layers.BatchNormalization(momentum=0.8, **settings)(inputs))


def trained(model: keras.Model) -> list[np.ndarray]:
    """Return outputs, gradients and moving statistics of two steps that change all weights."""
    norm = model.layers[-1]
    seen = []
    for maps in (MAPS, MAPS[::-1] ** 2):
        for weight in norm.trainable_weights:
            weight.assign(weight + np.arange(4) / 3)
        maps = tf.constant(maps)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = model(maps, training=True)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
        gradients = tape.gradient(loss, [maps, *[one.value for one in norm.trainable_weights]])
        seen += [outputs, *gradients, *[one.value for one in norm.non_trainable_weights]]
    return [np.asarray(tf.cast(one, tf.float64)) for one in seen]


def operations(model: keras.Model, *, training: bool = True) -> set[str]:
    step = tf.function(lambda maps: model(maps, training=training))
    return {
        one.type for one in step.get_concrete_function(tf.constant(MAPS)).graph.get_operations()
    }


@pytest.mark.parametrize("settings", [{}, {"axis": 3}, {"epsilon": 0.1}])
def test_fused_norms_train_as_keras_does(settings):
    expected = trained(norm_of(**settings))
    model = norm_of(**settings)
    with fused_norms(model):
        assert "FusedBatchNormV3" in operations(model)
        found = trained(model)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4 * np.abs(other).max())


def test_the_moving_variance_divides_by_n():
    model = norm_of()
    with fused_norms(model):
        model.layers[-1](MAPS[:1, :1, :2], training=True)  # two values a channel: n - 1 is half
    variance = MAPS[:1, :1, :2].var(axis=(0, 1, 2))
    np.testing.assert_allclose(model.layers[-1].moving_variance, 0.8 + 0.2 * variance, rtol=1e-5)


def test_in_mixed_precision_the_map_stays_half():
    model = norm_of(dtype="mixed_bfloat16")
    expected = trained(norm_of(dtype="mixed_bfloat16"))
    with fused_norms(model):
        assert model(MAPS, training=True).dtype == "bfloat16"
        assert operations(model) >= {"FusedBatchNormV3"}
        model = norm_of(dtype="mixed_bfloat16")
    with fused_norms(model):
        found = trained(model)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.03, atol=0.03 * np.abs(other).max())


@pytest.mark.parametrize(
    "settings",
    [{"scale": False}, {"center": False}, {"axis": 1}, {"renorm": True}, {"trainable": False}],
)
def test_norms_without_a_fused_form_use_keras(settings):
    model = norm_of(**settings)
    with fused_norms(model):
        assert "FusedBatchNormV3" not in operations(model)


def test_inference_and_vectors_use_keras():
    model = norm_of()
    vectors = keras.Sequential([keras.Input((4,)), layers.BatchNormalization()])
    with fused_norms(model), fused_norms(vectors):
        assert "FusedBatchNormV3" not in operations(model, training=False)
        assert np.asarray(vectors(MAPS[0, 0], training=True)).shape == (6, 4)


def test_norms_of_nested_models_are_fused_and_restored(tmp_path):
    inner = norm_of()
    inputs = keras.Input(MAPS.shape[1:])
    model = keras.Model(inputs, inner(inputs))
    with fused_norms(model):
        step = tf.function(lambda maps: model(maps, training=True))
        graph = step.get_concrete_function(tf.constant(MAPS)).graph
        assert "FusedBatchNormV3" in str(graph.as_graph_def())
        model.save(tmp_path / "within.keras")
    assert "call" not in vars(inner.layers[-1])
    loaded = keras.models.load_model(tmp_path / "within.keras")
    np.testing.assert_array_equal(loaded(MAPS), model(MAPS))


def test_norms_are_restored_after_an_error():
    model = norm_of()
    with pytest.raises(KeyboardInterrupt), fused_norms(model):
        raise KeyboardInterrupt
    assert "call" not in vars(model.layers[-1])
