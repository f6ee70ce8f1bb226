"""A run as one file: it answers as the run does, travels alone, and is verified."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.special

import bundles_by_hand as made
from commands import Command
from small import copied
from viewfinder.classifier import load
from viewfinder.core.errors import OutputError, RunError, UsageError
from viewfinder.delivery.bundle.pack import bundle
from viewfinder.delivery.bundle.verify import verify
from viewfinder.evaluation.answers import arrays_of
from viewfinder.evaluation.calibration import fit_temperature
from viewfinder.pages.parts.words import percent
from viewfinder.run import Run
from viewfinder.run.evaluation import evaluate


@pytest.fixture(scope="module")
def whole(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with everything: both models, thresholds, prediction sets, golden pictures."""
    run = Run(copied(trained.folder, tmp_path_factory.mktemp("run")))
    evaluate(run, coverage=0.8, thresholds=["recall >= 0.9 for 2"])
    return bundle(run, keras=True, thresholds=["precision >= 0.9 for 1"])


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    return Run(copied(trained.folder, tmp_path))


def pictures(digits: Path) -> list[Path]:
    return sorted(digits.glob("*/*/*.png"))


def test_it_answers_as_the_run_does(whole: Path, trained: Run, digits: Path) -> None:
    opened = load(whole)
    assert opened.classes == trained.classes
    assert opened.preprocessing == trained.recipe.preprocessing
    found, expected = opened.predict(pictures(digits)), trained.predict(pictures(digits))
    assert [one.probabilities for one in found] == [one.probabilities for one in expected]
    assert [one.label for one in found] == [one.label for one in expected]


def test_verifying_compares_every_format(whole: Path, trained: Run) -> None:
    found = verify(whole)
    assert found.pictures == found.same_pixels == 8
    assert set(found.differences) == {"model.onnx", "best.keras"}
    assert found.differences["model.onnx"] == 0
    assert found.differences["best.keras"] < 1e-4
    assert found.signed is None
    labels = [picture.label for picture in load(whole).bundle.golden.pictures]
    assert set(labels) == set(trained.classes)


def test_it_holds_what_the_validation_pictures_chose(whole: Path, trained: Run) -> None:
    settings = load(whole).bundle.settings
    rows = trained.predictions
    rows = rows[rows["split"] == "validation"]
    assert settings.pictures == len(rows)
    assert settings.temperature == fit_temperature(*arrays_of(rows, trained.classes))
    recall, threshold = settings.thresholds
    assert (recall.figure, recall.name) == ("recall", "2")
    answered = [row["1"] >= threshold.threshold for row in by_name(rows, trained.classes)]
    right = (rows["label"] == "1").to_numpy()[answered]
    assert right.mean() >= 0.9


def by_name(rows: pd.DataFrame, classes: tuple[str, ...]) -> list[dict[str, float]]:
    return [dict(zip(classes, row, strict=True)) for row in rows["probabilities"]]


def test_prediction_sets_come_along(whole: Path, digits: Path) -> None:
    run = whole.with_suffix("")
    found = load(whole).predict(pictures(digits), coverage=0.8)
    assert [one.classes for one in found] == [
        one.classes for one in load(run).predict(pictures(digits), coverage=0.8)
    ]
    with pytest.raises(RunError, match=r"no prediction sets for a coverage of 0\.5"):
        load(whole).predict(pictures(digits)[:1], coverage=0.5)


@pytest.mark.parametrize(
    "options",
    [
        {"calibrated": True},
        {"threshold": "recall >= 90 % for 2"},
        {"threshold": "recall >= 0.9 for 2", "calibrated": True, "coverage": 0.8},
        {"threshold": 0.6, "calibrated": True},
    ],
)
def test_temperature_and_thresholds_hold_alike_in_run_and_bundle(
    whole: Path, digits: Path, options: dict[str, Any]
) -> None:
    run = load(whole.with_suffix(""))
    plain, rest = run.predict(pictures(digits)), run.predict(pictures(digits), **options)
    assert load(whole).predict(pictures(digits), **options) == rest
    settings = load(whole).settings
    threshold = options.get("threshold")
    for before, found in zip(plain, rest, strict=True):
        if options.get("calibrated"):
            # As in SciPy: a softmax of the logarithms, divided by the temperature.
            logits = np.log([before.probabilities[name] for name in run.classes])
            expected = scipy.special.softmax(logits / settings.temperature)
            shares = [found.probabilities[name] for name in run.classes]
            np.testing.assert_allclose(shares, expected, atol=1e-9)
        if isinstance(threshold, str):
            least = settings.thresholds[0].threshold
            assert (found.label == "2") == (before.probabilities["2"] >= least)
            if before.label != "2":
                assert found.label in (before.label, "2")
        if isinstance(threshold, float) and found.confidence < threshold:
            assert found.label == "unknown"
    assert [one.classes for one in rest] == [
        one.classes for one in run.predict(pictures(digits), coverage=options.get("coverage"))
    ]


