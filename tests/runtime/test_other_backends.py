"""The tests of what differs between backends, on the other ones: steps, and resuming them.

Networks are Keras's own layers, and `explain/test_foreign_models.py` compares maps.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
TRAINING = ("adapters", "averaging", "compiled", "fine_tune", "resume", "stopping")
JOBS = (
    "test_two_runs_with_one_seed_are_equal_and_another_is_not",
    "test_a_model_loads_in_plain_keras_whatever_it_was_trained_with",
    "test_averaged_weights_are_judged_kept_and_served",
)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_on(backend):
    if not find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    tests = [f"training/test_{name}.py" for name in TRAINING]
    tests += [f"jobs/test_train_job.py::{name}" for name in JOBS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(str(TESTS / test) for test in tests)],
        env=os.environ | {"KERAS_BACKEND": backend},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
