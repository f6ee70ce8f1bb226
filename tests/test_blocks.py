"""Every code block of the README and the docs runs as printed, in a folder with the data it names.

Blocks run apart from each other. `<!-- not run: REASON -->` on the line before a block excepts it.
Languages: python, yaml (a recipe or a contract), none (commands), text (what is no code).
"""

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pytest

from commands import Command
from named_data import write_named, write_run, write_weights_at_hand

ROOT = Path(__file__).parents[1]
# commands.md shows the output of --help, and `tests/test_docs.py` compares it.
PAGES = [
    page
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
    if page.name != "commands.md"
]
FENCE = re.compile(r"^(?:<!-- not run: (.*?) -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TRAINS = re.compile(
    r"viewfinder (train(?!.*--dry-run)|lr-find|features|audit .*--features)"
    r"|vf\.(train|models\.transfer|extract_features)|\.fit\("
)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page.stem}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in FENCE.finditer(text):
            line = text[: fence.start(2)].count("\n") + 2
            found.append(Block(page, line, fence[2], fence[3], fence[1]))
    return found


def cases() -> list[object]:
    return [
        pytest.param(
            block, marks=pytest.mark.slow if TRAINS.search(block.text) else (), id=str(block)
        )
        for block in blocks()
        if block.not_run is None and block.language != "text"
    ]


@pytest.fixture(scope="session")
def with_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `runs/pets`, which blocks get a copy of."""
    folder = tmp_path_factory.mktemp("with-run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIEWFINDER_CACHE", str(folder / "cache"))
        write_run(folder)
    return folder


class TwoEpochs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        if epoch >= 1:
            self.model.stop_training = True


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """End trainings by steps after two epochs: more would only take longer."""
    from viewfinder import training

    fit = training.fit

    def fit_two_epochs(*given: Any, callbacks: Sequence[object] = (), **options: Any) -> Any:
        return fit(*given, callbacks=[*callbacks, TwoEpochs()], **options)

    monkeypatch.setattr(training, "fit", fit_two_epochs)


@pytest.fixture
def prepared(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Block:
    """The block of a test, in a folder with its data and without a network."""
    block: Block = request.param
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(own_cache / "keras"))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")
    write_named(block.text, tmp_path)
    if "--resume runs/pets" in block.text:
        write_run(tmp_path, max_time="1s")
        shutil.copytree(tmp_path / "pets", tmp_path / "moved")
    elif "runs/pets" in block.text and not TRAINS.search(block.text):
        runs = request.getfixturevalue("with_run") / "runs"
        shutil.copytree(runs, tmp_path / "runs")
    if TRAINS.search(block.text):
        write_weights_at_hand(block.text, own_cache)
        if "--resume" not in block.text:
            request.getfixturevalue("brief")
    return block


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("prepared", cases(), indirect=True)
def test_a_block_runs_as_printed(
    prepared: Block, viewfinder: Command, tmp_path: Path, exports: None
) -> None:
    if prepared.language == "python":
        where = f"{prepared.page.name}, line {prepared.line}"
        exec(compile(prepared.text, where, "exec"), {"__name__": "__main__"})
        return
    if prepared.language == "yaml":
        (tmp_path / "block.yaml").write_text(prepared.text, encoding="utf-8")
        write_named("pets", tmp_path)
        if "training:" in prepared.text:
            assert viewfinder("train", "pets", "--config", "block.yaml", "--dry-run").code == 0
        else:  # a contract, which these few pictures break
            assert "rule" in viewfinder("audit", "pets", "--expect", "block.yaml").out
        return
    for line in prepared.text.splitlines():
        program, *words = shlex.split(line, comments=True) or [""]
        if program:
            assert program == "viewfinder", "run it here, or except the block"
            ended = viewfinder(*words)
            assert ended.code == 0, f"{line}\n{ended.err}"
            assert ended.out, line


def test_blocks_are_found_with_a_known_language() -> None:
    """Also that no fence escapes the pattern: an unknown language, or a block in a list."""
    found = blocks()
    fences = sum(len(re.findall("```", page.read_text(encoding="utf-8"))) for page in PAGES)
    assert 2 * len(found) == fences
    assert {block.language for block in found} <= {"python", "yaml", "", "text"}
    assert {"README", "training"} <= {block.page.stem for block in found}
