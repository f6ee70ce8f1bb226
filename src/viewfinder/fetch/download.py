"""Download of one file, with resume and verification.

The bytes go to `FILE.part`; `FILE.part.json` records the address and version that they belong to.
A complete file of the right length and checksum is renamed to `FILE`.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from viewfinder.core.errors import DataError, OutputError
from viewfinder.core.files import unwritable, write_json
from viewfinder.core.progress import Progress, Transfer
from viewfinder.fetch.catalogue import Address
from viewfinder.fetch.web import Broken, Gone, opened

_CHUNK_BYTES = 256 << 10
# For addresses without a published size; far above every file of the course.
_MOST_BYTES = 8 << 30
_LEFT_FREE_BYTES = 64 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True)
class Patience:
    """The attempts and waits of a download.

    Attributes:
        attempts: The number of attempts.
        wait_s: The seconds before the second attempt; each further wait is twice as long.
        timeout_s: The seconds without data after which a connection counts as broken.
    """

    attempts: int = 6
    wait_s: float = 1.0
    timeout_s: float = 30.0


def download(
    address: Address,
    target: Path,
    *,
    most_bytes: int = _MOST_BYTES,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> None:
    """Download a file, resuming from the `target.part` of an earlier attempt or run.

    Args:
        address: The address, with length and checksum where they are known.
        target: The path of the complete file.
        most_bytes: The size limit where the length is not known.
        patience: The attempts and waits.
        progress: Shows the download.

    Raises:
        DataError: The address cannot be reached, has no such file, fails in every attempt, or has
            another file than expected. After a broken connection, `target.part` is kept.
        OutputError: `target` cannot be written, or the disk is full. Nothing is left.
    """
    task = _Download(address, target, most_bytes, patience or Patience(), progress or Progress(0))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        task.run()
    except (OSError, OutputError) as error:
        with suppress(OSError):
            task.discard()
        raise unwritable(target, error) from error


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _State:
    """The version of the remote file: parts of equal versions belong together."""

    url: str
    etag: str | None
    modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """The value for `If-Range`; a weak tag does not guarantee equal bytes."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class _Download:
    def __init__(
        self,
        address: Address,
        target: Path,
        most_bytes: int,
        patience: Patience,
        progress: Progress,
    ) -> None:
        self.address = address
        self.target = target
        self.part = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")
        self.most_bytes = address.bytes or most_bytes
        self.patience = patience
        self.progress = progress
        # Whether the bytes came over more than one connection.
        self._is_joined = False

    def run(self) -> None:
        """Repeat attempts until the file is complete, or a failure is permanent."""
        wait_s = self.patience.wait_s
        for attempt in range(1, self.patience.attempts + 1):
            try:
                self._receive()
                self._accept()
                return
            except Broken as broken:
                if attempt == self.patience.attempts:
                    raise self._error(
                        f"The download of {self.address.url} failed {attempt} times: {broken}.",
                        again="repeat the call to resume the download",
                    ) from broken
                pause_s = wait_s if broken.wait_s is None else broken.wait_s
                self.progress.say(f"{self.target.name}: {broken}; retrying in {pause_s:.0f} s.")
                time.sleep(pause_s)
                wait_s *= 2
            except Gone as gone:
                raise self._error(f"Cannot download {self.address.url}: {gone}.") from gone

    def _receive(self) -> None:
        """Complete `FILE.part`."""
        known = self._resumable()
        offset = self._held() if known else 0
        self._is_joined = offset > 0
        if known and offset == known.total:
            return
        headers = {}
        if known and offset:
            headers["Range"] = f"bytes={offset}-"
            if known.validator:
                headers["If-Range"] = known.validator
        try:
            with opened(self.address.url, headers, self.patience.timeout_s) as response:
                self._take(response, known, offset)
        except Broken as broken:
            if broken.status == 416:  # the remote file is now shorter than the part
                self.discard()
            raise

    def _take(self, response: HTTPResponse, known: _State | None, offset: int) -> None:
        is_continued = response.status == 206
        total = _total(response)
        state = _State(
            self.address.url, response.headers["ETag"], response.headers["Last-Modified"], total
        )
        if not is_continued:
            # The server sends the whole file: it ignores ranges, or the file has changed.
            offset, self._is_joined = 0, False
        elif state != known or _start(response) != offset:
            self.discard()
            raise Broken("the remote file has changed", wait_s=0)
        self._require_plausible(total, offset)
        write_json(self.note, vars(state))
        with (
            self.part.open("ab" if is_continued else "wb") as file,
            Transfer(self.progress, self.target.name, total, offset) as transfer,
        ):
            for chunk in _chunks(response):
                offset += len(chunk)
                if offset > self.most_bytes:
                    raise self._wrong_length("more")
                file.write(chunk)
                transfer.advance(len(chunk))
            file.flush()
            os.fsync(file.fileno())
        if total is not None and offset < total:
            raise Broken(f"the connection broke off at {offset:,} of {total:,} bytes")

    def _accept(self) -> None:
        """Verify the complete file, and rename it."""
        size = self._held()
        if self.address.bytes is not None and size != self.address.bytes:
            raise self._wrong_length(f"{size:,} bytes")
        if self.address.sha256 is not None:
            found = sha256_of(self.part)
            if found != self.address.sha256:
                if self._is_joined:
                    self.discard()
                    raise Broken("its parts belong to different versions", wait_s=0)
                raise self._wrong("checksum", self.address.sha256, found)
        self.part.replace(self.target)
        self.note.unlink(missing_ok=True)

    def _resumable(self) -> _State | None:
        """Return the version of the bytes in `FILE.part`, if they can be resumed."""
        try:
            state = _State(**json.loads(self.note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        # Without a validator, only a checksum can tell two versions apart.
        is_safe = state.validator or self.address.sha256
        return state if is_safe and state.url == self.address.url and self._held() else None

    def _held(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _require_plausible(self, total: int | None, offset: int) -> None:
        """Refuse before the first byte a length that the server states, if it is wrong."""
        if total is None:
            return
        if total > self.most_bytes or self.address.bytes not in (None, total):
            raise self._wrong_length(f"{total:,} bytes, as the server states")
        free = shutil.disk_usage(self.part.parent).free
        if free < total - offset + _LEFT_FREE_BYTES:
            raise OSError(errno.ENOSPC, f"it needs {total / 1e6:,.0f} MB, {free / 1e6:,.0f} free")

    def _wrong_length(self, received: str) -> DataError:
        at_most = "" if self.address.bytes is not None else "at most "
        return self._wrong("length", f"{at_most}{self.most_bytes:,} bytes", received)

    def _wrong(self, what: str, expected: str, received: str) -> DataError:
        self.discard()
        by = f" ({self.address.stated_by})" if self.address.stated_by else ""
        return DataError(
            f"{self.address.url} is another file than expected: its {what} differs.",
            expected=f"{expected}{by}",
            received=received,
            remedy="a login page of the network may have replaced the file, or the file is a new "
            f"version; nothing was kept. You can put the right file at {self.target}",
        )

    def _error(
        self, fact: str, *, again: str = "try again when the server can be reached"
    ) -> DataError:
        return DataError(
            fact,
            expected=f"{self.target.name} from {self.address.url}",
            remedy=f"{again}; or obtain the file in another way, put it at {self.target}, "
            "and repeat the call, which verifies and uses it",
        )

    def discard(self) -> None:
        """Remove what has been received."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        # On a timeout, `read` would lose the part of a chunk that it has received.
        while chunk := response.read1(_CHUNK_BYTES):
            yield chunk
    except (OSError, HTTPException) as error:
        raise Broken(f"the connection broke: {error or type(error).__name__}") from error


def _total(response: HTTPResponse) -> int | None:
    """Return the length of the whole file, if the server states it."""
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers["Content-Range"] or "")
        return int(match[2]) if match and match[2] != "*" else None
    length: Any = response.headers["Content-Length"]
    return int(length) if length and length.isdecimal() else None


def _start(response: HTTPResponse) -> int | None:
    match = _CONTENT_RANGE.fullmatch(response.headers["Content-Range"] or "")
    return int(match[1]) if match else None
