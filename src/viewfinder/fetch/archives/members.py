"""Names of an archive's members: which may become files, and which are refused."""

import re
import unicodedata

from viewfinder.core.errors import DataError

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_PART_BYTES = 255
_LONGEST_NAME_BYTES = 1024


class Names:
    """The names of one archive, admitted one by one."""

    def __init__(self) -> None:
        # Spelled names by a key that is the same for all names that some file system takes for
        # the same.
        self._files: dict[tuple[str, ...], str] = {}
        self._folders: dict[tuple[str, ...], str] = {}

    def admit(self, name: str, *, is_folder: bool) -> tuple[str, ...]:
        r"""The parts of a member's name, if it leads to a place of its own inside the folder.

        Args:
            name: As the archive has it, with `/` or `\` between its parts.
            is_folder: Whether the member is a folder; a folder may come again.

        Raises:
            DataError: See :func:`member_parts`; or another member has the name, up to case and
                Unicode's ways of writing it; or a file is where a folder has to be.
        """
        parts = member_parts(name)
        if not parts and not is_folder:
            raise DataError(f"a file is called {name!r}.", expected="a name inside the archive")
        for depth in range(1, len(parts) + is_folder):
            self._take_folder(parts[:depth])
        if not is_folder:
            self._take_file(parts)
        return parts

    def _take_folder(self, parts: tuple[str, ...]) -> None:
        spelled, key = "/".join(parts), _key(parts)
        other = self._files.get(key) or self._folders.setdefault(key, spelled)
        if key in self._files or other != spelled:
            _refuse_same(spelled, other)

    def _take_file(self, parts: tuple[str, ...]) -> None:
        spelled, key = "/".join(parts), _key(parts)
        other = self._files.get(key) or self._folders.get(key)
        if other is not None:
            _refuse_same(spelled, other)
        self._files[key] = spelled


def member_parts(name: str) -> tuple[str, ...]:
    r"""The parts of a member's name; `\` separates, too, as some Windows tools write it.

    Raises:
        DataError: The name is absolute or has a drive letter, leads outside by `..`, is no
            printable text, or is too long for a file system.
    """
    shown = repr(name)
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise DataError(f"a name is no text: {shown}.", expected="names in UTF-8") from None
    slashed = name.replace("\\", "/")
    parts = tuple(part for part in slashed.split("/") if part not in ("", "."))
    if slashed.startswith("/") or _DRIVE.match(slashed):
        raise DataError(f"{shown} is an absolute name.", expected="names inside the archive")
    if ".." in parts:
        raise DataError(f"{shown} leads outside.", expected="names inside the archive")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise DataError(f"{shown} has control characters.", expected="printable names")
    if length > _LONGEST_NAME_BYTES or any(
        len(part.encode()) > _LONGEST_PART_BYTES for part in parts
    ):
        raise DataError(
            f"the name {shown[:60]}… is too long.",
            expected=f"at most {_LONGEST_PART_BYTES} bytes a part, {_LONGEST_NAME_BYTES} in all",
        )
    return parts


def _key(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Windows and macOS ignore case and ways of writing Unicode; Windows, dots at the end."""
    return tuple(unicodedata.normalize("NFC", part).casefold().rstrip(". ") for part in parts)


def _refuse_same(name: str, other: str) -> None:
    if name == other:
        raise DataError(f"{name!r} is there twice.", expected="each name once")
    raise DataError(
        f"{name!r} and {other!r} are one name on some systems.",
        expected="names that differ in more than case",
    )


# No picture or table of numbers packs better than this; zeros pack a thousandfold.
MOST_RATIO = 200
# Below this much, nothing is called a bomb: small blank pictures and tables pack extremely well.
HARMLESS_BYTES = 256 << 20


def most_unpacked(packed: int, ratio: int = MOST_RATIO) -> int:
    """The most bytes that so many packed bytes may become."""
    return max(HARMLESS_BYTES, ratio * packed)
