"""Streams from untrusted archives: decompressed, and limited in length."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from typing_extensions import Buffer, override

from viewfinder.core.errors import DataError
from viewfinder.core.files import open_regular
from viewfinder.fetch.archives.errors import archive_errors
from viewfinder.fetch.archives.members import most_unpacked

# The most bytes read at once.
CHUNK_BYTES = 1 << 20
# `zipfile` limits what a read inflates for deflate only; by other methods, this many packed bytes
# become at most about 100 MiB.
_PACKED_CHUNK_BYTES = 4096


def chunks_of(stream: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of a zip's member: no more than its declared size, inflated by parts.

    `zipfile` inflates all of a member at once if it is read at once, whatever size is declared.
    """
    deflated = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    size = CHUNK_BYTES if deflated else _PACKED_CHUNK_BYTES
    while chunk := stream.read(size):
        yield chunk


_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


class BoundedReader(io.RawIOBase):
    """Limits the bytes read from a stream, in total and at once.

    `tarfile` reads extended headers into memory at once, and the archive declares their size.

    Args:
        inner: The stream.
        most_bytes: The most bytes in total.
        archive: The file, for messages.
        is_compressed: Whether the stream decompresses the file.
    """

    def __init__(
        self, inner: IO[bytes], most_bytes: int, archive: Path, *, is_compressed: bool = False
    ) -> None:
        self.is_compressed = is_compressed
        self._inner = inner
        self._most_bytes = most_bytes
        self._archive = archive

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes; raise `DataError` above a limit."""
        if size is None or not 0 <= size <= CHUNK_BYTES:
            raise DataError(
                f"{self._archive} is refused: one of its headers is too large.",
                expected=f"at most {CHUNK_BYTES:,} bytes",
            )
        with archive_errors(self._archive):
            self._require_within(self._inner.tell() + size)
            return self._inner.read(size)

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        """Read into a buffer, at most a chunk of it."""
        view = memoryview(buffer).cast("B")
        data = self.read(min(len(view), CHUNK_BYTES))
        view[: len(data)] = data
        return len(data)

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to `offset`, which decompresses a compressed file up to it."""
        with archive_errors(self._archive):
            self._require_within(offset)
            return self._inner.seek(offset, whence)

    @override
    def tell(self) -> int:
        return self._inner.tell()

    @override
    def close(self) -> None:
        self._inner.close()
        super().close()

    def _require_within(self, offset: int) -> None:
        # The last read may extend past the end.
        if offset > self._most_bytes + CHUNK_BYTES:
            raise DataError(
                "it would become too large.", expected=f"at most {self._most_bytes:,} bytes"
            )


def open_decompressed(archive: Path, most_bytes: int | None = None) -> BoundedReader:
    """Open a regular file that may be compressed by gzip, bzip2 or xz, detected by its content.

    Args:
        archive: The file.
        most_bytes: The most bytes that it may become; by default `most_unpacked` for a compressed
            file, and no limit for any other.

    Raises:
        OSError: The file cannot be opened.
    """
    with open_regular(archive) as file:
        start, packed = file.read(6), file.seek(0, io.SEEK_END)
    for magic, opener in _COMPRESSED.items():
        if start.startswith(magic):
            most_bytes = most_bytes or most_unpacked(packed)
            return BoundedReader(opener(archive), most_bytes, archive, is_compressed=True)
    return BoundedReader(open_regular(archive), most_bytes or sys.maxsize, archive)
