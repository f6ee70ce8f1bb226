"""A run over a frozen base: features once, and a model that is base and head in one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from folders import write_classes
from shortcuts import short_trainings
from viewfinder.classifier import Classifier, load
from viewfinder.core.errors import DataError, RecipeError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.jobs.heads import fit_on_features
from viewfinder.jobs.prepare import prepare
from viewfinder.jobs.resume import resume
from viewfinder.jobs.train import train
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.compute import features_of
from viewfinder.pictures.prepare import prepare as decode
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run
from viewfinder.runtime.export import export_onnx
from viewfinder.runtime.onnx import OnnxModel

pytestmark = pytest.mark.usefixtures("shared_cache")

SMALL_BASE = {
    "model.alpha": 0.35,
    "model.weights": "none",
    "model.cut": "block_3_expand_relu",  # random weights say little further up
    "input.size": [32, 32],
    "input.color": "rgb",
}
IN_STEPS = {"training.epochs": 3, "training.batch_size": 16}


def recipe(**settings) -> Recipe:
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    return recipe_named("transfer").changed(SMALL_BASE | changes)


@pytest.fixture(scope="module")
def linear(module_cache, digits, tmp_path_factory) -> Run:
    """A run that has its model from the fit, and so loads none. Tests only read it."""
    with short_trainings() as patch:
        patch.setenv("VIEWFINDER_CACHE", str(module_cache))
        patch.setattr("keras.saving.load_model", lambda *_, **__: pytest.fail("loaded"))
        runs = tmp_path_factory.mktemp("runs")
        return train(open_dataset(digits), recipe(), output=runs, progress=Progress(0))


def fitted_on(data: Path, settings: Recipe, folder: Path, progress: Progress | None = None):
    """The outcome of the fit alone, without evaluation and report."""
    ready = prepare(open_dataset(data), settings)
    ids = ready.dataset.only("train").ids
    return fit_on_features(ready, ids, folder, folder / "head", progress or Progress(0))


def assert_the_model_says_so(learned, data: Path, folder: Path) -> None:
    """Hold the finished model, asked picture by picture, against what base and head said."""
    rows = learned.predictions.iloc[::7]
    form = recipe().preprocessing
    images = np.stack([decode((data / one).read_bytes(), form).pixels for one in rows["locator"]])
    network = learned.model or OnnxModel(folder / "model.onnx")
    answers = Classifier(network, ("0", "1", "2"), form).probabilities(images)
    np.testing.assert_allclose(answers, np.stack(rows["probabilities"]), atol=1e-4)


def test_the_run_is_a_run_like_any_other(linear):
    assert linear.metrics["test"]["accuracy"] > 0.8
    assert linear.metrics["best_epoch"] is None
    assert linear.history.columns.tolist() == [
        "epoch",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "kept",
    ]
    row = linear.history.iloc[0]
    assert row["val_accuracy"] == pytest.approx(linear.metrics["validation"]["accuracy"])
    assert row["loss"] == pytest.approx(linear.metrics["train"]["loss"])
    page = (linear.folder / "report.html").read_text()
    assert "best epoch" not in page.lower()
    assert {"base_s", "features_s", "head_s", "evaluation_s"} <= set(linear.timing)


def test_the_model_is_saved_for_onnx_alone(linear):
    assert (linear.folder / "model.onnx").is_file()
    page = (linear.folder / "report.html").read_text()
    assert "MobileNetV2, frozen" in page


def test_making_the_base_ready_is_no_time_of_its_features(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("VIEWFINDER_CACHE", str(tmp_path))  # so that it is exported again
    clock = Clock()
    monkeypatch.setattr("time.perf_counter", clock)
    monkeypatch.setattr("viewfinder.jobs.features.features_of", clock.during(features_of, 10))
    monkeypatch.setattr("viewfinder.runtime.export.export_onnx", clock.during(export_onnx, 1000))
    timing = fitted_on(digits, recipe(), tmp_path / "run").parts
    assert timing["features_s"] == 30  # of three splits
    assert timing["base_s"] == 1000
    assert timing["head_s"] == 0


class Clock:
    """Goes on only while certain functions run."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def during(self, function, seconds):
        def timed(*given, **named):
            self.now += seconds
            return function(*given, **named)

        return timed


