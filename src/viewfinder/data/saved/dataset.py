"""`SavedDataset`: a dataset on the disk, with the journal of what was decided about it."""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd

from viewfinder.core.errors import DataError, OutputError, UsageError
from viewfinder.core.files import locked
from viewfinder.data.dataset import Dataset, PassedOver, sorted_classes
from viewfinder.data.saved import header as headers
from viewfinder.data.saved.journal import (
    Decision,
    Entry,
    read_changes,
    read_entries,
    undoable,
    write_entry,
)
from viewfinder.data.saved.replay import QUARANTINE, before, check_changes, replay, standing
from viewfinder.data.source import Source
from viewfinder.data.sources.saved import SavedSource

_LOCK, _LOCK_WAIT_S = ".lock", 60


@dataclass(frozen=True)
class SavedDataset:
    """A folder `NAME.dataset`: the table that was opened, and a journal. It holds no pictures.

    The folder is written by adding to it only; two processes may do so at once.

    Attributes:
        folder: The folder.
        header: What was opened: see :class:`viewfinder.data.saved.header.Header`.
    """

    folder: Path
    header: headers.Header = field(repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> "SavedDataset":
        """A dataset that has been saved before.

        Raises:
            DataError: The folder holds none, or it is damaged.
        """
        return cls(Path(folder), headers.read_header(Path(folder)))

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the dataset was made with."""
        return self.header.settings

    @property
    def opened(self) -> Mapping[str, Any]:
        """The options by which the original is listed as this dataset was made from it.

        They are those that it was opened with, and the `group_from` of the last split that had one.
        """
        said = self.settings.get("opened")
        opened = dict(said) if isinstance(said, dict) else {}
        entries = self.entries
        stands = standing(entries)
        told = [one.options.get("group_from") for one in entries if one.number in stands]
        patterns = [one for one in told if isinstance(one, str)]
        return opened | {"group_from": patterns[-1]} if patterns else opened

    @property
    def settings_of_copies(self) -> Mapping[str, Any]:
        """The settings of a dataset that is made of this one: its journal begins anew."""
        return {**self.settings, "opened": self.opened}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The journal, in order, with what was undone and the undoings.

        Raises:
            DataError: It is damaged.
        """
        return read_entries(self._journal)

    @property
    def standing(self) -> frozenset[int]:
        """The numbers of the entries that nothing has undone."""
        return standing(self.entries)

    @property
    def source(self) -> Source:
        """Where the pictures are now.

        Raises:
            DataError: They are not where they were.
        """
        return SavedSource(self.folder, self.header.located(self.folder))

    @property
    def state(self) -> pd.DataFrame:
        """Every picture, as the standing entries leave it, sorted by locator.

        The columns are those of :attr:`Dataset.table`, and `quarantine`: why a picture is left out,
        "" where it is not.

        Raises:
            DataError: The table or the journal is damaged.
        """
        return self._replayed(self.entries)

    def changes(self, entry: Entry) -> pd.DataFrame:
        """What an entry changed: `locator`, `column`, `before`, `after` and perhaps `note`."""
        return read_changes(self._journal, entry)

    def dataset(self) -> Dataset:
        """The pictures that are not in quarantine, as the standing entries leave them.

        Those in quarantine are named in `passed_over`, with the reason, and counted in a note.

        Raises:
            DataError: Something is damaged, or the pictures are not where they were.
        """
        state = self.state
        held = state[QUARANTINE] != ""
        away = state.loc[held, ["locator", QUARANTINE]].itertuples(index=False, name=None)
        quarantined = tuple(PassedOver(locator, f"quarantined: {why}") for locator, why in away)
        kept = state[~held].drop(columns=QUARANTINE).reset_index(drop=True)
        beside = (*headers.passed_over(self.header), *quarantined)
        notes = self.header.notes
        classes = _classes(self.header.classes, set(state["label"].unique()))
        dataset = Dataset(self.source, kept, classes, beside, notes)
        if not quarantined:
            return dataset
        are = "picture is" if len(quarantined) == 1 else "pictures are"
        why = f"`viewfinder log {self.folder}` says why"
        return dataset.noting(f"{len(quarantined):,} {are} in quarantine: {why}.")

    def append(
        self, verb: str, why: str, changes: pd.DataFrame, options: Mapping[str, Any] | None = None
    ) -> Entry:
        """Add a decision to the journal. All of it is written, or nothing.

        Args:
            verb: What was done: `quarantine`, `relabel`, `keep-one`, `split` …
            why: The reason, in words.
            changes: The columns `locator`, `column`, `before` and `after`, all text; a cell once.
                Perhaps also `note`: something on each, for people. See
                :func:`viewfinder.data.saved.changes`.
            options: What it was done with, for JSON.

        Raises:
            UsageError: The changes are none, or not possible.
            DataError: Another process has changed the same pictures meanwhile.
            OutputError: The folder cannot be written.
        """
        check_changes(changes)
        changes = changes.reset_index(drop=True)
        with self._locked():
            entries = self.entries
            state = self._replayed(entries)
            if (before(state, changes) != changes["before"]).any():
                raise DataError(
                    f"The pictures in {self.folder} were changed meanwhile.",
                    remedy="run the same command again",
                )
            after = replay(state, [changes])
            headers.check_state(self.folder, self.header, after)
            lost = pd.Index(after["locator"]).get_indexer(pd.Index(changes["locator"])) < 0
            if lost.any():
                raise UsageError(
                    "A change would leave a picture without a label.",
                    received=changes["locator"][lost].iloc[0],
                )
            entry = self._entry(entries, verb, why, options=dict(options or {}))
            return write_entry(self._journal, entry, changes)

    def undo(self, number: int | None = None) -> Entry:
        """Undo an entry: by an entry. To undo that one brings the first one back.

        Args:
            number: Which one; by default the last one that stands and is no undoing itself.

        Raises:
            UsageError: There is no such entry, or it is undone already.
            OutputError: The folder cannot be written.
        """
        with self._locked():
            entries = self.entries
            stands = standing(entries)
            number = number if number is not None else max(undoable(entries, stands), default=None)
            if number is None:
                raise UsageError(f"There is nothing to undo in {self.folder}.")
            if not 1 <= number <= len(entries):
                raise UsageError(
                    f"{self.folder} has no entry {number}.",
                    expected=f"1 to {len(entries)}" if entries else "entries in its journal",
                    received=str(number),
                )
            if number not in stands:
                undoing = max(e.number for e in entries if e.undoes == number)
                raise UsageError(
                    f"Entry {number} is undone already.",
                    remedy=f"to bring it back, undo its undoing: entry {undoing}",
                )
            undone = entries[number - 1]
            again = "again " if undone.undoes is not None else ""
            why = f"undoes {again}{number}: {undone.why}"
            return write_entry(self._journal, self._entry(entries, "undo", why, undoes=number))

    @property
    def _journal(self) -> Path:
        return self.folder / "journal"

    @cached_property
    def _original(self) -> pd.DataFrame:
        return headers.read_table(self.folder, self.header)

    def _replayed(self, entries: tuple[Entry, ...]) -> pd.DataFrame:
        stands = standing(entries)
        made = [self.changes(entry) for entry in entries if entry.number in stands]
        state = replay(self._original, made)
        headers.check_state(self.folder, self.header, state)
        return state

    def _entry(self, entries: tuple[Entry, ...], verb: str, why: str, **others: Any) -> Entry:
        number = len(entries) + 1
        return Entry(schema=1, number=number, time=headers.now(), verb=verb, why=why, **others)

    def _locked(self) -> AbstractContextManager[None]:
        taken = OutputError(
            f"Another process is writing to {self.folder}.", remedy="wait for it, and try again"
        )
        return locked(self.folder / _LOCK, taken, patience=_LOCK_WAIT_S)


def create(
    folder: Path,
    dataset: Dataset,
    *,
    settings: Mapping[str, Any],
    decisions: Iterable[Decision] = (),
) -> SavedDataset:
    """Save a dataset as a new folder with a journal. Pictures are neither copied nor moved.

    Args:
        folder: Where: `NAME.dataset`. It appears when it is complete.
        dataset: The dataset. One that was saved before is saved as it is now; the new one does not
            depend on the old one's folder.
        settings: What it was made with, for JSON.
        decisions: The first entries of its journal.

    Raises:
        OutputError: The folder exists already, or cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise OutputError(
            f"{folder} exists already.",
            remedy="choose another name with --output; to add to it, give it as DATA, too",
        )
    temporary = folder.with_name(f".saving-{uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        headers.write_header(temporary, folder, dataset, settings)
        (temporary / "journal").mkdir()
        begun = SavedDataset.open(temporary)
        for one in decisions:
            begun.append(one.verb, one.why, one.changes, one.options)
        (temporary / _LOCK).unlink(missing_ok=True)
        temporary.rename(folder)
    except OSError as error:
        raise OutputError(
            f"Cannot write {folder}: {error.strerror or error}.",
            remedy="choose another place with --output, or free some space",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return SavedDataset.open(folder)


def _classes(known: tuple[str, ...], labels: set[str]) -> tuple[str, ...]:
    """The classes, with those that pictures were given later."""
    new = labels - set(known)
    if not new:
        return known
    if known == sorted_classes(set(known)):
        return sorted_classes(set(known) | new)
    return (*known, *sorted_classes(new))
