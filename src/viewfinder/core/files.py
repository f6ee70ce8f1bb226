"""Where files go and how they get there whole: a temporary name first, then a rename."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import platformdirs
from filelock import FileLock, Timeout

from viewfinder.core.errors import OutputError, ViewfinderError
from viewfinder.core.progress import Progress


def cache_folder() -> Path:
    """The folder for what can be made again; `VIEWFINDER_CACHE` sets another."""
    chosen = os.environ.get("VIEWFINDER_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("viewfinder"))


def keras_home() -> Path:
    """Keras's own folder in the user's home: its settings, and what it has downloaded."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))


def content_hash(path: Path) -> str:
    """BLAKE2b of a file's bytes, 32 hexadecimal digits: the same wherever it is kept."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path that becomes `path` once the block has ended without an error.

    A reader of `path` sees the old content or the new, never a part of it.

    Raises:
        OutputError: The folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix is kept because writers such as Keras tell the format by it.
        temporary = path.with_name(f".writing-{uuid4().hex}{path.suffix}")
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Make the folder and raise `OutputError` now, rather than after hours, if it is read-only."""
    probe = folder / f".probe-{uuid4().hex}"
    write_text(probe, "Viewfinder can write here.")
    probe.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole; see `json_text`."""
    write_text(path, json_text(value) + "\n")


def json_text(value: Any) -> str:
    """Format as JSON, indented; NaN and infinity, which JSON does not have, become null."""
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


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Cannot write {path}: {error.strerror or error}.",
        remedy="choose another place with --output, or free some space",
    )


_SILENCE_S = 1.0


@contextmanager
def locked(path: Path, otherwise: ViewfinderError, *, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock that others may not hold at the same time.

    Args:
        path: The lock file; made where it is absent, and left there.
        otherwise: Raised where another process holds it.
        patience: For so many seconds its end is waited for.

    Raises:
        OutputError: The folder cannot be written.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise otherwise from error
    except OSError as error:
        raise OutputError(f"Cannot write {path.parent}: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked_in_turn(path: Path, progress: Progress, why: str) -> Iterator[None]:
    """The same, waiting for as long as it takes; after a second, `why` is said."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_SILENCE_S)
    except Timeout:
        progress.say(why)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
