"""Numbers read as a person would write them, and never claim more than they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewfinder.pages.parts import words


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.9321, "93.2 %"), (1.0, "100 %"), (0.99999, "99.9 %"), (0.0, "0 %"), (1e-6, "0.1 %"),
     (None, "–"), (float("nan"), "–")],
)  # fmt: skip
def test_percent(share: float | None, text: str) -> None:
    assert words.percent(share).replace("\N{NO-BREAK SPACE}", " ") == text


@given(st.floats(0, 1))
def test_only_all_and_none_read_as_such(share: float) -> None:
    assert words.percent(share).startswith("100") == (share == 1)
    assert words.percent(share).startswith("0\N{NO-BREAK SPACE}") == (share == 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4211, "0.42 s"), (9.99, "10 s"), (59.6, "1 min 00 s"), (252, "4 min 12 s"),
     (3599.7, "1 h 00 min"), (3780, "1 h 03 min"), (0, "0 s")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("locator", "name"),
    [("train/cats/a.jpg", "a.jpg"), (r"C:\cats\a.jpg", "a.jpg"), ("a.zip!x/b.png", "b.png"),
     ("", ""), ("row 7", "row 7"), ("folder/", "folder")],
)  # fmt: skip
def test_file_name(locator: str, name: str) -> None:
    assert words.file_name(locator) == name


def test_counts_agree_with_their_noun() -> None:
    assert words.counted(1, "picture") == "1\N{NO-BREAK SPACE}picture"
    assert words.counted(2, "class", "classes") == "2\N{NO-BREAK SPACE}classes"
    assert words.number(1234567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
