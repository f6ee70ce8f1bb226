"""Frozen features of real pictures with real weights, where they are on this machine."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from shared_data import SHARED
from viewfinder.audit.checks.labels import doubtful_labels
from viewfinder.bases.from_wheel import installed_weights
from viewfinder.classifier import Classifier
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.data.store.live import some_pixels
from viewfinder.delivery.bundle.pack import bundle
from viewfinder.evaluation.answers import arrays_of
from viewfinder.evaluation.conformal import SetOptions, fit_levels
from viewfinder.jobs.train import train
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.compute import features_of
from viewfinder.models.features.probe import fit_probe
from viewfinder.models.features.table import extract, out_of_fold
from viewfinder.models.opening import load
from viewfinder.recipe.named import recipe_named
from viewfinder.recipe.transfer import Transfer

WEIGHTS = SHARED / "weights" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("shared_cache"),  # decoded once, and features computed once
    pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"{WEIGHTS} is not here"),
]

BASE = {"model.alpha": 0.35, "model.weights": str(WEIGHTS)}


@pytest.mark.parametrize(
    ("name", "holdout", "least"),
    [
        ("cats_and_dogs_filtered", "validation", 0.965),
        ("horse_or_human", "validation", 0.99),
        ("sign_language_digits", None, 0.95),
    ],
)
def test_a_linear_head_reaches_the_documented_accuracy(name, holdout, least, tmp_path):
    recipe = recipe_named("transfer").changed(BASE | {"data.holdout": holdout})
    run = train(open_dataset(SHARED / name), recipe, output=tmp_path, progress=Progress(0))
    assert run.metrics["test" if holdout else "validation"]["accuracy"] >= least
    if name == "cats_and_dogs_filtered":
        labels, shares = arrays_of(run.predictions.query("split == 'test'"), run.classes)
        for coverage in (0.8, 0.9, 0.95):
            assert abs(mean_coverage(labels, shares, coverage) - coverage) <= 0.015


def mean_coverage(labels, shares, coverage):
    """Of LAC sets on 20 random halves: the other half fits them."""
    covered = []
    for seed in range(20):
        fit, rest = np.array_split(np.random.default_rng(seed).permutation(len(labels)), 2)
        level = fit_levels(labels[fit], shares[fit], SetOptions(coverage))[0]
        covered.append((1 - shares[rest, labels[rest]] <= level).mean())
    return np.mean(covered)


def test_onnx_and_keras_give_equal_features_and_1000_equal_predictions():
    recipe = recipe_named("transfer").changed(BASE).resolved_by_base()
    base = BaseExtractor.of(recipe, recipe.on_features, Progress(0))
    dataset = open_dataset(SHARED / "cats_and_dogs_filtered").only("validation")
    store = open_store(dataset, recipe.preprocessing)
    pictures = store.pictures(dataset)
    dataset = store.describe(dataset)
    found = features_of(dataset, pictures, base, recipe.preprocessing)
    network = base.build()
    blocks = [pictures.read(np.arange(start, start + 50))[0] for start in range(0, 1000, 50)]
    wanted = np.concatenate([network.predict_on_batch(block) for block in blocks])
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    head = fit_probe(found, dataset.labels, dataset.classes).head
    assert_equal_but_for_ties(*(head.probabilities(rows) for rows in (found, wanted)))


def assert_equal_but_for_ties(shares: np.ndarray, others: np.ndarray) -> None:
    """Assert equal predictions of 1,000 pictures, but where a rounding error may decide."""
    best = np.sort(shares, axis=1)
    is_tie = best[:, -1] - best[:, -2] < 0.01
    assert len(shares) == 1000
    assert is_tie.sum() <= 20
    np.testing.assert_array_equal(shares.argmax(axis=1)[~is_tie], others.argmax(axis=1)[~is_tie])


@pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
def test_jax_gives_the_same_features(tmp_path):
    """JAX, and a network exported by JAX, against TensorFlow."""
    script = (
        "import sys, numpy as np\n"
        "from viewfinder.models.features.base import BaseExtractor\n"
        "from viewfinder.core.progress import Progress\n"
        "from viewfinder.recipe.named import recipe_named\n"
        f"recipe = recipe_named('transfer').changed({BASE!r}).resolved_by_base()\n"
        "extractor = BaseExtractor.of(recipe, recipe.on_features, Progress(0))\n"
        "images = np.load(sys.argv[1])\n"
        "by_onnx = extractor.start(Progress(2))(images)\n"
        "by_keras = extractor.build().predict_on_batch(images)\n"
        "np.savez(sys.argv[2], by_onnx=by_onnx, by_keras=by_keras)\n"
    )
    np.save(
        tmp_path / "images.npy",
        np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8),
    )
    found = {}
    for backend in ("tensorflow", "jax"):
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "images.npy", tmp_path / f"{backend}.npz"],
            env=os.environ
            | {"KERAS_BACKEND": backend, "VIEWFINDER_CACHE": str(tmp_path / backend)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert "slowly" not in done.stderr
        found[backend] = dict(np.load(tmp_path / f"{backend}.npz"))
    right = found["tensorflow"]["by_keras"]
    for one in (*found["tensorflow"].values(), *found["jax"].values()):
        np.testing.assert_allclose(one, right, atol=1e-3)


@pytest.mark.skipif(not installed_weights(), reason="viewfinder[base] is not installed")
def test_keras_onnx_and_bundle_predict_1000_pictures_alike(tmp_path):
    recipe = recipe_named("transfer").changed(
        {"model.base": "EfficientNetLite0", "data.holdout": "validation"}
    )
    data = open_dataset(SHARED / "cats_and_dogs_filtered")
    run = train(data, recipe, output=tmp_path, progress=Progress(0))
    held_out = run.dataset.only("test")
    assert len(held_out) == 1000
    pixels = some_pixels(held_out, run.recipe.preprocessing, 1000)
    by_onnx = run.classifier.probabilities(pixels)
    by_bundle = load(bundle(run, tmp_path / "run.bundle")).probabilities(pixels)
    by_keras = Classifier(run.model, run.classes, run.recipe.preprocessing)
    starts = range(0, 1000, 50)
    of_keras = np.concatenate([by_keras.probabilities(pixels[at : at + 50]) for at in starts])
    for other in (by_bundle, of_keras):
        assert np.abs(other - by_onnx).max() <= 1e-4
        assert_equal_but_for_ties(other, by_onnx)


@pytest.mark.skipif(not installed_weights(), reason="viewfinder[base] is not installed")
def test_labels_planted_wrong_among_photos_are_listed_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """150 of 3,000 labels are changed, in three draws; features of EfficientNet-Lite0."""
    dataset = open_dataset(SHARED / "cats_and_dogs_filtered")
    table = extract(dataset, Transfer(base="EfficientNetLite0"))
    features = table.aligned(dataset)
    content = table.pictures.set_index("locator")["content"]
    dataset = dataset.with_columns({"content": list(content[dataset.table["locator"]])})
    unchanged = doubtful_labels(
        dataset.table,
        dataset.classes,
        out_of_fold(dataset, features, Progress(0)),
        features=features.astype(np.float64),
    )
    recall, precision = [], []
    for seed in range(3):
        rows = np.random.default_rng(seed).choice(len(dataset), 150, replace=False)
        labels = dataset.table["label"].to_numpy(object, copy=True)
        labels[rows] = np.where(labels[rows] == "cats", "dogs", "cats")
        changed = dataset.with_columns({"label": labels})
        probabilities = out_of_fold(changed, features, Progress(0))
        found = doubtful_labels(
            changed.table, changed.classes, probabilities, features=features.astype(np.float64)
        )
        planted = set(changed.table["locator"].iloc[rows])
        is_planted = [path in planted for finding in found for path in finding.paths]
        recall.append(sum(is_planted[:200]) / 150)
        precision.append(sum(is_planted[:150]) / 150)
    with capsys.disabled():
        print(f"\nplanted among the first 200: {recall}; of the first 150: {precision}")
        print(f"listed without planted labels: {sum(one.count for one in unchanged)}")
    assert np.mean(recall) >= 0.95
    assert np.mean(precision) >= 0.9
    assert sum(one.count for one in unchanged) <= 15
