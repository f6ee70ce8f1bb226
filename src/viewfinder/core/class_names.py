"""Names of classes as a caller states them, in the order of the labels' numbers."""

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from viewfinder.core.errors import DataError
from viewfinder.core.files import open_regular

# In a folder of arrays or tables, a file of this name is read without being requested.
CLASS_NAMES = "class_names.txt"
_MOST_BYTES = 1 << 20
_EXPECTED = "a UTF-8 text file with two or more distinct names, one a line"


def stated_class_names(given: Sequence[str] | str | PathLike[str]) -> tuple[str, ...]:
    """Return names from a list, from text with commas between them, or from a file.

    Raises:
        DataError: As :func:`read_class_names` does.
    """
    if isinstance(given, str) and "," in given and not os.path.isfile(given):  # noqa: PTH113 (False for names that are too long)
        given = [name.strip() for name in given.split(",")]
    return read_class_names(given) if isinstance(given, str | PathLike) else tuple(given)


def read_class_names(path: str | PathLike[str]) -> tuple[str, ...]:
    """Return the names in a file, without blank lines and blanks around names.

    Teachable Machine numbers its names (`0 Rock`); where each line begins with its number, from 0,
    the numbers are left out.

    Raises:
        DataError: The file cannot be read, is no text, or has not two or more distinct names.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise ValueError("it is no text")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"Cannot read the class names in {path}: {reason}.", expected=_EXPECTED
        ) from error
    names = [name for line in text.splitlines() if (name := line.strip())]
    numbered = [name.partition(" ") for name in names]
    if all(number == str(row) and name for row, (number, _, name) in enumerate(numbered)):
        names = [name.strip() for _, _, name in numbered]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or len(names) < 2:
        raise DataError(
            f"{path} does not name the classes.",
            expected=_EXPECTED,
            received=f"twice: {', '.join(twice[:5])}" if twice else f"{len(names)} of them",
        )
    return tuple(names)
