"""Help is there at once, for every command, and loads nothing that it does not need."""

import os
import subprocess
import sys

import pytest

from viewfinder.cli import main

COMMANDS = sorted(
    {one.callback.__name__.rstrip("_").replace("_", "-") for one in main.registered_commands}
    | {group.name for group in main.registered_groups}
)
HEAVY = {
    "onnxruntime",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "pandas",
    "matplotlib",
    "sklearn",
    "pyarrow",
    "cv2",
}


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60)


def test_help_is_on_the_screen_in_under_half_a_second():
    # Of computing: a busy machine takes longer by the clock.
    took = []
    for _ in range(4):
        began = os.times()
        done = python("-m", "viewfinder", "--help")
        ended = os.times()
        took.append(
            ended.children_user
            + ended.children_system
            - began.children_user
            - began.children_system
        )
        assert done.returncode == 0
        assert "Usage" in done.stdout
    assert min(took) < 0.5


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["predict", "-h"], ["recipes"]])
def test_nothing_heavy_is_loaded(words):
    script = (
        "import sys\n"
        "from viewfinder.cli import main\n"
        f"try: main({words!r}, prog_name='viewfinder')\n"
        "except SystemExit: pass\n"
        f"print(*({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    done = python("-c", script)
    # The recipes check their augmentation, which is NumPy and OpenCV.
    assert set(done.stderr.split()) <= ({"cv2"} if words == ["recipes"] else set())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(viewfinder, command, flag):
    ended = viewfinder(command, flag)
    assert ended.code == 0
    assert command in ended.out


def test_help_shows_brackets_as_they_are(viewfinder):
    """Rich would take them for markup."""
    for command in ("train", "audit", "clean"):
        assert r"'([a-z]+)\.'" in viewfinder(command, "--help").out


def test_help_lists_every_command(viewfinder):
    assert {"train", "predict", "evaluate", "report", "recipes", "demo"} <= set(COMMANDS)
    ended = viewfinder("--help")
    assert all(f" {name} " in ended.out for name in COMMANDS)


@pytest.mark.parametrize("line", ["", "trian", "train . --epoch", "predict"])
def test_usage_errors_end_in_2_and_say_what_is_wrong(viewfinder, line):
    ended = viewfinder(*line.split())
    assert ended.code == 2
    assert "Usage" in ended.out + ended.err
