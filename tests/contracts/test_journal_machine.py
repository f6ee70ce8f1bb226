"""Saved datasets after any sequence of decisions, undoings and crashes, against plain dicts."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from folders import write_files
from viewfinder.clean import restore, save_plan
from viewfinder.clean.draft import Draft
from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.saved import QUARANTINE, Entry, SavedDataset, changes, create
from viewfinder.data.saved.replay import replay, standing
from viewfinder.data.sources import open_dataset
from viewfinder.split import SplitPlan, extend, save, save_extension, split_up

# By picture and column; what is empty is left out.
Cells = dict[tuple[str, str], str]
# What an entry sets, or the number of the entry that it undoes.
Made = Mapping[tuple[str, str], str] | int

PICTURES = tuple(f"{label}/{number}.png" for label in ("cats", "dogs") for number in range(4))
PICKS = st.sets(st.sampled_from(PICTURES), min_size=1, max_size=3)
AT = st.integers(0, 11)
KILLS = st.sampled_from([0, 0, 1, 2])


def stands(journal: list[Made], number: int) -> bool:
    """Whether no later entry that stands undoes this one."""
    return not any(
        journal[later - 1] == number and stands(journal, later)
        for later in range(number + 1, len(journal) + 1)
    )


def replayed(start: Cells, journal: list[Made]) -> Cells:
    """The cells after the standing entries; a picture without a label does not exist."""
    cells = dict(start)
    for number, made in enumerate(journal, 1):
        if not isinstance(made, int) and stands(journal, number):
            cells.update(made)
    names = {name for (name, column), value in cells.items() if column == "label" and value}
    cells = {cell: value for cell, value in cells.items() if value and cell[0] in names}
    return {(name, "bytes"): "-1" for name in names} | cells


def cells_of(state: pd.DataFrame) -> Cells:
    """The cells of a table, without empty ones."""
    columns = state.astype(str).set_index("locator").to_dict()
    return {
        (name, column): value
        for column, values in columns.items()
        for name, value in values.items()
        if value
    }


class Killed(BaseException):
    """Stands for a kill of the process."""


@contextmanager
def killed_at(call: int, folder: Path) -> Iterator[None]:
    """Kill the process before the n-th rename, with the folder as it is then; 0 never kills."""
    replace, left, calls = os.replace, folder.with_name("left"), 0

    def counted(*paths: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            shutil.copytree(folder, left)
            raise Killed
        replace(*paths)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", counted)
        try:
            yield
        except Killed:  # a real kill runs no cleanup
            shutil.rmtree(folder)
            left.rename(folder)


class Journal(RuleBasedStateMachine):
    """A saved dataset of eight pictures, and its model in dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.pets, self.folder = self.root / "pets", self.root / "pets.dataset"
        write_files(self.pets, *PICTURES)
        self.saved = create(self.folder, open_dataset(self.pets), settings={})
        self.written = self.files()
        self.start = {(name, "label"): name.split("/")[0] for name in PICTURES}
        self.start |= {(name, "bytes"): str(len(name)) for name in PICTURES}
        self.journal: list[Made] = []
        self.verbs: list[str] = []
        self.is_checked = False

    def files(self) -> list[bytes]:
        """What is written once."""
        return [(self.folder / name).read_bytes() for name in ("dataset.json", "table.parquet")]

    @property
    def cells(self) -> Cells:
        return replayed(self.start, self.journal)

    def value(self, name: str, column: str) -> str:
        return self.cells.get((name, column), "")

    def held(self) -> dict[str, str]:
        """The pictures in quarantine, and why."""
        return {name: why for (name, column), why in self.cells.items() if column == QUARANTINE}

    def kept(self) -> set[str]:
        """The other pictures."""
        return {name for name, _ in self.cells} - self.held().keys()

    def standing(self) -> list[int]:
        return [n for n in range(1, len(self.journal) + 1) if stands(self.journal, n)]

    def changed(self, wanted: Cells) -> Cells:
        """Those of the cells that are not so yet."""
        now = self.cells
        return {cell: value for cell, value in wanted.items() if now.get(cell, "") != value}

    def write(self, action: Callable[[], object], verb: str, made: Made, kill: int) -> None:
        """Write one entry, or none if nothing changes; with `kill`, perhaps die while writing."""
        with killed_at(kill if made else 0, self.folder):
            action()
        count = len(SavedDataset.open(self.folder).entries) - len(self.journal)
        assert count == bool(made) or (kill and count == 0)
        self.journal += [made] * count
        self.verbs += [verb] * count
        self.is_checked = False

    @rule(names=PICKS, why=st.sampled_from(["flat", "dark"]), kill=KILLS)
    def quarantine(self, names: set[str], why: str, kill: int) -> None:
        draft = Draft(self.saved.dataset())
        held = sorted(names & self.kept())
        draft.quarantine(draft.rows(held), why)
        if set(held) == self.kept():
            with pytest.raises(DataError, match="No picture would be left"):
                save_plan(draft.plan(), self.folder)
            return
        made = dict.fromkeys([(name, QUARANTINE) for name in held], why)
        self.write(lambda: save_plan(draft.plan(), self.folder), "quarantine", made, kill)

    @rule(at=AT, kill=KILLS)
    def restore(self, at: int, kill: int) -> None:
        held = sorted(self.held())
        if not held:
            with pytest.raises(UsageError):
                restore(self.saved, PICTURES[0])
            return
        name = held[at % len(held)]
        self.write(lambda: restore(self.saved, name), "restore", {(name, QUARANTINE): ""}, kill)

    @rule(names=PICKS, label=st.sampled_from(["cats", "dogs"]), kill=KILLS)
    def relabel(self, names: set[str], label: str, kill: int) -> None:
        labels = dict.fromkeys(sorted(names & self.kept()), label)
        draft = Draft(self.saved.dataset())
        draft.relabel(labels)
        made = self.changed({(name, "label"): label for name in labels})
        self.write(lambda: save_plan(draft.plan(), self.folder), "relabel", made, kill)

    @rule(names=PICKS, value=st.sampled_from(["", "yes", "no"]), kill=KILLS)
    def fill_a_column_of_ones_own(self, names: set[str], value: str, kill: int) -> None:
        table = changes(self.saved.state, sorted(names), "sharp", value)
        made = self.changed({(name, "sharp"): value for name in names})
        assert set(table["locator"]) == {name for name, _ in made}
        if made:
            self.write(lambda: self.saved.append("note", "by eye", table), "note", made, kill)

    @rule(seed=st.integers(0, 3), anew=st.booleans(), kill=KILLS)
    def split(self, seed: int, anew: bool, kill: int) -> None:
        plan = SplitPlan.made(validation=0.25, seed=seed, anew=anew, copies="ignore")
        try:
            done = split_up(self.saved.dataset(), plan)
        except DataError as error:
            if "too few" not in error.fact:
                raise
            return
        sides = dict(zip(done.dataset.table["locator"], done.dataset.table["split"], strict=True))
        assert sides.keys() == self.kept()
        assert set(sides.values()) <= {"train", "validation"}
        assert anew or all(self.value(name, "split") in ("", side) for name, side in sides.items())
        made = self.changed({(name, "split"): side for name, side in sides.items()})
        self.write(lambda: save(done, self.folder, {}), "split", made, kill)

    @rule(label=st.sampled_from(["cats", "dogs"]), number=st.integers(10, 12))
    def a_picture_arrives(self, label: str, number: int) -> None:
        write_files(self.pets, f"{label}/{number}.png")

    @rule(kill=KILLS)
    def extend(self, kill: int) -> None:
        if not any(self.verbs[number - 1] == "split" for number in self.standing()):
            with pytest.raises(UsageError):
                extend(self.saved)
            return
        try:
            done = extend(self.saved)
        except DataError as error:
            if "too few" not in error.fact:
                raise
            return
        table, cells = done.dataset.table.set_index("locator"), self.cells
        there = {path.relative_to(self.pets).as_posix() for path in self.pets.rglob("*.png")}
        added = there - {name for name, _ in cells}
        assert set(table.index) == self.kept() | added
        wanted: Cells = {}
        for name, side in table["split"].items():
            assert side in ("train", "validation") or not added
            assert self.value(name, "split") in ("", side)
            wanted[name, "split"] = side
        for name in added:
            wanted |= {(name, "label"): name.split("/")[0], (name, "bytes"): str(len(name))}
        made = self.changed(wanted)
        self.write(lambda: save_extension(self.saved, done), "extend", made, kill)

    @rule(at=AT, again=st.integers(0, 2), kill=KILLS)
    def undo(self, at: int, again: int, kill: int) -> None:
        """Undo any entry, also a missing or undone one; then undo the undoing, `again` times."""
        number = at % (len(self.journal) + 1) + 1
        if number not in self.standing():
            with pytest.raises(UsageError):
                self.saved.undo(number)
            return
        self.write(partial(self.saved.undo, number), "undo", number, kill)
        for newest in range(len(self.journal), len(self.journal) + again if not kill else 0):
            self.write(partial(self.saved.undo, newest), "undo", newest, kill)

    @rule(kill=KILLS)
    def undo_the_last_decision(self, kill: int) -> None:
        decisions = [n for n in self.standing() if not isinstance(self.journal[n - 1], int)]
        if not decisions:
            with pytest.raises(UsageError):
                self.saved.undo()
            return
        self.write(self.saved.undo, "undo", decisions[-1], kill)

    @rule()
    def reopen(self) -> None:
        self.saved = SavedDataset.open(self.folder)
        self.check_the_dataset()

    @rule()
    def save_as(self) -> None:
        """A copy starts from the present state, with an empty journal."""
        copy = create(self.root / "copy.dataset", self.saved.dataset(), settings={})
        assert copy.entries == ()
        kept = self.kept()
        assert cells_of(copy.state) == {c: v for c, v in self.cells.items() if c[0] in kept}
        shutil.rmtree(copy.folder)

    @invariant()
    def is_what_the_dicts_say(self) -> None:
        if not self.is_checked:
            assert cells_of(self.saved.state) == self.cells
        self.is_checked = True

    def check_the_dataset(self) -> None:
        """The dataset lacks the pictures in quarantine and names them as passed over."""
        dataset = self.saved.dataset()
        assert list(dataset.table["locator"]) == sorted(self.kept())
        reasons = {one.path: one.why for one in dataset.passed_over}
        assert reasons.keys() == self.held().keys()
        assert all(why in reasons[name] for name, why in self.held().items())

    @invariant()
    def the_journal_only_grows(self) -> None:
        entries = self.saved.entries
        assert [one.number for one in entries] == list(range(1, len(self.journal) + 1))
        assert [one.verb for one in entries] == self.verbs
        undone = [made if isinstance(made, int) else None for made in self.journal]
        assert [one.undoes for one in entries] == undone
        assert self.saved.standing == set(self.standing())

    def teardown(self) -> None:
        self.check_the_dataset()
        assert self.files() == self.written
        for name in PICTURES:
            assert (self.pets / name).read_bytes() == name.encode()
        shutil.rmtree(self.root)


