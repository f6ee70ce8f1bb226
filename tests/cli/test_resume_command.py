"""`viewfinder train --resume`: after real kills, and what it refuses."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest

from small import copied, small_words
from viewfinder.run import Run

KILLS, PLAIN_KILLS, TUNING_KILLS = 20, 4, 3


def assert_equal(whole: Path, resumed: Path) -> None:
    """The histories are the same bytes, and the models the same numbers."""
    assert (resumed / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    for name in ("best.keras", "last.keras"):
        mine, theirs = (keras.saving.load_model(place / name) for place in (whole, resumed))
        for one, other in zip(mine.variables, theirs.variables, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX does not survive a fork")
def test_kills_are_equal_resumes(digits, tmp_path):
    """Killed at a random checkpoint, while it is being written or soon after."""
    words = small_words(
        training__epochs=2,
        training__checkpoint_minutes=0,
        training__augment="course",
        training__schedule="cosine",
        model__dropout=0.4,
    )
    assert_kills_are_equal_resumes(tmp_path, PLAIN_KILLS, digits, *words)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX does not survive a fork")
def test_twenty_kills_of_the_recipe_from_scratch_are_equal_resumes(digits, tmp_path):
    """Muon, averages, norms, stages, colours, mixup; half precision where the CPU has it."""
    settings = {
        "model.width": 4,
        "model.blocks": [1],
        "training.mixup": 0.5,
        "training.epochs": 3,
        "training.checkpoint_minutes": 0,
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words += ["--recipe", "scratch", "--image-size", "48", "--batch-size", "16"]
    assert_kills_are_equal_resumes(tmp_path, KILLS, digits, *words)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX does not survive a fork")
@pytest.mark.parametrize("frozen", ["features", "graph"])
def test_fine_tuning_is_killed_in_both_phases(digits, tmp_path, frozen):
    settings = {
        "model.base": "MobileNet",
        "model.alpha": 0.25,
        "model.cut": "conv_pw_1_relu",
        "model.weights": "none",
        "model.frozen": frozen,
        "training.batch_size": 16,
        "training.checkpoint_minutes": 0,
        "training.fine_tune.epochs": 2,
        "training.fine_tune.blocks": 1,
    }
    if frozen == "graph":
        settings["training.epochs"] = 2
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words += ["--recipe", "transfer/fine-tuned", "--image-size", "32"]
    assert_kills_are_equal_resumes(tmp_path, TUNING_KILLS, digits, *words)
    verdicts = {path.read_bytes() for path in tmp_path.glob("*/fine_tuning.json")}
    assert len(verdicts) == 1


def assert_kills_are_equal_resumes(folder: Path, kills: int, *words: object) -> None:
    script = Path(__file__).with_name("kills.py")
    done = subprocess.run(
        [sys.executable, script, folder, str(kills), *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = list(folder.glob("killed-*"))
    assert runs
    for run in runs:
        assert_equal(folder / "whole", run)


@pytest.fixture
def stopped(trained, digits, tmp_path) -> Path:
    """A run that a kill has left after its last epoch, before it was judged."""
    folder = copied(trained.folder, tmp_path)
    for name in ("timing.json", "metrics.json", "last.keras", "report.html"):
        (folder / name).unlink()
    return folder


def test_a_killed_run_is_completed(viewfinder, trained, stopped, exports):
    ended = viewfinder("train", "--resume", stopped, "--json")
    assert ended.code == 0, ended.err
    assert "Resuming in epoch 4, after 6 of 6 batches." in ended.err
    assert (ended.json["ended"], ended.json["run"]) == ("finished", str(stopped))
    assert ended.json["metrics"] == trained.metrics
    assert_equal(trained.folder, stopped)
    assert len(Run.open(stopped).timing["epochs_s"]) == 4


def test_pictures_that_were_moved_can_be_named(viewfinder, trained, stopped, digits, tmp_path):
    moved = copied(digits, tmp_path / "moved")
    environment = stopped / "environment.json"
    environment.write_text(environment.read_text().replace(str(digits), str(tmp_path / "gone")))
    viewfinder("train", "--resume", stopped).refused(3, "are missing", "name their folder")
    assert viewfinder("train", moved, "--resume", stopped, "-q").code == 0
    assert_equal(trained.folder, stopped)


def test_pictures_that_have_changed_are_refused(viewfinder, stopped, digits, tmp_path):
    moved = copied(digits, tmp_path / "moved")
    one, other = sorted((moved / "train/0").iterdir())[:2]
    one.write_bytes(other.read_bytes())
    refused = viewfinder("train", moved, "--resume", stopped)
    refused.refused(3, "1 of the run's pictures have changed", one.name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--lr", "0.5"],
            ["training.optimizer.learning_rate (--lr) differs", "--lr 0.005", "0.5"],
        ),
        (["--recipe", "digits"], ["A resumed run keeps its settings"]),
        (["--set", "model.filters=[4]"], ["model.filters differs"]),
        (["--patience", "3"], ["training.stop.patience (--patience) differs"]),
        (["--epochs", "2"], ["more epochs, not fewer"]),
        (["--name", "other"], ["without --folds, --dry-run and --name"]),
    ],
)
def test_settings_that_decide_weights_cannot_change(viewfinder, stopped, words, said):
    viewfinder("train", "--resume", stopped, *words).refused(2, *said)


def test_a_run_that_has_ended_can_only_have_more_epochs(viewfinder, trained, digits, tmp_path):
    run = copied(trained.folder, tmp_path)
    viewfinder("train", "--resume", run).refused(2, "has ended (finished)", "--epochs")
    assert viewfinder("train", "--resume", run, "--epochs", "5", "--max-time", "1h").code == 0
    words = ["train", digits, *small_words(training__epochs=5), "--name", "whole"]
    assert viewfinder(*words).code == 0
    assert_equal(Path("runs/whole"), run)


def test_more_epochs_are_refused_where_a_schedule_depends_on_them(viewfinder, stopped):
    recipe = stopped / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("kind: constant", "kind: cosine"))
    viewfinder("train", "--resume", stopped, "--epochs", "9").refused(2, "schedule")


@contextmanager
def another_process(*words: object) -> Iterator["subprocess.Popen[str]"]:
    """A Python process; killed with -9 when this ends, if not before."""
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def bytes_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


HOLD = """
import sys, time
from pathlib import Path
from viewfinder.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).being_trained():
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_run_that_is_being_trained_is_refused_and_not_touched(viewfinder, stopped):
    with another_process("-c", HOLD, stopped) as process:
        assert process.stdout.readline() == "held\n"
        before = bytes_below(stopped)
        refused = viewfinder("train", "--resume", stopped)
        refused.refused(2, "still being trained by another process", "then resume it")
        assert bytes_below(stopped) == before
    assert viewfinder("train", "--resume", stopped, "-q").code == 0, "a killed lock holds nobody"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_trainings_of_one_run(viewfinder, digits, tmp_path):
    run = tmp_path / "runs/digits"
    words = ["train", digits, *small_words(training__epochs=100_000), "-q"]
    with another_process("-m", "viewfinder", *words) as process:
        deadline = time.monotonic() + 600
        while not (run / "history.csv").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        viewfinder("train", "--resume", run).refused(2, "still being trained by another process")
        epochs = len(Run.open(run).history)
        while len(Run.open(run).history) <= epochs:
            assert process.poll() is None, "the training was harmed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert viewfinder("train", "--resume", run, "--max-time", "1s", "-q").code == 0
    assert Run.open(run).timing["ended"] == "time"


