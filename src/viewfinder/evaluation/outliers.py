"""The threshold of outliers, fitted on pictures that trained nothing, and its figures."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier.outliers import nearest_distances, unit_length
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.shares import Figure, Jsonable, share
from viewfinder.evaluation.conformal import SetOptions, conformal_level
from viewfinder.evaluation.intervals import table_of
from viewfinder.evaluation.metrics import area_under_roc

Matrix = NDArray[np.float32]
Scores = NDArray[np.float64]

INSIDE = 0.95
NEIGHBORS = 10


@dataclass(frozen=True)
class OutlierFigures(Jsonable):
    """How pictures are placed by the threshold.

    Attributes:
        unknown: The share of the evaluated pictures that are outliers.
        others: The share of the other pictures, of none of the classes; None without such pictures.
        auroc: How well the score separates both: the probability that it is larger for a picture of
            the others, 0.5 where it separates nothing; None without such pictures.
    """

    unknown: Figure
    others: Figure | None
    auroc: Figure | None

    @property
    def table(self) -> pd.DataFrame:
        """A row for each figure: `value`, and the interval from `low` to `high`."""
        others = {"unknown of the others": self.others, "AUROC": self.auroc}
        return table_of({"unknown": self.unknown, **others})


def references(features: Matrix) -> Matrix:
    """Return training features at length 1.

    Raises:
        DataError: There are too few.
    """
    if len(features) < NEIGHBORS:
        raise DataError(
            "There are too few training pictures for an outlier score.",
            expected=f"at least {NEIGHBORS}",
            received=f"{len(features)}",
        )
    return unit_length(features)


def fit_threshold(features: Matrix, reference: Matrix, inside: float = INSIDE) -> float:
    """Return the distance below which a new picture of the same kind is with this probability.

    It is the ⌈(n + 1) inside⌉-th smallest distance, as for prediction sets.

    Args:
        features: The features of n pictures that trained nothing, shape (n, d).
        reference: What :func:`references` returned, shape (m, d).
        inside: The probability, on the mean over draws of the n pictures.

    Raises:
        UsageError: The probability is not between 0 and 1.
        DataError: There are too few pictures.
    """
    if not 0 < inside < 1:
        raise UsageError(
            f"`inside={inside:g}` is not possible.",
            expected="a number between 0 and 1, such as 0.95",
        )
    level = conformal_level(nearest_distances(features, reference, NEIGHBORS), inside)
    if level is None:
        least = SetOptions(inside).least
        raise DataError(
            f"There are too few pictures for an outlier threshold that keeps {inside:g} of them.",
            expected=f"at least {least:,} validation pictures",
            received=f"{len(features):,}",
            remedy="a run with a larger validation split",
        )
    return max(level, 1e-6)


def measure_outliers(scores: Scores, others: Scores | None = None) -> OutlierFigures:
    """Measure how many pictures are outliers, and how well the score separates others from them.

    Args:
        scores: The evaluated pictures' distances divided by the threshold.
        others: Those of pictures of none of the classes.
    """
    figures = OutlierFigures(share(int((scores > 1).sum()), len(scores)), None, None)
    if others is None:
        return figures
    both = np.concatenate([scores, others])
    is_other = np.arange(len(both)) >= len(scores)
    return OutlierFigures(
        figures.unknown, share(int((others > 1).sum()), len(others)), area_under_roc(is_other, both)
    )
