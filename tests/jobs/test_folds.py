"""Cross-validation: every picture is answered once, by a model that never saw it, and no other."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from PIL import Image

from folders import noise, write_classes
from shortcuts import short_trainings
from small import copied, small_recipe
from viewfinder.core.errors import DataError, RunError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.folds import cross_validate, deal
from viewfinder.jobs.resume import resume
from viewfinder.jobs.train import train
from viewfinder.models.features.extractor import Extractor, Runner
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run
from viewfinder.run.folds import CrossValidation

QUICK = small_recipe(training__epochs=2)


def crossed(data: Path, runs: Path, recipe=QUICK, folds: int | None = 3, **options):
    options = {"progress": Progress(0), **options}
    return cross_validate(open_dataset(data), recipe, folds, output=runs, **options)


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory) -> CrossValidation:
    """Three folds of the digits. Tests only read it."""
    with short_trainings() as patch:
        patch.setenv("VIEWFINDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        return crossed(digits, tmp_path_factory.mktemp("runs"))


def sides(folder: Path) -> dict[str, dict[str, set[str]]]:
    """By run and split, the locators: from the files, with nothing of ours."""
    found = {}
    for path in sorted(folder.glob("fold-*/data.parquet")):
        table = pd.read_parquet(path)
        table = table[table["status"] == "ok"]
        found[path.parent.name] = {
            str(split): set(rows["locator"]) for split, rows in table.groupby("split")
        }
    return found


def assert_no_answer_is_known(folder: Path) -> None:
    """Every picture is answered once, by the run of its fold, which neither trained nor chose."""
    answers, by_run = pd.read_parquet(folder / "predictions.parquet"), sides(folder)
    assert answers["locator"].is_unique
    for row in answers.itertuples():
        splits = by_run[f"fold-{row.fold}"]
        assert row.locator in splits["test"]
        assert row.locator not in splits["train"] | splits.get("validation", set())
    assert set(answers["locator"]) == set().union(*(one["test"] for one in by_run.values()))


# --- What it comes to -----------------------------------------------------------------------------


def test_every_picture_is_answered_once_by_a_model_that_never_saw_it(whole, digits):
    assert_no_answer_is_known(whole.folder)
    answers = pd.read_parquet(whole.folder / "predictions.parquet")
    on_disk = {path.relative_to(digits).as_posix() for path in digits.glob("train/*/*.png")}
    assert set(answers["locator"]) == on_disk
    for splits in sides(whole.folder).values():
        assert splits["validation"]
        assert set().union(*splits.values()) == on_disk  # and none of the test split


def test_the_answers_are_those_of_the_folds_own_models(whole, digits):
    answers = pd.read_parquet(whole.folder / "predictions.parquet")
    for fold, rows in answers.groupby("fold"):
        classifier = Run.open(whole.folder / f"fold-{fold}").classifier
        found = classifier.predict([digits / locator for locator in rows["locator"]])
        assert [one.label for one in found] == list(rows["predicted"])


def test_the_figures_are_scikit_learns(whole):
    answers = pd.read_parquet(whole.folder / "predictions.parquet")
    said = json.loads((whole.folder / "folds.json").read_text())
    names = ["0", "1", "2"]
    truth, predicted = answers["label"], answers["predicted"]
    together = said["all"]
    assert said["schema"] == 1
    assert together["count"] == len(answers) == 120
    assert together["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(truth, predicted))
    confusion = sklearn.metrics.confusion_matrix(truth, predicted, labels=names)
    assert together["confusion"] == confusion.tolist()
    shares = [
        sklearn.metrics.accuracy_score(rows["label"], rows["predicted"])
        for _, rows in answers.groupby("fold")
    ]
    assert [one["accuracy"] for one in said["folds"]] == pytest.approx(shares)
    assert said["accuracy_mean"] == pytest.approx(np.mean(shares))
    assert said["accuracy_deviation"] == pytest.approx(np.std(shares, ddof=1))
    low, high = together["accuracy_interval"]
    assert low < whole.accuracy < high
    assert [one["fold"] for one in said["folds"]] == [0, 1, 2]
    assert said["missing"] == []


def test_folds_are_stratified(whole):
    counts = pd.crosstab(whole.dataset.table["label"], whole.dataset.table["fold"])
    assert counts.to_numpy().min() == 13
    assert counts.to_numpy().max() == 14


def test_a_folds_run_is_the_run_that_train_makes_of_it(whole, tmp_path):
    """No fold depends on those before it."""
    changes = {"data.fold": 2, "data.holdout": "validation"}
    recipe = small_recipe(training__epochs=2).changed(changes)
    alone = train(whole.dataset, recipe, output=tmp_path, progress=Progress(0))
    run = whole.runs[2]
    assert run.recipe == alone.recipe
    pd.testing.assert_frame_equal(run.history, alone.history)
    assert run.metrics == alone.metrics


# --- What stays together --------------------------------------------------------------------------


def test_groups_and_copies_are_on_one_side_in_every_fold(tmp_path):
    data = tmp_path / "scans"
    rows = []
    for number in range(48):
        label, patient = "ab"[number % 2], number // 4
        path = data / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        # The last picture of each patient is a copy of one of the next patient's.
        seed = 1000 + patient + 1 if number % 4 == 3 and patient % 2 == 0 else number
        seed = 1000 + patient if number % 4 == 1 and patient % 2 == 1 else seed
        Image.fromarray(noise(seed)).save(path)
        rows.append((path.name, label, f"patient {patient}"))
    rows.append(("bad.png", "a", "patient 0"))  # which cannot be read, and so is in no fold
    (data / "bad.png").write_text("words")
    table = pd.DataFrame(rows, columns=["path", "label", "patient"])
    table.to_csv(tmp_path / "scans.csv", index=False)
    dataset = open_dataset(tmp_path / "scans.csv", root=data, group_column="patient")
    whole = cross_validate(
        dataset, small_recipe(training__epochs=1), 2, output=tmp_path, progress=Progress(0)
    )
    assert_no_answer_is_known(whole.folder)
    patient_of = dict(zip(table["path"], table["patient"], strict=True))
    bytes_of = {path.name: path.read_bytes() for path in data.iterdir()}
    assert len(set(bytes_of.values())) == 42 + 1
    for splits in sides(whole.folder).values():
        for belongs in (patient_of, bytes_of):
            seen = [{belongs[one] for one in locators} for locators in splits.values()]
            assert sum(map(len, seen)) == len(set().union(*seen))
    assert len(whole.predictions) == 48
    assert list(pd.read_csv(whole.folder / "skipped.csv")["path"]) == ["bad.png"]


def test_each_fold_can_choose_a_head_where_groups_span_classes(tmp_path):
    data = write_classes(tmp_path / "signs", {"a": 9, "b": 9})
    signs = open_dataset(data)  # a/0.png to b/8.png
    hands = signs.table["locator"].str[2].astype(int) % 3
    dealt = deal(signs.with_columns({"group": hands.astype(str)}), recipe_named("transfer"), 3)
    folds = dealt.dataset.table.groupby("group")["fold"].unique()
    assert sorted(map(tuple, folds)) == [("0",), ("1",), ("2",)]


def test_folds_that_were_dealt_before_are_used(digits):
    dataset = open_dataset(digits)
    dealt = dataset.into_folds(2, seed=7)
    wanted, found, others = (
        dict(table.loc[table["fold"] != "", ["locator", "fold"]].itertuples(index=False))
        for table in (
            dealt.table,
            deal(dealt, QUICK, None).dataset.table,
            deal(dataset, QUICK, 2).dataset.table,
        )
    )
    assert len(wanted) == 120
    assert found == wanted != others
    with pytest.raises(UsageError, match=r"already has 2 folds(.|\n)*folds=2(.|\n)*3"):
        deal(dealt, QUICK, 3)


# --- Heads on features ----------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [(), pytest.param((8,), marks=pytest.mark.slow)])
def test_features_are_computed_once_for_all_folds(digits, tmp_path, monkeypatch, dense):
    computed, start = [], Extractor.start

    class Counted(Runner):
        """The network, and how many pictures it was given."""

        def __init__(self, runner: Runner) -> None:
            self.runner, self.batch, self.in_threads = runner, runner.batch, runner.in_threads

        def __call__(self, images: np.ndarray) -> np.ndarray:
            computed.append(len(images))
            return self.runner(images)

    monkeypatch.setattr(Extractor, "start", lambda *words: Counted(start(*words)))
    small = {
        "model.alpha": 0.35,
        "model.weights": "none",
        "model.cut": "block_3_expand_relu",
        "model.dense": list(dense),
        "input.size": [32, 32],
    }
    if dense:
        small |= {"training.epochs": 1}
    recipe = recipe_named("transfer").changed(small)
    whole = crossed(digits, tmp_path, recipe, 2)
    assert_no_answer_is_known(whole.folder)
    assert len(whole.predictions) == sum(computed) == 120
    assert ("validation" in sides(whole.folder)["fold-0"]) == bool(dense)


# --- Stopped, and gone on with --------------------------------------------------------------------


def test_a_stopped_fold_goes_on_and_those_that_are_done_stay(
    whole, digits, tmp_path, monkeypatch, capsys
):
    from viewfinder.training.display import TrainingProgress

    steps = iter(range(10_000))
    original = TrainingProgress.on_train_batch_end

    def interrupt(self, batch, logs=None):
        if next(steps) == 2 * 5 + 7:  # 5 steps an epoch, two epochs a fold
            raise KeyboardInterrupt
        original(self, batch, logs)

    monkeypatch.setattr(TrainingProgress, "on_train_batch_end", interrupt)
    stopped = crossed(digits, tmp_path, progress=Progress(1))
    assert (stopped.done, stopped.missing) == ([0], [1, 2])
    assert stopped.accuracy is None
    assert not (stopped.folder / "predictions.parquet").exists()
    said = capsys.readouterr().err
    assert f"1 of 3 folds are trained and kept in {stopped}." in said
    assert f"Resume with: viewfinder train --resume {stopped}" in said
    kept = (stopped.folder / "fold-0/best.keras").stat().st_mtime_ns
    resume(stopped.folder, progress=Progress(1))
    assert "Resuming in epoch 2" in capsys.readouterr().err
    assert (stopped.folder / "fold-0/best.keras").stat().st_mtime_ns == kept
    pd.testing.assert_frame_equal(stopped.predictions, whole.predictions)
    assert sorted(path.name for path in stopped.folder.glob("fold-*")) == [
        "fold-0",
        "fold-1",
        "fold-2",
    ]


def test_a_fold_that_left_no_checkpoint_begins_anew(whole, digits, tmp_path):
    half = CrossValidation.open(copied(whole.folder, tmp_path))
    shutil.rmtree(half.folder_of(1) / "checkpoint")
    (half.folder_of(1) / "timing.json").unlink()
    for name in ("recipe.yaml", "timing.json"):  # killed before it was a run
        (half.folder_of(2) / name).unlink()
    assert half.missing == [1, 2]
    resume(half, progress=Progress(0))
    pd.testing.assert_frame_equal(half.predictions, whole.predictions)


def test_pictures_that_have_changed_are_refused(whole, digits, tmp_path):
    half = CrossValidation.open(copied(whole.folder, tmp_path))
    (half.folder_of(2) / "timing.json").unlink()
    moved = copied(digits, tmp_path / "moved")
    changed = next(moved.glob("train/0/*.png"))
    Image.fromarray(noise(5)).save(changed)
    with pytest.raises(RunError, match=rf"1 of the run's pictures(.|\n)*{changed.name}"):
        resume(half, dataset=open_dataset(moved), progress=Progress(0))


def test_the_folder_of_folds_is_no_run_and_says_so(whole):
    with pytest.raises(RunError, match=r"holds folds(.|\n)*fold-0"):
        Run.open(whole.folder)
    with pytest.raises(RunError, match="holds no folds"):
        CrossValidation.open(whole.folder / "fold-0")


# --- What cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "folds", "words"),
    [
        ({}, 1, "at least two folds(.|\n)*2 or more(.|\n)*Received: 1"),
        ({}, 0, "at least two folds"),
        ({"data.fold": 0}, 3, "leave out `data.fold`"),
        ({"data.holdout": "test"}, 3, "leave out `data.holdout`"),
    ],
)
def test_what_was_asked_wrongly_is_said_before_any_picture_is_read(
    digits, tmp_path, monkeypatch, changes, folds, words
):
    read = "viewfinder.jobs.folds.open_store"
    monkeypatch.setattr(read, lambda *_, **__: pytest.fail("pictures were read"))
    with pytest.raises(UsageError, match=words):
        crossed(digits, tmp_path / "runs", QUICK.changed(changes), folds)
    assert not (tmp_path / "runs").exists()


def test_more_folds_than_the_smallest_class_has_pictures(tmp_path):
    data = write_classes(tmp_path / "pets", {"cat": 9, "dog": 3})
    words = "'dog' has too few pictures for 4 folds(.|\n)*each of 4(.|\n)*3(.|\n)*fewer folds"
    with pytest.raises(DataError, match=words):
        crossed(data, tmp_path / "runs", folds=4)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    "recipe", [QUICK, recipe_named("transfer").changed({"model.weights": "none"})]
)
def test_too_few_pictures_are_left_for_the_others(tmp_path, recipe):
    """Two in two folds: one to train on, and none to choose by."""
    data = write_classes(tmp_path / "pets", {"cat": 9, "dog": 2})
    with pytest.raises(DataError, match=r"Without fold 0(.|\n)*dog(.|\n)*add pictures"):
        crossed(data, tmp_path / "runs", recipe, 2)
    assert list((tmp_path / "runs").iterdir()) == []


def test_copies_that_were_dealt_into_two_folds_are_refused(tmp_path):
    data = write_classes(tmp_path / "pets", {"cat": 6, "dog": 6})
    shutil.copy(data / "cat/0.png", data / "cat/1.png")
    dataset = open_dataset(data)
    dealt = dataset.into_folds(2)
    folds = dealt.table["fold"].to_numpy(object, copy=True)
    folds[:2] = ["0", "1"]
    dealt = dealt.with_columns({"fold": folds})
    options = {"output": tmp_path / "runs", "progress": Progress(0)}
    with pytest.raises(DataError, match=r"cat/0\.png = cat/1\.png(.|\n)*allow_leaks"):
        cross_validate(dealt, QUICK, **options)
    allowed = QUICK.changed({"data.allow_leaks": True, "training.epochs": 1})
    whole = cross_validate(dealt, allowed, **options)
    assert whole.results["all"]["leaks"]["exact"] == 2
    assert whole.results["all"]["without_leaks"]["count"] == 10