def test_what_was_not_fitted_is_refused_with_the_command_that_fits_it(
    whole: Path, run: Run, digits: Path
) -> None:
    picture = pictures(digits)[0]
    with pytest.raises(RunError, match=r"no threshold for recall >= 0\.5 for 1") as refused:
        load(whole).predict(picture, threshold="recall >= 0.5 for 1")
    assert "evaluate RUN --threshold 'recall >= 0.5 for 1'" in str(refused.value.remedy)
    with pytest.raises(UsageError, match="is not a condition"):
        load(whole).predict(picture, threshold="half")
    (run.folder / "settings.json").unlink()
    with pytest.raises(RunError, match="no temperature"):
        run.predict(picture, calibrated=True)
    run.evaluate()
    assert run.predict(picture, calibrated=True)


def test_it_is_evaluated_as_the_run_is(
    whole: Path, digits: Path, viewfinder: Command, tmp_path: Path
) -> None:
    words = ["--threshold", "recall >= 0.9 for 2", "--split", "test", "--json"]
    ended = viewfinder("evaluate", whole, digits, *words)
    assert ended.code == 0, ended.err
    of_bundle = json.loads(ended.out)
    of_run = json.loads(viewfinder("evaluate", whole.with_suffix(""), digits, *words).out)
    for key in ("accuracy", "log_loss", "temperature", "tempered", "thresholds"):
        assert of_bundle[key] == of_run[key]
    assert of_bundle["temperature"] > 0
    refused = viewfinder("evaluate", whole)
    assert refused.code == 2
    assert "no pictures of its own" in refused.err


def test_the_model_of_keras_is_there_where_it_was_requested(
    whole: Path, run: Run, digits: Path, tmp_path: Path
) -> None:
    opened = load(whole)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
    by_keras = keras.ops.convert_to_numpy(opened.model(images.astype(np.float32)))
    np.testing.assert_allclose(opened.probabilities(images), by_keras, atol=1e-4)
    small = load(bundle(run, tmp_path / "small.bundle"))
    with pytest.raises(UsageError, match="no model of Keras"):
        _ = small.model


def test_the_same_run_gives_the_same_bytes_without_paths_of_this_machine(
    run: Run, tmp_path: Path
) -> None:
    first = bundle(run, tmp_path / "a" / "first.bundle")
    second = bundle(run, tmp_path / "second.bundle")
    content = first.read_bytes()
    assert content == second.read_bytes()
    assert str(tmp_path).encode() not in content
    assert run.environment["data"]["source"]["path"].encode() not in content


def test_private_pictures_stay_at_home(run: Run) -> None:
    path = bundle(run, golden=False)
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if name.startswith("golden/")]
    found = verify(path)
    assert (found.pictures, found.differences) == (0, {"model.onnx": None})


def test_the_card_has_the_figures_of_the_run(whole: Path, trained: Run) -> None:
    card = load(whole).bundle.files["model-card.md"].decode()
    assert card == (whole.with_suffix("") / "model-card.md").read_text()
    test = trained.metrics["test"]
    assert f"| accuracy | {percent(test['accuracy'])} |" in card
    assert "An image classifier of 3\N{NO-BREAK SPACE}classes" in card
    assert trained.environment["data"]["hash"] in card
    assert f"viewfinder {trained.environment['versions']['viewfinder']}" in card


def test_what_the_owner_has_added_to_the_card_comes_along(run: Run) -> None:
    card = run.folder / "model-card.md"
    card.write_text(card.read_text().replace("library_name", "license: mit\nlibrary_name"))
    assert b"license: mit" in load(bundle(run)).bundle.files["model-card.md"]
    card.unlink()
    assert b"# " in load(bundle(run)).bundle.files["model-card.md"]


