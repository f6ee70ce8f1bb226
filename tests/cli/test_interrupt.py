"""Real signals to real processes: what Ctrl-C leaves, whenever it comes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from folders import write_picture
from small import small_words

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Large inputs for small pictures: an epoch takes seconds.
LONG = [*small_words(training__epochs=500), "--image-size", "256"]


def begun(*words: object, cwd: Path) -> subprocess.Popen[str]:
    """Run `viewfinder …` without waiting for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "viewfinder", *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted_when(
    ready: Callable[[], bool], *words: object, cwd: Path, wait_s: float = 0
) -> subprocess.CompletedProcess[str]:
    """Run `viewfinder …` and press Ctrl-C once `ready`, and `wait_s` later than that."""
    process = begun(*words, cwd=cwd)
    deadline = time.monotonic() + 600
    try:
        while not ready():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline, "it never came so far"
            time.sleep(0.02)
        time.sleep(wait_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def assert_usable(run: Path, side: int) -> None:
    """The run's model answers, and its history and report are whole."""
    pixels = np.zeros((2, side, side, 1), np.uint8)
    for name in ("last.keras", "best.keras"):
        answers = np.asarray(keras.saving.load_model(run / name).predict_on_batch(pixels))
        assert answers.shape == (2, 3)
        assert np.isfinite(answers).all()
    if (run / "history.csv").exists():
        history = pd.read_csv(run / "history.csv")
        assert list(history["epoch"]) == list(range(1, len(history) + 1))
        assert not history.isna().any().any()
    report = (run / "report.html").read_text()
    assert report.rstrip().endswith("</html>")
    assert "interrupted" in report
    assert not list(run.rglob(".writing-*"))


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_ctrl_c_in_the_middle_of_an_epoch(digits, tmp_path, monkeypatch, backend):
    pytest.importorskip(backend)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    run = tmp_path / "runs/digits"
    done = interrupted_when(
        (run / "history.csv").exists, "train", digits, *LONG, cwd=tmp_path, wait_s=0.7
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert "Interrupted: saving the training" in done.stderr
    assert_usable(run, 256)
    assert len(pd.read_csv(run / "history.csv")) >= 1
    assert "Report: runs/digits/report.html" in done.stdout


@pytest.fixture(scope="module")
def many(digits, tmp_path_factory):
    """The digits' pictures a hundred times: one by one, an epoch of 12,000 steps."""
    root = tmp_path_factory.mktemp("data") / "many"
    for picture in digits.rglob("*.png"):
        place = root / picture.parent.relative_to(digits)
        place.mkdir(parents=True, exist_ok=True)
        for number in range(100):
            os.link(picture, place / f"{picture.stem}-{number}.png")
    return root


@pytest.mark.parametrize("wait_s", [0.3, 1.0, 2.5])
def test_ctrl_c_before_the_first_epoch_has_ended(many, shared_cache, tmp_path, wait_s):
    run = tmp_path / "runs/many"
    words = ["train", many, *LONG, "--image-size", "64", "--batch-size", "1"]

    def fitting() -> bool:  # the first thing that a fit does is to keep its beginning
        return any((run / "checkpoint").glob("[!.]*"))

    done = interrupted_when(fitting, *words, cwd=tmp_path, wait_s=wait_s)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert not (run / "history.csv").exists()
    assert_usable(run, 64)


def test_ctrl_c_while_pictures_are_read(tmp_path, own_cache):
    photo = write_picture(tmp_path / "photo.jpg", 0, 2000, 3000)
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(1500):
            os.link(photo, tmp_path / f"data/{label}/{number}.jpg")

    def reading() -> bool:
        return any(path.stat().st_size > 0 for path in own_cache.rglob("pixels-*"))

    done = interrupted_when(reading, "train", tmp_path / "data", cwd=tmp_path)
    assert done.returncode == 130, done.stderr
    assert done.stdout == ""
    assert done.stderr.strip().splitlines()[-1] == "Interrupted."
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs").iterdir())


def test_ctrl_c_twice_ends_at_once_and_leaves_no_half_files(digits, tmp_path):
    run = tmp_path / "runs/digits"
    process = begun("train", digits, *LONG, cwd=tmp_path)
    try:
        while not (run / "history.csv").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        while not (run / "last.keras").exists():
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not list(run.rglob(".writing-*"))
