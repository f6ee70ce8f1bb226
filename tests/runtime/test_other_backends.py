"""The tests of models, training and the main job once more, on the other backends."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_on(backend):
    if not find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    rooms = ["models", "training", "classifier", "jobs/test_train_job.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(str(TESTS / room) for room in rooms)],
        env=os.environ | {"KERAS_BACKEND": backend},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
