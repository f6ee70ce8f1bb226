"""Streams from untrusted archives: decompressed, and limited in length."""

import bz2
import gzip
import io
import lzma
from pathlib import Path
from typing import IO, cast

from typing_extensions import override

from viewfinder.core.errors import DataError

# The most bytes read at once.
CHUNK_BYTES = 1 << 20


def decompressed(archive: Path) -> IO[bytes]:
    """Open a file that may be compressed by gzip, bzip2 or xz, detected by its content."""
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(archive))
    if start.startswith(b"BZh"):
        return bz2.open(archive)
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(archive)
    return archive.open("rb")


class BoundedReader(io.RawIOBase):
    """Limits the bytes read from a stream, in total and at once.

    `tarfile` reads extended headers into memory at once, and the archive declares their size.
    """

    def __init__(self, inner: IO[bytes], most_bytes: int) -> None:
        self._inner = inner
        self._most_bytes = most_bytes

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes; raise `DataError` above a limit."""
        if size is None or not 0 <= size <= CHUNK_BYTES:
            raise DataError(
                "one of its headers is too large.", expected=f"at most {CHUNK_BYTES:,} bytes"
            )
        self._require_within(self._inner.tell() + size)
        return self._inner.read(size)

    @override
    def readable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to `offset`, which decompresses a compressed file up to it."""
        self._require_within(offset)
        return self._inner.seek(offset, whence)

    @override
    def tell(self) -> int:
        return self._inner.tell()

    def _require_within(self, offset: int) -> None:
        # The last read may extend past the end.
        if offset > self._most_bytes + CHUNK_BYTES:
            raise DataError(
                "it would become too large.", expected=f"at most {self._most_bytes:,} bytes"
            )
