"""`vf.resume` of runs with fine-tuning: a head on stored features, then the top of its base."""

import json
import shutil

import keras
import numpy as np
import pytest

from folders import write_classes
from viewfinder.core.errors import RunError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.resume import resume
from viewfinder.jobs.train import train
from viewfinder.models import build_base
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run
from viewfinder.training.phases import FOLDER, Phases

BASE = {
    "kind": "transfer",
    "base": "MobileNet",
    "alpha": 0.25,
    "cut": "conv_pw_1_relu",
    "weights": "none",
}
# 4 of 16 training pictures are set aside, and the others are 2 batches.
TUNED = recipe_named("transfer/fine-tuned").changed(
    {
        "model": BASE,
        "input.size": [32, 32],
        "training.batch_size": 8,
        "training.fine_tune": {"epochs": 2, "blocks": 1, "set_aside": 0.25},
    }
)
RECIPES = {
    "linear": TUNED,
    "dense": TUNED.changed({"model.dense": [8], "model.dropout": 0.4, "training.epochs": 2}),
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    pictures = write_classes(tmp_path_factory.mktemp("data") / "pets", {"cat": 12, "dog": 12})
    return open_dataset(pictures)


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory):
    """Runs that never stopped, by the kind of their head."""
    root = tmp_path_factory.mktemp("whole")
    made: dict[str, Run] = {}

    def of(head: str) -> Run:
        if head not in made:
            recipe = RECIPES[head]
            made[head] = train(dataset, recipe, output=root, name=head, progress=Progress(0))
        return made[head]

    return of


class Stop(keras.callbacks.Callback):
    """Ctrl-C after so many batches of a process, whatever they train."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self._left = batches

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def assert_equal(whole: Run, resumed: Run) -> None:
    for name in ("history.csv", "fine_tuning.json", "predictions.parquet"):
        mine, theirs = (run.folder / name for run in (whole, resumed))
        assert mine.read_bytes() == theirs.read_bytes(), name
    for name in ("best.keras", "last.keras"):
        mine, theirs = (keras.saving.load_model(run.folder / name) for run in (whole, resumed))
        for one, other in zip(mine.variables, theirs.variables, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=one.path)
    assert len(resumed.timing["epochs_s"]) == len(whole.timing["epochs_s"])
    assert resumed.timing["ended"] == "finished"
    for run in (whole, resumed):
        assert not (run.folder / FOLDER).exists()


def test_fine_tuning_starts_from_the_head_that_was_solved_for(whole):
    run = whole("linear")
    assert run.history["phase"].iloc[0] == "head"
    assert len(run.history) == 3
    assert not (run.folder / "probe.json").exists()
    assert json.loads((run.folder / "fine_tuning.json").read_text())["set_aside"] == 4
    built = build_base("MobileNet", input_shape=(32, 32, 3), alpha=0.25, weights="none")
    below = run.model.get_layer("conv1").kernel
    np.testing.assert_array_equal(below, built.model.get_layer("conv1").kernel)


def test_stopped_after_a_head_that_was_solved_for(dataset, whole, tmp_path, monkeypatch, capsys):
    """Killed between the phases, then out of time in the second; the folder always answers."""

    def killed(*_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Phases, "end_first", killed)
        with pytest.raises(SystemExit):
            train(dataset, TUNED, output=tmp_path, progress=Progress(0))
    folder = tmp_path / "pets"
    picture = np.zeros((32, 32, 3), np.uint8)
    assert len(Run.open(folder).predict(picture)) == 1
    hurried = Run.open(folder).recipe.changed({"training.stop.max_time": 1e-6})
    stopped = resume(folder, hurried, progress=Progress(0))
    assert stopped.timing["ended"] == "time"
    assert len(stopped.predict(picture)) == 1
    capsys.readouterr()
    at_ease = hurried.changed({"training.stop.max_time": None})
    resumed = resume(folder, at_ease, progress=Progress(1))
    said = capsys.readouterr().err
    assert "The first phase has ended; continuing with fine-tuning." in said
    assert "Resuming in epoch 1, after 1 of 2 batches." in said
    assert_equal(whole("linear"), resumed)
    with pytest.raises(UsageError, match="has ended"):
        resume(folder)


@pytest.mark.slow
def test_stopped_in_a_head_that_is_trained_on_features(dataset, whole, tmp_path, capsys):
    recipe = RECIPES["dense"]
    run = train(dataset, recipe, output=tmp_path, callbacks=[Stop(3)], progress=Progress(0))
    assert run.timing["ended"] == "interrupted"
    assert "phase" not in run.history
    capsys.readouterr()
    resume(run.folder, callbacks=[Stop(2)], progress=Progress(1))  # the head's last, and one more
    assert "Resuming in epoch 2, after 1 of 2 batches." in capsys.readouterr().err
    assert_equal(whole("dense"), resume(run.folder, progress=Progress(0)))


def test_ctrl_c_between_the_steps_says_how_to_go_on(dataset, tmp_path, monkeypatch, capsys):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras.saving.load_model", pressed)  # of the first phase
    with pytest.raises(KeyboardInterrupt):
        train(dataset, TUNED, output=tmp_path, progress=Progress(1))
    assert f"Resume with: viewfinder train --resume {tmp_path / 'pets'}" in capsys.readouterr().err


def test_the_first_phase_cannot_grow_nor_be_missing(dataset, tmp_path):
    changes = {"model.dense": [8], "training.schedule": "constant", "training.schedule.warmup": 0}
    recipe = TUNED.changed({**changes, "training.epochs": 1})
    stopping = [Stop(3)]
    run = train(dataset, recipe, output=tmp_path, callbacks=stopping, progress=Progress(0))
    with pytest.raises(UsageError, match="where fine-tuning begins"):
        resume(run.folder, run.recipe.changed({"training.epochs": 5}), progress=Progress(0))
    shutil.rmtree(Phases(run.folder).before)
    with pytest.raises(RunError, match="its first phase is gone"):
        resume(run.folder, progress=Progress(0))
