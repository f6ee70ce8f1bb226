"""Folders of the cache, files that are written completely or not at all, and locks."""

import errno
import hashlib
import io
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from viewfinder.core.errors import OutputError, ViewfinderError
from viewfinder.core.progress import Progress


def cache_folder() -> Path:
    """Return the folder for files that can be made again; `VIEWFINDER_CACHE` sets another one."""
    chosen = os.environ.get("VIEWFINDER_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("viewfinder"))


def named(path: str | Path) -> Path:
    """Return a path whose last part is a name: `.` and `..` become the folder that they stand for.

    Only the root of the file system has no name.
    """
    path = Path(path)
    return path.resolve() if path.name in ("", "..") else path


def keras_home() -> Path:
    """Return Keras's folder of settings and downloads in the user's home."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))


class NotRegularFile(OSError):
    """The path is not that of a regular file: reading it could wait or continue for ever.

    Attributes:
        why: What it is, in words.
    """

    def __init__(self, path: str | Path, kind: str) -> None:
        self.why = f"it is {kind}, not a regular file"
        super().__init__(errno.EINVAL, self.why, str(path))


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_status(path: str | Path) -> os.stat_result:
    """Return the status of a regular file, links followed.

    Raises:
        NotRegularFile: It is a folder, a device, a pipe or a socket.
        OSError: There is no such file, or it cannot be reached.
    """
    return _require_regular(os.stat(path), path)  # noqa: PTH116


def open_regular(path: str | Path) -> io.BufferedReader:
    """Open a regular file for reading; other kinds are neither opened nor waited for.

    Raises:
        NotRegularFile: It is a folder, a device, a pipe or a socket.
        OSError: It cannot be opened.
    """
    regular_status(path)  # opening some devices has effects of its own
    # Without waiting, and checked again, because another file may have taken the path since.
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115
    try:
        _require_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: str | Path) -> bytes:
    """Return the bytes of a regular file, as many as its size says: others could never end.

    Raises:
        NotRegularFile: It is a folder, a device, a pipe or a socket.
        OSError: It cannot be read.
    """
    with open_regular(path) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def kind_of(entry: os.DirEntry[str]) -> Literal["folder", "file", ""]:
    """Return what an entry of a folder is, links followed; "" for a link that leads nowhere."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:  # a link to itself
        return ""


def _require_regular(status: os.stat_result, path: str | Path) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularFile(path, _KINDS.get(stat.S_IFMT(status.st_mode), "a special file"))
    return status


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def content_hash(path: Path) -> str:
    """Return the BLAKE2b hash of a file's bytes, 32 hexadecimal digits."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def read_yaml(path: Path) -> Any:
    """Read a YAML file safely, with libyaml where PyYAML has it, which is 8 times faster."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), loader)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `path` when the block ends without an error.

    A reader of `path` sees the old content or the new, never a part of it.

    Raises:
        OutputError: It is a folder, a device, a pipe or a socket, which a file would replace; its
            folder cannot be written, or the disk is full.
    """
    try:
        _require_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Writers such as Keras choose the format by the suffix.
        temporary = path.with_name(f".writing-{uuid4().hex}{path.suffix}")
        temporary.touch(exist_ok=False)
    except NotRegularFile as error:
        fact = f"Cannot write {path}: {error.why}."
        raise OutputError(fact, expected="the path of a file") from error
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _require_replaceable(path: Path) -> None:
    """Raise `NotRegularFile` where a rename would remove what other programs need, such as
    `/dev/null` or the link `/dev/stdout`."""
    if os.path.islink(path) and os.readlink(path).startswith("/proc/"):  # noqa: PTH114, PTH115 (False for names that are too long)
        raise NotRegularFile(path, "a link to an open file")
    if os.path.exists(path):  # noqa: PTH110 (as above)
        regular_status(path)


@contextmanager
def folder_written_whole(folder: Path, *, what: str | None = None) -> Iterator[Path]:
    """Yield a new folder that is renamed to `folder` when the block ends without an error.

    Args:
        folder: The folder, which does not exist or is empty. Its parent is made.
        what: As for :func:`unwritable`.

    Raises:
        OutputError: The folder cannot be written, or the disk is full. Nothing is left.
    """
    temporary = folder.with_name(f".writing-{uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    except OSError as error:
        raise unwritable(folder, error, what=what) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_writable(folder: Path, argument: str = "") -> None:
    """Make the folder, and raise `OutputError` now rather than after hours if it is read-only.

    The remedy names the argument that gave the folder.
    """
    probe = folder / f".probe-{uuid4().hex}"
    try:
        write_text(probe, "Viewfinder can write here.")
    except OutputError as error:
        if not argument:
            raise
        remedy = f"free some space, or choose another folder as `{argument}`"
        raise OutputError(error.fact, remedy=remedy) from error
    probe.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file completely or not at all; see `json_text`."""
    write_text(path, json_text(value) + "\n")


def json_text(value: Any) -> str:
    """Format a value as indented JSON; NaN and infinity, which JSON lacks, become null."""
    return json.dumps(_without_nan(value), indent=2, allow_nan=False)


def _without_nan(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case _:
            return value


def unwritable(path: Path, error: OSError | OutputError, *, what: str | None = None) -> OutputError:
    """Return the error about a path that cannot be written, with the remedy for its place.

    Args:
        path: The file or folder.
        error: The reason.
        what: What was done, as the start of the message; by default "Cannot write" and the path.
    """
    if isinstance(error, OutputError):
        reason = error.fact.removesuffix(".")
    else:
        reason = error.strerror or str(error)
    in_cache = path.absolute().is_relative_to(cache_folder().absolute())
    return OutputError(
        f"{what or f'Cannot write {path}'}: {reason}.",
        remedy="free some space, or set the environment variable VIEWFINDER_CACHE to a folder that "
        "can be written"
        if in_cache
        else "free some space, or choose another folder",
    )


# Shorter waits are not reported.
_SILENT_S = 1.0


@contextmanager
def locked(path: Path, otherwise: ViewfinderError, *, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock exclusively, or raise `otherwise`.

    Args:
        path: The lock file; it is created if absent, and kept.
        otherwise: The exception to raise while another process holds the lock.
        patience: The seconds to wait for the lock first.

    Raises:
        OutputError: The folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        held = FileLock(path).acquire(timeout=patience)
    except Timeout as error:
        raise otherwise from error
    except OSError as error:
        raise unwritable(path.parent, error) from error
    with held:
        yield


@contextmanager
def locked_in_turn(path: Path, progress: Progress, why: str) -> Iterator[None]:
    """Hold a lock exclusively, waiting without limit; after a second, report `why`.

    Raises:
        OutputError: The folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        held = lock.acquire(timeout=_SILENT_S)
    except Timeout:
        progress.say(why)
        held = lock.acquire()
    except OSError as error:
        raise unwritable(path.parent, error) from error
    with held:
        yield
