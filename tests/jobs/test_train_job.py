"""The main job from a folder to a run, and the run's folder read by others' eyes."""

import csv
import json
import platform
import re
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
import yaml
from PIL import Image

import viewfinder.run
from folders import files_below, noise, snapshot, write_classes, write_picture
from small import copied, small_recipe
from viewfinder.core.errors import DataError, OutputError, RecipeError, RunError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.jobs.prepare import prepare
from viewfinder.jobs.train import train
from viewfinder.pictures.prepare import prepare as prepare_picture
from viewfinder.recipe import Recipe, read_settings
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run
from viewfinder.runtime.devices import dtype_policy

SPLITS = ("train", "validation", "test")


def quick(data: Path, output: Path, recipe: Recipe | None = None, **options) -> Run:
    """Train for an epoch, silently."""
    recipe = recipe or small_recipe(training__epochs=1)
    return train(open_dataset(data), recipe, output=output, progress=Progress(0), **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scratch", "tiny"])
def test_our_own_recipes_train_as_they_are(tmp_path, name):
    """With every setting but their length and size: schedule, averaging and stages at once."""
    data = write_classes(tmp_path / "pets", {"cat": 8, "dog": 8})
    changes = {"training.epochs": 3, "input.size": [64, 64], "model.width": 4}
    changes |= {"model.blocks": [1, 1]} if name == "scratch" else {}
    run = quick(data, tmp_path / "runs", recipe_named(name).changed(changes))
    assert run.timing["ended"] == "finished"
    sizes = {"scratch": ["32x32", "48x48", "64x64"]}.get(name)
    assert (list(run.history["size"]) if "size" in run.history else None) == sizes
    assert run.model.input_shape == (None, 64, 64, 3)


# --- What a run leaves ----------------------------------------------------------------------------


def test_the_folder_holds_exactly_what_is_documented(trained):
    documented = {
        name
        for line in (viewfinder.run.__doc__ or "").splitlines()[2:]
        for name in re.findall(r"[a-z_-]*\.[a-z]+|plots/", line)
    }
    found = files_below(trained.folder)
    of_other_runs = {"probe.json", "trials.json", "out_of_fold.parquet"}  # linear heads, searches
    of_other_runs |= {"prediction_sets.json", "outliers.json", "outlier_features.npy"}  # `evaluate`
    assert {name for name in found if "/" not in name} == documented - {"plots/"} - of_other_runs
    plots = {name for name in found if "/" in name}
    assert {"plots/accuracy.png", "plots/loss.png"} <= plots
    below = r"plots/[\w-]+\.(png|svg)|checkpoint/\d+\.checkpoint"
    assert all(re.fullmatch(below, name) for name in plots)


def test_every_json_file_has_its_schema(trained):
    for path in trained.folder.glob("*.json"):
        assert json.loads(path.read_text())["schema"] == 1, path.name


def test_the_recipe_is_kept_with_all_that_the_pictures_decided(trained):
    tree = yaml.safe_load((trained.folder / "recipe.yaml").read_text())
    assert tree["input"]["size"] == [8, 8]
    assert tree["input"]["color"] == "gray"
    assert trained.recipe == small_recipe().resolved((8, 8), "gray")


def test_the_metrics_are_scikit_learns(trained):
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    answers = pd.read_parquet(trained.folder / "predictions.parquet")
    assert set(metrics) == {"schema", "best_epoch", *SPLITS}
    for split in SPLITS:
        rows, said = answers[answers["split"] == split], metrics[split]
        truth, predicted = rows["label"], rows["predicted"]
        shares = np.stack(list(rows["probabilities"]))
        names = ["0", "1", "2"]
        assert said["count"] == len(rows)
        assert said["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(truth, predicted))
        loss = sklearn.metrics.log_loss(truth, shares, labels=names)
        assert said["loss"] == pytest.approx(loss, rel=1e-6)
        macro = sklearn.metrics.f1_score(truth, predicted, average="macro")
        assert said["macro_f1"] == pytest.approx(macro)
        confusion = sklearn.metrics.confusion_matrix(truth, predicted, labels=names)
        assert said["confusion"] == confusion.tolist()
        np.testing.assert_allclose(rows["confidence"], shares.max(axis=1))
        assert list(predicted) == [names[column] for column in shares.argmax(axis=1)]


def test_contradicting_labels_are_named_before_anything_is_trained(tmp_path, capsys):
    folder = write_classes(tmp_path / "pets", {"cat": 9, "dog": 9})
    shutil.copy(folder / "cat/3.png", folder / "dog/copy.png")
    prepare(open_dataset(folder), small_recipe(), progress=Progress(1))
    said = " ".join(capsys.readouterr().err.split())
    assert "2 pictures are exact copies of each other under different labels" in said
    assert "(cat/3.png = dog/copy.png): at least 1 of these labels is wrong" in said
    assert f"viewfinder audit {folder} lists them all" in said
    (folder / "dog/copy.png").unlink()
    prepare(open_dataset(folder), small_recipe(), progress=Progress(1))
    assert "under different labels" not in capsys.readouterr().err


def test_a_folder_exists_only_when_it_can_be_resumed(tmp_path, monkeypatch):
    """Finding the environment imports the backend; a kill meanwhile leaves no folder behind."""
    output, seen = tmp_path / "runs", []
    monkeypatch.setattr(platform, "platform", lambda: seen.append([*output.iterdir()]) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        quick(write_classes(tmp_path / "pets", {"cat": 9, "dog": 9}), output)
    assert seen == [[]]


def test_every_picture_has_its_row_and_its_answer(trained, digits):
    data = pd.read_parquet(trained.folder / "data.parquet")
    answers = pd.read_parquet(trained.folder / "predictions.parquet")
    on_disk = {path.relative_to(digits).as_posix(): path for path in digits.rglob("*.png")}
    assert set(data["locator"]) == set(answers["locator"]) == set(on_disk)
    for row in data.itertuples():
        assert row.label == on_disk[row.locator].parent.name
        assert row.bytes == on_disk[row.locator].stat().st_size
        assert (row.status, row.width, row.height) == ("ok", 8, 8)
        assert (row.split == "test") == row.locator.startswith("test/")
    merged = data.merge(answers, on="locator", suffixes=("", "_answer"))
    assert (merged["split"] == merged["split_answer"]).all()
    assert (merged["label"] == merged["label_answer"]).all()


def test_the_best_model_is_of_the_epoch_that_the_metrics_name(trained):
    history = pd.read_csv(trained.folder / "history.csv")
    metrics = trained.metrics
    row = history.iloc[metrics["best_epoch"] - 1]
    assert row["epoch"] == metrics["best_epoch"]
    assert row["val_accuracy"] == history["val_accuracy"].max()
    assert metrics["validation"]["accuracy"] == pytest.approx(row["val_accuracy"], abs=1e-6)
    assert metrics["validation"]["loss"] == pytest.approx(row["val_loss"], rel=1e-4)


def test_the_last_model_is_of_the_last_epoch(trained):
    rows = trained.dataset.only("validation")
    pixels = [np.asarray(Image.open(rows.source.root / name)) for name in rows.table["locator"]]
    last = keras.saving.load_model(trained.folder / "last.keras")
    shares = np.asarray(last.predict_on_batch(np.stack(pixels)[..., None]))
    right = (shares.argmax(axis=1) == rows.labels).mean()
    assert right == pytest.approx(trained.history["val_accuracy"].iloc[-1], abs=1e-6)


def test_the_models_are_plain_keras(trained):
    for name in ("best.keras", "last.keras"):
        model = keras.saving.load_model(trained.folder / name)
        assert type(model).__module__.startswith("keras.")
        assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)


def test_the_run_says_where_it_came_from(trained, digits):
    environment = trained.environment
    assert environment["backend"] == keras.backend.backend()
    assert environment["versions"]["keras"] == keras.__version__
    assert environment["precision"] == dtype_policy("auto")
    assert environment["data"]["source"] == {"kind": "folder", "path": str(digits)}
    assert environment["data"]["pictures"] == len(list(digits.rglob("*.png")))
    assert any("has no validation split" in note for note in environment["data"]["notes"])
    timing = trained.timing
    assert timing["interrupted"] is False
    assert len(timing["epochs_s"]) == 4
    assert all(seconds > 0 for seconds in timing["epochs_s"])
    stages = timing["stages_s"]
    assert {"preparing", "network", "validation"} <= set(stages)
    assert timing["limit"] == max(stages, key=stages.get)
    within = sum(stages.values()) - stages["preparing"]
    assert within == pytest.approx(timing["training_s"], rel=0.05)
    assert "limits the training" in (trained.folder / "report.html").read_text()


def test_the_history_holds_nothing_that_changes_from_run_to_run(trained):
    names = ["epoch", "accuracy", "loss", "val_accuracy", "val_loss", "learning_rate", "kept"]
    assert list(trained.history) == names
    assert list(trained.history["epoch"]) == [1, 2, 3, 4]


# --- The same again -------------------------------------------------------------------------------


def test_serving_pixels_are_evaluation_pixels_at_0_levels(trained):
    dataset, preprocessing = trained.dataset, trained.classifier.preprocessing
    evaluated, _ = (
        open_store(dataset, preprocessing).pictures(dataset).read(np.arange(len(dataset)))
    )
    for pixels, locator in zip(evaluated, dataset.table["locator"], strict=True):
        served = prepare_picture((dataset.source.root / locator).read_bytes(), preprocessing)
        np.testing.assert_array_equal(served.pixels, pixels)


@pytest.mark.parametrize(
    "resize",
    [*(pytest.param(policy, marks=pytest.mark.slow) for policy in ("stretch", "crop")), "pad"],
)
def test_that_holds_for_photos_of_all_kinds(tmp_path, resize, monkeypatch):
    """Pictures of other sizes, formats and orientations; and what the model itself is given."""
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 8
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number, format in enumerate(["png", "jpg", "webp", "gif", "bmp"]):
            sides = rng.integers(9, 80, 2)
            picture = Image.fromarray(rng.integers(0, 256, (*sides, 3), dtype=np.uint8))
            options = {"exif": exif} if format in ("jpg", "webp") else {}
            picture.save(tmp_path / f"data/{label}/{number}.{format}", **options)
    # Without flips, which ask the model once more.
    recipe = small_recipe(input__size=[16, 20], training__epochs=1, training__augment="gentle")
    run = quick(tmp_path / "data", tmp_path / "runs", recipe.changed({"input.resize": resize}))
    given = []
    answer = run.classifier.model.predict_on_batch
    monkeypatch.setattr(
        run.classifier.model, "predict_on_batch", lambda x: given.append(x.copy()) or answer(x)
    )
    run.evaluate()
    evaluated, rows = np.concatenate(given), run.predictions
    given.clear()
    served = run.predict([tmp_path / "data" / name for name in rows["locator"]])
    np.testing.assert_array_equal(np.concatenate(given), evaluated)
    for one, row in zip(served, rows.itertuples(), strict=True):
        assert one.confidence == pytest.approx(row.confidence, abs=1e-6)


def test_predict_answers_as_evaluate_did(trained, digits):
    rows = trained.predictions
    answers = trained.predict([digits / locator for locator in rows["locator"]])
    for one, row in zip(answers, rows.itertuples(), strict=True):
        assert one.label == row.predicted
        shares = [one.probabilities[name] for name in ("0", "1", "2")]
        np.testing.assert_allclose(shares, row.probabilities, atol=1e-6)


def test_two_runs_with_one_seed_are_equal_and_another_is_not(digits, tmp_path):
    recipe = small_recipe(training__epochs=1, training__augment="course", model__dropout=0.3)
    names = ("history.csv", "metrics.json", "recipe.yaml", "data.parquet", "labels.json")
    first = quick(digits, tmp_path / "runs", recipe)
    keras.utils.set_random_seed(77)
    np.random.rand(5)
    second = quick(digits, tmp_path / "runs", recipe)
    for name in names:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes(), name
    for a, b in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    other = prepare(open_dataset(digits), recipe.changed({"seed": 1})).dataset
    assert not other.table["split"].equals(first.data["split"])


def test_the_recipe_of_a_run_makes_the_run_again_also_without_a_store(
    trained, digits, tmp_path, exports
):
    settings = read_settings(trained.folder / "recipe.yaml")
    recipe = recipe_named("course/cats-dogs").changed(settings)
    again = quick(digits, tmp_path, recipe, store_budget=0, name="mine")
    assert again.folder == tmp_path / "mine"
    assert again.recipe == trained.recipe
    assert again.history.equals(trained.history)
    assert again.metrics == trained.metrics


def test_data_is_only_read(digits, tmp_path):
    data = copied(digits, tmp_path)
    (data / "train/0/bad.jpg").write_text("no picture")
    before = snapshot(data)
    run = quick(data, tmp_path / "runs")
    run.evaluate()
    run.report()
    run.predict(sorted(data.glob("test/0/*")))
    assert snapshot(data) == before


# --- Splits ---------------------------------------------------------------------------------------


@pytest.fixture
def three_parts(tmp_path) -> Path:
    """Pictures that are all different, in train, validation and test."""
    counts = {"train": 10, "valid": 4, "test": 3}
    folders = {f"{split}/{label}": count for split, count in counts.items() for label in "ab"}
    return write_classes(tmp_path / "data", folders)


def seen_by_fit(data: Path, output: Path, monkeypatch, **settings) -> tuple[dict, Run]:
    """The bytes of the pixels that the fit is given as training and as validation pictures."""
    import viewfinder.training

    fit, seen = viewfinder.training.fit, {}

    def watched(model, train, validation, *given, **options):
        for name, batches in (("train", train), ("validation", validation)):
            images = [batch.images for epoch in range(2) for batch in batches.epoch(epoch)]
            seen[name] = {image.tobytes() for image in np.concatenate(images)}
        return fit(model, train, validation, *given, **options)

    monkeypatch.setattr(viewfinder.training, "fit", watched)
    run = quick(data, output, small_recipe(training__epochs=1, input__size=[9, 12], **settings))
    return seen, run


def pixels_of(data: Path, *patterns: str) -> set[bytes]:
    paths = [path for pattern in patterns for path in data.glob(pattern)]
    assert paths
    return {np.asarray(Image.open(path)).tobytes() for path in paths}


def test_splits_that_are_there_are_used_as_they_are(three_parts, tmp_path, monkeypatch):
    seen, run = seen_by_fit(three_parts, tmp_path / "runs", monkeypatch)
    assert seen["train"] == pixels_of(three_parts, "train/*/*")
    assert seen["validation"] == pixels_of(three_parts, "valid/*/*")
    assert {split: run.metrics[split]["count"] for split in SPLITS} == {
        "train": 20,
        "validation": 8,
        "test": 6,
    }
    assert not any("no validation split" in note for note in run.environment["data"]["notes"])


def test_a_held_out_validation_split_steers_nothing(three_parts, tmp_path, monkeypatch):
    seen, run = seen_by_fit(three_parts, tmp_path / "runs", monkeypatch, data__holdout="validation")
    held, left_out = pixels_of(three_parts, "valid/*/*"), pixels_of(three_parts, "test/*/*")
    assert seen["train"] | seen["validation"] == pixels_of(three_parts, "train/*/*")
    assert not seen["train"] & seen["validation"]
    assert not (seen["train"] | seen["validation"]) & (held | left_out)
    assert run.metrics["test"]["count"] == 8
    tested = run.predictions[run.predictions["split"] == "test"]["locator"]
    assert all(locator.startswith("valid/") for locator in tested)


@pytest.mark.slow
def test_a_held_out_test_split_steers_nothing(three_parts, tmp_path, monkeypatch):
    shutil.rmtree(three_parts / "valid")
    seen, run = seen_by_fit(three_parts, tmp_path / "runs", monkeypatch, data__holdout="test")
    assert seen["train"] | seen["validation"] == pixels_of(three_parts, "train/*/*")
    assert run.metrics["test"]["count"] == 6


def test_a_test_split_that_is_set_aside_steers_nothing(tmp_path, monkeypatch):
    data = write_classes(tmp_path / "data", {"a": 20, "b": 20})
    seen, run = seen_by_fit(data, tmp_path / "runs", monkeypatch, data__test=0.3)
    assert [run.metrics[split]["count"] for split in SPLITS] == [20, 8, 12]
    tested = run.predictions[run.predictions["split"] == "test"]
    assert tested["label"].value_counts().to_list() == [6, 6]
    apart = pixels_of(data, *tested["locator"])
    assert not apart & (seen["train"] | seen["validation"])
    assert len(apart | seen["train"] | seen["validation"]) == 40
    assert "An optimistic estimate" not in (run.folder / "report.html").read_text()


def test_a_test_split_beside_the_datas_validation_is_of_training_pictures(three_parts):
    with pytest.raises(UsageError, match="has a test split already"):
        prepare(open_dataset(three_parts), small_recipe(data__test=0.2))
    shutil.rmtree(three_parts / "test")
    prepared = prepare(open_dataset(three_parts), small_recipe(data__test=0.2))
    assert prepared.dataset.split_sizes() == {"train": 16, "validation": 8, "test": 4}
    assert prepared.dataset.only("validation").table["locator"].str.startswith("valid/").all()


def test_blended_pictures_train_and_whole_ones_are_judged(tmp_path, monkeypatch):
    data = write_classes(tmp_path / "data", {"train/a": 9, "train/b": 9, "val/a": 4, "val/b": 4})
    mixed = {"training__mixup": 1.0, "training__balance": "weights"}
    seen, run = seen_by_fit(data, tmp_path / "runs", monkeypatch, **mixed)
    whole = seen["train"] & pixels_of(data, "train/*/*")
    assert len(whole) < 9  # of 18: those that were drawn as their own partners
    assert seen["validation"] == pixels_of(data, "val/*/*")
    assert np.isfinite(run.history["loss"]).all()


@pytest.mark.slow
def test_a_training_on_blended_pictures_learns(digits, tmp_path):
    learned = train(open_dataset(digits), small_recipe(training__mixup=0.5), output=tmp_path)
    assert learned.metrics["test"]["accuracy"] > 0.8


def test_a_split_that_is_not_there_cannot_be_held_out(digits):
    recipe = small_recipe(data__holdout="validation")
    with pytest.raises(DataError, match="no validation split"):
        prepare(open_dataset(digits), recipe)


def test_a_missing_validation_split_is_carved_and_said_aloud(digits):
    prepared = prepare(open_dataset(digits), small_recipe(data__validation=0.25))
    assert prepared.dataset.split_sizes() == {"train": 90, "validation": 30, "test": 36}
    assert "25\xa0% of each class was set aside at random with seed 0" in " ".join(
        prepared.dataset.notes
    )


def test_only_training_pictures_are_varied(tmp_path, monkeypatch):
    data = write_classes(tmp_path / "data", {"train/a": 6, "train/b": 6, "val/a": 4, "val/b": 4})
    seen, _ = seen_by_fit(data, tmp_path / "runs", monkeypatch, training__augment="strong")
    assert seen["validation"] == pixels_of(data, "val/*/*")
    assert len(seen["train"]) == 24  # twelve pictures in two epochs, each in its own way
    assert not seen["train"] & pixels_of(data, "train/*/*")


# --- Bad data -------------------------------------------------------------------------------------


@pytest.fixture
def messy(tmp_path) -> Path:
    """Good pictures with everything that a folder of photos may hold besides."""
    data = write_classes(tmp_path / "messy", {"cats": 10, "dogs": 10})
    jpeg = write_picture(tmp_path / "whole.jpg", 500, 60, 80).read_bytes()
    bad = {
        "cats/zero.jpg": b"",
        "cats/cut.jpg": jpeg[: len(jpeg) // 2],
        "dogs/text.jpg": b"these are words",
        "dogs/page.png": b"<html></html>",
        "cats/.DS_Store": b"\0\0\0\1Bud1",
        ".DS_Store": b"\0\0\0\1Bud1",
        "dogs/Thumbs.db": b"\xd0\xcf\x11\xe0",
    }
    for name, content in bad.items():
        (data / name).write_bytes(content)
    write_picture(data / ".cache/dogs/1.png", 501)
    write_picture(data / "cats/.ipynb_checkpoints/1.png", 502)
    Image.fromarray(noise(503)).save(data / "cats/really-a-gif.jpg", "GIF")
    Image.fromarray(noise(504)).save(data / "dogs/really-a-png.jpg", "PNG")
    return data


def test_training_goes_on_with_what_is_good_and_names_the_rest(messy, tmp_path):
    before = snapshot(messy)
    run = quick(messy, tmp_path / "runs")
    with (run.folder / "skipped.csv").open(newline="") as file:
        skipped = {row["path"]: (row["reason"], row["detail"]) for row in csv.DictReader(file)}
    rejected = {
        "cats/zero.jpg": "empty",
        "cats/cut.jpg": "truncated",
        "dogs/text.jpg": "not a picture",
        "dogs/page.png": "not a picture",
    }
    for path, reason in rejected.items():
        assert skipped[path][0] == reason
        assert skipped[path][1]
    beside = {
        "cats/.DS_Store",
        ".DS_Store",
        "dogs/Thumbs.db",
        ".cache",
        "cats/.ipynb_checkpoints",
    }
    assert skipped.keys() == rejected.keys() | beside
    assert all(skipped[path][0] == "hidden or a system file" for path in beside)

    data = run.data.set_index("locator")
    assert (data["status"] == "ok").sum() == 22
    assert data.loc["cats/really-a-gif.jpg", "status"] == "ok"
    assert data.loc["dogs/really-a-png.jpg", "status"] == "ok"
    assert sum(run.metrics[split]["count"] for split in ("train", "validation")) == 22
    assert run.classifier.classes == ("cats", "dogs")

    report = (run.folder / "report.html").read_text()
    for path, reason in rejected.items():
        assert path in report
        assert reason in report
    assert snapshot(messy) == before


def test_rejected_pictures_take_no_places_in_the_splits(messy, tmp_path):
    """The good pictures are split as if the bad ones had never been there."""
    clean = copied(messy, tmp_path / "clean")
    for name in ("cats/zero.jpg", "cats/cut.jpg", "dogs/text.jpg", "dogs/page.png"):
        (clean / name).unlink()
    recipe = small_recipe(training__augment="course")
    splits = [
        prepare(open_dataset(data), recipe).dataset.table.set_index("locator")["split"].to_dict()
        for data in (messy, clean)
    ]
    assert splits[0] == splits[1]


@pytest.mark.parametrize("size", [None, [16, 16]])
def test_nothing_readable_at_all(tmp_path, size):
    data = tmp_path / "data"
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("words")
    settings = {"input": {"size": size, "color": "rgb"}} if size else {}
    with pytest.raises(DataError, match=r"None of (the )?4 (sampled )?files .* is a readable"):
        quick(data, tmp_path / "runs", small_recipe().changed(settings))
    assert not list((tmp_path / "runs").iterdir())


def test_nothing_readable_in_one_class(tmp_path):
    data = write_classes(tmp_path / "data", {"a": 6, "b": 6})
    for path in (data / "b").iterdir():
        path.write_text("words")
    (data / "b/0.png").write_bytes(b"")
    with pytest.raises(DataError, match="have no pictures to train on: b") as refused:
        quick(data, tmp_path / "runs")
    assert refused.value.received == "5 not a picture, 1 empty"
    assert not list((tmp_path / "runs").iterdir())


def test_a_class_that_only_the_validation_split_has(tmp_path):
    data = write_classes(tmp_path / "data", {"train/a": 4, "train/b": 4, "val/a": 2, "val/c": 2})
    with pytest.raises(DataError, match="have no pictures to train on: c"):
        quick(data, tmp_path / "runs")


def test_one_class_only(tmp_path):
    with pytest.raises(DataError, match="only one class: a"):
        quick(write_classes(tmp_path / "data", {"a": 6}), tmp_path / "runs")


def test_a_class_with_too_few_pictures_to_split(tmp_path):
    with pytest.raises(DataError, match=r"'b' has too few pictures"):
        quick(write_classes(tmp_path / "data", {"a": 6, "b": 1}), tmp_path / "runs")


def test_two_pictures_of_a_class_are_enough(tmp_path):
    run = quick(write_classes(tmp_path / "data", {"a": 2, "b": 2}), tmp_path / "runs")
    assert run.metrics["train"]["count"] == run.metrics["validation"]["count"] == 2


def test_pictures_that_are_gone_are_said(trained, digits, tmp_path):
    run = Run.open(copied(trained.folder, tmp_path))
    environment = run.folder / "environment.json"
    environment.write_text(environment.read_text().replace(str(digits), str(tmp_path / "gone")))
    with pytest.raises(RunError, match="None of the run's pictures can be read"):
        run.evaluate()
    run.report()  # needs none of them


def test_a_picture_that_breaks_in_the_middle_of_a_training_is_dropped_and_named(digits, tmp_path):
    data = copied(digits, tmp_path)
    victim = sorted((data / "train/0").iterdir())[3]

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
            if epoch == 1:
                victim.write_bytes(b"")

    recipe = small_recipe(training__epochs=3)
    run = quick(data, tmp_path / "runs", recipe, callbacks=[Break()], store_budget=0)
    row = run.data.set_index("locator").loc[victim.relative_to(data).as_posix()]
    assert row["status"] == "empty"
    assert victim.name in (run.folder / "skipped.csv").read_text()
    assert len(run.history) == 3


# --- Where runs go --------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_numbered(tmp_path):
    names = [Run.create(tmp_path / "runs", "mine").name for _ in range(3)]
    assert names == ["mine", "mine-2", "mine-3"]
    (tmp_path / "runs/other").write_text("a file")
    assert Run.create(tmp_path / "runs", "other").name == "other-2"


def test_the_name_is_the_datas(trained):
    assert trained.name == "digits"


@pytest.mark.parametrize("name", ["../x", "a/b", "/tmp/x", "..", "."])
def test_a_name_that_is_a_path_is_refused_before_anything_is_read(digits, tmp_path, name):
    with pytest.raises(OutputError, match="name cannot be a path"):
        quick(digits, tmp_path / "runs", name=name)
    assert not (tmp_path / "runs").exists()


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read(
    digits, tmp_path, own_cache
):
    (tmp_path / "runs").write_text("a file is in the way")
    for output in (tmp_path / "runs", tmp_path / "runs/inner"):
        with pytest.raises(OutputError, match="Cannot write") as refused:
            quick(digits, output)
        assert "`output`" in str(refused.value)
    assert not list(own_cache.iterdir())


def test_a_disk_that_is_full_ends_in_words(digits, tmp_path, monkeypatch):
    def full(self, *given, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OutputError, match="No space left on device"):
        quick(digits, tmp_path)


def test_a_network_that_cannot_be_built_leaves_no_run(digits, tmp_path):
    recipe = small_recipe(model__filters=[8, 8, 8])
    with pytest.raises(RecipeError, match="too small for 3 convolutions"):
        quick(digits, tmp_path / "runs", recipe)
    assert not list((tmp_path / "runs").iterdir())


# --- Reading a run --------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["none", "data/0"])
def test_what_is_no_run_is_refused(tmp_path, where):
    (tmp_path / "data/0").mkdir(parents=True)
    with pytest.raises(RunError, match="is not a run"):
        Run.open(tmp_path / where)


@pytest.mark.parametrize(
    "name", ["recipe.yaml", "metrics.json", "environment.json", "timing.json", "history.csv"]
)
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"[3", b"3"])
def test_a_damaged_file_of_a_run_is_named(trained, tmp_path, name, content):
    run = Run.open(copied(trained.folder, tmp_path))
    (run.folder / name).write_bytes(content)
    with pytest.raises(RunError, match=re.escape(name)):
        run.report()


@pytest.mark.parametrize("name", ["environment.json", "timing.json"])
def test_a_file_of_a_run_that_lacks_something_is_named(trained, tmp_path, name):
    run = Run.open(copied(trained.folder, tmp_path))
    (run.folder / name).write_text("{}")
    with pytest.raises(RunError, match=rf"(?s){re.escape(name)} is damaged.*Field required"):
        run.report()


@pytest.mark.parametrize("name", ["data.parquet", "predictions.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1"])
def test_a_damaged_table_of_a_run_is_named(trained, tmp_path, name, content):
    run = Run.open(copied(trained.folder, tmp_path))
    (run.folder / name).unlink()
    if content is not None:
        (run.folder / name).write_bytes(content)
    with pytest.raises(RunError, match=re.escape(name)):
        run.report()


def test_a_run_that_was_killed_can_still_be_judged(trained, tmp_path):
    """What a power cut in the third epoch leaves."""
    run = Run.open(copied(trained.folder, tmp_path))
    for name in ("last.keras", "metrics.json", "predictions.parquet", "timing.json", "report.html"):
        (run.folder / name).unlink()
    shutil.rmtree(run.folder / "plots")
    lines = (run.folder / "history.csv").read_text().splitlines(keepends=True)
    (run.folder / "history.csv").write_text("".join(lines[:3]))
    assert run.evaluate()["test"] == trained.metrics["test"]
    assert "interrupted" in run.report().read_text()


def test_single_splits_can_be_asked_for_and_others_are_refused(trained, tmp_path):
    run = Run.open(copied(trained.folder, tmp_path))
    assert set(run.evaluate(iter(["validation", "test"]))) - {"schema", "best_epoch"} == {
        "validation",
        "test",
    }
    with pytest.raises(RunError, match="none of these splits") as refused:
        run.evaluate(["tset"])
    assert "test" in str(refused.value)
    with pytest.raises(RunError):
        run.evaluate([])


# --- What a recipe asks for beside plain training -------------------------------------------------


def test_averaged_weights_are_judged_kept_and_served(trained, digits, tmp_path):
    recipe = small_recipe(training__epochs=2, training__average_epochs=1.0)
    run = quick(digits, tmp_path, recipe)
    row = run.history.iloc[run.metrics["best_epoch"] - 1]
    assert run.metrics["validation"]["accuracy"] == pytest.approx(row["val_accuracy"], abs=1e-6)
    assert run.metrics["validation"]["loss"] == pytest.approx(row["val_loss"], rel=1e-4)
    plain = trained.history.head(2)  # whose learning rate does not depend on its length
    assert run.history["loss"].equals(plain["loss"])  # training itself is the same
    assert not run.history["val_loss"].equals(plain["val_loss"])


def test_flips_are_an_extra_figure_where_the_recipe_mirrors(digits, tmp_path):
    flip = {"flip": {"horizontal": True}}
    run = quick(digits, tmp_path, small_recipe(training__epochs=1, training__augment=flip))
    flipped = run.metrics["flipped"]
    page = (run.folder / "report.html").read_text()
    assert "Averaging the answers to each picture and its mirror image gives an accuracy of" in page
    assert set(flipped) == {"validation", "test"}
    part = run.dataset.only("test")
    pixels = np.stack(
        [np.asarray(Image.open(part.source.root / name)) for name in part.table["locator"]]
    )[..., None]
    ask = run.classifier.probabilities
    shares = (ask(pixels) + ask(pixels[:, :, ::-1])) / 2
    assert flipped["test"]["accuracy"] == pytest.approx(
        (shares.argmax(axis=1) == part.labels).mean()
    )
    of_truth = shares[np.arange(len(shares)), part.labels]
    assert flipped["test"]["loss"] == pytest.approx(-np.log(of_truth).mean(), rel=1e-4)


@pytest.mark.slow
def test_class_weights_and_sampling_change_the_training_and_not_the_judging(digits, tmp_path):
    lopsided = tmp_path / "lopsided"
    shutil.copytree(digits, lopsided)
    for path in sorted((lopsided / "train" / "0").iterdir())[8:]:
        path.unlink()
    losses = {}
    for balance in ("none", "weights", "sampling"):
        recipe = small_recipe(training__epochs=1, training__balance=balance)
        run = quick(lopsided, tmp_path / "runs", recipe)
        losses[balance] = run.history["loss"][0]
        assert run.metrics["validation"]["loss"] == pytest.approx(
            run.history["val_loss"][0], rel=1e-4
        )
    assert len(set(losses.values())) == 3


def test_a_model_loads_in_plain_keras_whatever_it_was_trained_with(digits, tmp_path):
    recipe = small_recipe(
        training__epochs=1,
        training__loss__label_smoothing=0.1,
        training__schedule="one-cycle",
        training__optimizer__weight_decay=0.01,
    )
    run = quick(digits, tmp_path, recipe)
    with zipfile.ZipFile(run.folder / "best.keras") as file:
        config = file.read("config.json").decode()
    assert "viewfinder" not in config
    assert not json.loads(config).get("compile_config")
