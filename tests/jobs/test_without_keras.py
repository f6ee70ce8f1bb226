"""Linear heads without a deep-learning framework, and the model of Keras that is written later."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import viewfinder as vf
from shortcuts import short_trainings
from viewfinder.classifier import Classifier
from viewfinder.classifier.files import fingerprint
from viewfinder.core.errors import RunError
from viewfinder.evaluation.conformal import SetOptions
from viewfinder.recipe.named import recipe_named
from viewfinder.run.sets import fit_sets

pytestmark = pytest.mark.usefixtures("shared_cache")

BASE = {"model.base": "EfficientNetLite0", "model.weights": "none", "input.size": [32, 32]}
MOBILE = {
    "model.base": "MobileNetV2",
    "model.alpha": 0.35,
    "model.weights": "none",
    "model.cut": "block_3_expand_relu",
    "input.size": [32, 32],
}
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)

# Trains, evaluates, diagnoses, predicts, computes an audit's features, and prints what is imported.
_WHOLE = """
import json, sys
from pathlib import Path
import viewfinder as vf
from viewfinder.models.features.table import extract
from viewfinder.recipe.named import recipe_named

data, runs, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
quiet = vf.Progress(0)
recipe = recipe_named("transfer").changed(settings)
run = vf.train(data, recipe, output=runs, name="run", progress=quiet)
run = vf.open_run(run.folder)
run.evaluate(progress=quiet)
run.doctor(progress=quiet)
run.report()
vf.write_full_report(run, progress=quiet)
assert "There are no heat maps" not in (run.folder / "report.html").read_text()
picture = next(Path(data).rglob("*.png"))
assert vf.load(run.folder).predict(picture)[0].label in run.classes
assert vf.explain(run.classifier, picture, method="occlusion")[0].values.shape == (32, 32)
vf.export(run.folder, "onnx", Path(runs) / "exported", raw=True)
extract(vf.open(data), recipe.on_features, size=(32, 32), progress=quiet)
print(json.dumps([name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules]))
"""


def trained(digits: Path, runs: Path, settings: dict) -> vf.Run:
    recipe = recipe_named("transfer").changed(settings)
    return vf.train(digits, recipe, output=runs, name="run", progress=vf.Progress(0))


@pytest.fixture(scope="module")
def kept(module_cache, digits, tmp_path_factory) -> Path:
    """A run without `best.keras`. Tests only copy it."""
    with short_trainings() as patch:
        patch.setenv("VIEWFINDER_CACHE", str(module_cache))
        return trained(digits, tmp_path_factory.mktemp("runs"), BASE).folder


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "run"))


def imported(digits: Path, runs: Path, settings: dict) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _WHOLE, str(digits), str(runs), json.dumps(settings)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_efficientnet_lite_needs_no_framework_from_folder_to_report(digits, tmp_path):
    assert imported(digits, tmp_path, BASE) == []


def test_another_base_needs_none_once_it_has_been_exported(digits, tmp_path):
    trained(digits, tmp_path / "first", MOBILE)
    assert imported(digits, tmp_path / "second", MOBILE) == []


def test_the_model_of_keras_is_written_when_it_is_first_used(folder):
    run = vf.open_run(folder)
    assert run.has_model
    name, expected = run.classifier.model_name, run.classifier.probabilities(PIXELS)
    assert not (folder / "best.keras").exists()
    model = run.model
    assert isinstance(model, keras.Model)
    assert fingerprint(folder / "best.keras") == name
    again = Classifier(model, run.classes, run.classifier.preprocessing)
    np.testing.assert_allclose(again.probabilities(PIXELS), expected, atol=1e-4)
    plain = keras.saving.load_model(folder / "best.keras")
    np.testing.assert_allclose(np.asarray(plain(PIXELS)), np.asarray(model(PIXELS)), atol=1e-6)
    assert vf.load(folder).starts_at_once


def test_training_can_write_it_at_once(digits, tmp_path):
    recipe = recipe_named("transfer").changed(BASE)
    run = vf.train(digits, recipe, output=tmp_path, keras=True, progress=vf.Progress(0))
    assert (run.folder / "best.keras").is_file()


def test_a_model_that_was_changed_later_is_another_one(folder):
    """Someone trains `best.keras` further and saves it: `model.onnx` is not used any more."""
    model = vf.open_run(folder).model
    model.get_layer("probability").set_weights(
        [-weights for weights in model.get_layer("probability").get_weights()]
    )
    model.save(folder / "best.keras")
    changed = vf.load(folder)
    assert not changed.starts_at_once
    assert changed.model_name == fingerprint(folder / "best.keras")


def test_prediction_sets_hold_before_and_after(folder):
    run = vf.open_run(folder)
    fit_sets(run, SetOptions(coverage=0.8))
    before = vf.load(folder).predict(list(PIXELS), coverage=0.8)
    assert run.model
    after = vf.load(folder).predict(list(PIXELS), coverage=0.8)
    assert [one.classes for one in before] == [one.classes for one in after]


def test_a_base_that_has_changed_is_refused(folder):
    recipe = (folder / "recipe.yaml").read_text()
    (folder / "recipe.yaml").write_text(recipe.replace("seed: 0", "seed: 1"))
    with pytest.raises(RunError, match=r"base .* has changed"):
        _ = vf.open_run(folder).model
    assert not (folder / "best.keras").exists()


def test_a_damaged_export_is_refused_with_a_remedy_that_helps(folder):
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(RunError, match=r"damaged") as caught:
        vf.load(folder)
    assert "train" in str(caught.value.remedy)
