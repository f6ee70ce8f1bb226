"""The `Dataset`: a table with a row for each picture, and the source that holds the bytes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, nearest
from viewfinder.core.randomness import Ids, ids
from viewfinder.data.layout import Layout
from viewfinder.data.source import Source
from viewfinder.data.splits import folds as fold_rules
from viewfinder.data.splits import shares
from viewfinder.data.splits.groups import Groups
from viewfinder.data.splits.table import SPLITS, UNSPLIT, class_indices

__all__ = [
    "OK",
    "SPLITS",
    "UNLABELLED",
    "UNSPLIT",
    "Dataset",
    "PassedOver",
    "extended_classes",
    "sorted_classes",
]

# The label of a picture without one, as an audit accepts it.
UNLABELLED = ""
# The status of a readable picture.
OK = "ok"


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is not part of the dataset, and the reason."""

    path: str
    why: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures. A value: every operation returns a new one.

    Attributes:
        source: Where the pictures' bytes are.
        table: A row for each picture, sorted by locator. Columns: `locator` (the key by which the
            source reads the picture, and the picture's identity: a relative path, archive member
            or array row), `label`, `split` ("train", "validation", "test", or "" before the split)
            and `bytes` (the size of the file or of the pixels; -1 for a missing file named by a
            table). Optionally `group`: pictures that stay in one split. Once the pictures have
            been read, also `status` ("ok" or the reason for the rejection), `detail`, `width`,
            `height` and `content` (a hash).
        classes: The names of the classes, in the order of the model's outputs; empty where the
            pictures have no labels, as an audit accepts them.
        passed_over: Files and folders that were skipped.
        notes: What the user should know about the source.
        layout: Which folders are splits and classes, where the labels are those of folders.
    """

    source: Source
    table: pd.DataFrame = field(repr=False)
    classes: tuple[str, ...]
    passed_over: tuple[PassedOver, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    layout: Layout | None = field(default=None, repr=False)

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
        return class_indices(self.table, self.classes)

    @property
    def ids(self) -> Ids:
        """Each picture's address for randomness, uint64, shape `(n,)`: a hash of its locator."""
        return ids(self.table["locator"])

    @property
    def is_split(self) -> bool:
        """Whether every picture is in a split."""
        return UNSPLIT not in set(self.table["split"])

    def split_sizes(self) -> dict[str, int]:
        """The number of pictures of each split that has any."""
        sizes = self.table["split"].value_counts()
        return {name or "unsplit": int(sizes[name]) for name in (*SPLITS, UNSPLIT) if name in sizes}

    def counts(self) -> pd.DataFrame:
        """Pictures per class (rows) and split (columns; "no split" for those without one)."""
        counts = pd.crosstab(self.table["label"], self.table["split"])
        columns = [name for name in (*SPLITS, UNSPLIT) if name in counts.columns]
        counts = counts.reindex(index=list(self.classes), columns=columns, fill_value=0)
        unsplit = "pictures" if columns == [UNSPLIT] else "no split"
        return counts.rename(columns={UNSPLIT: unsplit}).rename_axis(index="class", columns=None)

    def where(self, rows: NDArray[np.bool_] | pd.Series) -> "Dataset":
        """The dataset of the rows for which the mask is true, with unchanged classes."""
        return self.with_table(self.table[np.asarray(rows)].reset_index(drop=True))

    @property
    def readable(self) -> "Dataset":
        """The pictures that could be read; for a dataset with `status`."""
        return self.where(self.table["status"] == OK)

    @property
    def rejected(self) -> "Dataset":
        """The pictures that could not be read, or not be used; for a dataset with `status`."""
        return self.where(self.table["status"] != OK)

    def only(self, split: str) -> "Dataset":
        """The pictures of one split."""
        return self.where(self.table["split"] == split)

    def with_table(self, table: pd.DataFrame, notes: Iterable[str] = ()) -> "Dataset":
        """The dataset with another table, and further notes."""
        return replace(self, table=table, notes=(*self.notes, *notes))

    def with_columns(
        self, columns: Mapping[str, Sequence[Any] | NDArray[Any] | pd.api.extensions.ExtensionArray]
    ) -> "Dataset":
        """The dataset with these columns set, one value for each row."""
        return self.with_table(self.table.assign(**columns))

    def noting(self, *notes: str) -> "Dataset":
        """The dataset with further notes."""
        return self.with_table(self.table, notes)

    def split(
        self,
        validation: float = 0.2,
        test: float = 0.0,
        *,
        seed: int = 0,
        groups: Groups | str | NDArray[np.integer] | None = None,
    ) -> "Dataset":
        """Place the pictures in train, validation and test: stratified, by seed, groups whole.

        See :func:`viewfinder.data.splits.shares.split`.
        """
        placed = shares.split(
            self.table, self.classes, validation=validation, test=test, seed=seed, groups=groups
        )
        return self.with_table(*placed)

    def hold_out(
        self,
        split: str,
        *,
        validation: float = 0.2,
        seed: int = 0,
        groups: Groups | str | NDArray[np.integer] | None = None,
    ) -> "Dataset":
        """Keep one split for a single evaluation at the end; take validation from training.

        See :func:`viewfinder.data.splits.shares.hold_out`.

        Raises:
            DataError: There is no such split.
        """
        self.require_split(split)
        placed = shares.hold_out(
            self.table, self.classes, split, validation=validation, seed=seed, groups=groups
        )
        return self.with_table(*placed)

    def into_folds(
        self,
        folds: int,
        *,
        seed: int = 0,
        groups: Groups | str | NDArray[np.integer] | None = None,
    ) -> "Dataset":
        """Assign the pictures to folds for cross-validation; fold 0 is the validation split.

        See :func:`viewfinder.data.splits.folds.into_folds`.
        """
        placed = fold_rules.into_folds(self.table, self.classes, folds, seed=seed, groups=groups)
        return self.with_table(*placed)

    def use_fold(self, fold: int) -> "Dataset":
        """Make this fold the validation split, and the others the training split.

        See :func:`viewfinder.data.splits.folds.use_fold`.
        """
        return self.with_table(fold_rules.use_fold(self.table, fold))

    def require_split(self, split: str) -> None:
        """Raise `DataError` unless this split has pictures."""
        splits = [name for name in self.split_sizes() if name in SPLITS]
        if split not in splits:
            raise DataError(
                f"The dataset has no {split} split.",
                expected=f"one of: {', '.join(splits)}" if splits else "pictures in split folders",
                received=split if splits else "pictures without splits",
                remedy=nearest(split, splits) if splits else None,
            )


def sorted_classes(names: set[str]) -> tuple[str, ...]:
    """Class names in the order of the model's outputs: as numbers if all are numbers."""
    if all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def extended_classes(known: tuple[str, ...], labels: set[str]) -> tuple[str, ...]:
    """Return the known classes and those of further labels; sorted if the known ones are."""
    new = sorted_classes(labels - set(known))
    return sorted_classes({*known, *new}) if known == sorted_classes(set(known)) else (*known, *new)
