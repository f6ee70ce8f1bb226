"""Training on a base through the whole pipeline: weights, pixels, both phases, the report."""

import json

import keras
import numpy as np
import pytest
import yaml

from folders import write_classes
from viewfinder.core.errors import DataError, RecipeError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.heads import fit_on_features
from viewfinder.jobs.prepare import batches_of, prepare
from viewfinder.jobs.train import train
from viewfinder.models import build_base
from viewfinder.models.features.probe import fit_probe, fold_groups
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.training import BatchDataset, compile_model

SMALL = {
    "model": {"kind": "transfer", "base": "MobileNet", "alpha": 0.25, "cut": "conv_pw_3_relu"},
    "input.size": [32, 32],
    "training": {"epochs": 1, "batch_size": 8},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    options = {"alpha": 0.25, "weights": "none", "seed": 5}
    build_base("MobileNet", input_shape=(32, 32, 3), **options).model.save_weights(path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("data") / "pets", {"cat": 12, "dog": 12})


@pytest.mark.usefixtures("svg_plots")
def test_a_base_is_trained_on_and_fine_tuned(pictures, weights, tmp_path, monkeypatch):
    monkeypatch.chdir(weights.parent)
    changes = {"model.weights": weights.name, "training.fine_tune.epochs": 1}
    in_graph = {**SMALL, "model.frozen": "graph", "training.fine_tune": {}}
    recipe = Recipe().changed(in_graph).changed(changes)
    run = train(open_dataset(pictures), recipe, output=tmp_path, progress=Progress(0))
    assert run.recipe.model.weights == str(weights)  # found again from any folder
    assert run.history["phase"].iloc[0] == "head"
    assert len(run.history) == 2
    assert json.loads((run.folder / "fine_tuning.json").read_text())["set_aside"] == 2
    kernel = run.model.get_layer("conv1").kernel
    original = build_base(
        "MobileNet", input_shape=(32, 32, 3), alpha=0.25, weights=weights
    ).model.get_layer("conv1")
    np.testing.assert_array_equal(kernel, original.kernel)
    page = (run.folder / "report.html").read_text()
    assert page.count("fine-tuning →") == 2
    assert yaml.safe_load((run.folder / "recipe.yaml").read_text())["model"]["base"] == "MobileNet"


def test_the_head_does_not_train_on_pictures_set_aside(pictures, weights, tmp_path):
    changes = {"model": SMALL["model"] | {"weights": str(weights)}, "input.size": [32, 32]}
    changes["training.augment"] = "none"
    recipe = recipe_named("transfer/fine-tuned").changed(changes)
    prepared = prepare(open_dataset(pictures), recipe)
    ids = prepared.dataset.only("train").ids[3:]
    fitted = fit_on_features(prepared, ids, tmp_path, tmp_path / "head", Progress(0))
    model = fitted.model
    part = prepared.dataset.only("train")
    images, _ = prepared.pictures["train"].read(np.arange(len(part)))
    assert images.shape[1:] == (32, 32, 3)
    features = keras.Model(model.input, model.get_layer("probability").input)
    rows = features.predict(images.astype(np.float32), verbose=0)
    groups = fold_groups(part).names
    probe = fit_probe(rows[3:], part.labels[3:], part.classes, groups=groups[3:])
    chances = model.predict(images.astype(np.float32), verbose=0)[:, 0]
    np.testing.assert_allclose(chances, probe.head.probabilities(rows)[:, 1], atol=1e-3)
    assert fitted.best_epoch == 1
    # The curves of both phases are of one loss: Keras's, for labels as smooth as the recipe's.
    compile_model(model, prepared.recipe, steps=1)
    judged = model.evaluate(BatchDataset(batches_of(prepared, "validation")), verbose=0)
    assert fitted.history["val_loss"].iloc[0] == pytest.approx(judged[0], rel=1e-3)


def test_epochs_of_a_head_that_has_none_are_refused():
    with pytest.raises(RecipeError, match=r"this recipe has 'training\.fine_tune\.epochs'"):
        recipe_named("transfer/fine-tuned").changed({"training.epochs": 30})


def test_an_open_size_becomes_that_of_the_bases_weights(pictures):
    recipe = recipe_named("transfer").changed({"model.base": "EfficientNetB1"})
    prepared = prepare(open_dataset(pictures), recipe)
    assert prepared.recipe.input.size == (240, 240)
    assert prepared.recipe.input.color == "rgb"


def test_missing_weights_are_said_before_any_picture_is_read(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("viewfinder.jobs.train.prepare", lambda *_, **__: pytest.fail("read"))
    recipe = Recipe().changed(SMALL).changed({"model.weights": str(tmp_path / "gone.h5")})
    with pytest.raises(DataError, match=r"no weights file .*gone\.h5"):
        train(open_dataset(pictures), recipe, output=tmp_path, progress=Progress(0))


def test_what_a_base_cannot_do_is_refused_by_the_recipe():
    recipe = Recipe().changed(SMALL)
    with pytest.raises(UsageError, match=r"no base 'MobilNet'(.|\n)*mean 'MobileNet'"):
        recipe.changed({"model.base": "MobilNet"})
    with pytest.raises(UsageError, match="VGG16 has one width only"):
        recipe.changed({"model.base": "VGG16"})
    with pytest.raises(RecipeError, match="MobileNet takes colour pictures"):
        recipe.changed({"input.color": "gray"})


def test_a_wrong_layer_is_said_before_anything_is_trained(pictures, tmp_path):
    changes = {"model.weights": "none", "training.fine_tune.from_layer": "conv_pw_33"}
    recipe = Recipe().changed(SMALL).changed(changes | {"model.frozen": "graph"})
    with pytest.raises(UsageError, match=r"no layer 'conv_pw_33'(.|\n)*mean 'conv_pw_3'"):
        train(open_dataset(pictures), recipe, output=tmp_path, progress=Progress(0))
    assert not list(tmp_path.iterdir())
