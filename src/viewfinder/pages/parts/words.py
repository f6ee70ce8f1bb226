"""Numbers and names formatted for reading."""

import math
from pathlib import PurePosixPath

from viewfinder.core.words import NO_BREAK


def percent(share: float | None) -> str:
    """A share from 0 to 1 as "93.2 %"; only exactly all and none read as 100 and 0."""
    if share is None or math.isnan(share):
        return "–"
    return f"{_percent_number(share)}{NO_BREAK}%"


def percent_range(low: float, high: float) -> str:
    """Two shares as "90.1–95.4 %"."""
    return f"{_percent_number(low)}–{_percent_number(high)}{NO_BREAK}%"


def _percent_number(share: float) -> str:
    if share in (0, 1):
        return f"{100 * share:.0f}"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}"


def decimal(value: float | None) -> str:
    """A score from 0 to 1 with three digits, or a dash."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def number(count: int) -> str:
    """A count with its thousands separated: "12 400"."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: "1 picture", "359 pictures"."""
    return f"{number(count)}{NO_BREAK}{noun if count == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """A time span in the units that suit it: "0.42 s", "38 s", "4 min 12 s", "1 h 03 min"."""
    if seconds < 10:
        return f"{seconds:.2g}{NO_BREAK}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NO_BREAK}s"
    if whole < 3600:
        return f"{whole // 60}{NO_BREAK}min{NO_BREAK}{whole % 60:02d}{NO_BREAK}s"
    return f"{whole // 3600}{NO_BREAK}h{NO_BREAK}{whole % 3600 // 60:02d}{NO_BREAK}min"


def file_name(locator: str) -> str:
    """The last part of a locator."""
    return PurePosixPath(locator.replace("\\", "/")).name or locator


def drawable(text: str) -> str:
    """Text that UTF-8 can encode: undecodable bytes of a file name become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def short_name(text: str, longest: int = 24) -> str:
    """A name that any font can draw on one line: the middle of a long one is left out."""
    clean = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in drawable(text)
    )
    if len(clean) <= longest:
        return clean
    head = (longest - 1) // 2
    return f"{clean[:head]}…{clean[-(longest - 1 - head) :]}"
