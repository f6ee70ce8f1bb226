"""A run evaluated on its own splits and on other pictures, without a framework or training."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import viewfinder as vf
from runs import write_run
from viewfinder.classifier import Classifier
from viewfinder.classifier.sets import PredictionSets
from viewfinder.cli import main
from viewfinder.core.errors import DataError, RunError, UsageError
from viewfinder.data.sources import open_dataset
from viewfinder.evaluation.answers import answer_table, arrays_of
from viewfinder.evaluation.conformal import SetOptions, fit_levels
from viewfinder.evaluation.evaluate import score_split
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.run import Run
from viewfinder.run.matching import match_classes

CLASSES = ("cats", "dogs")
# How bright the pictures of a class are.
LEVELS = {"cats": 60, "dogs": 190, "Cats ": 60, "birds": 120}


def write_pictures(root: Path, counts: dict[str, int]) -> Path:
    """Pictures of noise, so many in each folder; the class sets the brightness."""
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True)
        level = LEVELS[Path(folder).name]
        random = np.random.default_rng([level, count, len(root.name)])
        for number in range(count):
            pixels = (level + random.integers(-45, 46, (8, 8, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{root.name}{number}.png")
    return root


class ByBrightness(Classifier):
    """Answers by the mean level, with no network; the features are the levels of few pixels."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(None, CLASSES, Preprocessing(height=8, width=8), folder)  # type: ignore[arg-type]

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        dog = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - dog, dog], axis=1)

    def with_features(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        return self.probabilities(images), images[:, ::3, ::3, 0].reshape(len(images), -1) - 99.0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with the stored predictions of an overconfident model: 3 of 40 are wrong."""
    splits = {"train": 30, "validation": 20, "test": 20}
    counts = {f"{split}/{name}": count for split, count in splits.items() for name in CLASSES}
    dataset = open_dataset(write_pictures(tmp_path / "pets", counts))
    random = np.random.default_rng(0)
    truth = (dataset.table["label"] == "dogs").to_numpy()
    wrong = np.zeros(len(truth), np.bool_)
    for split in splits:
        rows = np.flatnonzero(dataset.table["split"] == split)
        wrong[random.choice(rows, 3, replace=False)] = True
    sure = random.uniform(0.97, 0.999, len(truth))
    dog = np.where(truth ^ wrong, sure, 1 - sure)
    predictions = answer_table(dataset.table, CLASSES, np.stack([1 - dog, dog], axis=1))
    table = dataset.table.assign(
        status="ok", detail="", width=8, height=8, content=dataset.table["locator"]
    )
    record = dataset.source.record()
    folder = write_run(
        tmp_path / "run",
        classes=CLASSES,
        data=table,
        metrics={
            "best_epoch": None,
            **{
                str(split): score_split(rows, CLASSES, {})
                for split, rows in predictions.groupby("split")
            },
        },
        predictions=predictions,
        history=pd.DataFrame(),
        environment={
            "created": "2026-11-20T12:00:00+00:00",
            "backend": "numpy",
            "data": {"hash": "0", "source": record, "notes": []},
        },
    )
    return Run(folder.folder)


def test_a_split_is_evaluated_from_stored_probabilities(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "classifier", None)
    found = vf.evaluate(run, split="test")
    assert found.metrics.scores.count == 40
    assert found.metrics.accuracy.value == pytest.approx(37 / 40)
    assert found.metrics.per_class[0].name == "cats"
    assert found.temperature is not None
    assert found.temperature > 1.3
    assert found.tempered is not None
    assert found.tempered.accuracy == found.metrics.accuracy
    assert found.tempered.log_loss.value < found.metrics.log_loss.value
    majority, colour = found.baselines
    assert majority.accuracy.value == 0.5
    assert colour.accuracy.value == 1  # brightness tells these classes
    assert vf.evaluate(run, split="validation").temperature is None
    assert vf.evaluate(run.folder).data == "test"
    with pytest.raises(UsageError, match="no class 'cat'"):
        vf.evaluate(run, thresholds=["precision >= 0.9 for cat"])


def test_thresholds_are_chosen_on_validation(run: Run) -> None:
    (found,) = vf.evaluate(run, thresholds=["recall >= 0.5 for dogs"]).thresholds
    assert found.chosen_on == "validation"
    assert found.threshold is not None
    shares = np.stack(list(run.predictions.query("split == 'test'")["probabilities"]))[:, 1]
    answered = shares >= found.threshold
    is_dog = run.predictions.query("split == 'test'")["label"] == "dogs"
    assert found.precision.value == pytest.approx(is_dog[answered].mean())
    (alone,) = vf.evaluate(run, split="validation", thresholds=["recall >= 1 for dogs"]).thresholds
    assert alone.chosen_on == "the evaluated pictures"
    assert alone.recall.value == 1


def test_prediction_sets_are_fitted_on_validation_and_kept(run: Run) -> None:
    found = vf.evaluate(run, split="test", coverage=0.9).sets
    assert found is not None
    validation, test = (
        arrays_of(run.predictions.query(f"split == {split!r}"), CLASSES)
        for split in ("validation", "test")
    )
    options = SetOptions(0.9)
    assert found.sets.levels == list(fit_levels(*validation, options))
    assert found.sets.pictures == 40
    assert found.figures is not None
    inside = found.sets.contains(test[1])[np.arange(40), test[0]]
    assert found.figures.coverage.value == pytest.approx(inside.mean())
    assert found.figures.table.loc["coverage", "value"] == pytest.approx(inside.mean())
    assert repr(found).startswith("<Prediction sets (lac) for a coverage of 0.9: ")
    assert f"{inside.mean():.3f} (" in found._repr_html_()
    kept = PredictionSets.read(run.folder / "prediction_sets.json")
    assert kept.levels == found.sets.levels
    itself = vf.evaluate(run, split="validation", coverage=0.9)
    assert itself.sets is not None
    assert itself.sets.figures is None
    assert repr(itself.sets).endswith("0.9: not measured>")
    assert "is not measured" in " ".join(itself.notes)
    with pytest.raises(DataError, match="too few pictures"):
        vf.evaluate(run, coverage=0.99)
    run.write_predictions(run.predictions.query("split != 'validation'"))
    with pytest.raises(DataError, match="no validation pictures"):
        vf.evaluate(run, coverage=0.9)


def test_other_pictures_may_be_given_by_their_path(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "others", {"cats": 6, "dogs": 4})
    scores = [
        vf.evaluate(ByBrightness(), data).metrics.scores
        for data in (open_dataset(folder), folder, str(folder))
    ]
    assert len(set(map(str, scores))) == 1
    assert scores[0].count == 10


def test_a_guarantee_that_fails_is_reported(run: Run) -> None:
    assert "guarantee fails" not in " ".join(vf.evaluate(run, coverage=0.9).notes)
    rows = run.predictions
    other = rows["label"].map({"cats": "dogs", "dogs": "cats"})
    run.write_predictions(rows.assign(label=rows["label"].where(rows["split"] != "test", other)))
    assert "guarantee fails" in " ".join(vf.evaluate(run, coverage=0.9).notes)


def test_a_picture_is_predicted_as_a_set(run: Run) -> None:
    classifier = ByBrightness(run.folder)
    cat = np.full((8, 8, 3), 5, np.uint8)
    with pytest.raises(RunError, match=r"no prediction sets for a coverage of 0\.9") as error:
        classifier.predict(cat, coverage=0.9)
    assert "evaluate" in str(error.value)
    found = vf.evaluate(run, coverage=0.9).sets
    assert found is not None
    unsure = np.full((8, 8, 3), 127, np.uint8)
    answers = classifier.predict([cat, unsure, b"no picture"], coverage=0.9)
    level = found.sets.levels[0]
    assert level is not None
    assert 5 / 255 < level < 0.4
    assert [one.classes for one in answers] == [("cats",), (), ()]
    assert [one.to_json()["set"] for one in answers] == [["cats"], [], []]
    assert classifier.predict(cat)[0].classes is None
    with pytest.raises(RunError, match=r"for a coverage of 0\.95") as error:
        classifier.predict(cat, coverage=0.95)
    assert "sets for 0.9" in str(error.value)
    for content in ("{}", (run.folder / "prediction_sets.json").read_text().replace("null", "[]")):
        (run.folder / "prediction_sets.json").write_text(content)
        with pytest.raises(RunError, match=r"prediction_sets\.json is damaged"):
            classifier.predict(cat, coverage=0.9)


def test_leaking_validation_pictures_fit_no_sets(run: Run) -> None:
    data = run.data
    rows = data.index[data["split"] == "validation"]
    data["leak"] = ""
    data.loc[rows[:5], "leak"] = "near"
    data.to_parquet(run.folder / "data.parquet", index=False)
    found = vf.evaluate(run, coverage=0.9)
    assert found.sets is not None
    assert found.sets.sets.pictures == 35
    assert "5 pictures have a duplicate in training" in " ".join(found.notes)


def test_what_validation_chose_weakens_the_guarantee(run: Run) -> None:
    history = {"epoch": [1, 2], "loss": [1.0, 0.5], "accuracy": [0.5, 0.9]}
    history |= {"val_loss": [1.0, 0.6], "val_accuracy": [0.5, 0.9], "kept": [1, 1]}
    pd.DataFrame(history).to_csv(run.folder / "history.csv", index=False)
    found = vf.evaluate(run, coverage=0.9)
    assert found.sets is not None
    assert found.sets.sets.weaker == ["the best epoch (2)"]
    assert "hold only approximately" in " ".join(found.notes)


def test_sets_are_measured_on_new_pictures_only(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "classifier", ByBrightness())
    others = open_dataset(write_pictures(tmp_path / "others", {"cats": 4, "dogs": 4}))
    store = vf.open_store(others, Preprocessing(height=8, width=8)).describe(others).table
    data = run.data
    for split, at in (("train", 0), ("validation", 1)):
        row = data.index[data["split"] == split][0]
        data.loc[row, "content"] = store["content"].iloc[at]
    data.to_parquet(run.folder / "data.parquet", index=False)
    found = vf.evaluate(run, others, coverage=0.9).sets
    assert found is not None
    assert found.figures is not None
    assert sum(found.figures.sizes.values()) == 6


def test_the_command_prints_sets(run: Run) -> None:
    words = ["evaluate", str(run), "--coverage", "0.9", "--sets", "aps", "--by-class", "-q"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "Prediction sets (APS, by class) for a coverage of 0.9" in result.stdout
    assert "Least coverage of a class" in result.stdout
    document = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert document["sets"]["figures"]["coverage"]["value"] >= 0.9
    for wrong in (["--coverage", "1"], ["--by-class"], ["--sets", "aps"]):
        assert CliRunner().invoke(main, ["evaluate", str(run), *wrong]).exit_code == 2


def test_moved_pictures_leave_the_baseline_of_colours_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pets").rename(tmp_path / "moved")
    found = vf.evaluate(run, split="test")
    assert [one.name for one in found.baselines] == ["majority class"]
    assert "mean colours is left out" in found.notes[0]


def test_other_pictures_are_matched_by_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "classifier", ByBrightness())
    others = write_pictures(tmp_path / "others", {"Cats ": 6, "birds": 3})
    (others / "Cats /broken.png").write_bytes(b"")
    found = vf.evaluate(run, open_dataset(others))
    assert found.metrics.scores.count == 6
    assert found.metrics.accuracy.value == 1
    notes = " ".join(found.notes)
    assert "'Cats ' is taken for 'cats'" in notes
    assert "does not know 'birds': 3 pictures are left out" in notes
    assert "no pictures of 'dogs'" in notes
    assert "1 picture cannot be read" in notes
    birds = write_pictures(tmp_path / "zoo", {"birds": 3})
    with pytest.raises(DataError, match="no class in common"):
        vf.evaluate(run, open_dataset(birds, needs_labels=False))
    alone = write_pictures(tmp_path / "alone", {"cats": 3}) / "cats"
    with pytest.raises(DataError) as error:
        vf.evaluate(run, open_dataset(alone, needs_labels=False))
    assert f"state the folder above, {alone.parent}" in str(error.value)


def test_pictures_of_one_class_are_evaluated(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "classifier", ByBrightness())
    cats = write_pictures(tmp_path / "others", {"cats": 4})
    result = CliRunner().invoke(main, ["evaluate", str(run), str(cats), "--json", "-q"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["count"] == 4
    assert document["auc"] is None


def test_one_picture_bounds_no_loss(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "classifier", ByBrightness())
    cat = write_pictures(tmp_path / "others", {"cats": 1})
    lines = CliRunner().invoke(main, ["evaluate", str(run), str(cat), "-q"]).stdout.splitlines()
    assert lines[0].endswith(": 1 picture")
    intervals = {line[:17].strip(): line.split()[-1] for line in lines[2:9]}
    assert intervals["log loss"] == intervals["Brier score"] == "–"
    assert intervals["calibration error"] == "0.000–1.000"


def test_a_split_without_known_classes_or_labels_is_refused(run: Run, tmp_path: Path) -> None:
    dataset = open_dataset(write_pictures(tmp_path / "others", {"birds": 2, "cats": 2}))
    dataset = dataset.with_columns({"split": ["test", "test", "train", "train"]})
    with pytest.raises(DataError, match="no class in common") as error:
        vf.evaluate(run, dataset, split="test")
    assert "pictures of 'birds'" in str(error.value)
    table = dataset.table.assign(label=["", *dataset.table["label"][1:]])
    _, notes = match_classes(dataset.with_table(table), CLASSES)
    assert "1 picture is left out: without a label." in notes
    nameless = dataset.with_table(table.assign(label=""))
    with pytest.raises(DataError, match="None of the pictures has a label") as error:
        vf.evaluate(run, nameless)
    assert "predict` needs no labels" in str(error.value)
    with pytest.raises(DataError, match="no validation split"):
        vf.evaluate(run, dataset, split="validation")


def test_pictures_of_the_training_are_counted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "classifier", ByBrightness())
    others = open_dataset(write_pictures(tmp_path / "others", {"cats": 4, "dogs": 4}))
    store = vf.open_store(others, Preprocessing(height=8, width=8)).describe(others).table
    data = run.data
    data.loc[data.index[data["split"] == "train"][:2], "content"] = store["content"].iloc[:2].array
    data.to_parquet(run.folder / "data.parquet", index=False)
    found = vf.evaluate(run, others)
    assert found.known == 2
    assert found.accuracy_of_others is not None
    assert found.accuracy_of_others.value == 1


def test_the_command_prints_and_writes(run: Run, tmp_path: Path) -> None:
    def command(*words: str | Path) -> str:
        result = CliRunner().invoke(main, ["evaluate", str(run), *map(str, words)])
        assert result.exit_code == 0, result.output
        return result.stdout

    text = command("--split", "test", "--threshold", "precision >= 0.9 for cats", "-q")
    for words in ("accuracy", "95 % interval", "mean AUC", "majority class", "Temperature"):
        assert words in text
    for ending, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        command("--predictions", tmp_path / f"p.{ending}", "-q")
        table = read(tmp_path / f"p.{ending}")
        assert len(table) == 40
        assert table[["probability cats", "probability dogs"]].sum(axis=1).tolist() == [1] * 40
    document = json.loads(command("--split", "test", "--json", "-q"))
    assert document["accuracy"]["value"] == pytest.approx(37 / 40)
    kept = (run.folder / "predictions.parquet").read_bytes()
    own = ["--predictions", str(run.folder / "predictions.parquet")]
    assert CliRunner().invoke(main, ["evaluate", str(run), *own]).exit_code == 2
    assert (run.folder / "predictions.parquet").read_bytes() == kept
    for _ in range(2):  # a table of one's own in the run's folder may be replaced
        command("--split", "test", "--predictions", str(run.folder / "mine.csv"))
    for words in (["--predictions", "p.txt"], ["--label-column", "x"], ["--split", "all"]):
        assert CliRunner().invoke(main, ["evaluate", str(run), *words]).exit_code == 2


@pytest.mark.usefixtures("whole_plots")
def test_slices_shortcuts_and_robustness(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "classifier", ByBrightness())
    others = write_pictures(tmp_path / "others", {"cats": 20, "dogs": 20})
    words = ["evaluate", str(run), str(others), "--slices", "--robustness", "-q"]
    plots = tmp_path / "plots"
    result = CliRunner().invoke(main, [*words, "--json", "--plots", str(plots)])
    assert result.exit_code == 0, result.output
    assert (plots / "robustness.svg").is_file()
    document = json.loads(result.stdout)
    assert {one["value"] for one in document["slices"] if one["property"] == "folder"} == {
        "cats",
        "dogs",
    }
    assert not any(one["is_worse"] for one in document["slices"])
    shortcuts = {one["property"]: one for one in document["shortcuts"]}
    assert shortcuts["brightness"]["tells"]
    assert shortcuts["brightness"]["accuracy"]["value"] == 1
    assert not shortcuts["size"]["tells"]
    last = document["robustness"]["changed"][-1]
    assert (last["change"], last["amount"], last["lost"]) == ("darker", "20 % of the light", 20)
    text = CliRunner().invoke(main, words).stdout
    for part in ("brightness", "tells label", "20 % of the light", "Slices less accurate"):
        assert part in text


def test_slices_of_pictures_that_are_gone_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pets").rename(tmp_path / "moved")
    result = CliRunner().invoke(main, ["evaluate", str(run), "--slices", "-q"])
    assert result.exit_code in (2, 3)
    assert "None of the pictures can be read" in result.output


@pytest.mark.usefixtures("whole_plots")
def test_the_curves_are_drawn(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plots"
    words = ["evaluate", str(run), "--split", "test", "--plots", str(folder), "-q"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{ending}"
        for name in ("roc", "precision-recall", "reliability")
        for ending in ("png", "svg")
    }
    area = vf.evaluate(run, split="test").metrics.per_class[0].auc.value
    assert f"cats, area {area:.3f}" in (folder / "roc.svg").read_text(encoding="utf-8")


def test_no_framework_is_imported(run: Run) -> None:
    code = (
        "import sys, viewfinder as vf\n"
        f"vf.evaluate({str(run)!r}, split='test')\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def run_archive() -> bytes:
    """An archive in the place of a model."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", "{}")
    return content.getvalue()