def test_the_saved_model_gives_the_answers_that_base_and_head_gave(linear, digits):
    classifier = load(linear.folder)
    answers = linear.predictions
    found = classifier.predict([digits / locator for locator in answers["locator"]])
    for one, wanted in zip(found, answers["probabilities"], strict=True):
        row = [one.probabilities[name] for name in classifier.classes]
        np.testing.assert_allclose(row, wanted, atol=1e-4)
    assert [one.label for one in found] == answers["predicted"].tolist()


def test_evaluating_the_model_itself_comes_to_the_same(linear, tmp_path):
    from small import copied

    before = linear.metrics
    again = Run(copied(linear.folder, tmp_path)).evaluate()
    assert again["best_epoch"] is None
    for split in ("train", "validation", "test"):
        assert again[split]["confusion"] == before[split]["confusion"]
        assert again[split]["loss"] == pytest.approx(before[split]["loss"], abs=1e-4)


def test_the_probe_is_told(linear):
    probe = json.loads((linear.folder / "probe.json").read_text())
    (chosen,) = [one for one in probe["tried"] if one["strength"] == probe["chosen"]]
    assert probe["accuracy"] == chosen["accuracy"] == pytest.approx(np.mean(chosen["accuracies"]))
    assert max(one["accuracy"] for one in probe["tried"]) == chosen["accuracy"]


def test_a_head_that_was_solved_for_has_no_curves_to_miss(linear):
    found = linear.doctor()
    assert "too-short" not in found.codes
    assert found.unseen == ()


def test_features_are_those_that_keras_gives(linear):
    """ONNX Runtime, where it is installed, against the backend, for every picture."""
    dataset = linear.dataset
    settings = linear.recipe
    base = BaseExtractor.of(settings, settings.on_features, Progress(0))
    store = open_store(dataset, settings.preprocessing)
    pictures = store.pictures(dataset)
    found = features_of(store.describe(dataset), pictures, base, settings.preprocessing)
    images, _ = pictures.read(np.arange(len(dataset)))
    wanted = np.asarray(base.build().predict_on_batch(images))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_a_second_run_computes_no_features(linear, digits, tmp_path, capsys):
    again = fitted_on(digits, recipe(), tmp_path, Progress(2))
    assert capsys.readouterr().err.count("stored already") == 3
    shares = [np.stack(one.predictions["probabilities"]) for one in (again, linear)]
    np.testing.assert_array_equal(*shares)


@pytest.mark.parametrize(
    "norms",
    [{}, {"model.batch_norm": True, "model.l2": 1e-4, "training.average_epochs": 1}],
    ids=["plain", "norms, L2, averaged"],
)
def test_a_dense_head_trains_on_features_and_is_folded_into_the_model(digits, norms, tmp_path):
    dense = recipe(model__dense=[16], model__pooling="average").changed(IN_STEPS | norms)
    learned = fitted_on(digits, dense, tmp_path)
    assert learned.probe is None
    assert not any("norm" in layer.name for layer in learned.model.layers if "head" in layer.name)
    assert len(learned.history) == 3
    best = learned.history["val_accuracy"].max()
    answers = learned.predictions[learned.predictions["split"] == "validation"]
    assert best == pytest.approx((answers["label"] == answers["predicted"]).mean(), abs=1e-6)
    assert_the_model_says_so(learned, digits, tmp_path)


