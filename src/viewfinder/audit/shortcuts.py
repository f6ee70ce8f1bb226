"""Whether a property that should not matter, such as brightness, tells the label by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.measurements import Measurements
from viewfinder.audit.series.accuracy import right_out_of_fold, stratified_folds
from viewfinder.core.pairs import mcnemar_p
from viewfinder.core.shares import Figure, holm, share
from viewfinder.core.words import percent
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.groups import connected
from viewfinder.data.splits.placement import TooFewGroups

# Of the errors of naming the most common class, the share that a property surely corrects.
_NOTED, _WARNED = 1 / 3, 2 / 3
_LEVEL = 0.05
_FOLDS = 5
_MOST = 5000


@dataclass(frozen=True)
class Shortcut:
    """How well one property tells the label, without the pictures.

    Attributes:
        name: The property.
        accuracy: The share of right answers of the linear classifier, cross-validated.
        majority: The share of the commonest class, on the same pictures.
        p: Of McNemar's exact test between both, corrected by Holm's method.
        tells: Whether the property beats the commonest class and `p` is below 0.05.
    """

    name: str
    accuracy: Figure
    majority: Figure
    p: float
    tells: bool

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return {
            "property": self.name,
            "accuracy": self.accuracy.to_json(),
            "majority": self.majority.to_json(),
            "p": self.p,
            "tells": self.tells,
        }


def shortcuts(
    dataset: Dataset, measurements: Measurements, groups: DuplicateGroups
) -> Iterator[Finding]:
    """Yield the properties that alone correct a third of the errors of naming one class, or more.

    Two thirds or more are a warning. The share is taken at the lower end of its 95 % interval, so
    that a small difference between classes, which most datasets have, is no finding.
    """
    rows = np.flatnonzero(measurements.readable & (dataset.labels >= 0))
    properties = shortcut_properties(measurements.of_rows(rows))
    for found in find_shortcuts(dataset.labels[rows], properties, groups.keys()[rows]):
        corrected = (found.accuracy.low - found.majority.value) / (1 - found.majority.value)
        if found.tells and corrected >= _NOTED:
            yield Finding(
                f"shortcut: {found.name}",
                Severity.WARNING if corrected >= _WARNED else Severity.INFO,
                f"The {found.name} alone tells the class of {percent(found.accuracy.value, 0)} of "
                "the pictures; naming the most common class is right for "
                f"{percent(found.majority.value, 0)}.",
                f"a model may learn the {found.name} in place of the subject: collect pictures "
                "that do not differ in it, or evaluate on such pictures",
                classes=dataset.classes,
            )


def find_shortcuts(
    labels: NDArray[np.integer],
    properties: Mapping[str, NDArray[np.float64]],
    groups: NDArray[np.integer],
) -> tuple[Shortcut, ...]:
    """Predict the label from one property at a time, by linear discriminant analysis in five folds.

    The classifier has the squares of the numbers, too, so that a class of one size among others of
    smaller and larger ones is found.
    At most 5,000 evenly spaced pictures are used, of classes with at least five groups.

    Args:
        labels: The classes as indices, shape `(n,)`.
        properties: The numbers of each property, shape `(n, k)`.
        groups: Pictures of the same group, such as duplicates, are in the same fold; shape `(n,)`.

    Returns:
        A result for each property; none where fewer than two classes remain, or where groups span
        classes so that no folds have all classes.
    """
    rows = np.arange(len(labels))[:: -(-len(labels) // _MOST) or 1]
    kinds = [one for one in np.unique(labels) if len(set(groups[rows][labels[rows] == one])) >= 5]
    rows = rows[np.isin(labels[rows], kinds)]
    if len(kinds) < 2:
        return ()
    _, truth = np.unique(labels[rows], return_inverse=True)
    common = truth == np.bincount(truth).argmax()
    try:
        folds = stratified_folds(truth, connected(groups[rows]), _FOLDS)
    except TooFewGroups:
        return ()
    rights = [
        right_out_of_fold(_with_squares(values[rows]), truth, folds)
        for values in properties.values()
    ]
    p_values = holm(
        [mcnemar_p(int((hit & ~common).sum()), int((common & ~hit).sum())) for hit in rights]
    )
    majority = share(int(common.sum()), len(rows))
    return tuple(
        Shortcut(
            name,
            share(int(hit.sum()), len(rows)),
            majority,
            p,
            p < _LEVEL and int(hit.sum()) > int(common.sum()),
        )
        for name, hit, p in zip(properties, rights, p_values, strict=True)
    )


def shortcut_properties(measurements: Measurements) -> dict[str, NDArray[np.float64]]:
    """Return the numbers of brightness, size, shape, blur and background of measured pictures.

    The background is the frame of the picture, a quarter of its width and height in all: the mean
    and the standard deviation of its levels, and its mean colour (Cr, Cb).
    """
    table = measurements.table
    size = np.log(table[["width", "height"]].clip(lower=1).to_numpy(np.float64))
    frame = _frame(measurements.thumbnails)
    tints = _frame(measurements.tints)
    return {
        "brightness": table[["brightness"]].to_numpy(np.float64),
        "size": size,
        "shape": size[:, :1] - size[:, 1:],
        "blur": np.log(table[["sharpness"]].to_numpy(np.float64) + 0.01),
        "background": np.column_stack(
            [frame.mean(axis=1), frame.std(axis=1), tints.mean(axis=1)]
        ).astype(np.float64),
    }


def _frame(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels in the outer eighth of each side, shape `(n, pixels, …)`."""
    side = images.shape[1]
    inner = slice(side // 8, side - side // 8)
    mask = np.ones((side, side), np.bool_)
    mask[inner, inner] = False
    return images[:, mask]


def _with_squares(values: NDArray[np.float64]) -> NDArray[np.float32]:
    deviation = np.maximum(values.std(axis=0), 1e-9)
    scaled = (values - values.mean(axis=0)) / deviation
    return np.hstack([scaled, scaled**2]).astype(np.float32)
