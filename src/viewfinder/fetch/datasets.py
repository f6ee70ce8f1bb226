"""A dataset of the catalogue, brought into a folder: downloaded, verified, unpacked, renamed.

Beside the folder `NAME` stands `NAME.json`, which says what it was made from; while files are being
fetched, they are in `NAME.download`. A file whose checksum nobody has published is trusted the
first time: its checksum is remembered in the user's cache, and another one later is an error.
"""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from viewfinder.core.errors import DataError, OutputError
from viewfinder.core.files import cache_folder, locked_in_turn, write_json
from viewfinder.core.progress import Progress
from viewfinder.fetch.archives.unpack import unpack
from viewfinder.fetch.catalogue import Entry, RemoteFile, entry_named
from viewfinder.fetch.download import Patience, download
from viewfinder.fetch.kaggle import download_from_kaggle
from viewfinder.fetch.trust import Checksums, Trust
from viewfinder.fetch.web import NoSuchHost


def datasets_folder() -> Path:
    """Where datasets are kept if nothing else is asked for."""
    return cache_folder() / "datasets"


def fetch(
    name: str,
    *,
    output: str | Path | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """Bring a dataset of the catalogue to the disk, unless it is there.

    Args:
        name: One of `viewfinder.fetch.catalogue.CATALOGUE`.
        output: The folder that gets the dataset's folder; by default one in the user's cache.
        progress: Shows how far it is.
        patience: How long a download is tried.

    Returns:
        What `viewfinder.open` takes: the dataset's folder, or its one file.

    Raises:
        UsageError: There is no dataset of this name.
        DataError: It cannot be reached or is not the right file; the message says where a file
            that was got in another way has to be put.
        OutputError: The folder cannot be written, or the disk is full. Nothing half-written is
            left, apart from a broken-off download that the next call goes on from.
    """
    entry = entry_named(name)
    task = _Fetch(entry, where(entry, output), progress or Progress(0), patience)
    with _disk_errors(task.folder):
        if not is_fetched(task.folder):
            with _in_turn(name, task.progress):
                if not is_fetched(task.folder):
                    task.run()
    return task.folder / entry.opens


def where(entry: Entry, output: str | Path | None = None) -> Path:
    """The folder that a dataset has or would get."""
    return (Path(output) if output is not None else datasets_folder()) / entry.name


def is_fetched(folder: Path) -> bool:
    """Whether this folder is a dataset that was fetched."""
    return folder.is_dir() and _record_path(folder).is_file()


@dataclass(frozen=True)
class _Obtained:
    """A file that is on the disk and is the right one.

    Attributes:
        remote: What the catalogue says of it.
        path: Where it is.
        sha256: Its checksum.
        trust: Who vouches for the checksum.
        is_ours: Whether this call has downloaded it; what the user has put there is not removed.
    """

    remote: RemoteFile
    path: Path
    sha256: str
    trust: Trust
    is_ours: bool


class _Fetch:
    def __init__(
        self, entry: Entry, folder: Path, progress: Progress, patience: Patience | None
    ) -> None:
        self.entry = entry
        self.folder = folder
        self.progress = progress
        self.patience = patience
        self.checksums = Checksums(datasets_folder() / "checksums" / f"{entry.name}.json")
        self.downloads = folder.with_name(f"{folder.name}.download")

    def run(self) -> None:
        """Everything is made ready under another name; the last step is a rename."""
        if self.folder.exists():
            raise OutputError(
                f"{self.folder} exists, and was not made by fetching.",
                remedy="remove it, or choose another place with --output",
            )
        obtained = [self._obtain(file) for file in self.entry.files]
        temporary = self.folder.with_name(f".fetching-{self.folder.name}")
        shutil.rmtree(temporary, ignore_errors=True)  # of a fetch that was killed
        try:
            temporary.mkdir(parents=True)
            self._assemble(obtained, temporary)
            self._remember_new(obtained)
            write_json(_record_path(self.folder), self._record(obtained))
            temporary.rename(self.folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._tidy(obtained)

    def _obtain(self, remote: RemoteFile) -> _Obtained:
        """The file: put there by the user or by an earlier fetch, or else downloaded."""
        path = self.downloads / remote.name
        # It is there also if the download fails: an error may ask to put a file into it.
        self.downloads.mkdir(parents=True, exist_ok=True)
        is_ours = not path.exists()
        if not is_ours:
            self.progress.say(f"{path} is there; it is checked and used.")
        elif self.entry.kaggle:
            download_from_kaggle(self.entry.kaggle, path, self.progress)
        else:
            self._download(remote, path)
        try:
            sha256, trust = self.checksums.check(remote, path)
        except DataError:
            if is_ours:
                path.unlink()
            raise
        return _Obtained(remote, path, sha256, trust, is_ours)

    def _download(self, remote: RemoteFile, path: Path) -> None:
        """From the first address that has the right file."""
        first_error: DataError | None = None
        for address in remote.addresses:
            try:
                self.progress.say(f"From {address.url}")
                download(address, path, patience=self.patience, progress=self.progress)
                return
            except DataError as error:
                first_error = first_error or error
                # Offline, every address fails alike: the error at the end says it once.
                is_offline = isinstance(error.__cause__, NoSuchHost)
                if len(remote.addresses) > 1 and not is_offline:
                    self.progress.say(error.fact)
        if first_error:
            raise first_error

    def _assemble(self, obtained: list[_Obtained], folder: Path) -> None:
        """Put each file's part where it belongs in the dataset's folder."""
        for one in obtained:
            if not one.remote.unpack:
                shutil.copyfile(one.path, folder / one.remote.name)
                continue
            self.progress.say(f"Unpacking {one.path.name} …")
            scratch = folder / ".unpacked"
            try:
                _move_part(_inside(one, scratch), folder / one.remote.becomes)
            except DataError:
                # Kept, it would fail again; without a checksum nothing speaks for it.
                if one.is_ours:
                    one.path.unlink(missing_ok=True)
                raise
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        if not self.entry.files:
            from viewfinder.fetch.digits import write_digits

            write_digits(folder)

    def _remember_new(self, obtained: list[_Obtained]) -> None:
        for one in obtained:
            if one.trust is Trust.FIRST_SEEN:
                self.checksums.remember(one.remote.name, one.sha256)
                self.progress.say(
                    f"Nobody has published a checksum of {one.remote.name}; this one is "
                    f"remembered: SHA-256 {one.sha256}"
                )

    def _record(self, obtained: list[_Obtained]) -> dict[str, Any]:
        """What stands beside the folder; see docs/formats.md."""
        return {
            "schema": 1,
            "name": self.entry.name,
            "licence": self.entry.licence,
            "citation": self.entry.citation,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": [
                {
                    "name": one.remote.name,
                    "bytes": one.path.stat().st_size,
                    "sha256": one.sha256,
                    "checksum": one.trust,
                }
                for one in obtained
            ],
        }

    def _tidy(self, obtained: list[_Obtained]) -> None:
        for one in obtained:
            if one.is_ours:
                one.path.unlink(missing_ok=True)
            else:
                self.progress.say(f"{one.path} is not needed any more; you can remove it.")
        try:
            self.downloads.rmdir()
        except OSError:
            return  # it is not there, or has something of the user's


def _inside(one: _Obtained, scratch: Path) -> Path:
    """Unpack an archive, and archives in it, down to the part that is wanted."""
    scratch.mkdir()
    part = scratch / "0"
    unpack(one.path, part)
    for number, step in enumerate(one.remote.inside, start=1):
        found = part / step
        if not found.exists():
            there = ", ".join(sorted(path.name for path in part.iterdir())[:10]) or "nothing"
            raise DataError(
                f"{one.path.name} is not laid out as it should be.",
                expected=f"{'/'.join(one.remote.inside)} in it",
                received=there,
                remedy="it may be a new edition; unpack it by hand and use the folder",
            )
        part = found
        if found.is_file():
            part = scratch / str(number)
            unpack(found, part)
    return part


def _move_part(part: Path, target: Path) -> None:
    """Move what is in `part` into `target`, which may hold something already."""
    target.mkdir(exist_ok=True)
    for path in part.iterdir():
        path.rename(target / path.name)


def _record_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _in_turn(name: str, progress: Progress) -> AbstractContextManager[None]:
    """One fetch of a dataset at a time; the others wait and find it done."""
    datasets_folder().mkdir(parents=True, exist_ok=True)
    lock = datasets_folder() / f".{name}.lock"
    return locked_in_turn(lock, progress, "Another process is fetching it: waiting for it.")


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot write {folder}: {error.strerror or error}.",
            remedy="free some space, or choose another place with --output",
        ) from error
