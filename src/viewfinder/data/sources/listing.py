"""The files of a folder or archive, by their paths; reads no file system."""

import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from viewfinder.core.errors import UsageError
from viewfinder.data.dataset import PassedOver

_SYSTEM_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"})

# Files about data, which may stand beside tables and Parquet files: by their endings, and names.
WORDS = (".txt", ".md", ".html", ".pdf", ".bib", ".rst", ".py", ".ipynb")
ABOUT = ("readme", "license", "licence")
HIDDEN = "hidden or a system file"
NOT_UNICODE = "its name is not Unicode"


class File(NamedTuple):
    """A file, with the parts of its path below the root."""

    parts: tuple[str, ...]
    bytes: int


class Labelled(NamedTuple):
    """A file with its label and its split ("" if unknown)."""

    file: File
    label: str
    split: str


@dataclass
class Listing:
    """The files of a folder or archive that may be pictures, and what was skipped, in order."""

    files: list[File] = field(default_factory=list)
    passed_over: dict[PassedOver, None] = field(default_factory=dict)

    def add(self, parts: tuple[str, ...], size: int) -> bool:
        """Add a file, unless it or a folder around it is hidden; return whether it was added."""
        hidden = next((i for i, part in enumerate(parts) if is_system_name(part)), None)
        if hidden is not None:
            self.pass_over(parts[: hidden + 1], HIDDEN)
            return False
        self.files.append(File(parts, size))
        return True

    def pass_over(self, parts: tuple[str, ...], why: str) -> None:
        """Skip a file or folder; skipping it again has no effect."""
        self.passed_over[PassedOver(shown("/".join(parts)), why)] = None


def shown(name: str) -> str:
    """The name with escapes for what is not Unicode."""
    return name.encode(errors="backslashreplace").decode()


def is_unicode(name: str) -> bool:
    """False for names whose bytes are not UTF-8, which no table can hold."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def leads_out(locator: str) -> bool:
    """Whether a locator is an absolute path, or leads out of its folder by `..`."""
    if os.name == "nt":
        locator = locator.replace("\\", "/")
        if re.match("[A-Za-z]:", locator):
            return True
    return locator.startswith("/") or (".." in locator and ".." in locator.split("/"))


def is_system_name(name: str) -> bool:
    """Whether a file or folder of this name is hidden or belongs to the system."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def read_pattern(argument: str, text: str, expected: str) -> re.Pattern[str]:
    """Compile a regular expression that has a group.

    Args:
        argument: The name of the argument, for messages.
        text: The expression.
        expected: What the groups are for, with an example.

    Raises:
        UsageError: The text is not a regular expression with a group.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(
            f"`{argument}` is not a regular expression.", received=text, remedy=str(error)
        ) from error
    if not pattern.groups:
        raise UsageError(f"`{argument}` has no group.", expected=expected, received=text)
    return pattern


def search(pattern: re.Pattern[str], path: str) -> re.Match[str] | None:
    """Search the path if the pattern has a slash, else the file's name."""
    return pattern.search(path if "/" in pattern.pattern else path.rpartition("/")[2])
