"""Split-conformal prediction: levels fitted on pictures that trained nothing, and their test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier.sets import Method, PredictionSets, needed_levels
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.shares import Figure, Jsonable, share
from viewfinder.evaluation.intervals import table_of

Labels = NDArray[np.integer]
Matrix = NDArray[np.float64]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class SetOptions:
    """How prediction sets are fitted.

    Args:
        coverage: The share of pictures whose set shall have their class, between 0 and 1.
        method: "lac" gives the smallest sets on average, "aps" larger ones for harder pictures.
        by_class: Fit a level for each class, so that the coverage holds for each.

    Raises:
        UsageError: The coverage is not between 0 and 1.
    """

    coverage: float
    method: Method = "lac"
    by_class: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise UsageError(
                f"`coverage={self.coverage:g}` is not possible.",
                expected="a number between 0 and 1, such as 0.95",
            )

    @property
    def least(self) -> int:
        """The least number of pictures that can fit a level."""
        return int(np.ceil(self.coverage / (1 - self.coverage) - _ROUNDING))


@dataclass(frozen=True)
class SetFigures(Jsonable):
    """The figures of prediction sets on the evaluated pictures.

    Attributes:
        coverage: The share of pictures whose set has their class.
        by_class: This share of each class that has pictures, by name.
        mean_size: The mean number of classes in a set.
        sizes: How many pictures have a set of each size; size 0 is "unknown".
        answered: The share of pictures answered above the reject threshold; None without one.
        error: The share of wrong answers among these.
    """

    coverage: Figure
    by_class: dict[str, Figure]
    mean_size: float
    sizes: dict[int, int]
    answered: Figure | None
    error: Figure | None

    @property
    def table(self) -> pd.DataFrame:
        """A row for each figure: `value`, and the interval from `low` to `high`."""
        of_classes = {f"coverage of {name}": one for name, one in self.by_class.items()}
        sums: dict[str, Figure | None] = {"answered": self.answered, "error": self.error}
        return table_of({"coverage": self.coverage, **of_classes, **sums})


def fit_levels(
    labels: Labels, probabilities: Matrix, options: SetOptions
) -> tuple[float | None, ...]:
    """Return the level of each class at which sets have the requested coverage.

    With n pictures, the level is the ⌈(n + 1) coverage⌉-th smallest of the levels that their true
    classes need. A new picture of the same kind has its class in its set with at least this
    probability, on the mean over draws of the n pictures (V. Vovk, A. Gammerman and G. Shafer,
    "Algorithmic learning in a random world", 2005). APS adds a random share of the true class's
    probability to what it needs, as Romano et al. do and with seed 0, so that sets are smaller.

    Args:
        labels: True classes as indices, shape `(n,)`, of pictures that trained nothing.
        probabilities: Rows that sum to 1, shape `(n, k)`.
        options: Coverage and method.

    Returns:
        k levels; None for a class with fewer than `options.least` pictures: every set has it.

    Raises:
        DataError: There are too few pictures for any level.
    """
    needed = needed_levels(options.method, probabilities)
    rows = np.arange(len(labels))
    scores = needed[rows, labels]
    if options.method == "aps":
        shares = np.random.default_rng(0).random(len(labels))
        scores = scores + shares * probabilities[rows, labels]
    classes = probabilities.shape[1]
    if options.by_class:
        found = [conformal_level(scores[labels == at], options.coverage) for at in range(classes)]
    else:
        found = [conformal_level(scores, options.coverage)] * classes
    if all(level is None for level in found):
        of_class = " of a class" if options.by_class else ""
        counts = np.bincount(labels, minlength=classes)
        raise DataError(
            f"There are too few pictures for sets with a coverage of {options.coverage:g}.",
            expected=f"at least {options.least:,} validation pictures{of_class}",
            received=f"{counts.max() if options.by_class else len(labels):,}",
            remedy="a lower `coverage`, or a run with a larger validation split",
        )
    return tuple(found)


def conformal_level(scores: NDArray[np.float64], coverage: float) -> float | None:
    """Return the ⌈(n + 1) coverage⌉-th smallest of n scores; None where there are fewer."""
    rank = int(np.ceil((len(scores) + 1) * coverage - _ROUNDING))
    return None if rank > len(scores) else float(np.partition(scores, rank - 1)[rank - 1])


def measure_sets(
    sets: PredictionSets, labels: Labels, probabilities: Matrix, classes: Sequence[str]
) -> SetFigures:
    """Measure coverage, sizes and the error among answered pictures.

    Args:
        sets: Levels and threshold, fitted on other pictures.
        labels: True classes as indices, shape `(n,)`, n at least 1.
        probabilities: Rows that sum to 1, shape `(n, k)`.
        classes: The k class names.
    """
    inside = sets.contains(probabilities)
    covered = inside[np.arange(len(labels)), labels]
    size = inside.sum(axis=1)
    sizes, counts = np.unique(size, return_counts=True)
    answered = error = None
    if sets.reject:
        is_answered = probabilities.max(axis=1) > sets.reject.above
        wrong = is_answered & (probabilities.argmax(axis=1) != labels)
        answered = share(int(is_answered.sum()), len(labels))
        error = share(int(wrong.sum()), int(is_answered.sum()))
    return SetFigures(
        coverage=share(int(covered.sum()), len(labels)),
        by_class={
            name: share(int(covered[labels == at].sum()), int((labels == at).sum()))
            for at, name in enumerate(classes)
            if (labels == at).any()
        },
        mean_size=float(size.mean()),
        sizes={int(one): int(count) for one, count in zip(sizes, counts, strict=True)},
        answered=answered,
        error=error,
    )
