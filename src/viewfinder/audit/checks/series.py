"""Series that file names carry and that nobody named as groups."""

from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.series import Series
from viewfinder.data.dataset import Dataset


def unnamed_series(dataset: Dataset, series: Series | None) -> list[Finding]:
    """Report a series: a warning where it makes the accuracy too high."""
    if series is None:
        return []
    is_apart = "validation" in dataset.split_sizes() and not series.torn(dataset)
    return [
        Finding(
            "unnamed series",
            Severity.WARNING if series.inflates and not is_apart else Severity.INFO,
            f"{series.in_words()} {series.effect(dataset)}",
            f"split or train with {series.option}",
            classes=tuple(series.sizes.index),
        )
    ]
