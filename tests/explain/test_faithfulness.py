"""Tests of maps: a true map beats random orders, and maps follow what a model has learned."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from small_networks import classifier_of, made, pictures

import viewfinder as vf
from viewfinder.explain.attribution import Method
from viewfinder.explain.networks import Network
from viewfinder.explain.reading import input_pixels

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import faithfulness
from faithfulness import deletion_insertion, randomized_similarity

sys.path.pop()


@pytest.mark.parametrize("method", ["hirescam", "layercam", "occlusion"])
def test_deletion_and_insertion_beat_a_random_order(trained, digits, method):
    """Blocks of one pixel. The network flattens, so the mean gradient of Grad-CAM is no weight."""
    files = sorted((digits / "test").glob("*/*.png"))[::2]
    found = vf.explain(trained.classifier, files, method=method)
    by_map = np.mean([deletion_insertion(trained.classifier, one, block=1) for one in found], 0)
    random = np.mean(
        [
            deletion_insertion(trained.classifier, one, block=1, random_seed=seed)
            for seed, one in enumerate(found)
        ],
        axis=0,
    )
    assert by_map[0] < random[0]
    assert by_map[1] > random[1]


def test_areas_of_a_model_that_sees_one_block_are_known():
    inputs = keras.Input((16, 16, 3))
    corner = keras.layers.Cropping2D(((0, 12), (0, 12)))(inputs)
    mean = keras.layers.GlobalMaxPooling2D()(corner)
    dense = keras.layers.Dense(1, "sigmoid", kernel_initializer="ones", bias_initializer="zeros")
    dense.build((None, 3))
    dense.set_weights([np.ones((3, 1)), np.array([-400.0])])
    classifier = classifier_of(keras.Model(inputs, dense(mean)))
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[1, 1] = 255  # blurred, it is gone
    (found,) = vf.explain(classifier, picture, method="occlusion")
    assert found.label == "dogs"
    areas = deletion_insertion(classifier, found, block=4, steps=16)
    assert areas == pytest.approx((0.5 / 16, 1 - 0.5 / 16), abs=1e-3)


@pytest.mark.parametrize("method", ["grad-cam", "integrated-gradients"])
@pytest.mark.parametrize(("noise", "copies"), [(0.0, 1), (8.0, 3)])
def test_maps_change_when_weights_are_made_random(trained, digits, method, noise, copies):
    """Model parameter randomization, also smoothed over noisy copies."""
    classifier = trained.classifier
    files = sorted((digits / "test").glob("*/*.png"))[::4]
    images = np.stack([input_pixels(file, classifier.preprocessing) for file in files])
    before = [one.copy() for one in classifier.model.get_weights()]
    found = randomized_similarity(classifier, images, method=method, noise=noise, copies=copies)
    assert found["layer"].tolist()[0] == "probability"
    assert found["layer"].tolist()[-1] == "conv_1"
    assert found["similarity"].iloc[-1] < 0.5
    after = classifier.model.get_weights()
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_a_map_of_the_picture_alone_would_stay(monkeypatch):
    """What the test is for: it finds maps that do not depend on the weights."""

    def edges(network, images, classes, method):
        return np.asarray(images, np.float32).mean(axis=3), None

    monkeypatch.setattr(faithfulness, "attribute", edges)
    found = randomized_similarity(classifier_of(made("functional")), pictures())
    assert found["similarity"].tolist() == pytest.approx([1.0] * len(found))


def test_every_method_can_be_asked_for_on_the_run(trained, digits):
    picture = next((digits / "test").glob("*/*.png"))
    for method in Method:
        (found,) = vf.explain(trained.classifier, picture, method=method)
        assert found.values.shape == trained.recipe.preprocessing.shape[:2]
    assert Network(trained.model, found.pixels).last_map.name == "conv_1"
