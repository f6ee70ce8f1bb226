"""Deterministic operations: asked of each backend in its own words, and before it computes."""

import os
import subprocess
import sys

import pytest

from folders import write_classes
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.train import train
from viewfinder.recipe import Recipe

ASKED = """
import os
from viewfinder.runtime.backend import use_deterministic_operations
said = use_deterministic_operations(), use_deterministic_operations()
"""
SEEN = {
    "tensorflow": "from tensorflow.python.framework.config import is_op_determinism_enabled as on",
    "jax": "on = lambda: os.environ['XLA_FLAGS'] == '--mine --xla_gpu_deterministic_ops=true'",
    "torch": "from torch import are_deterministic_algorithms_enabled as on",
}


@pytest.mark.slow  # each imports its backend anew
@pytest.mark.parametrize("backend", SEEN)
def test_a_backend_is_asked_in_its_own_words(backend):
    pytest.importorskip(backend)
    script = f"{ASKED}\n{SEEN[backend]}\nassert on()\nassert all('Determin' in s for s in said)"
    environment = os.environ | {"KERAS_BACKEND": backend, "XLA_FLAGS": "--mine"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "conv-stack", "filters": [4], "dense": [4]},
        {"kind": "transfer", "base": "MobileNet", "alpha": 0.25, "weights": "none"},
    ],
    ids=["in steps", "on features"],
)
def test_every_kind_of_training_asks_before_it_computes(model, tmp_path, monkeypatch):
    class AskedError(Exception):
        pass

    def asked():
        raise AskedError

    def computed(*_, **__):
        pytest.fail("it was not asked before")

    monkeypatch.setattr("viewfinder.jobs.fit.use_deterministic_operations", asked)
    monkeypatch.setattr("viewfinder.jobs.fit.fit_on_features", computed)
    monkeypatch.setattr("viewfinder.models.build_model", computed)
    pictures = open_dataset(write_classes(tmp_path / "pets", {"cat": 6, "dog": 6}))
    settings = {"model": model, "input.size": [32, 32], "training.deterministic": True}
    recipe = Recipe().changed(settings)
    with pytest.raises(AskedError):
        train(pictures, recipe, output=tmp_path / "runs", progress=Progress(0))