def test_a_lambda_in_its_model_of_keras_does_not_run(tmp_path: Path) -> None:
    inputs = keras.Input((4, 4, 1))
    code = keras.layers.Lambda(lambda pixels: pixels.run_away())
    network = keras.Sequential([inputs, keras.layers.Flatten(), keras.layers.Dense(3)])
    network.save(tmp_path / "plain.keras")
    with zipfile.ZipFile(tmp_path / "plain.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"].append(keras.saving.serialize_keras_object(code))
    parts["config.json"] = json.dumps(config).encode()
    made.write(tmp_path / "lambda.keras", parts)
    model = (tmp_path / "lambda.keras").read_bytes()
    path = made.bundle(tmp_path / "pets.bundle", made.contents(**{"best.keras": model}))
    opened = load(path)
    assert opened.predict(made.picture())[0].label in made.CLASSES
    with pytest.raises(RunError, match=r"[Ll]ambda"):
        _ = opened.model


def test_a_light_install_predicts_and_verifies(whole: Path, digits: Path) -> None:
    optional = ["keras", "tensorflow", "pandas", "sklearn", "scipy", "matplotlib", "pyarrow"]
    optional += ["onnx", "h5py", "xxhash", "jinja2"]
    small = bundle(whole.with_suffix(""), whole.with_name("small.bundle"))
    words = [
        ["predict", str(small), str(pictures(digits)[0]), "--json", "--coverage", "0.8"],
        ["verify", str(small), "--json"],
    ]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({optional!r}))\n"
        "from viewfinder.cli import main\n"
        f"for words in {words!r}: main(words, standalone_mode=False)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"model.onnx": 0.0' in done.stdout


@pytest.mark.parametrize("limit", [0, 1000, 15_000])
def test_a_full_disk_leaves_the_old_bundle_and_nothing_else(
    run: Run, tmp_path: Path, limit: int
) -> None:
    """The system refuses to let any file grow beyond so many bytes."""
    path = bundle(run, tmp_path / "out" / "pets.bundle", golden=False)
    before = path.read_bytes()
    assert len(before) > limit
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OutputError):
            bundle(run, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("attempts", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_a_writer_that_is_killed_leaves_the_old_bundle_or_the_new_one(
    tmp_path: Path, attempts: int
) -> None:
    """Forked processes write the same path again and again, and are killed at random moments."""
    from viewfinder.core.files import written_whole
    from viewfinder.delivery.bundle.pack import _write_archive

    path, drawn = tmp_path / "pets.bundle", random.Random(1)
    began = time.perf_counter()
    for _ in range(4):
        made.bundle(path, made.contents(**{"card.md": b"no" * 200_000}))
    seconds = (time.perf_counter() - began) / 4
    seen = set()
    for attempt in range(attempts):
        begun, begins = os.pipe()
        child = os.fork()
        if not child:
            os.write(begins, b"!")
            for number in range(10_000):
                members = made.contents(**{"card.md": bytes([attempt, number % 256]) * 200_000})
                with written_whole(path) as temporary:
                    first = {"viewfinder.json": made.manifest(members)}
                    _write_archive(temporary, first | members)
                os.write(begins, b"!")
            os._exit(0)
        for _ in range(drawn.randint(1, 8)):
            os.read(begun, 1)
        time.sleep(seconds * drawn.random())
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(begun)
        os.close(begins)
        seen.add(load(path).bundle.files["card.md"][:2])
    assert len(seen) > 2


@pytest.mark.parametrize(("inside", "given"), [("", "."), ("plots", "..")])
def test_a_run_that_is_the_current_folder_has_its_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, inside: str, given: str
) -> None:
    monkeypatch.chdir(run.folder / inside)
    assert bundle(given) == run.folder.with_name(f"{run.folder.name}.bundle")
    assert Run.open(given).name == Run(given).name == run.name
    with pytest.raises(OutputError, match="it is a folder"):
        bundle(given, ".")


def test_a_bundle_replaces_nothing_but_a_bundle(run: Run, tmp_path: Path) -> None:
    model = run.folder / "best.keras"
    before = model.read_bytes()
    with pytest.raises(OutputError, match="not a bundle"):
        bundle(run, model, golden=False)
    assert model.read_bytes() == before
    (tmp_path / "old.bundle").write_text("damaged")
    assert verify(bundle(run, tmp_path / "old.bundle")).differences == {"model.onnx": 0}


def test_what_is_no_bundle_is_not_verified(run: Run, tmp_path: Path) -> None:
    for path in (run.folder, tmp_path / "nothing"):
        with pytest.raises(UsageError, match="is not a bundle"):
            verify(path)
