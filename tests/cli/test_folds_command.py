"""`viewfinder train --folds`: tables, JSON, exit codes, and going on."""

import json
from pathlib import Path

import pandas as pd
import pytest

from small import small_words

QUICK = small_words(training__epochs=1)


def test_a_row_a_fold_and_all_together(viewfinder, digits):
    ended = viewfinder("train", digits, *QUICK, "--folds", "2")
    assert ended.code == 0, ended.err
    said = json.loads(Path("runs/digits/folds.json").read_text())
    rows = [line.split() for line in ended.out.splitlines()[1:4]]
    assert [row[:2] for row in rows] == [["0", "60"], ["1", "60"], ["all", "120"]]
    shares = [one["accuracy"] for one in [*said["folds"], said["all"]]]
    assert [row[2] for row in rows] == [f"{share:.4f}" for share in shares]
    assert f"Mean of the folds {said['accuracy_mean']:.4f}, standard deviation" in ended.out
    assert "evaluated once, by a model that was not trained on it." in ended.out
    assert "Folds:   runs/digits/folds.json" in ended.out
    for words in ("fold 0", "The test split (36 pictures) is in no fold", "Fold 1 (2 of 2)"):
        assert words in ended.err
    assert "retracing" not in ended.err
    predictions = pd.read_parquet("runs/digits/predictions.parquet")
    right = (predictions["label"] == predictions["predicted"]).mean()
    assert said["all"]["accuracy"] == pytest.approx(right)
    viewfinder("evaluate", "runs/digits").refused(3, "holds folds", "runs/digits/fold-0")


def test_json_quiet_and_time_for_each_fold_of_a_saved_dataset(viewfinder, digits):
    viewfinder("split", digits, "--output", "digits.dataset", "--folds", "2")
    viewfinder("train", "digits.dataset", "--folds", "3").refused(
        2, "already has 2 folds", "--folds 2"
    )
    words = ["--folds", "2", "--name", "mine", "--max-time", "10m"]
    ended = viewfinder("train", "digits.dataset", *QUICK, *words, "--json", "-q")
    assert ended.err == ""
    document = ended.document("train --folds")
    assert (document["folder"], document["interrupted"]) == ("runs/mine", False)
    assert document["recipe"]["training"]["stop"]["max_time"] == 600
    written = json.loads(Path("runs/mine/folds.json").read_text())
    assert {key: document[key] for key in written} == written
    assert (len(document["folds"]), document["all"]["count"]) == (2, 120)


def test_a_dry_run_shows_the_folds_and_trains_nothing(viewfinder, digits):
    ended = viewfinder("train", digits, *QUICK, "--folds", "3", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    assert [sum(counts.values()) for counts in ended.json["pictures"].values()] == [65, 15, 40]
    assert ended.json["recipe"]["data"]["fold"] == 0
    assert "fold 2" in ended.err
    assert not Path("runs").exists()


def test_ctrl_c_keeps_the_folds_that_are_done_and_resume_goes_on(viewfinder, digits, monkeypatch):
    from viewfinder.training.display import TrainingProgress

    steps = iter(range(10_000))
    original = TrainingProgress.on_train_batch_end

    def interrupt(self, batch, logs=None):
        if next(steps) == 3 + 1:  # 3 steps a fold
            raise KeyboardInterrupt
        original(self, batch, logs)

    monkeypatch.setattr(TrainingProgress, "on_train_batch_end", interrupt)
    ended = viewfinder("train", digits, *QUICK, "--folds", "2", "--json")
    assert ended.code == 130
    assert (ended.json["interrupted"], ended.json["missing"]) == (True, [1])
    assert (ended.json["all"], ended.json["accuracy_mean"]) == (None, None)
    assert "viewfinder train --resume runs/digits\n" in ended.err
    for words in (["--folds", "3"], ["--dry-run"], ["--name", "x"]):
        viewfinder("train", "--resume", "runs/digits", *words).refused(2, "without --folds")
    viewfinder("train", "--resume", "runs/digits", "--lr", "1").refused(2, "without settings")
    ended = viewfinder("train", "--resume", "runs/digits", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["all"]["count"] == 120


@pytest.mark.slow
def test_a_second_ctrl_c_says_what_is_kept(viewfinder, digits, monkeypatch):
    from viewfinder.run import Run

    evaluations = iter(range(10))
    original = Run.evaluate

    def interrupt(self, *given, **options):
        if next(evaluations) == 1:
            raise KeyboardInterrupt
        return original(self, *given, **options)

    monkeypatch.setattr(Run, "evaluate", interrupt)
    ended = viewfinder("train", digits, *QUICK, "--folds", "2")
    assert ended.code == 130
    assert "1 of 2 folds are trained and kept in runs/digits." in ended.err
    assert viewfinder("train", "--resume", "runs/digits", "-q").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--folds", "1"], ["at least two folds", "Received: 1"]),
        (["--folds", "3", "--fold", "0"], ["leave out --fold"]),
        (["--folds", "3", "--holdout", "test"], ["leave out --holdout"]),
        (["--folds", "3", "--test", "0.2"], ["leave out --test"]),
        (["--folds", "3", "--set", "data.fold=1"], ["leave out --fold"]),
    ],
)
def test_what_cannot_be_asked_at_once(viewfinder, digits, words, said):
    viewfinder("train", digits, *QUICK, *words).refused(2, *said)
    assert not Path("runs").exists()
