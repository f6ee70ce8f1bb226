"""Errors of archives: what the libraries raise becomes one `DataError` that names the archive."""

import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from viewfinder.core.errors import DataError

# What the libraries raise for truncated or damaged archives. A RuntimeError is how `zipfile`
# reports an unknown compression method or version.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@contextmanager
def archive_errors(archive: Path) -> Iterator[None]:
    """Add the archive to a `DataError` that does not name it; turn the libraries' errors into one.

    Raises:
        DataError: The archive is refused, damaged, or compressed by an unsupported method.
        OSError: The operating system's own errors are passed on.
    """
    try:
        yield
    except DataError as error:
        if not error.fact.startswith(f"{archive} "):
            error.fact = f"{archive} is refused: {error.fact}"
            error.remedy = error.remedy or "if you trust it, unpack it yourself, and use the result"
        raise
    except NotImplementedError as error:
        raise DataError(
            f"{archive} is compressed by a method that is not supported: {error}.",
            expected="zip with deflate, or tar plain, .gz, .bz2 or .xz",
            remedy="unpack it with another tool and use the folder",
        ) from error
    except DAMAGED as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno is None:  # from bz2, for damaged data
            raise _damaged(archive, error) from error
        raise


def _damaged(archive: Path, error: Exception) -> DataError:
    why = str(error) or type(error).__name__
    return DataError(f"{archive} is damaged or truncated: {why}.", remedy="download it again")
