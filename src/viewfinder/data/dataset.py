"""The `Dataset`: a table with a row for each picture, and the source that holds the bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, nearest
from viewfinder.core.randomness import Ids, ids
from viewfinder.data.source import Source

if TYPE_CHECKING:
    from viewfinder.data.splits.groups import Groups

SPLITS = ("train", "validation", "test")

# What a row's split is until `Dataset.split` has placed it.
UNSPLIT = ""

# A row's label where nobody has given it one: for an audit, which needs none.
UNLABELLED = ""


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is no part of the dataset, and why."""

    path: str
    why: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures. A value: every operation returns a new one.

    Attributes:
        source: Where the pictures' bytes are.
        table: A row a picture, sorted by locator. Columns: `locator` (what the source reads by:
            a relative path, archive member or array row; a picture's identity), `label`,
            `split` ("train", "validation", "test", or "" where nobody has said yet) and `bytes`
            (the size of its file or its pixels; -1 where a table names a file that is not there).
            Perhaps `group`: what must stay on one side of a split. Once the pictures have been
            read, also `status` ("ok" or the reason it was rejected), `detail`, `width`, `height`
            and `content` (a hash).
        classes: The names of the classes, in the order of the model's outputs; none where the
            pictures have no labels, as only an audit takes them.
        passed_over: What was found beside the pictures.
        notes: What the reader of the source should know, in words.
    """

    source: Source
    table: pd.DataFrame = field(repr=False)
    classes: tuple[str, ...]
    passed_over: tuple[PassedOver, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        splits = ", ".join(f"{count} {name}" for name, count in self.split_sizes().items())
        return f"<Dataset {self.source}: {len(self.classes)} classes, {splits or 'empty'}>"

    def _repr_html_(self) -> str:
        return str(self.counts().to_html())

    @property
    def labels(self) -> NDArray[np.int64]:
        """Each picture's class as an index into `classes`, int64, shape `(n,)`."""
        positions = pd.Index(self.classes).get_indexer(pd.Index(self.table["label"]))
        return positions.astype(np.int64)

    @property
    def ids(self) -> Ids:
        """Each picture's address for randomness, uint64, shape `(n,)`: a hash of its locator."""
        return ids(self.table["locator"])

    @property
    def is_split(self) -> bool:
        """Whether every picture has its place in a split."""
        return UNSPLIT not in set(self.table["split"])

    def split_sizes(self) -> dict[str, int]:
        """How many pictures each split has; splits without pictures are left out."""
        sizes = self.table["split"].value_counts()
        return {name or "unsplit": int(sizes[name]) for name in (*SPLITS, UNSPLIT) if name in sizes}

    def counts(self) -> pd.DataFrame:
        """Pictures per class (rows) and split (columns)."""
        counts = pd.crosstab(self.table["label"], self.table["split"])
        columns = [name for name in (*SPLITS, UNSPLIT) if name in counts.columns]
        counts = counts.reindex(index=list(self.classes), columns=columns, fill_value=0)
        return counts.rename(columns={UNSPLIT: "pictures"}).rename_axis(index="class", columns=None)

    def where(self, rows: NDArray[np.bool_] | pd.Series) -> "Dataset":
        """The dataset of those rows for which the mask is true; the classes stay as they are."""
        return replace(self, table=self.table[np.asarray(rows)].reset_index(drop=True))

    def only(self, split: str) -> "Dataset":
        """The pictures of one split."""
        return self.where(self.table["split"] == split)

    def with_columns(
        self, columns: Mapping[str, Sequence[Any] | NDArray[Any] | pd.api.extensions.ExtensionArray]
    ) -> "Dataset":
        """The dataset with these columns set, one value a row."""
        return replace(self, table=self.table.assign(**columns))

    def noting(self, *notes: str) -> "Dataset":
        """The dataset with further notes for its reader."""
        return replace(self, notes=(*self.notes, *notes))

    def split(
        self,
        validation: float = 0.2,
        test: float = 0.0,
        *,
        seed: int = 0,
        groups: "Groups | str | NDArray[np.integer] | None" = None,
    ) -> "Dataset":
        """Place the pictures in train, validation and test: stratified, by seed, groups whole.

        See :func:`viewfinder.data.splits.shares.split`.
        """
        from viewfinder.data.splits.shares import split

        return split(self, validation=validation, test=test, seed=seed, groups=groups)

    def hold_out(
        self,
        split: str,
        *,
        validation: float = 0.2,
        seed: int = 0,
        groups: "Groups | str | NDArray[np.integer] | None" = None,
    ) -> "Dataset":
        """Keep one split for a single evaluation at the end, and carve validation from training.

        See :func:`viewfinder.data.splits.shares.hold_out`.
        """
        from viewfinder.data.splits.shares import hold_out

        return hold_out(self, split, validation=validation, seed=seed, groups=groups)

    def into_folds(
        self,
        folds: int,
        *,
        seed: int = 0,
        groups: "Groups | str | NDArray[np.integer] | None" = None,
    ) -> "Dataset":
        """Deal the pictures into folds for cross-validation; the first one judges.

        See :func:`viewfinder.data.splits.folds.into_folds`.
        """
        from viewfinder.data.splits.folds import into_folds

        return into_folds(self, folds, seed=seed, groups=groups)

    def use_fold(self, fold: int) -> "Dataset":
        """Make this fold the validation split, and the others the training split.

        See :func:`viewfinder.data.splits.folds.use_fold`.
        """
        from viewfinder.data.splits.folds import use_fold

        return use_fold(self, fold)

    def require_split(self, split: str) -> None:
        """Raise `DataError` unless this split has pictures."""
        there = [name for name in self.split_sizes() if name in SPLITS]
        if split not in there:
            raise DataError(
                f"The dataset has no {split} split.",
                expected=f"one of: {', '.join(there)}" if there else "pictures in split folders",
                received=split if there else "pictures without splits",
                remedy=nearest(split, there) if there else None,
            )


def sorted_classes(names: set[str]) -> tuple[str, ...]:
    """Class names in the order of the model's outputs: as numbers where all of them are numbers."""
    if all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))
