"""`SavedDataset`: a dataset on disk, with the journal of the decisions about it."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from viewfinder.core.errors import DataError, OutputError, UsageError
from viewfinder.core.files import folder_written_whole, locked
from viewfinder.core.words import counted
from viewfinder.data.dataset import Dataset, PassedOver, extended_classes
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
    """A folder `NAME.dataset`: the table that was opened, and a journal; no pictures.

    Files are only added to the folder, and two processes may do so at once.

    Attributes:
        folder: The folder.
        header: What was opened; see :class:`viewfinder.data.saved.header.Header`.
    """

    folder: Path
    header: headers.Header = field(repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> "SavedDataset":
        """Open a saved dataset.

        Raises:
            DataError: The folder does not hold one, or it is damaged.
        """
        return cls(Path(folder), headers.read_header(Path(folder)))

    def __str__(self) -> str:
        return str(self.folder)

    def __fspath__(self) -> str:
        """The folder, so that a saved dataset is accepted wherever a path is."""
        return str(self.folder)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that the dataset was made with."""
        return self.header.settings

    @property
    def opened(self) -> Mapping[str, Any]:
        """The options with which to list the original again.

        They are those that it was opened with, and the `group_from` of the last split that had one.
        """
        saved = self.settings.get("opened")
        options = dict(saved) if isinstance(saved, dict) else {}
        entries = self.entries
        numbers = standing(entries)
        patterns = [
            pattern
            for entry in entries
            if entry.number in numbers
            and isinstance(pattern := entry.options.get("group_from"), str)
        ]
        return options | {"group_from": patterns[-1]} if patterns else options

    @property
    def settings_of_copies(self) -> Mapping[str, Any]:
        """The settings for a new dataset made from this one, with a journal of its own."""
        return {**self.settings, "opened": self.opened}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries of the journal in order, including undone entries and undos.

        Raises:
            DataError: The journal is damaged.
        """
        return read_entries(self._journal)

    @property
    def standing(self) -> frozenset[int]:
        """The numbers of the entries that are not undone."""
        return standing(self.entries)

    @property
    def source(self) -> Source:
        """The source of the pictures.

        Raises:
            DataError: The pictures have been moved.
        """
        return SavedSource(self.folder, self.header.located(self.folder))

    @property
    def state(self) -> pd.DataFrame:
        """The table after all entries that are not undone, sorted by locator.

        The columns are those of :attr:`Dataset.table`, and `quarantine`: the reason why a picture
        is left out, or "".

        Raises:
            DataError: The table or the journal is damaged.
        """
        return self._replayed(self.entries)

    def changes(self, entry: Entry) -> pd.DataFrame:
        """The changes of an entry: `locator`, `column`, `before`, `after`, optionally `note`."""
        return read_changes(self._journal, entry)

    def dataset(self) -> Dataset:
        """The pictures outside quarantine, after all entries that are not undone.

        Pictures in quarantine are in `passed_over`, with the reason, and counted in a note.

        Raises:
            DataError: A file is damaged, or the pictures have been moved.
        """
        state = self.state
        is_held = state[QUARANTINE] != ""
        held = state.loc[is_held, ["locator", QUARANTINE]].itertuples(index=False, name=None)
        quarantined = tuple(PassedOver(locator, f"quarantined: {why}") for locator, why in held)
        kept = state[~is_held].drop(columns=QUARANTINE).reset_index(drop=True)
        skipped = (*(PassedOver(*one) for one in self.header.passed_over), *quarantined)
        classes = extended_classes(self.header.classes, set(state["label"].unique()))
        notes, layout = self.header.notes, self.header.layout
        dataset = Dataset(self.source, kept, classes, skipped, notes, layout)
        if not quarantined:
            return dataset
        pictures = counted(len(quarantined), "picture is")
        return dataset.noting(f"{pictures} in quarantine; the journal has the reasons.")

    def append(
        self, verb: str, why: str, changes: pd.DataFrame, options: Mapping[str, Any] | None = None
    ) -> Entry:
        """Append an entry to the journal, atomically.

        Args:
            verb: What was done: `quarantine`, `relabel`, `keep-one`, `split` …
            why: The reason, in words.
            changes: The columns `locator`, `column`, `before` and `after`, all text, with each cell
                once; optionally `note`, for people. See :func:`viewfinder.data.saved.changes`.
            options: The settings of the decision, serializable as JSON.

        Raises:
            UsageError: The changes are empty or invalid.
            DataError: Another process has changed the same pictures.
            OutputError: The folder cannot be written.
        """
        check_changes(changes)
        changes = changes.reset_index(drop=True)
        with self._locked():
            entries = self.entries
            state = self._replayed(entries)
            if (before(state, changes) != changes["before"]).any():
                raise DataError(
                    f"Another process has changed the same pictures in {self.folder}.",
                    remedy="repeat the command",
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
        """Append an entry that undoes the entry `number`. Undoing that entry restores the first.

        Args:
            number: The entry to undo; by default the last decision that is not undone.

        Raises:
            UsageError: There is no such entry, or it is undone already.
            OutputError: The folder cannot be written.
        """
        with self._locked():
            entries = self.entries
            numbers = standing(entries)
            if number is None:
                number = max(undoable(entries, numbers), default=None)
            if number is None:
                raise UsageError(f"There is nothing to undo in {self.folder}.")
            if not 1 <= number <= len(entries):
                raise UsageError(
                    f"{self.folder} has no entry {number}.",
                    expected=f"1 to {len(entries)}" if entries else "entries in its journal",
                    received=str(number),
                )
            if number not in numbers:
                undo = max(entry.number for entry in entries if entry.undoes == number)
                raise UsageError(
                    f"Entry {number} is undone already.",
                    remedy=f"to restore it, undo entry {undo}",
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
        numbers = standing(entries)
        made = [self.changes(entry) for entry in entries if entry.number in numbers]
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


def require_new(folder: Path) -> None:
    """Raise `OutputError` if there is anything at the path of a new saved dataset."""
    if folder.exists() or folder.is_symlink():
        raise OutputError(
            f"{folder} exists already.",
            remedy="choose another `output`; to add to this dataset, open it as the data, too",
        )


def create(
    folder: Path,
    dataset: Dataset,
    *,
    settings: Mapping[str, Any],
    decisions: Iterable[Decision] = (),
) -> SavedDataset:
    """Save a dataset as a new folder with a journal. Pictures are neither copied nor moved.

    Args:
        folder: The new folder, `NAME.dataset`. It appears when it is complete.
        dataset: The dataset. If it is a saved one, the new dataset does not depend on its folder.
        settings: The settings that it was made with, serializable as JSON.
        decisions: The first entries of its journal.

    Raises:
        OutputError: The folder exists already, or cannot be written.
    """
    require_new(folder)
    with folder_written_whole(folder) as temporary:
        headers.write_header(temporary, folder, dataset, settings)
        (temporary / "journal").mkdir()
        saved = SavedDataset.open(temporary)
        for decision in decisions:
            saved.append(decision.verb, decision.why, decision.changes, decision.options)
        (temporary / _LOCK).unlink(missing_ok=True)
    return SavedDataset.open(folder)
