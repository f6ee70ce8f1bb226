"""The wheel in fresh environments, without the checkout: a light one, and one that trains."""

import json
import os
import shutil
import subprocess
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from viewfinder.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[1]
IN_SDIST = ("src", "pyproject.toml", "README.md", "LICENSE")
TRAINING = {"tensorflow", "tensorflow-cpu", "keras", "scikit-learn", "pandas", "matplotlib"}


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment; nothing of this process leads to the checkout."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "Environment":
        venv.create(folder, with_pip=True)
        return cls(folder)

    def run(self, *words: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.folder / "bin" / str(words[0]), *map(str, words[1:])],
            capture_output=True,
            text=True,
            cwd=cwd or self.folder,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )

    def done(self, *words: object, cwd: Path | None = None) -> str:
        ended = self.run(*words, cwd=cwd)
        assert ended.returncode == 0, ended.stderr[-2000:]
        return ended.stdout

    def install(self, what: str, *options: str) -> None:
        constraints = ROOT / "constraints.txt"
        self.done("pip", "install", "--quiet", *options, "--constraint", constraints, what)

    @property
    def packages(self) -> set[str]:
        """The installed packages, without pip and what an environment begins with."""
        listed = json.loads(self.done("pip", "list", "--format", "json"))
        return {one["name"].lower().replace("_", "-") for one in listed} - {"pip", "setuptools"}

    @property
    def bytes(self) -> int:
        return sum(path.lstat().st_size for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, which is built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("build")
    builder = Environment.create(folder / "builder")
    installed = builder.run("pip", "install", "--quiet", "setuptools>=80")
    if installed.returncode:
        pytest.skip(f"no package index to install from: {installed.stderr.strip()[-200:]}")
    copy = folder / "copy"
    for name in IN_SDIST:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, copy / name, ignore=shutil.ignore_patterns("*.egg-info"))
        else:
            shutil.copy(path, copy / name)
    build = "import sys; from setuptools import build_meta; build_meta.{}({!r})"
    builder.done("python", "-c", build.format("build_sdist", str(folder)), cwd=copy)
    (sdist,) = folder.glob("viewfinder-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sdist", filter="data")
    (unpacked,) = (folder / "sdist").iterdir()
    builder.done("python", "-c", build.format("build_wheel", str(folder)), cwd=unpacked)
    return next(folder.glob("viewfinder-*.whl"))


def test_a_light_install_predicts(wheel: Path, trained: Run, digits: Path, tmp_path: Path) -> None:
    light = Environment.create(tmp_path / "light")
    light.install(str(wheel))
    packages, size = light.packages, light.bytes
    print(f"light: {len(packages)} packages, {size / 1e6:.0f} MB: {', '.join(sorted(packages))}")
    assert len(packages) <= 30
    assert size <= 400e6
    assert not packages & TRAINING
    picture = next(digits.glob("test/2/*.png"))
    found = json.loads(light.done("viewfinder", "predict", trained.folder, picture, "--json"))
    assert found["predictions"][0]["label"] == trained.predict(picture)[0].label
    refused = light.run("viewfinder", "train", digits)
    assert refused.returncode == 2
    assert "pip install 'viewfinder[cpu]'" in refused.stderr
    version = light.done("viewfinder", "--version")
    assert version.split() == ["viewfinder", wheel.name.split("-")[1]]


def test_an_install_with_cpu_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    cpu = Environment.create(tmp_path / "cpu")
    cpu.install(f"{wheel}[cpu]", "--no-compile")  # of TensorFlow, the demo imports a part
    cpu.done("viewfinder", "demo", "--quiet", cwd=tmp_path)
    metrics = json.loads((tmp_path / "demo/runs/digits/metrics.json").read_text())
    assert metrics["validation"]["accuracy"] > 0.9
    assert (tmp_path / "demo/runs/digits/report.html").is_file()
    where = cpu.done("python", "-c", "import viewfinder; print(viewfinder.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(cpu.folder)