def test_a_dense_head_is_watched_like_any_training(digits, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    stop = {"training.stop.target": "accuracy=0.1"}
    wanted = recipe(model__dense=[16]).changed(IN_STEPS | stop)
    data = open_dataset(digits)
    run = train(data, wanted, output=tmp_path, progress=Progress(), tensorboard=True)
    assert run.timing["ended"] == "target"
    assert run.timing["why"] == "accuracy has reached its target of 0.1 in epoch 1."
    assert run.timing["why"] in capsys.readouterr().err
    assert len(run.history) == 1
    assert list((run.folder / "tensorboard").rglob("events.*"))
    with pytest.raises(UsageError, match="solved without epochs"):
        train(data, recipe(), output=tmp_path, progress=Progress(0), tensorboard=True)


def test_a_dense_head_that_is_stopped_in_its_first_epoch_resumes(digits, tmp_path):
    import keras

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, *_, **__):
            if batch == 1:
                raise KeyboardInterrupt

    settings = recipe(model__dense=[16]).changed(IN_STEPS)
    data, quiet = open_dataset(digits), {"output": tmp_path, "progress": Progress(0)}
    whole = train(data, settings, **quiet)
    stopped = train(data, settings, callbacks=[Stop()], **quiet)
    assert stopped.timing["ended"] == "interrupted"
    resumed = resume(stopped.folder, progress=Progress(0))
    assert resumed.timing["ended"] == "finished"
    pd.testing.assert_frame_equal(resumed.history, whole.history)
    pd.testing.assert_frame_equal(resumed.predictions, whole.predictions)
    assert {path.name for path in resumed.folder.iterdir()} == {
        path.name for path in whole.folder.iterdir()
    }


def test_a_run_that_is_stopped_while_features_are_computed_resumes(
    digits, linear, tmp_path, monkeypatch, capsys
):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("viewfinder.jobs.features.features_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(open_dataset(digits), recipe(), output=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert f"viewfinder train --resume {folder}" in capsys.readouterr().err.replace("\n", "")
    resumed = resume(folder, progress=Progress(0))
    pd.testing.assert_frame_equal(resumed.predictions, linear.predictions)
    with pytest.raises(UsageError, match="nothing is left to resume"):
        resume(folder, progress=Progress(0))


def test_views_are_further_pictures_for_the_head(digits, linear, tmp_path):
    settings = recipe(model__views=3, training__augment="standard")
    learned = fitted_on(digits, settings, tmp_path)
    assert len(learned.predictions) == len(linear.predictions)
    shares = [np.stack(one.predictions["probabilities"]) for one in (learned, linear)]
    assert np.abs(shares[0] - shares[1]).max() > 0.01
    assert_the_model_says_so(learned, digits, tmp_path)


def test_with_a_holdout_no_pictures_are_taken_from_training(digits, tmp_path):
    learned = fitted_on(digits, recipe(data__holdout="test"), tmp_path)
    assert learned.predictions["split"].value_counts().to_dict() == {"train": 120, "test": 36}
    assert "val_accuracy" not in learned.history


def test_with_a_test_share_no_more_pictures_are_taken_from_training(digits):
    wanted = recipe(data__test=0.25)
    prepared = prepare(open_dataset(digits / "train"), wanted)
    assert prepared.dataset.split_sizes() == {"train": 90, "test": 30}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"model__views": 2}, "training.augment as well"),
        ({"training__augment": "standard"}, "model.views above 1"),
    ],
    ids=["views", "augment"],
)
def test_views_without_augmentation_and_the_reverse_are_refused(settings, expected):
    with pytest.raises(RecipeError, match="views") as refused:
        recipe(**settings)
    assert expected in refused.value.expected


def test_a_linear_head_may_train_by_steps_on_features(digits, tmp_path):
    wanted = recipe(training__kind="steps").changed(IN_STEPS)
    learned = fitted_on(digits, wanted, tmp_path)
    assert learned.probe is None
    assert len(learned.history) == 3
    assert_the_model_says_so(learned, digits, tmp_path)


def test_a_class_of_one_picture_is_refused_before_a_run_is_made(tmp_path):
    data = write_classes(tmp_path / "data", {"train/a": 5, "train/b": 1, "test/a": 1, "test/b": 1})
    with pytest.raises(DataError, match="too few pictures of b"):
        train(
            open_dataset(data),
            recipe(data__holdout="test"),
            output=tmp_path / "runs",
            progress=Progress(0),
        )
    assert not any((tmp_path / "runs").iterdir())