def test_what_is_no_run_and_no_data_is_refused(viewfinder, tmp_path):
    viewfinder("train", "--resume", tmp_path).refused(3, "is not a run")
    viewfinder("train").refused(2, "nothing to train on", "--resume RUN")


def test_a_target_ends_a_run_and_is_said_and_logged_for_tensorboard(viewfinder, digits):
    pytest.importorskip("tensorboard")
    words = [
        "train",
        digits,
        *small_words(),
        "--target",
        "val_acc=10%",
        "--set",
        "training.stop.hold=2",
    ]
    ended = viewfinder(*words, "--tensorboard")
    assert ended.code == 0
    assert (
        "val_accuracy has reached its target of 0.1 in epoch 2, for 2 consecutive epochs."
        in ended.err
    )
    timing = json.loads(Path("runs/digits/timing.json").read_text())
    assert (timing["ended"], timing["interrupted"], len(timing["epochs_s"])) == ("target", False, 2)
    assert list(Path("runs/digits/tensorboard").rglob("events.*"))
    viewfinder("train", "--resume", "runs/digits").refused(2, "has ended (target)")


def test_metrics_that_are_not_known_are_refused_before_data_is_read(viewfinder):
    refused = viewfinder("train", "no-such-folder", "--target", "val_auc=0.9")
    refused.refused(2, "val_auc", "accuracy, loss, val_accuracy, val_loss")
