"""`predict`, `evaluate` and `explain` with the file of a model in place of a run."""

import shutil
from pathlib import Path

import keras
import pytest


@pytest.fixture(scope="module", params=["best.h5", "best.keras", "model.onnx"])
def model(request, trained, tmp_path_factory) -> Path:
    """The network of the run, as a file of which nothing else is known."""
    path = tmp_path_factory.mktemp("elsewhere") / request.param
    if path.suffix == ".h5":
        keras.saving.load_model(trained.folder / "best.keras").save(path)
    else:
        shutil.copy(trained.folder / path.name, path)
    return path


def test_a_file_answers_as_its_run(viewfinder, trained, digits, model):
    given = ["--class-names", "0,1,2"]
    if model.suffix == ".onnx":
        given += ["--preprocessing", "0-255"]
    pictures = digits / "test" / "1"
    ended = viewfinder("predict", model, pictures, *given, "--json")
    own = viewfinder("predict", trained.folder, pictures, "--json")
    assert ended.code == 0, ended.err
    for one, other in zip(ended.json["predictions"], own.json["predictions"], strict=True):
        assert one["label"] == other["label"]
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-4)

    ended = viewfinder("evaluate", model, digits / "test", *given, "--json")
    assert ended.code == 0, ended.err
    assert ended.json["run"] == str(model)
    accuracy = ended.json["accuracy"]["value"]
    assert accuracy == pytest.approx(trained.metrics["test"]["accuracy"])

    picture = next(pictures.iterdir())
    explained = viewfinder("explain", model, picture, *given)
    if model.suffix == ".onnx":
        explained.refused(2, "no layers that Keras can call")
    else:
        assert explained.code == 0, explained.err


def test_what_is_missing_is_said_with_its_flag(viewfinder, digits, model):
    viewfinder("predict", model, digits, "--preprocessing", "0-255").refused(2, "--class-names")
    viewfinder("evaluate", model, "--class-names", "0,1,2", "--preprocessing", "0-255").refused(
        2, "There is no DATA"
    )


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain", "export", "serve"])
def test_all_that_is_missing_is_said_at_once(viewfinder, digits, model, command):
    words = [command, model] + ([] if command in ("export", "serve") else [digits])
    if model.suffix == ".onnx":  # the others begin with Rescaling
        viewfinder(*words).refused(2, "--preprocessing, one of 0-255", "--class-names, 3 names")
    else:
        viewfinder(*words).refused(2, "--class-names, 3 names")


def test_the_pictures_before_the_model(viewfinder, digits, model):
    viewfinder("predict", digits, model).refused(2, "viewfinder predict")


def test_a_run_takes_no_preprocessing(viewfinder, trained, digits):
    for command in ("predict", "evaluate"):
        words = (command, trained.folder, digits, "--preprocessing", "0-1")
        viewfinder(*words).refused(2, "states its")
