"""The one rule by which members of archives are admitted, unpacked or read in place.

Archives are untrusted: the names, kinds and declared sizes of their members are checked before any
of their content is used. The errors do not name the archive; `archive_errors` adds it.
"""

import re
import stat
import tarfile
import unicodedata
import zipfile
from dataclasses import dataclass
from typing import NoReturn

from viewfinder.core.errors import DataError

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_PART_BYTES = 255
_LONGEST_NAME_BYTES = 1024
_ENCRYPTED = 0x1

# No pictures or tables of numbers compress better than this; zeros compress a thousandfold.
MOST_RATIO = 200
# Below this size nothing counts as a bomb: blank pictures and small tables compress extremely well.
HARMLESS_BYTES = 256 << 20

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """The largest archive that is admitted.

    Attributes:
        members: The most files and folders.
        bytes: The most bytes of all files together.
        ratio: The most bytes for each byte of the archive; checked only above 256 MiB.
    """

    members: int = 2_000_000
    bytes: int = 64 << 30
    ratio: int = MOST_RATIO


class Admission:
    """Admits the members of one archive, one after the other.

    Args:
        packed: The size of the archive in bytes.
        limits: How large it may become; None: only the ratio is limited, because nothing is
            written.
    """

    def __init__(self, packed: int, limits: Limits | None) -> None:
        self._most_members = limits.members if limits else None
        self._most_bytes = most_unpacked(packed, limits.ratio if limits else MOST_RATIO)
        if limits:
            self._most_bytes = min(limits.bytes, self._most_bytes)
        # Names that some file system treats as equal matter only where files are written.
        self._key = _key_on_any_system if limits else tuple
        self._files: dict[Parts, str] = {}
        self._folders: dict[Parts, str] = {}
        self._members = 0
        self._bytes = 0

    @property
    def most_bytes(self) -> int:
        """The most bytes that all files may have together."""
        return self._most_bytes

    def zipped(self, member: zipfile.ZipInfo) -> Parts:
        """Admit a member of a zip archive, and return the parts of its path.

        Raises:
            DataError: It is a link, a device or encrypted; its name is unsafe (see
                :func:`member_parts`) or taken; or the archive is too large.
        """
        if member.flag_bits & _ENCRYPTED:
            raise DataError(
                f"{member.filename!r} is encrypted with a password.",
                expected="an archive without a password",
                remedy="unpack it with its password and use the folder",
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            _refuse_kind(member.filename, "a link" if kind == stat.S_IFLNK else "a device")
        # `filename` ends at a zero byte; `orig_filename` shows what follows.
        is_folder = is_zipped_folder(member)
        return self._admit(member.orig_filename, member.file_size, is_folder=is_folder)

    def tarred(self, member: tarfile.TarInfo) -> Parts:
        """Admit a member of a tar archive, and return the parts of its path.

        Raises:
            DataError: It is a link, a device or a sparse file; its name is unsafe (see
                :func:`member_parts`) or taken; or the archive is too large.
        """
        if member.issparse():
            _refuse_kind(member.name, "a sparse file")
        if not (member.isreg() or member.isdir()):
            _refuse_kind(member.name, "a link" if member.issym() or member.islnk() else "a device")
        return self._admit(member.name, member.size, is_folder=member.isdir())

    def _admit(self, name: str, size: int, *, is_folder: bool) -> Parts:
        if size < 0:
            raise DataError(f"{name!r} has a negative size.", received=f"{size:,} bytes")
        parts = member_parts(name)
        if not parts and not is_folder:
            raise DataError(f"a file is named {name!r}.", expected="a name inside the archive")
        for depth in range(1, len(parts) + is_folder):
            self._take_folder(parts[:depth])
        if not is_folder:
            self._take_file(parts)
        self._members += 1
        self._bytes += 0 if is_folder else size
        if self._most_members is not None and self._members > self._most_members:
            raise DataError("it has too many members.", expected=f"at most {self._most_members:,}")
        require_size(self._bytes, self._most_bytes)
        return parts

    def _take_folder(self, parts: Parts) -> None:
        spelled, key = "/".join(parts), self._key(parts)
        other = self._files.get(key) or self._folders.setdefault(key, spelled)
        if key in self._files or other != spelled:
            _refuse_same(spelled, other)

    def _take_file(self, parts: Parts) -> None:
        spelled, key = "/".join(parts), self._key(parts)
        other = self._files.get(key) or self._folders.get(key)
        if other is not None:
            _refuse_same(spelled, other)
        self._files[key] = spelled


def is_zipped_folder(member: zipfile.ZipInfo) -> bool:
    r"""Whether a member of a zip archive is a folder; some Windows tools end its name with `\`."""
    return member.orig_filename.endswith(("/", "\\"))


def member_parts(name: str) -> Parts:
    r"""Return the parts of a member's name, which `/` or (from some Windows tools) `\` separates.

    Raises:
        DataError: The name is absolute or has a drive letter, leads outside by `..`, is not
            printable Unicode, or is too long for a file system.
    """
    shown = repr(name)
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise DataError(f"a name is not Unicode: {shown}.", expected="names in UTF-8") from None
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


def most_unpacked(packed: int, ratio: int = MOST_RATIO) -> int:
    """The most bytes that `packed` bytes may become."""
    return max(HARMLESS_BYTES, ratio * packed)


def require_size(unpacked: int, most: int) -> None:
    """Raise `DataError` if an archive unpacks to more than `most` bytes, as a bomb does."""
    if unpacked > most:
        raise DataError(
            "it would become too large.",
            expected=f"at most {most:,} bytes",
            received=f"{unpacked:,} bytes or more",
        )


def _key_on_any_system(parts: Parts) -> Parts:
    """Windows and macOS ignore case and Unicode normalization; Windows, dots at the end."""
    return tuple(unicodedata.normalize("NFC", part).casefold().rstrip(". ") for part in parts)


def _refuse_same(name: str, other: str) -> NoReturn:
    if name == other:
        raise DataError(f"{name!r} occurs twice.", expected="each name once")
    raise DataError(
        f"{name!r} and {other!r} are the same name on some systems.",
        expected="names that differ in more than case",
    )


def _refuse_kind(name: str, kind: str) -> NoReturn:
    raise DataError(f"{name!r} is {kind}.", expected="files and folders only", received=kind)
