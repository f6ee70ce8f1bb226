"""The audit from top to bottom: measure every picture once, group what is alike, ask the checks."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.checks.classes import balance
from viewfinder.audit.checks.copies import copies
from viewfinder.audit.checks.files import reading
from viewfinder.audit.checks.labels import doubtful_labels, outliers
from viewfinder.audit.checks.looks import looks
from viewfinder.audit.duplicates import DuplicateGroups, duplicate_groups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.measurements import Measurements, survey
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset

_DESCRIBED = ("status", "detail", "width", "height", "content")


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found in a dataset.

    Attributes:
        dataset: The pictures, with what reading them has shown.
        measurements: What was measured, a row a picture.
        groups: Which pictures are the same, and which nearly.
        findings: The worst first.
    """

    dataset: Dataset
    measurements: Measurements
    groups: DuplicateGroups
    findings: tuple[Finding, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row a finding: check, severity, count, what was found, what to do."""
        columns = {
            "check": [one.check for one in self.findings],
            "severity": [one.severity.value for one in self.findings],
            "count": [one.count for one in self.findings],
            "sentence": [one.sentence for one in self.findings],
            "remedy": [one.remedy for one in self.findings],
        }
        return pd.DataFrame(columns)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each severity."""
        found = Counter(one.severity for one in self.findings)
        return {severity.value: found[severity] for severity in Severity}

    def reaches(self, severity: Severity) -> bool:
        """Whether any finding is as bad as this, or worse."""
        return any(one.severity.rank <= severity.rank for one in self.findings)

    def __getitem__(self, check: str) -> Finding:
        """The finding of this check; `KeyError` if there is none."""
        for one in self.findings:
            if one.check == check:
                return one
        raise KeyError(check)

    def __contains__(self, check: object) -> bool:
        return any(one.check == check for one in self.findings)

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False))

    def to_json(self) -> dict[str, Any]:
        """The document that `viewfinder audit --json` prints; see docs/formats.md."""
        return {
            "schema": 1,
            "source": str(self.dataset.source),
            "classes": list(self.dataset.classes),
            "pictures": len(self.dataset),
            "readable": int(self.measurements.readable.sum()),
            "counts": self.counts,
            "findings": [one.to_json() for one in self.findings],
        }


def audit(
    dataset: Dataset,
    *,
    probabilities: NDArray[np.floating] | None = None,
    features: NDArray[np.floating] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Look at every picture of a dataset and say what is wrong or odd.

    What was measured is kept in the user's cache: a second audit opens no picture that has not
    changed, and an interrupted one goes on where it was.

    Args:
        dataset: The pictures.
        probabilities: Out-of-fold probabilities, shape `(len(dataset), len(dataset.classes))`, for
            doubtful labels; rows with NaN are passed over.
        features: Vectors, shape `(len(dataset), d)`, for outliers; rows with NaN are passed over.
        workers: Threads that decode; by default one a core.
        progress: Shows how far it is.

    Raises:
        OutputError: The cache cannot be written.
        UsageError: An array has the wrong shape, or cleanlab is needed and not installed.
    """
    measurements = survey(dataset, workers=workers, progress=progress)
    groups = duplicate_groups(measurements)
    table = measurements.table.assign(
        label=dataset.table["label"].array, split=dataset.table["split"].array
    )
    findings = [
        *reading(table),
        *copies(table, groups),
        *balance(table, dataset.classes),
        *looks(table),
    ]
    if probabilities is not None:
        given = np.asarray(probabilities, np.float64)
        findings += doubtful_labels(table, dataset.classes, given)
    if features is not None:
        findings += outliers(table, np.asarray(features, np.float64))
    findings.sort(key=lambda one: one.severity.rank)
    described = dataset.with_columns({name: table[name].array for name in _DESCRIBED})
    return Audit(described, measurements, groups, tuple(findings))