TestJournal = Journal.TestCase
TestJournal.settings = settings(max_examples=16, stateful_step_count=12, deadline=None)


CELLS = st.dictionaries(
    st.tuples(st.sampled_from(PICTURES), st.sampled_from(["label", "split", QUARANTINE, "sharp"])),
    st.sampled_from(["", "x", "y"]),
    min_size=1,
)


@given(steps=st.lists(st.one_of(CELLS, st.integers(1, 8)), max_size=8))
def test_a_replay_is_that_of_the_dicts(steps: list[Made]) -> None:
    """Covers undoings that `SavedDataset.undo` would refuse, and labels that are removed."""
    journal = [made for n, made in enumerate(steps, 1) if not isinstance(made, int) or made < n]
    journal = [made for n, made in enumerate(journal, 1) if not isinstance(made, int) or made < n]
    entries = [
        Entry(schema=1, number=number, time="", verb="x", why="", undoes=undoes)
        for number, made in enumerate(journal, 1)
        for undoes in [made if isinstance(made, int) else None]
    ]
    columns = ["locator", "column", "before", "after"]
    decided = [
        pd.DataFrame([(*cell, "", value) for cell, value in made.items()], columns=columns)
        for number, made in enumerate(journal, 1)
        if number in standing(entries) and not isinstance(made, int)
    ]
    table = pd.DataFrame({"locator": PICTURES, "label": "cats", "split": "", "bytes": 1})
    start = {(name, "label"): "cats" for name in PICTURES}
    start |= {(name, "bytes"): "1" for name in PICTURES}
    assert cells_of(replay(table, decided)) == replayed(start, journal)
