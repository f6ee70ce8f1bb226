"""Fetch a dataset of the catalogue into a folder: download, verify, unpack, rename.

`NAME.json` beside the folder `NAME` records its files; downloads wait in `NAME.download`. A file
without a published checksum is trusted the first time: its checksum is stored in the user's cache,
and a different one later is an error.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from viewfinder.core.class_names import CLASS_NAMES
from viewfinder.core.errors import DataError, OutputError
from viewfinder.core.files import cache_folder, locked_in_turn, unwritable, write_json, write_text
from viewfinder.core.progress import Progress
from viewfinder.fetch.archives.unpack import unpack
from viewfinder.fetch.catalogue import Entry, RemoteFile, entry_named
from viewfinder.fetch.download import Patience, download
from viewfinder.fetch.kaggle import download_from_kaggle
from viewfinder.fetch.trust import Checksums, Trust
from viewfinder.fetch.web import NoSuchHost


def datasets_folder() -> Path:
    """Return the default folder of datasets."""
    return cache_folder() / "datasets"


def fetch(
    name: str,
    *,
    output: str | Path | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """Fetch a dataset of the catalogue, unless it is on the disk.

    Args:
        name: One of `viewfinder.fetch.catalogue.CATALOGUE`.
        output: The parent of the dataset's folder; by default one in the user's cache.
        progress: Shows downloads.
        patience: The attempts and waits of a download.

    Returns:
        The path for `viewfinder.open`: the dataset's folder, or its one file.

    Raises:
        UsageError: There is no dataset of this name.
        DataError: A file cannot be downloaded, or differs from the published one. The remedy
            names the path for a file that was obtained in another way.
        OutputError: The folder cannot be written, or the disk is full. Only a partial download
            remains, which the next call resumes.
    """
    entry = entry_named(name)
    task = _Fetch(entry, dataset_folder(entry, output), progress or Progress(0), patience)
    try:
        if not is_fetched(task.folder):
            datasets_folder().mkdir(parents=True, exist_ok=True)
            lock = datasets_folder() / f".{name}.lock"
            waiting = f"Waiting for another process that fetches {name}."
            with locked_in_turn(lock, task.progress, waiting):
                if not is_fetched(task.folder):
                    task.run()
    except OSError as error:
        raise unwritable(task.folder, error) from error
    return task.folder / entry.opens


def dataset_folder(entry: Entry, output: str | Path | None = None) -> Path:
    """Return the folder of a dataset, whether fetched or not."""
    return (Path(output) if output is not None else datasets_folder()) / entry.name


def is_fetched(folder: Path) -> bool:
    """Whether this folder is a fetched dataset."""
    return folder.is_dir() and _record_path(folder).is_file()


@dataclass(frozen=True)
class _Obtained:
    """A verified file on the disk.

    Attributes:
        remote: The file in the catalogue.
        path: The path.
        sha256: The checksum.
        trust: The source of the checksum.
        is_ours: Whether this call downloaded it; files that the user has put there are kept.
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
        """Fetch into a temporary folder, and rename it in the end."""
        if self.folder.exists():
            raise OutputError(
                f"{self.folder} exists, and is not a fetched dataset.",
                remedy="remove it, or choose another `output`",
            )
        obtained = [self._obtain(file) for file in self.entry.files]
        temporary = self.folder.with_name(f".fetching-{self.folder.name}")
        shutil.rmtree(temporary, ignore_errors=True)  # from a fetch that was killed
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
        """Use the file that the user or an earlier fetch has left, or download it; verify it."""
        path = self.downloads / remote.name
        # The folder must exist even if the download fails: the remedy may name a path in it.
        self.downloads.mkdir(parents=True, exist_ok=True)
        is_ours = not path.exists()
        if not is_ours:
            self.progress.say(f"Using {path} after verification.")
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
        """Download from the first address that has the right file."""
        first_error: DataError | None = None
        for address in remote.addresses:
            try:
                self.progress.say(f"Downloading {address.url}")
                download(address, path, patience=self.patience, progress=self.progress)
                return
            except DataError as error:
                first_error = first_error or error
                # Offline, every address fails alike, and the final error reports it once.
                is_offline = isinstance(error.__cause__, NoSuchHost)
                if len(remote.addresses) > 1 and not is_offline:
                    self.progress.say(error.fact)
        if first_error:
            raise first_error

    def _assemble(self, obtained: list[_Obtained], folder: Path) -> None:
        """Copy or unpack each file into the dataset's folder."""
        for file in obtained:
            if not file.remote.unpack:
                shutil.copyfile(file.path, folder / file.remote.name)
                continue
            self.progress.say(f"Unpacking {file.path.name} …")
            scratch = folder / ".unpacked"
            try:
                _move_part(_unpacked_part(file, scratch), folder / file.remote.becomes)
            except DataError:
                # The next call would fail on the same file.
                if file.is_ours:
                    file.path.unlink(missing_ok=True)
                raise
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        if not self.entry.files:
            from viewfinder.fetch.digits import write_digits

            write_digits(folder)
        if self.entry.class_names:
            write_text(folder / CLASS_NAMES, "\n".join(self.entry.class_names) + "\n")

    def _remember_new(self, obtained: list[_Obtained]) -> None:
        for file in obtained:
            if file.trust is Trust.FIRST_SEEN:
                self.checksums.remember(file.remote.name, file.sha256)
                self.progress.say(
                    f"{file.remote.name} has no published checksum; stored this one for later "
                    f"fetches: SHA-256 {file.sha256}"
                )

    def _record(self, obtained: list[_Obtained]) -> dict[str, Any]:
        """Return the record beside the folder; see docs/formats.md."""
        return {
            "schema": 1,
            "name": self.entry.name,
            "licence": self.entry.licence,
            "citation": self.entry.citation,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": [
                {
                    "name": file.remote.name,
                    "bytes": file.path.stat().st_size,
                    "sha256": file.sha256,
                    "checksum": file.trust,
                }
                for file in obtained
            ],
        }

    def _tidy(self, obtained: list[_Obtained]) -> None:
        for file in obtained:
            if file.is_ours:
                file.path.unlink(missing_ok=True)
            else:
                self.progress.say(f"{file.path} is no longer needed; you can remove it.")
        with suppress(OSError):  # the folder is missing, or holds files of the user's
            self.downloads.rmdir()


def _unpacked_part(file: _Obtained, scratch: Path) -> Path:
    """Unpack an archive, and archives inside it, and return the path of `remote.inside`."""
    scratch.mkdir()
    part = scratch / "0"
    unpack(file.path, part)
    for number, step in enumerate(file.remote.inside, start=1):
        found = part / step
        if not found.exists():
            members = ", ".join(sorted(path.name for path in part.iterdir())[:10]) or "nothing"
            raise DataError(
                f"{file.path.name} has an unknown layout.",
                expected=f"{'/'.join(file.remote.inside)} in it",
                received=members,
                remedy="it may be a new edition: unpack it yourself and open the folder",
            )
        part = found
        if found.is_file():
            part = scratch / str(number)
            unpack(found, part)
    return part


def _move_part(part: Path, target: Path) -> None:
    """Move the content of `part` into `target`, which may exist."""
    target.mkdir(exist_ok=True)
    for path in part.iterdir():
        path.rename(target / path.name)


def _record_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")
