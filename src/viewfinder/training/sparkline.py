"""A curve on one line of text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN = "_.-:=+*#"
_BROKEN = "!"


def sparkline(
    values: Sequence[float],
    width: int,
    bounds: tuple[float, float] | None = None,
    *,
    plain: bool = False,
) -> str:
    """The values from left to right, each as a block of its height.

    Args:
        values: The curve; what is no number becomes "!".
        width: The most characters. Of a longer curve, neighbours are averaged.
        bounds: What the lowest and the highest block stand for; by default the curve's own.
        plain: Whether to use ASCII only.
    """
    curve = np.asarray(values, np.float64)
    finite = curve[np.isfinite(curve)]
    if not len(curve) or width < 1:
        return ""
    if bounds is None:
        bounds = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    low, high = bounds
    signs = _PLAIN if plain else _BLOCKS
    shares = (
        (_shrunk(curve, width) - low) / (high - low) if high > low else 0 * _shrunk(curve, width)
    )
    places = np.clip(np.nan_to_num(shares, nan=0.0) * len(signs), 0, len(signs) - 1).astype(int)
    return "".join(
        signs[place] if np.isfinite(share) else _BROKEN
        for place, share in zip(places, shares, strict=True)
    )


def _shrunk(curve: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    if len(curve) <= width:
        return curve
    return np.array([part.mean() for part in np.array_split(curve, width)])
