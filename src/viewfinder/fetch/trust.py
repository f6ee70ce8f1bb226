"""Verification of downloads by published checksums, or by those of the first download."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from viewfinder.core.errors import DataError
from viewfinder.core.files import write_json
from viewfinder.fetch.catalogue import RemoteFile
from viewfinder.fetch.download import sha256_of


class Trust(StrEnum):
    """The source of a checksum."""

    PUBLISHED = "published"
    REMEMBERED = "remembered"
    FIRST_SEEN = "first seen"


class Checked(NamedTuple):
    """A file's SHA-256 in hexadecimal, and its source."""

    sha256: str
    trust: Trust


class Checksums:
    """The checksums of a dataset's files.

    Args:
        memory: The JSON file of the checksums that nobody has published.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory

    def check(self, remote: RemoteFile, path: Path) -> Checked:
        """Verify that the file at `path` is the remote one, of any of its addresses.

        Raises:
            DataError: Its checksum or length differs from the published or the stored one.
        """
        found = sha256_of(path)
        published = [address.sha256 for address in remote.addresses if address.sha256]
        if published:
            if found not in published:
                raise _differs(remote, path, f"SHA-256 {' or '.join(published)}", found)
            return Checked(found, Trust.PUBLISHED)
        self._require_length(remote, path, found)
        remembered = self._remembered().get(remote.name)
        if remembered is None:
            return Checked(found, Trust.FIRST_SEEN)
        if found != remembered["sha256"]:
            raise DataError(
                f"{path} is not the file that was fetched on {remembered['first_seen']}.",
                expected=f"SHA-256 {remembered['sha256']}",
                received=f"SHA-256 {found}",
                remedy=f"if you trust the new file, delete {self.memory} and fetch again",
            )
        return Checked(found, Trust.REMEMBERED)

    def remember(self, name: str, sha256: str) -> None:
        """Store the checksum for later checks."""
        today = datetime.now(UTC).date().isoformat()
        seen = {**self._remembered(), name: {"sha256": sha256, "first_seen": today}}
        write_json(self.memory, {"schema": 1, "files": seen})

    def _remembered(self) -> dict[str, dict[str, Any]]:
        try:
            seen = json.loads(self.memory.read_text(encoding="utf-8"))["files"]
            return {
                name: {"sha256": str(record["sha256"]), "first_seen": str(record["first_seen"])}
                for name, record in seen.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Reading it as empty would accept any file.
            raise DataError(
                f"{self.memory} is damaged: {error}.",
                remedy="delete it; the next download is then trusted without a checksum",
            ) from error

    @staticmethod
    def _require_length(remote: RemoteFile, path: Path, found: str) -> None:
        lengths = [address.bytes for address in remote.addresses if address.bytes is not None]
        if lengths and path.stat().st_size not in lengths:
            raise _differs(remote, path, f"{' or '.join(map(str, lengths))} bytes", found)


def _differs(remote: RemoteFile, path: Path, expected: str, found: str) -> DataError:
    return DataError(
        f"{path} differs from the published {remote.name}.",
        expected=expected,
        received=f"{path.stat().st_size} bytes, SHA-256 {found}",
        remedy="remove it, then fetch again or put the right file at this path",
    )
