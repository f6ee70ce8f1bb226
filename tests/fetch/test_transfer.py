"""How far a download is, with and without a terminal."""

import contextlib

import pytest

from screens import Screen
from viewfinder.core import progress as transfer
from viewfinder.core.progress import Transfer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(transfer.time, "perf_counter", lambda: now[0])
    return now


def test_without_a_terminal_there_is_a_line_now_and_then(clock: list[float]) -> None:
    """What an earlier connection has brought does not count for the speed."""
    screen = Screen(terminal=False)
    with Transfer(screen, "file.zip", 10_000_000, 4_000_000) as bar:
        for clock[0] in (10, 20, 30):
            bar.advance(1_000_000)
        clock[0] = 60
        bar.advance(3_000_000)
    assert screen.text.splitlines() == [
        "file.zip: 6.0 of 10.0 MB, about 40 s more",
        "file.zip: 10.0 MB in 60 s",
    ]


def test_what_is_quick_or_fails_says_nothing(clock: list[float]) -> None:
    screen = Screen(terminal=False)
    with Transfer(screen, "file.zip", None) as bar:
        bar.advance(5)
    with contextlib.suppress(ValueError), Transfer(screen, "file.zip", None):
        clock[0] = 100
        raise ValueError("broken")
    assert screen.text == ""


def test_an_unknown_length_has_no_eta(clock: list[float]) -> None:
    screen = Screen(terminal=False)
    with Transfer(screen, "file.zip", None) as bar:
        clock[0] = 20
        bar.advance(2_000_000)
    assert screen.text.splitlines() == ["file.zip: 2.0 MB", "file.zip: 2.0 MB in 20 s"]


def test_a_terminal_shows_bytes_speed_and_eta() -> None:
    screen = Screen()
    with Transfer(screen, "[bold]file.zip", 10_000_000, 4_000_000) as bar:
        bar.advance(1_000_000)
    assert "[bold]file.zip" in screen.text
    assert "5.0/10.0 MB" in screen.text
    assert ":--" in screen.text or "0:00" in screen.text
