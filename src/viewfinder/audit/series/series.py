"""The record of a series that file names carry, in words and as JSON."""

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.series.accuracy import Accuracies
from viewfinder.audit.series.look import Likeness
from viewfinder.core.errors import DataError
from viewfinder.core.words import listed, percent
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.grouping import carrier_of
from viewfinder.data.splits.groups import GROUP

_SHARE = 0.2
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Series:
    """A token of file names, or a key of EXIF, that predicts how pictures look.

    Attributes:
        expression: The `group_from` that finds the series.
        groups: Each picture's series, str, shape `(n,)`; "" without one.
        likeness: How often the nearest picture of the class is of the same series.
        accuracies: What a linear classifier reaches; None where series cannot be kept together.
        measured_on: What the classifier is fitted on, in words.
    """

    expression: str
    groups: NDArray[np.object_]
    likeness: Likeness
    accuracies: Accuracies | None
    measured_on: str

    @property
    def sizes(self) -> pd.Series:
        """The number of pictures of each series, by name, in the order of the names."""
        return pd.Series(self.groups[self.groups != ""]).value_counts().sort_index()

    @property
    def option(self) -> str:
        """The option of the command line that keeps the series together."""
        return f"--group-from {shlex.quote(self.expression)}"

    @property
    def inflates(self) -> bool:
        """Whether the accuracy on pictures at random is too high for a series never seen."""
        return self.accuracies is not None and self.accuracies.differ

    def torn(self, dataset: Dataset) -> int:
        """The number of series that are in training and in another split of these pictures."""
        named = self.groups != ""
        is_train = (dataset.table["split"] == "train").to_numpy()
        return len({*self.groups[named & is_train]} & {*self.groups[named & ~is_train]})

    def in_words(self) -> str:
        """Return what was found, and both accuracies where they differ."""
        sizes, found, carrier = self.sizes, self.likeness, carrier_of(self.expression)
        words = (
            f"{carrier[0].upper()}{carrier[1:]} {len(sizes):,} series "
            f"({listed(sizes.index, _SHOWN)}): "
            f"{percent(found.share, 0)} of the pictures resemble a picture of their own series "
            f"most, {percent(found.chance, 0)} by chance."
        )
        if not self.inflates:
            return words
        return f"{words} {self.figures_in_words()}"

    def figures_in_words(self) -> str:
        """Return both accuracies as a sentence, "" where there are none."""
        if self.accuracies is None:
            return ""
        words = (
            f"A linear classifier of {self.measured_on} is right for "
            f"{percent(self.accuracies.at_random)} on folds at random, and for "
            f"{percent(self.accuracies.grouped)} on folds of whole series"
        )
        return f"{words}, which is what a new series would get." if self.inflates else f"{words}."

    def effect(self, dataset: Dataset) -> str:
        """Return what the expression would change in the split of these pictures.

        Args:
            dataset: The pictures; where they have no validation split, one of 20 % is made.
        """
        try:
            random = dataset.split(_SHARE, groups=np.arange(len(dataset)))
            torn, count = self.torn(random), len(self.sizes)
            if not torn:
                return "The given splits keep them apart."
            words = f"{torn:,} of the {count:,} series are in training and in another split"
            if "validation" in dataset.split_sizes():
                return f"{words}."
            whole = dataset.with_columns({GROUP: self.groups}).split(_SHARE)
        except DataError as error:
            return f"Such series cannot be kept in one split. {error.fact}"
        held = (whole.table["split"] == "validation").to_numpy()
        return (
            f"In a split at random, {words}; with whole series, {held.sum():,} pictures of "
            f"{len(set(self.groups[held]) - {''}):,} series would validate."
        )

    def finding(self, dataset: Dataset) -> Finding:
        """Report the series: a warning where it makes the accuracy of these pictures too high."""
        is_apart = "validation" in dataset.split_sizes() and not self.torn(dataset)
        return Finding(
            "unnamed series",
            Severity.WARNING if self.inflates and not is_apart else Severity.INFO,
            f"{self.in_words()} {self.effect(dataset)}",
            f"split or train with {self.option}",
            classes=tuple(self.sizes.index),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the series as JSON; see docs/formats.md."""
        figures = self.accuracies
        return {
            "group_from": self.expression,
            "count": len(self.sizes),
            "nearest_of_series": self.likeness.share,
            "by_chance": self.likeness.chance,
            "accuracy_at_random": figures.at_random if figures else None,
            "accuracy_grouped": figures.grouped if figures else None,
            "differs": self.inflates,
            "folds": figures.folds if figures else None,
            "measured_on": self.measured_on,
        }
