"""Answer only where the model is sure: the risk-coverage curve, and a threshold with a bound."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier.sets import Reject

# The shares of pictures that may be answered: 1/20, 2/20, … all. Their number corrects the bounds.
_SHARES = 20
_CONFIDENCE = 0.95


def risk_coverage(labels: NDArray[np.integer], probabilities: NDArray[np.float64]) -> pd.DataFrame:
    """Return the error among the pictures answered above each of 20 thresholds.

    The threshold of row j is the confidence of the first picture below the surest j/20, and a
    picture is answered if its confidence is above it. Given this confidence, the answered pictures
    are an independent sample of those above, so that the exact binomial limit (C. J. Clopper and
    E. S. Pearson, Biometrika 26, 1934) holds for it. Each of the 20 has 1 - 0.05/20, so that all
    hold together with 95 % confidence, whichever is chosen (Bonferroni).

    Args:
        labels: True classes as indices, shape `(n,)`, n at least 1.
        probabilities: Rows that sum to 1, shape `(n, k)`.

    Returns:
        `above`, `answered` (share), `count`, `error` and `error_bound`, a row for each different
        threshold that answers a picture, from the fewest to all.
    """
    from scipy import stats

    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    falling = np.sort(confidence)[::-1]
    counts = len(labels) * np.arange(1, _SHARES) // _SHARES
    rows = []
    for above in dict.fromkeys([*falling[counts].tolist(), 0.0]):
        answered = confidence > above
        count, errors = int(answered.sum()), int(wrong[answered].sum())
        if not count:
            continue
        level = 1 - (1 - _CONFIDENCE) / _SHARES
        bound = stats.beta.ppf(level, errors + 1, count - errors) if errors < count else 1.0
        rows.append((above, count / len(labels), count, errors / count, float(bound)))
    return pd.DataFrame(rows, columns=["above", "answered", "count", "error", "error_bound"])


def reject_threshold(
    labels: NDArray[np.integer], probabilities: NDArray[np.float64], most_error: float
) -> Reject | None:
    """Return the threshold that answers the most pictures with a bounded error among them.

    Args:
        labels: True classes as indices, shape `(n,)`, of pictures that trained nothing.
        probabilities: Rows that sum to 1, shape `(n, k)`.
        most_error: The largest allowed upper limit of the error, with 95 % confidence.

    Returns:
        The threshold; None where no threshold has such a limit.
    """
    curve = risk_coverage(labels, probabilities)
    enough = curve[curve["error_bound"] <= most_error]
    if enough.empty:
        return None
    best = enough.iloc[-1]
    return Reject(
        above=float(best["above"]),
        error_bound=float(best["error_bound"]),
        answered=float(best["answered"]),
    )
