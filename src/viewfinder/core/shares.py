"""Figures with their confidence intervals, records of them, and p-values of several tests."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from statistics import NormalDist
from typing import Any, NamedTuple, cast

from viewfinder.core.errors import DataError

NORMAL = NormalDist().inv_cdf(0.975)


class Figure(NamedTuple):
    """A figure with its 95 % interval; NaN where there is nothing to divide by."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any] | None:
        """Return `value` and `interval`, or None for NaN."""
        if math.isnan(self.value):
            return None
        return {"value": self.value, "interval": [self.low, self.high]}


UNKNOWN = Figure(float("nan"), float("nan"), float("nan"))


class Jsonable:
    """A dataclass that `--json` prints, or a file of a run has, with its fields by name."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, in JSON types; docs/schemas.py describes them."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(cast(Any, self))}


def _plain(value: Any) -> Any:
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def share(right: int, count: int) -> Figure:
    """Return a share with Wilson's interval; unknown without pictures."""
    return Figure(right / count, *wilson_interval(right, count)) if count else UNKNOWN


def wilson_interval(right: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a share, given `right` of `count`.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22 (1927), 209-212. Unlike the normal approximation, it
    stays within 0 to 1 and keeps its width when every answer is right.

    Args:
        right: The number of right answers, 0 to `count`.
        count: The number of answers, at least 1.
        confidence: The coverage, between 0 and 1.

    Raises:
        DataError: `right` is not between 0 and `count`, or `count` is not positive.
    """
    if not (count > 0 and 0 <= right <= count):
        raise DataError(
            "A confidence interval needs counts.",
            expected="0 ≤ right ≤ count, with count at least 1",
            received=f"right = {right}, count = {count}",
        )
    square = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    center = right + square / 2
    half = math.sqrt(square * (right * (1 - right / count) + square / 4))
    low, high = (center - half) / (count + square), (center + half) / (count + square)
    return (low if right else 0.0), (high if right < count else 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for multiple testing, in the given order.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979), 65-70.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
