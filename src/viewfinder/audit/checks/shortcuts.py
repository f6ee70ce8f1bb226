"""Properties that should not matter, such as brightness, and tell the class all the same."""

from collections.abc import Iterator

import numpy as np

from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.measurements import Measurements
from viewfinder.audit.shortcuts import find_shortcuts, shortcut_properties
from viewfinder.data.dataset import Dataset

# Of the errors of naming the most common class, the share that a property surely corrects.
_NOTED, _WARNED = 1 / 3, 2 / 3


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
                f"The {found.name} alone tells the class of {found.accuracy.value:.0%} of the "
                f"pictures; naming the most common class is right for {found.majority.value:.0%}.",
                f"a model may learn the {found.name} in place of the subject: collect pictures "
                "that do not differ in it, or evaluate on such pictures",
                classes=dataset.classes,
            )
