"""Archives from outside, unpacked so that nothing can land where it should not.

An archive is untrusted: its names, sizes and kinds of members are checked before a byte of a
member is written, everything is written into a temporary folder beside the target, and that folder
takes the target's name only when all of it is there.
"""

import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn
from uuid import uuid4

from viewfinder.core.errors import DataError, OutputError
from viewfinder.fetch.archives.bounded import CHUNK_BYTES, BoundedReader, decompressed
from viewfinder.fetch.archives.members import MOST_RATIO, Names, most_unpacked

_TAR_BLOCK_BYTES = 512
_TAR_OVERHEAD_BYTES = 16 << 20


@dataclass(frozen=True)
class Limits:
    """What an archive may become.

    Attributes:
        members: The most files and folders.
        bytes: The most bytes of all files together.
        ratio: The most bytes for each byte of the archive; asked only above 256 MiB.
    """

    members: int = 2_000_000
    bytes: int = 64 << 30
    ratio: int = MOST_RATIO


# What the libraries raise for archives that are cut off or damaged.
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    OverflowError,
    ValueError,
)


def unpack(archive: Path, folder: Path, *, limits: Limits | None = None) -> None:
    """Unpack a zip or tar (plain, .gz, .bz2, .xz) into a new folder: all of it, or nothing.

    What it is, is told by its content. Permissions and times of the members are not taken over.

    Args:
        archive: The file; it is not changed.
        folder: Where to; it must not exist, and appears only when it is complete. Its parent is
            made. A folder `.unpacking-…` beside it holds the files until then.
        limits: How much it may become.

    Raises:
        DataError: It is no archive, damaged, encrypted, larger than the limits, or has a member
            that is a link or a device, has an absolute name or one that leads outside, or a name
            that another member has, too (up to case). Nothing is left in or outside `folder`.
        OutputError: `folder` exists, cannot be written, or the disk is full. Nothing is left.
    """
    if folder.exists() or folder.is_symlink():
        raise OutputError(
            f"{folder} exists already.", remedy="remove it, or choose another place with --output"
        )
    limits = limits or Limits()
    temporary = folder.with_name(f".unpacking-{uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        with _named(archive):
            unpack_into = _unpacker(archive)
            unpack_into(archive, _Writer(archive, temporary, limits))
        temporary.rename(folder)
    except OSError as error:
        raise OutputError(
            f"Cannot unpack {archive} to {folder}: {error.strerror or error}.",
            remedy="free some space, or choose another place with --output",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    """Say of which archive an error tells; the libraries' own errors become `DataError`."""
    try:
        yield
    except DataError as error:
        error.fact = f"{archive} is refused: {error.fact}"
        error.remedy = error.remedy or "get the archive from where you trust it"
        raise
    except NotImplementedError as error:
        raise DataError(
            f"{archive} is packed in a way that is not supported: {error}.",
            expected="zip with deflate, or tar plain, .gz, .bz2 or .xz",
            remedy="unpack it with another tool and use the folder",
        ) from error
    except _DAMAGED as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno is None:  # bz2 says it like this
            raise _damaged(archive, error) from error
        raise


def _damaged(archive: Path, error: Exception) -> DataError:
    why = str(error) or type(error).__name__
    return DataError(f"{archive} is damaged or cut off: {why}.", remedy="fetch it again")


class _Writer:
    """Writes members into a folder, after asking everything that is to be asked of them."""

    def __init__(self, archive: Path, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        by_ratio = most_unpacked(archive.stat().st_size, limits.ratio)
        self.most_bytes = min(limits.bytes, by_ratio)
        self._names = Names()
        self._members = 0
        self._declared = 0

    def admit(self, name: str, size: int, *, is_folder: bool) -> Path:
        """Where a member goes; raises `DataError` if it may not."""
        path = self.folder.joinpath(*self._names.admit(name, is_folder=is_folder))
        self._members += 1
        self._declared += size
        if self._members > self.limits.members:
            self._refuse("it has too many members", f"at most {self.limits.members:,}")
        if self._declared > self.most_bytes:
            self._refuse(
                "it would become too large",
                f"at most {self.most_bytes:,} bytes",
                f"{self._declared:,} bytes and more",
            )
        return path

    def write(self, path: Path, content: IO[bytes], size: int) -> None:
        """Write a member's content, which must be as long as was declared."""
        path.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with path.open("xb") as file:
            while chunk := content.read(CHUNK_BYTES):
                written += len(chunk)
                if written > size:
                    break
                file.write(chunk)
        if written != size:
            name = path.relative_to(self.folder)
            received = f"{written:,} bytes" if written < size else "more"
            self._refuse(f"{name} is not as long as declared", f"{size:,} bytes", received)

    @staticmethod
    def _refuse(fact: str, expected: str, received: str | None = None) -> NoReturn:
        raise DataError(f"{fact}.", expected=expected, received=received)


def _unpacker(archive: Path) -> Callable[[Path, _Writer], None]:
    """Told by the content: a zip's magic is at its start, else it must be a tar."""
    try:
        with archive.open("rb") as file:
            start = file.read(_TAR_BLOCK_BYTES)
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or error}.") from error
    return _unpack_zip if start.startswith((b"PK\3\4", b"PK\5\6")) else _unpack_tar


def _unpack_zip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as opened:
        # All are admitted before the first is written: a zip has its list at hand.
        places = [(member, _admit_zipped(member, writer)) for member in opened.infolist()]
        for member, path in places:
            if _is_folder(member):
                path.mkdir(parents=True, exist_ok=True)
            else:
                with opened.open(member) as content:
                    writer.write(path, content, member.file_size)


def _admit_zipped(member: zipfile.ZipInfo, writer: _Writer) -> Path:
    if member.flag_bits & 0x1:
        raise DataError(
            f"{member.filename!r} is encrypted.",
            expected="an archive without a password",
            remedy="unpack it with its password and use the folder",
        )
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        _refuse_kind(member.filename, "a link" if kind == stat.S_IFLNK else "a device")
    # `filename` ends at a zero byte; `orig_filename` shows what follows.
    return writer.admit(member.orig_filename, member.file_size, is_folder=_is_folder(member))


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return member.orig_filename.endswith(("/", "\\"))


def _unpack_tar(archive: Path, writer: _Writer) -> None:
    with ExitStack() as stack:
        raw = stack.enter_context(decompressed(archive))
        # Names, headers and padding come on top of the contents.
        reader = BoundedReader(raw, 2 * writer.most_bytes + _TAR_OVERHEAD_BYTES)
        try:
            opened = stack.enter_context(tarfile.open(fileobj=reader, mode="r:"))
        except tarfile.ReadError as error:
            raise DataError(
                "it is neither a zip nor a tar.",
                expected="a zip, or a tar (plain, .gz, .bz2, .xz)",
                remedy="give an archive of pictures, or the unpacked folder",
            ) from error
        while (member := opened.next()) is not None:
            path = _admit_tarred(member, writer)
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif content := opened.extractfile(member):
                writer.write(path, content, member.size)
            # The list of members is not needed again, and would grow with the archive.
            opened.members.clear()  # type: ignore[attr-defined]
        _require_end(reader, opened.offset)


def _admit_tarred(member: tarfile.TarInfo, writer: _Writer) -> Path:
    if not (member.isreg() or member.isdir()):
        _refuse_kind(member.name, "a link" if member.issym() or member.islnk() else "a device")
    path = writer.admit(member.name, member.size, is_folder=member.isdir())
    try:
        tarfile.data_filter(member, str(writer.folder))
    except tarfile.FilterError as error:
        raise DataError(f"{member.name!r} is not safe: {error}.") from error
    return path


def _require_end(reader: BoundedReader, offset: int) -> None:
    """A damaged header looks like the end to `tarfile`: ask whether this is the end.

    The rest is read, too, because the checksum of a compressed file stands behind it.
    """
    reader.seek(offset)
    block = reader.read(_TAR_BLOCK_BYTES)
    if len(block) < _TAR_BLOCK_BYTES or any(block):
        raise EOFError(f"the tar's end mark is missing at byte {offset:,}")
    while reader.read(CHUNK_BYTES):
        pass


def _refuse_kind(name: str, kind: str) -> NoReturn:
    raise DataError(f"{name!r} is {kind}.", expected="files and folders only", received=kind)
