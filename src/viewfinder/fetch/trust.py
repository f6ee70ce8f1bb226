"""Is this the right file? Published checksums, and the memory of those seen before."""

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
    """Who vouches for a checksum."""

    PUBLISHED = "published"
    REMEMBERED = "remembered"
    FIRST_SEEN = "first seen"


class Checked(NamedTuple):
    """A file's SHA-256 in hexadecimal, and who vouches for it."""

    sha256: str
    trust: Trust


class Checksums:
    """The checksums of a dataset's files.

    Args:
        memory: The JSON file that keeps those which nobody has published.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory

    def check(self, remote: RemoteFile, path: Path) -> Checked:
        """Whether the file at `path` is this one, from whichever of its addresses.

        Raises:
            DataError: Its checksum or length is neither published nor the remembered one.
        """
        found = sha256_of(path)
        published = [one.sha256 for one in remote.addresses if one.sha256]
        if published:
            if found not in published:
                raise _unlike(remote, path, f"SHA-256 {' or '.join(published)}", found)
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
        """Expect this checksum from now on."""
        today = datetime.now(UTC).date().isoformat()
        seen = {**self._remembered(), name: {"sha256": sha256, "first_seen": today}}
        write_json(self.memory, {"schema": 1, "files": seen})

    def _remembered(self) -> dict[str, dict[str, Any]]:
        try:
            seen = json.loads(self.memory.read_text(encoding="utf-8"))["files"]
            return {
                name: {"sha256": str(one["sha256"]), "first_seen": str(one["first_seen"])}
                for name, one in seen.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Taken for empty, it would trust whatever comes next.
            raise DataError(
                f"{self.memory} is damaged: {error}.",
                remedy="delete it; checksums are then remembered anew",
            ) from error

    @staticmethod
    def _require_length(remote: RemoteFile, path: Path, found: str) -> None:
        lengths = [one.bytes for one in remote.addresses if one.bytes is not None]
        if lengths and path.stat().st_size not in lengths:
            raise _unlike(remote, path, f"{' or '.join(map(str, lengths))} bytes", found)


def _unlike(remote: RemoteFile, path: Path, expected: str, found: str) -> DataError:
    return DataError(
        f"{path} is not {remote.name} as it was published.",
        expected=expected,
        received=f"{path.stat().st_size} bytes, SHA-256 {found}",
        remedy="remove it, and fetch again or put the right file there",
    )