def test_below_the_threshold_of_an_error_the_label_is_unknown(run: Run) -> None:
    vf.evaluate(run, coverage=0.6)
    path = run.folder / "prediction_sets.json"
    record = json.loads(path.read_text())
    assert record["reject"]["error_bound"] <= 0.4
    record["reject"]["above"] = 0.75
    path.write_text(json.dumps(record))

    class At(ByBrightness):
        def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
            shares = (0.75, 0.7501)[: len(images)]
            return np.array([[share, 1 - share] for share in shares])

    black = np.zeros((8, 8, 3), np.uint8)
    answers = At(run.folder).predict([black, black], error=0.4)
    assert [one.label for one in answers] == ["unknown", "cats"]
    with pytest.raises(RunError, match=r"coverage of 0\.9"):
        At(run.folder).predict(black, error=0.1)
    with pytest.raises(UsageError, match="`error`"):
        At(run.folder).predict(black, error=1)
    vf.evaluate(run, coverage=0.95)
    with pytest.raises(RunError, match=r"No threshold bounds the error by 0\.05"):
        At(run.folder).predict(black, error=0.05)


def test_of_near_duplicates_one_fits_the_sets(run: Run) -> None:
    """Pictures of one group, equal ones and near duplicates are not independent."""
    data = run.data
    rows = data.index[data["split"] == "validation"]
    data["group"] = None
    data.loc[rows[:3], "group"] = "series"
    data.loc[rows[5:7], "content"] = "equal"
    data.to_parquet(run.folder / "data.parquet", index=False)
    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    pixels = np.repeat(np.repeat(pixels[::9, ::9], 9, axis=0), 9, axis=1)
    photo = Image.fromarray(pixels)
    first, second = (run.folder.parent / "pets" / data["locator"][row] for row in rows[8:10])
    photo.save(first)
    photo.resize((81, 81)).save(second)
    found = vf.evaluate(run, coverage=0.9)
    assert found.sets is not None
    assert found.sets.sets.pictures == 40 - 2 - 1 - 1
    assert "4 pictures are left out: duplicates of others" in " ".join(found.notes)


