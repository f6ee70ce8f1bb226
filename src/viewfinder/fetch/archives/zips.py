"""Zip archives: recognised, and opened with their names, which often lack a stated encoding."""

import zipfile
from pathlib import Path

_UTF8_FLAG = 0x800
_DEFAULT = "cp437"


def is_zip(path: Path) -> bool:
    """Whether the file starts as a zip archive does.

    `zipfile.is_zipfile` looks at the end, where a tar of zips looks like a zip.
    """
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6")


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip archive, with names read as UTF-8 where they can all be.

    A flag of a member states UTF-8. Without it, zip's default is code page 437; programs have
    written UTF-8, and the code page of their system, all the same.

    Raises:
        OSError, zipfile.BadZipFile: As `zipfile.ZipFile` does.
    """
    archive = zipfile.ZipFile(path)
    names = _unstated(archive)
    if not names or not all(map(_is_utf8, names)):
        return archive
    archive.close()
    return zipfile.ZipFile(path, metadata_encoding="utf-8")


def unclear_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of an archive from `open_zip` whose encoding is not known."""
    return [] if getattr(archive, "metadata_encoding", None) else _unstated(archive)


def _unstated(archive: zipfile.ZipFile) -> list[str]:
    return [
        member.orig_filename
        for member in archive.infolist()
        if not member.flag_bits & _UTF8_FLAG and not member.orig_filename.isascii()
    ]


def _is_utf8(name: str) -> bool:
    try:
        name.encode(_DEFAULT).decode()
    except UnicodeError:
        return False
    return True
