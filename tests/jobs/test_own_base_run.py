"""Runs on a model of one's own: by flag, over stored features, fine-tuned, and without a recipe."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import viewfinder as vf
from folders import write_classes
from viewfinder.core.errors import DataError, RecipeError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.train import train
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.store import list_features
from viewfinder.models.features.table import extract
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named

SHAPE = (24, 24, 3)


def save_own(path: Path, seed: int = 0, shape: tuple[int | None, ...] = SHAPE) -> Path:
    """A small network whose weights depend on the seed."""
    keras.utils.set_random_seed(seed)
    stack = [
        keras.Input(shape),
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, activation="relu", name="first"),
        layers.Conv2D(6, 3, strides=2, activation="relu", name="second"),
        layers.GlobalAveragePooling2D(name="row"),
        layers.Dense(10, activation="softmax", name="probability"),
    ]
    path.parent.mkdir(exist_ok=True)
    keras.Sequential(stack).save(path)
    return path


@pytest.fixture
def own(tmp_path) -> Path:
    return save_own(tmp_path / "nets/own.keras")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    return write_classes(tmp_path_factory.mktemp("data") / "pets", {"cat": 12, "dog": 12})


def recipe_on(path: Path, **settings) -> Recipe:
    return recipe_named("transfer").changed(
        {"model.base": str(path), "model.cut": "second"} | settings
    )


def test_a_run_over_its_features_serves_like_any_other(own, pictures, tmp_path):
    run = train(open_dataset(pictures), recipe_on(own), output=tmp_path, progress=Progress(0))
    assert (run.recipe.input.size, run.recipe.model.weights) == ((24, 24), "own")
    original = keras.saving.load_model(own)
    np.testing.assert_array_equal(
        run.model.get_layer("first").kernel, original.get_layer("first").kernel
    )
    own.unlink()  # the run has it in it
    (answer,) = vf.load(run.folder).predict(pictures / "cat/0.png")
    assert answer.label in ("cat", "dog")
    assert vf.Run.open(run.folder).recipe.model.base == str(own)


def test_features_are_known_by_the_content_of_the_file(own, pictures, tmp_path):
    def features(path: Path) -> np.ndarray:
        return extract(open_dataset(pictures), recipe_on(path).model).rows

    first = features(own)
    elsewhere = tmp_path / "elsewhere/own.keras"
    elsewhere.parent.mkdir()
    shutil.copy(own, elsewhere)
    np.testing.assert_array_equal(features(elsewhere), first)
    assert len(list(list_features())) == 1
    save_own(own, seed=1)  # another network at the same place
    assert not np.allclose(features(own), first)
    assert len(list(list_features())) == 2


def test_features_are_those_of_the_saved_model(own, pictures):
    table = extract(open_dataset(pictures), recipe_on(own, **{"model.pooling": "average"}).model)
    original = keras.saving.load_model(own)
    maps = keras.Model(original.inputs, original.get_layer("row").output)
    recipe = recipe_on(own).resolved_by_base()
    pixels = np.stack(
        [
            vf.prepare((pictures / locator).read_bytes(), recipe.preprocessing).pixels
            for locator in table.pictures["locator"]
        ]
    )
    np.testing.assert_allclose(table.rows, maps.predict(pixels, verbose=0), atol=1e-4)


def test_its_top_is_fine_tuned(own, pictures, tmp_path):
    recipe = recipe_on(
        own,
        **{"training.kind": "solve-then-tune"},
        **{"training.fine_tune": {"epochs": 1, "blocks": 1, "set_aside": 0.25}},
        **{"training.batch_size": 8, "training.augment": "gentle"},
    )
    run = train(open_dataset(pictures), recipe, output=tmp_path, progress=Progress(0))
    assert run.history["phase"].str.startswith("fine-tuning").sum() == 1
    last = keras.saving.load_model(run.folder / "last.keras")
    original = keras.saving.load_model(own)
    np.testing.assert_array_equal(
        last.get_layer("first").kernel, original.get_layer("first").kernel
    )


def test_a_base_of_any_size_takes_the_size_that_is_asked_for(pictures, tmp_path):
    path = save_own(tmp_path / "nets/open.keras", shape=(None, None, 3))
    recipe = recipe_on(path, **{"input.size": [30, 20]})
    assert recipe.resolved_by_base().input.size == (30, 20)
    assert recipe_on(path).resolved_by_base().input.size is None
    run = train(open_dataset(pictures), recipe_on(path), output=tmp_path, progress=Progress(0))
    assert run.recipe.input.size is not None  # what suits the pictures


def test_what_does_not_fit_is_said_before_any_picture_is_read(own, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("viewfinder.jobs.train.prepare", lambda *_, **__: pytest.fail("read"))
    dataset = open_dataset(pictures)
    for settings, error, words in (
        ({"input.size": [32, 32]}, RecipeError, r"one size only(.|\n)*24, 24(.|\n)*32, 32"),
        ({"input.color": "gray"}, RecipeError, "own takes colour pictures"),
        ({"model.base": str(tmp_path / "gone.keras")}, DataError, "no model file"),
    ):
        with pytest.raises(error, match=words):
            train(dataset, recipe_on(own, **settings), output=tmp_path, progress=Progress(0))


def test_without_a_recipe_it_is_what_the_search_builds_on(own, pictures, tmp_path):
    run = vf.auto(
        open_dataset(pictures),
        recipe_on(own),
        output=tmp_path,
        max_time=0,
        progress=Progress(0),
    )
    assert run.recipe.model.base == str(own)


def test_a_base_is_built_once_for_its_features(own):
    recipe = recipe_on(own).resolved_by_base()
    base = BaseExtractor.of(recipe, recipe.model, Progress(0))
    assert base.built is base.built
    assert str(own) not in str(base.identity)
