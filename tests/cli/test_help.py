"""Help is there at once, for every command, and loads nothing that it does not need."""

import os
import subprocess
import sys

import pytest
import typer

from viewfinder.cli import main

COMMANDS = sorted(typer.main.get_command(main).commands)
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
    return subprocess.run([sys.executable, *words], capture_output=True, text=True)


def test_help_needs_little_computing():
    for _ in range(4):  # the first that needs little shows it
        began = os.times()  # of computing: a busy machine takes longer by the clock
        done = python("-m", "viewfinder", "--help")
        ended = os.times()
        assert done.returncode == 0
        assert "Usage" in done.stdout
        took = ended.children_user - began.children_user
        took += ended.children_system - began.children_system
        if took < 1.5:  # importing TensorFlow takes several seconds
            return
    pytest.fail(f"{took} s")


def test_the_list_of_recipes_loads_nothing_heavy():
    script = (
        "import sys\n"
        "from viewfinder.cli import main\n"
        "try: main(['recipes'], prog_name='viewfinder')\n"
        "except SystemExit: pass\n"
        f"print(*({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    done = python("-c", script)
    # The recipes check their augmentation, which is NumPy and OpenCV.
    assert set(done.stderr.split()) <= {"cv2"}


@pytest.mark.parametrize("command", COMMANDS)
def test_h_is_short_for_help(viewfinder, command):
    short, long = viewfinder(command, "-h"), viewfinder(command, "--help")
    assert (short.code, short.err) == (0, "")
    assert short.out == long.out


def test_help_shows_brackets_as_they_are(viewfinder):
    """Rich would take them for markup."""
    for command in ("train", "audit", "clean"):
        assert r"'([a-z]+)\.'" in viewfinder(command, "--help").out


def test_help_lists_every_command(viewfinder):
    assert {"train", "predict", "evaluate", "journal", "recipes", "demo"} <= set(COMMANDS)
    ended = viewfinder("--help")
    assert all(f" {name} " in ended.out for name in COMMANDS)


@pytest.mark.parametrize("line", ["", "trian", "train . --epoch", "predict"])
def test_usage_errors_end_in_2_and_say_what_is_wrong(viewfinder, line):
    ended = viewfinder(*line.split())
    assert ended.code == 2
    assert "Usage" in ended.out + ended.err


def test_train_shows_first_what_people_use_first():
    options = typer.main.get_command(main).commands["train"].params
    outside = [one.opts[0] for one in options if getattr(one, "rich_help_panel", None) is None]
    outside = [name for name in outside if name.startswith("--")]
    assert len(outside) + 1 <= 14  # with --help
    assert {"--recipe", "--epochs", "--lr", "--augment", "--test", "--set"} <= set(outside)
