"""Streams from archives that nobody vouches for: decompressed, and no longer than allowed."""

import bz2
import gzip
import io
import lzma
from pathlib import Path
from typing import IO, cast

from viewfinder.core.errors import DataError

# The most that is read at once.
CHUNK_BYTES = 1 << 20


def decompressed(archive: Path) -> IO[bytes]:
    """Open a file that may be compressed by gzip, bzip2 or xz, as its content tells."""
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
    """Passes reads on, up to a limit; what is read at once must be small.

    `tarfile` reads extended headers into memory at once, and their size is the archive's word.
    """

    def __init__(self, inner: IO[bytes], most_bytes: int) -> None:
        self._inner = inner
        self._most_bytes = most_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; raises `DataError` if that is too many at once or in all."""
        if size is None or not 0 <= size <= CHUNK_BYTES:
            raise DataError(
                "one of its headers is too large.", expected=f"at most {CHUNK_BYTES:,} bytes"
            )
        self._require_within(self._inner.tell() + size)
        return self._inner.read(size)

    def readable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to `offset`, which in a compressed file means to decompress up to it."""
        self._require_within(offset)
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._inner.tell()

    def _require_within(self, offset: int) -> None:
        # The last read may ask for more than there is.
        if offset > self._most_bytes + CHUNK_BYTES:
            raise DataError(
                "it would become too large.", expected=f"at most {self._most_bytes:,} bytes"
            )
