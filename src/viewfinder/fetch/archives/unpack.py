"""Unpack untrusted archives: every member below the target folder, and all of them or none.

Members are admitted by `members` before their content is read. They are written into a temporary
folder beside the target, which takes the target's name when it is complete.
"""

import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from viewfinder.core.errors import DataError, OutputError
from viewfinder.core.files import folder_written_whole
from viewfinder.fetch.archives.bounded import (
    CHUNK_BYTES,
    BoundedReader,
    chunks_of,
    open_decompressed,
)
from viewfinder.fetch.archives.errors import archive_errors
from viewfinder.fetch.archives.members import Admission, Limits, is_zipped_folder
from viewfinder.fetch.archives.zips import is_zip, open_zip

_TAR_BLOCK_BYTES = 512
_TAR_OVERHEAD_BYTES = 16 << 20
_MOST_PADDING_BYTES = 16 << 20


def unpack(archive: Path, folder: Path, *, limits: Limits | None = None) -> None:
    """Unpack a zip or tar (plain, .gz, .bz2, .xz) into a new folder.

    The format is detected by content. Permissions and times of the members are discarded.

    Args:
        archive: The file; it is not changed.
        folder: The target; it must not exist, and appears when it is complete. Its parent is made.
            A folder `.writing-…` beside it holds the files until then.
        limits: The largest archive that is admitted.

    Raises:
        DataError: It is not an archive, is damaged, or has a member that is not admitted (see
            :class:`viewfinder.fetch.archives.members.Admission`). Nothing is left in or outside
            `folder`.
        OutputError: `folder` exists, cannot be written, or the disk is full. Nothing is left.
    """
    if folder.exists() or folder.is_symlink():
        raise OutputError(
            f"{folder} exists already.", remedy="remove it, or choose another `output`"
        )
    what = f"Cannot unpack {archive} to {folder}"
    with folder_written_whole(folder, what=what) as temporary, archive_errors(archive):
        unpack_into = _unpack_zip if _is_zip(archive) else _unpack_tar
        unpack_into(archive, temporary, Admission(archive.stat().st_size, limits or Limits()))


def _is_zip(archive: Path) -> bool:
    try:
        return is_zip(archive)
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or error}.") from error


def _unpack_zip(archive: Path, folder: Path, admission: Admission) -> None:
    with open_zip(archive) as opened:
        # A zip lists its members, so that all are admitted before the first is written.
        paths = [folder.joinpath(*admission.zipped(member)) for member in opened.infolist()]
        for member, path in zip(opened.infolist(), paths, strict=True):
            if is_zipped_folder(member):
                path.mkdir(parents=True, exist_ok=True)
            else:
                with opened.open(member) as content:
                    _write(path, chunks_of(content, member), member.file_size)


def _unpack_tar(archive: Path, folder: Path, admission: Admission) -> None:
    with ExitStack() as stack:
        # Names, headers and padding come on top of the contents.
        most_bytes = 2 * admission.most_bytes + _TAR_OVERHEAD_BYTES
        reader = stack.enter_context(open_decompressed(archive, most_bytes))
        try:
            opened = stack.enter_context(tarfile.open(fileobj=reader, mode="r:"))
        except tarfile.ReadError as error:
            raise DataError(
                "it is neither a zip nor a tar.",
                expected="a zip, or a tar (plain, .gz, .bz2, .xz)",
                remedy="use an archive of pictures, or the unpacked folder",
            ) from error
        while (member := opened.next()) is not None:
            path = folder.joinpath(*admission.tarred(member))
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif content := opened.extractfile(member):
                _write(path, iter(partial(content.read, CHUNK_BYTES), b""), member.size)
            # The list of members is unused, and would grow with the archive.
            opened.members.clear()  # type: ignore[attr-defined]
        _require_end(reader, opened.offset)


def _write(path: Path, content: Iterator[bytes], size: int) -> None:
    """Write a member's content, which must have the declared size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("xb") as file:
        for chunk in content:
            written += len(chunk)
            if written > size:
                break
            file.write(chunk)
    if written != size:
        raise DataError(
            f"{path.name} does not have its declared size.",
            expected=f"{size:,} bytes",
            received=f"{written:,} bytes" if written < size else "more",
        )


def _require_end(reader: BoundedReader, offset: int) -> None:
    """Raise `EOFError` unless the tar ends here: `tarfile` takes a damaged header for the end.

    The padding after it is read too, because the checksum of a compressed file follows it.

    Raises:
        DataError: More follows than any tar is padded with, as in a file of zeros.
    """
    reader.seek(offset)
    block = reader.read(_TAR_BLOCK_BYTES)
    if len(block) < _TAR_BLOCK_BYTES or any(block):
        raise EOFError(f"the tar's end mark is missing at byte {offset:,}")
    while reader.read(CHUNK_BYTES):
        if reader.tell() > offset + _MOST_PADDING_BYTES:
            raise DataError(
                f"what follows the tar's end mark at byte {offset:,} is too large.",
                expected=f"at most {_MOST_PADDING_BYTES:,} bytes of padding",
                remedy="use an archive of pictures, or the unpacked folder",
            )
