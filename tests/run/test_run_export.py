"""`model.onnx`: the same answers as `best.keras`, at once, and never those of another model."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from small import copied
from viewfinder.classifier import Classifier, load
from viewfinder.core.errors import RunError
from viewfinder.core.progress import Progress
from viewfinder.run import Run

HEAVY = {
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "pandas",
    "pyarrow",
    "sklearn",
    "matplotlib",
    "scipy",
}


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    return copied(trained.folder, tmp_path)


def pictures(digits: Path) -> list[Path]:
    return sorted(digits.glob("*/*/*.png"))


def test_it_answers_as_keras_does(trained: Run, digits: Path):
    exported = load(trained.folder)
    assert exported.starts_at_once
    model = keras.saving.load_model(trained.folder / "best.keras")
    by_keras = Classifier(model, exported.classes, exported.preprocessing)
    for one, other in zip(
        exported.predict(pictures(digits)), by_keras.predict(pictures(digits)), strict=True
    ):
        assert one.label == other.label
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_one_jpeg_is_predicted_without_what_it_does_not_need(
    trained: Run, digits: Path, tmp_path: Path
):
    Image.open(pictures(digits)[0]).save(tmp_path / "one.jpg")
    words = ["predict", str(trained.folder), str(tmp_path / "one.jpg"), "--json"]
    code = (
        "import sys\nfrom viewfinder.cli import main\n"
        f"try:\n    main({words!r})\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["predictions"][0]["label"] in trained.classes
    loaded = set(done.stderr.split())
    assert "onnxruntime" in loaded
    assert not loaded & {*HEAVY, "PIL", "filelock", "viewfinder.cli.train.command"}


def test_a_run_is_evaluated_and_reported_again_without_keras(folder: Path, digits: Path):
    before = (folder / "metrics.json").read_text()
    layers = (folder / "model.txt").read_text()
    code = (
        "import sys\nfrom viewfinder.cli import main\n"
        f"main(['evaluate', {str(folder)!r}], standalone_mode=False)\n"
        "print({'keras', 'tensorflow', 'jax', 'torch'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    assert json.loads(before)["test"]["accuracy"] == Run(folder).metrics["test"]["accuracy"]
    page = (folder / "report.html").read_text()
    model = keras.saving.load_model(folder / "best.keras")
    for layer in model.layers:
        assert layer.name in layers
        assert layer.name in page


@pytest.mark.usefixtures("exports")
def test_the_layers_in_the_report_are_those_of_the_model(folder: Path):
    """Another model has been saved as `best.keras`; then its export is written."""
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(3, activation="softmax", name="quite_another")(
        keras.layers.Flatten()(inputs)
    )
    keras.Model(inputs, outputs).save(folder / "best.keras")
    run = Run(folder)
    assert "quite_another" in run.report().read_text()
    (folder / "model.txt").unlink()
    run.export()
    assert "quite_another" in (folder / "model.txt").read_text()


def test_without_an_export_keras_predicts_and_that_is_said(viewfinder, folder, digits):
    (folder / "model.onnx").unlink()
    without = viewfinder("predict", folder, pictures(digits)[0], "--json")
    assert "Keras predicts" in without.err
    assert without.json["predictions"][0]["label"] in ("0", "1", "2")


def test_the_export_of_another_model_is_not_used(folder: Path, digits: Path):
    """Someone has trained `best.keras` further and saved it."""
    model = keras.saving.load_model(folder / "best.keras")
    model.set_weights([np.zeros_like(value) for value in model.get_weights()])
    model.save(folder / "best.keras")
    classifier = load(folder)
    assert not classifier.starts_at_once
    assert classifier.predict(pictures(digits)[0])[0].confidence == pytest.approx(1 / 3)


def test_an_export_that_is_damaged_or_takes_other_pictures_is_refused(folder: Path):
    labels = json.loads((folder / "labels.json").read_text())
    labels["preprocessing"]["width"] = 9
    (folder / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(RunError, match=r"does not fit its labels\.json(.|\n)*\(8, 9, 1\)"):
        load(folder)
    (folder / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"model\.onnx is damaged(.|\n)*remove it"):
        load(folder)


def test_a_model_that_cannot_be_exported_predicts_by_keras(
    trained: Run, folder: Path, digits: Path, capsys, monkeypatch
):
    monkeypatch.undo()  # tests' trainings write no export
    monkeypatch.setattr("viewfinder.runtime.export.find_spec", lambda _: None)
    (folder / "model.onnx").unlink()
    run = Run(folder)
    run.export(progress=Progress())
    assert "Predictions will need Keras: Export to ONNX needs" in capsys.readouterr().err
    assert run.predict(pictures(digits)[0])[0].label in trained.classes


def test_heat_maps_and_nearest_pictures_are_added_to_the_report(viewfinder, folder, digits):
    run = Run(folder)
    rows = run.predictions
    wrong = rows.index[rows["split"] == "test"][:3]
    rows.loc[wrong, "label"] = [str((int(one) + 1) % 10) for one in rows.loc[wrong, "predicted"]]
    run.score(rows)
    quick = run.report().read_text()
    ended = viewfinder("evaluate", folder, "--report-only", "--heat-maps")
    assert ended.code == 0, ended.err
    page = (folder / "report.html").read_text()
    record = json.loads((folder / "report.json").read_text())
    count = record["mistakes"]["count"]
    assert count >= 3
    assert page.count('alt="What spoke for ') == count
    assert 'alt="What spoke for ' not in quick
    nearest = [one["nearest"] for one in record["mistakes"]["surest"][:count]]
    training = Run(folder).dataset.only("train").table["locator"]
    assert set(nearest) <= set(training)
    assert {one["name"] for one in record["baselines"]} == {"majority class", "mean colour"}
    assert record["slices"]
