"""Reading a bundle: one file with a model and all that its predictions depend on.

A bundle is a zip archive without compression. Its first member, `viewfinder.json`, lists every
other one with its size and SHA-256. A bundle is untrusted: the archive's directory, the names,
kinds and sizes are checked before any content is read, and the hashes before any content is used.
"""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from viewfinder.classifier.files import EXPORT, MODEL
from viewfinder.classifier.settings import SETTINGS, Settings, Share
from viewfinder.core.errors import DataError, RunError, UsageError
from viewfinder.core.files import open_regular
from viewfinder.core.records import reason
from viewfinder.core.zips import require_small_directory
from viewfinder.fetch.archives.errors import DAMAGED
from viewfinder.fetch.archives.members import Admission

SCHEMA = 1
MANIFEST = "viewfinder.json"
SIGNATURE = "signature.json"
GOLDEN = "golden.json"
RECIPE = "recipe.yaml"
SUFFIX = ".bundle"

# A zip archive begins with the header of its first member, which ends with the member's name.
_START = b"PK\x03\x04"
_NAME_AT = 30
_MOST_MEMBERS = 64
_MOST_MANIFEST = 1 << 20
# All members but the models, together: golden pictures, records and texts.
MOST_BESIDE = 64 << 20
_MODELS = (EXPORT, MODEL)
_CHUNK = 1 << 20

_Record = TypeVar("_Record", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, frozen=True, defer_build=True
    )


class Member(_Strict):
    """The size and hash of a member."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(_Strict):
    """The content of `viewfinder.json`.

    Attributes:
        version: The version of Viewfinder that wrote the bundle.
        data: A hash of the run's pictures and splits.
        members: Every other member of the archive but the signature, by name.
    """

    schema_: Annotated[Literal[1], Field(alias="schema")]
    version: str
    data: str
    members: dict[str, Member]


class _AnySchema(BaseModel):
    """What every version of the manifest has."""

    schema_: Annotated[int, Field(alias="schema")]
    version: str = "a later version"


class GoldenPicture(_Strict):
    """A picture with its expected result.

    Attributes:
        file: The member with the encoded picture.
        label: Its true class.
        pixels: The SHA-256 of the prepared pixels.
        probabilities: By class.
    """

    file: str
    label: str
    pixels: str
    probabilities: dict[str, Share]


class Golden(_Strict):
    """The content of `golden.json`."""

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    pictures: Annotated[list[GoldenPicture], Field(max_length=32)]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose members have the stated sizes and hashes.

    Attributes:
        path: The file.
        manifest: What it states of itself.
        files: The content of the members by name, without those that were not requested.
    """

    path: Path
    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)

    def parse(self, record: type[_Record], name: str) -> _Record:
        """Return the content of a JSON member, validated.

        Raises:
            RunError: It is missing or damaged.
        """
        try:
            return record.model_validate_json(self.files[name])
        except KeyError:
            raise unsound(self.path, f"no {name}") from None
        except ValueError as error:
            raise unsound(self.path, f"{name}: {reason(error)}") from error

    @property
    def settings(self) -> Settings:
        """The temperature and thresholds."""
        return self.parse(Settings, SETTINGS)

    @property
    def golden(self) -> Golden:
        """The golden pictures."""
        return self.parse(Golden, GOLDEN)

    @contextmanager
    def keras_file(self) -> Iterator[Path]:
        """Yield the path of a temporary copy of `best.keras`.

        Raises:
            UsageError: The bundle has none.
            RunError: The file has changed since it was opened.
        """
        if MODEL not in self.manifest.members:
            raise UsageError(
                f"The bundle {self.path} has no model of Keras.",
                expected="a bundle with it, for gradients, maps and further training",
                remedy="viewfinder bundle RUN --keras",
            )
        whole = read_bundle(self.path, keras=True)
        if whole.manifest != self.manifest:
            raise RunError(f"{self.path} has changed since it was opened.", remedy="load it again")
        with tempfile.TemporaryDirectory(prefix="viewfinder-") as folder:
            copy = Path(folder) / MODEL
            copy.write_bytes(whole.files[MODEL])
            yield copy


def is_bundle(path: Path) -> bool:
    """Whether a path is that of a bundle, by its ending or its first bytes."""
    try:
        with open_regular(path) as file:
            start = file.read(_NAME_AT + len(MANIFEST))
    except OSError:
        return path.suffix == SUFFIX and not os.path.isdir(path)  # noqa: PTH112 (names that are too long)
    named = start.startswith(_START) and start[_NAME_AT:] == MANIFEST.encode()
    return named or path.suffix == SUFFIX


