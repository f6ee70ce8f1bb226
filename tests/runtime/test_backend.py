"""Which backend is chosen: simulated installations, and one real process each."""

import json
import os
import subprocess
import sys

import pytest

from viewfinder.core.errors import BackendError
from viewfinder.runtime import backend


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of the test's own: `machine(*installed, asked=…, configured=…)` chooses there."""

    def choose(*installed, asked=None, configured=None):
        monkeypatch.delitem(sys.modules, "keras", raising=False)
        monkeypatch.setattr(backend, "find_spec", lambda name: name in installed or None)
        imported = []
        monkeypatch.setattr(backend, "import_module", imported.append)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        if asked is not None:
            monkeypatch.setenv("KERAS_BACKEND", asked)
        if configured is not None:
            (tmp_path / "keras.json").write_text(configured)
        chosen = backend.choose_backend()
        assert imported == []
        assert backend.use_backend() == chosen
        assert imported == ["keras"]
        return chosen

    return choose


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        (["tensorflow"], "tensorflow"),
        (["jax"], "jax"),
        (["torch"], "torch"),
        (["jax", "torch"], "jax"),
        (["torch", "tensorflow", "jax"], "tensorflow"),
    ],
)
def test_the_first_one_installed_is_chosen_and_keras_is_told(machine, installed, chosen):
    assert machine(*installed) == chosen
    assert os.environ["KERAS_BACKEND"] == chosen


def test_without_any_the_message_has_the_pip_line(machine):
    with pytest.raises(BackendError, match="No deep-learning backend is installed") as refused:
        machine()
    assert "pip install 'viewfinder[cpu]'" in str(refused.value)
    assert "viewfinder[jax]" in str(refused.value)
    assert refused.value.exit_code == 2


def test_keras_backend_is_respected(machine):
    assert machine("tensorflow", "jax", asked="jax") == "jax"


def test_keras_backend_is_refused_where_it_is_not_installed(machine):
    with pytest.raises(
        BackendError, match="KERAS_BACKEND is torch, which is not installed"
    ) as refused:
        machine("tensorflow", "jax", asked="torch")
    assert "tensorflow, jax" in str(refused.value)
    assert "viewfinder[torch]" in str(refused.value)
    with pytest.raises(BackendError, match="none is"):
        machine(asked="torch")


@pytest.mark.parametrize("asked", ["tensorfow", "numpy", "openvino", "Torch"])
def test_keras_backend_is_refused_where_it_cannot_train(machine, asked):
    with pytest.raises(BackendError, match=f"is '{asked}', which cannot train"):
        machine("tensorflow", asked=asked)


def test_an_unknown_backend_comes_with_the_nearest(machine):
    with pytest.raises(BackendError, match="did you mean 'tensorflow'"):
        machine("tensorflow", asked="tensorfow")


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_wish_is_none(machine, empty):
    assert machine("jax", asked=empty) == "jax"


def test_keras_own_file_decides_where_its_wish_is_installed(machine):
    wish = json.dumps({"backend": "jax"})
    assert machine("tensorflow", "jax", configured=wish) == "jax"
    assert machine("tensorflow", configured=wish) == "tensorflow"
    assert machine("jax", configured=json.dumps({"backend": "tensorflow"})) == "jax"
    assert machine("tensorflow", "jax", configured=wish, asked="tensorflow") == "tensorflow"


@pytest.mark.parametrize("damaged", ["", "{", "[]", '"jax"', '{"backend": 3}', "{}"])
def test_a_damaged_file_of_keras_is_no_wish(machine, damaged):
    assert machine("jax", configured=damaged) == "jax"


def test_a_keras_that_is_there_already_says_what_it_runs_on():
    import keras

    assert backend.use_backend() == keras.backend.backend()


def test_versions_name_what_a_result_depends_on():
    import keras
    import numpy as np

    found = backend.versions()
    assert found["keras"] == keras.__version__
    assert found["numpy"] == np.__version__
    assert {"viewfinder", "pillow", "opencv-python-headless"} <= found.keys()


# The words of TensorFlow's greeting reach stderr from C++, so only a process of its own tells.
CHOOSE = """
import importlib.abc, sys
from importlib import util
hidden = {hidden!r}
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in hidden:
            raise ModuleNotFoundError(name)
found = util.find_spec
from viewfinder.runtime import backend
backend.find_spec = lambda name: None if name in hidden else found(name)
sys.meta_path.insert(0, Hide())
print(backend.use_backend())
import keras
print(keras.backend.backend())
"""


@pytest.mark.parametrize(
    ("hidden", "chosen"),
    [([], "tensorflow"), pytest.param(["tensorflow"], "jax", marks=pytest.mark.slow)],
)
def test_in_a_real_process_keras_starts_on_it_without_a_word(hidden, chosen, tmp_path):
    if chosen == "jax":
        pytest.importorskip("jax")
    environment = {name: text for name, text in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", CHOOSE.format(hidden=hidden)],
        env=environment | {"KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [chosen, chosen], done.stderr
    assert done.stderr == ""
