"""The audit: measure every picture once, group duplicates, run the checks."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.checks.classes import balance
from viewfinder.audit.checks.copies import copies
from viewfinder.audit.checks.files import masks, reading
from viewfinder.audit.checks.labels import doubtful_labels, look_alikes, outliers, weak_groups
from viewfinder.audit.checks.looks import looks
from viewfinder.audit.checks.material import material
from viewfinder.audit.checks.order import order_dependence
from viewfinder.audit.duplicates import DuplicateGroups, duplicate_groups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.measurements import Measurements, survey
from viewfinder.audit.series import Series, find_series
from viewfinder.audit.shortcuts import shortcuts
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import as_dataset
from viewfinder.data.splits.groups import GROUP

_DESCRIBED = ("status", "detail", "width", "height", "content")


@dataclass(frozen=True, eq=False)
class Audit:
    """The findings in a dataset.

    Attributes:
        dataset: The pictures, with `status`, `detail`, `width`, `height` and `content`.
        measurements: A row of figures per picture.
        groups: The exact and near duplicates.
        findings: The findings, most severe first.
        has_probabilities: Whether labels were checked.
        series: The series that file names carry, or None.
    """

    dataset: Dataset
    measurements: Measurements
    groups: DuplicateGroups
    findings: tuple[Finding, ...]
    has_probabilities: bool = False
    series: Series | None = None

    @cached_property
    def readable(self) -> Dataset:
        """The readable pictures, with `width` and `height`."""
        return self.dataset.where(self.measurements.readable)

    @property
    def table(self) -> pd.DataFrame:
        """A row per finding: check, severity, count, sentence and remedy."""
        columns = ("check", "severity", "count", "sentence", "remedy")
        rows = [[getattr(finding, name) for name in columns] for finding in self.findings]
        return pd.DataFrame(rows, columns=columns).astype({"severity": str})

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of findings of each severity."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity.value: found[severity] for severity in Severity}

    def reaches(self, severity: Severity) -> bool:
        """Whether any finding is of this severity or a higher one."""
        return any(finding.severity.rank <= severity.rank for finding in self.findings)

    def __getitem__(self, check: str) -> Finding:
        """Return the finding of this check; `KeyError` if there is none."""
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise KeyError(check)

    def __contains__(self, check: object) -> bool:
        return any(finding.check == check for finding in self.findings)

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False))

    def to_json(self) -> dict[str, Any]:
        """Return the document of `viewfinder audit --json`; see docs/formats.md."""
        return {
            "schema": 1,
            "source": str(self.dataset.source),
            "classes": list(self.dataset.classes),
            "pictures": len(self.dataset),
            "readable": len(self.readable),
            "per_class": self.readable.table["label"].value_counts().to_dict(),
            "counts": self.counts,
            "series": self.series.to_json() if self.series else None,
            "findings": [finding.to_json() for finding in self.findings],
        }


def audit(
    dataset: Dataset | str | PathLike[str],
    *,
    probabilities: NDArray[np.floating] | None = None,
    features: NDArray[np.floating] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Find faults and oddities in a dataset.

    Measurements are stored in the user's cache: a second audit opens changed pictures only, and an
    interrupted audit resumes.

    Args:
        dataset: The pictures, or their path.
        probabilities: Out-of-fold probabilities, shape `(len(dataset), len(dataset.classes))`, to
            find doubtful labels; rows with NaN are skipped.
        features: Vectors, shape `(len(dataset), d)`, to find outliers, look-alikes and (with
            probabilities) weak groups, and to measure how much a series raises the accuracy; rows
            with NaN are skipped.
        workers: Threads that decode; by default one per core.
        progress: Shows the reading.

    Raises:
        OutputError: The cache cannot be written.
        UsageError: An array has the wrong shape.
    """
    dataset = as_dataset(dataset)
    measurements = survey(dataset, workers=workers, progress=progress)
    groups = duplicate_groups(measurements)
    table = measurements.table.assign(
        label=dataset.table["label"].array, split=dataset.table["split"].array
    )
    series = find_series(dataset, measurements, features)
    findings = [
        *reading(table),
        *masks(dataset),
        *copies(table, groups),
        *balance(table, dataset.classes),
        *looks(table),
        *material(table, groups),
        *([series.finding(dataset)] if series else []),
        *shortcuts(dataset, measurements, groups),
    ]
    if series is None and GROUP not in dataset.table:
        findings += order_dependence(dataset, measurements, groups, features)
    vectors = None if features is None else np.asarray(features, np.float64)
    if probabilities is not None:
        given = np.asarray(probabilities, np.float64)
        doubts = doubtful_labels(table, dataset.classes, given, features=vectors)
        findings += doubts
        if vectors is not None:
            wrong = [path for one in doubts if one.check == "doubtful label" for path in one.paths]
            findings += weak_groups(table, dataset.classes, given, vectors, wrong)
    if vectors is not None:
        findings += [*outliers(table, vectors), *look_alikes(table, vectors, groups)]
    findings.sort(key=lambda finding: finding.severity.rank)
    described = dataset.with_columns({name: table[name].array for name in _DESCRIBED})
    has_probabilities = probabilities is not None
    return Audit(described, measurements, groups, tuple(findings), has_probabilities, series)
