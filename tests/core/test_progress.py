"""What is said reaches stderr as it is, and nothing reaches stdout."""

from typing import Any

import pytest

from screens import Screen
from viewfinder.core import progress
from viewfinder.core.progress import Progress

ODD = "data [/set] of :dog: [bold]pictures[/bold] 1,234"


def test_lines_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().say(ODD, style="yellow")
    assert capsys.readouterr() == ("", f"{ODD}\n")


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().say("word " * 100)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_terminal_wraps_between_words_and_keeps_paths_whole() -> None:
    terminal, path = Screen(), "runs/" + "x" * 150
    terminal.say(f"{'word ' * 40}{path} words")
    lines = terminal.text.splitlines()
    assert path in lines
    assert all(len(line) < 120 and set(line.split()) == {"word"} for line in lines[:2])


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Progress(0)
    quiet.say("something")
    assert list(quiet.track(iter("abc"), "Reading", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_what_takes_long_is_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([10.0, 12.5, 20.0, 20.5])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(times))
    assert list(Progress().track(range(1200), f"Reading {ODD}", 1200)) == list(range(1200))
    assert list(Progress().track(range(3), "Reading", 3)) == [0, 1, 2]
    assert capsys.readouterr() == ("", f"Reading {ODD}: 1,200 in 2.5 s\n")


def test_a_bar_shows_the_description_as_it_is() -> None:
    """A folder called `a[/b]` is no markup; Rich would fail on it."""
    terminal = Screen()
    assert terminal.is_live
    assert list(terminal.track(range(5), "Reading a[/b] [red]", 5)) == [0, 1, 2, 3, 4]
    assert "Reading a[/b] [red]" in terminal.text


def test_an_error_goes_through_the_bar() -> None:
    def items() -> Any:
        yield 1
        raise ValueError("mine")

    for one in (Screen(), Progress()):
        with pytest.raises(ValueError, match="mine"):
            list(one.track(items(), "Reading", 2))