def read_bundle(path: Path, *, keras: bool = False) -> Bundle:
    """Read a bundle into memory, after checking it.

    Args:
        path: The file.
        keras: Whether to read the model of Keras, if the bundle has one. Its hash is checked
            without it, too.

    Raises:
        RunError: The file is missing, damaged, unsafe, or written by a later version.
    """
    try:
        with open_regular(path) as file:
            size = require_small_directory(file, _MOST_MEMBERS)
            with zipfile.ZipFile(file) as archive:
                return _read(path, archive, _admitted(path, archive, size), keras=keras)
    except OSError as error:
        if error.errno is None:
            raise unsound(path, str(error)) from error
        raise RunError(f"There is no bundle {path}.", received=error.strerror) from error
    except RunError:
        raise
    except DataError as error:
        raise unsound(path, error.fact.removesuffix("."), error.expected) from error
    except DAMAGED as error:
        raise unsound(path, str(error) or type(error).__name__) from error


def unsound(path: Path, received: str, expected: str | None = None) -> RunError:
    """Return the error about a bundle that is refused."""
    return RunError(
        f"The bundle {path} is damaged or unsafe.",
        expected=expected or "a file as `viewfinder bundle RUN` writes it, unchanged",
        received=received,
        remedy="copy it again, or bundle the run again",
    )


def _read(
    path: Path, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], *, keras: bool
) -> Bundle:
    if not (first := members.get(MANIFEST)) or first.file_size > _MOST_MANIFEST:
        raise unsound(path, f"no {MANIFEST} of at most 1 MB")
    manifest = _manifest(path, archive.read(first))
    listed = set(manifest.members) | {MANIFEST} | ({SIGNATURE} & members.keys())
    if missing := sorted(listed - members.keys()):
        raise unsound(path, f"no {missing[0]}")
    if unlisted := sorted(members.keys() - listed):
        raise unsound(path, f"{unlisted[0]!r}, which {MANIFEST} does not list")
    files = {name: archive.read(name) for name in (MANIFEST, SIGNATURE) if name in members}
    for name, stated in manifest.members.items():
        if members[name].file_size != stated.bytes:
            raise unsound(path, f"{name} of {members[name].file_size:,} bytes", f"{stated.bytes:,}")
        is_read = name != MODEL or keras
        content = _hashed(archive, name, stated, is_read=is_read)
        if content is None:
            raise unsound(path, f"another content of {name} than its hash states")
        if is_read:
            files[name] = content
    return Bundle(path, manifest, files)


def _admitted(path: Path, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name, if all are plain files that fit into the archive."""
    admission, members = Admission(size, None), {}
    for member in archive.infolist():
        parts = admission.zipped(member)
        if member.is_dir() or "/".join(parts) != member.filename:
            raise unsound(path, f"the name {member.filename!r}")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise unsound(path, f"{member.filename!r} is compressed", "members without compression")
        members[member.filename] = member
    if sum(member.file_size for member in members.values()) > size:
        raise unsound(path, "members that overlap")
    beside = sum(one.file_size for name, one in members.items() if name not in _MODELS)
    if beside > MOST_BESIDE:
        raise unsound(path, f"{beside:,} bytes beside the models", f"at most {MOST_BESIDE:,}")
    return members


def _manifest(path: Path, content: bytes) -> Manifest:
    try:
        stated = _AnySchema.model_validate_json(content)
        if stated.schema_ > SCHEMA:
            raise RunError(
                f"The bundle {path} was written by a later Viewfinder.",
                expected=f"schema {SCHEMA}",
                received=f"schema {stated.schema_}, of Viewfinder {stated.version[:40]}",
                remedy="pip install --upgrade viewfinder",
            )
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise unsound(path, f"{MANIFEST}: {reason(error)}") from error


def _hashed(archive: zipfile.ZipFile, name: str, stated: Member, *, is_read: bool) -> bytes | None:
    """Return a member's content, or b"" if it is not to be read; None for another hash."""
    digest, parts = hashlib.sha256(), []
    with archive.open(name) as member:
        while chunk := member.read(_CHUNK):
            digest.update(chunk)
            if is_read:
                parts.append(chunk)
    return b"".join(parts) if digest.hexdigest() == stated.sha256 else None