def test_without_validation_pictures_out_of_fold_answers_fit(run: Run) -> None:
    stored = run.predictions
    trained = stored.query("split == 'train'")
    run.write_predictions(stored.query("split != 'validation'"))
    run.write_out_of_fold(trained)
    found = vf.evaluate(run, coverage=0.9)
    assert found.sets is not None
    sets = found.sets.sets
    assert (sets.of, sets.pictures) == ("out-of-fold", 60)
    assert sets.weaker == ["the strength of the linear head"]
    assert "out-of-fold" in " ".join(found.notes)
    assert sets.levels == list(fit_levels(*arrays_of(trained, CLASSES), SetOptions(0.9)))
    assert found.sets.figures is not None


def test_a_threshold_of_outliers_is_fitted_and_kept(run: Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Run, "classifier", ByBrightness(run.folder))
    (tmp_path / "others").mkdir()
    for number in range(20):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "others" / f"{number}.png")
    others = open_dataset(tmp_path / "others", needs_labels=False)
    found = vf.evaluate(run, inside=0.9, others=others)
    assert found.outliers is not None
    assert found.outliers.figures is not None
    assert found.outliers.figures.unknown.value <= 0.3
    assert found.outliers.figures.auroc is not None
    assert found.outliers.figures.auroc.value > 0.9
    assert found.outliers.figures.table.loc["AUROC", "value"] == found.outliers.figures.auroc.value
    assert "Outlier threshold with 0.9 inside" in found.outliers._repr_html_()
    assert found.predictions["outlier_score"].notna().all()
    kept = ByBrightness(run.folder).outliers
    assert kept is not None
    assert kept.settings.threshold == found.outliers.outliers.settings.threshold
    assert kept.settings.pictures == 40

    classifier = ByBrightness(run.folder)
    sure, unlike = classifier.predict(
        [run.folder.parent / "pets/test/cats/pets0.png", tmp_path / "others/0.png"]
    )
    assert (sure.label, sure.is_outlier) == ("cats", False)
    assert (unlike.label, unlike.is_outlier) == ("unknown", True)
    assert unlike.to_json()["outlier_score"] > 1
    vf.evaluate(run, coverage=0.9)
    assert classifier.predict(tmp_path / "others/0.png", coverage=0.9)[0].classes == ()
    (run.folder / "best.keras").write_bytes(run_archive())
    with pytest.raises(RunError, match="fitted to another model"):
        ByBrightness(run.folder).predict(tmp_path / "others/0.png")
