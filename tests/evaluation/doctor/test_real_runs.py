"""Real trainings, small and wrong in one way each; and what the files of a run tell."""

import json

import numpy as np
import pandas as pd
import pytest

from small import copied, small_recipe
from viewfinder.core.files import write_json
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.train import train
from viewfinder.run import Run


@pytest.fixture
def run(trained, tmp_path) -> Run:
    return Run.open(copied(trained.folder, tmp_path))


def trained_with(folder, digits, **settings) -> Run:
    recipe = small_recipe(**settings)
    return train(open_dataset(digits), recipe, output=folder, progress=Progress(0))


def test_a_learning_rate_that_does_not_move_anything(digits, tmp_path):
    run = trained_with(
        tmp_path, digits, training__optimizer__learning_rate=1e-7, training__epochs=7
    )
    codes = run.doctor().codes
    assert codes[0] in ("majority-only", "underfitting", "lr-too-low")
    assert "overfitting" not in codes


def test_a_network_too_small_for_its_pictures(digits, tmp_path):
    """One unit before the last layer: it cannot hold ten digits apart."""
    small = {"model__filters": [2], "model__dense": [1], "training__epochs": 12}
    run = trained_with(tmp_path, digits, **small, training__optimizer__learning_rate=3e-3)
    assert run.doctor().codes[0] == "underfitting"
    assert run.doctor().verdicts[0].evidence["train_accuracy"] < 0.7


def test_a_learning_rate_of_ten(digits, tmp_path):
    settings = {
        "training__optimizer__learning_rate": 10,
        "training__epochs": 6,
        "training__optimizer": "sgd",
    }
    run = trained_with(tmp_path, digits, **settings)
    found = run.doctor()
    assert found.codes[0] in ("diverged", "majority-only", "exploding-units")
    flags = [one.flag for one in found.verdicts[0].tries]
    assert {"viewfinder lr-find DATA", "--lr 1"} & set(flags)


def test_weights_that_are_no_numbers_end_with_the_verdict(digits, tmp_path, capsys):
    import keras

    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, *_):
            self.model.set_weights([weights * np.nan for weights in self.model.get_weights()])

    train(open_dataset(digits), small_recipe(), output=tmp_path, callbacks=[Poison()])
    assert "The training has diverged in epoch 1, batch 1" in capsys.readouterr().err
    (folder,) = tmp_path.iterdir()
    found = Run.open(folder).doctor()
    assert found.codes[0] == "diverged"
    worst = found.verdicts[0]
    assert (worst.evidence["epoch"], worst.tries[0].flag) == (1, "--lr 0.0005")
    assert "epoch 1, batch 1: the loss is nan" in worst.because


def test_random_labels_make_the_model_overfit(digits, tmp_path):
    """Nothing about random labels generalizes."""
    dataset = open_dataset(digits).split(validation=0.4, seed=0)
    labels = dataset.table["label"].to_numpy(copy=True)
    np.random.default_rng(0).shuffle(labels)
    shuffled = type(dataset)(dataset.source, dataset.table.assign(label=labels), dataset.classes)
    settings = {"training__epochs": 24, "training__optimizer__learning_rate": 6e-3}
    run = train(shuffled, small_recipe(**settings), output=tmp_path, progress=Progress(0))
    found = run.doctor()
    assert found.codes[0] == "overfitting"
    assert found.verdicts[0].evidence["onset_epoch"] <= 18


def test_a_diagnosis_is_written_to_a_file(run):
    found = run.doctor()
    written = json.loads((run.folder / "doctor.json").read_text())
    assert written["verdicts"] == json.loads(json.dumps(found.to_json()["verdicts"]))
    assert {layer["layer"] for layer in written["units"]} == {"conv_1", "dense_1", "probability"}
    assert found.unseen == ()
    assert found.verdicts[0].sentence in (run.report().read_text())


def test_units_are_measured_once_for_each_model(run, monkeypatch):
    run.doctor()
    monkeypatch.setattr("viewfinder.run.health.measure_units", lambda *_: pytest.fail("again"))
    run.doctor()
    model = run.model
    model.set_weights([2 * values for values in model.get_weights()])
    model.save(run.folder / "best.keras")
    with pytest.raises(pytest.fail.Exception):
        run.doctor()


def test_a_run_without_its_pictures_is_diagnosed_from_its_files(run, capsys):
    environment = run.environment
    environment["data"]["source"]["path"] = str(run.folder / "gone")
    for name in ("root", "folder"):
        if name in environment["data"]["source"]:
            environment["data"]["source"][name] = str(run.folder / "gone")
    write_json(run.folder / "environment.json", environment)
    (run.folder / "doctor.json").unlink()
    found = run.doctor(progress=Progress())
    assert "the units' activations" in found.unseen


def test_a_killed_run_is_diagnosed_from_its_history(run):
    for name in ("metrics.json", "predictions.parquet", "timing.json", "doctor.json"):
        (run.folder / name).unlink()
    assert "predictions on held-out pictures" in run.doctor().unseen


def test_copies_across_splits_are_counted(run):
    data = run.data
    of_train = data.loc[data["split"] == "train", "content"].iloc[0]
    row = data.index[data["split"] == "test"][0]
    data.loc[row, "content"] = of_train
    data.to_parquet(run.folder / "data.parquet")
    found = run.doctor()
    assert found.codes[0] == "leak-suspected"
    assert found.verdicts[0].evidence == {"copies": 1}


def test_a_damaged_diagnosis_is_written_again(run):
    for content in ("", "[]", '{"units": 1}'):
        (run.folder / "doctor.json").write_text(content)
        assert run.doctor().unseen == ()


def test_an_interrupted_run_without_an_epoch(run):
    (run.folder / "history.csv").unlink()
    assert "too-short" in run.doctor().codes
    assert isinstance(run.history, pd.DataFrame)
