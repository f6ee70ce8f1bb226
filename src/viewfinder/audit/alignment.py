"""Is one picture cut out of another? The one is moved and scaled onto the other, then compared.

The transform is found by maximising the enhanced correlation coefficient (G. D. Evangelidis and
E. Z. Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization",
IEEE TPAMI 2008; OpenCV's `findTransformECC`).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.audit.hashes import SIDE

Thumbnail = NDArray[np.uint8]
Matrix = NDArray[np.float32]

# A crop of up to 10 % on each side overlaps by more than this.
_LEAST_OVERLAP = 0.6
_STEPS: Any = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
# Less than this is no crop: what then differs has moved inside the picture.
_LEAST_MOVE = 0.4
_SCALES = (0.8, 1.25)
_TURN = 0.02
_GAUSS = 3
_CORNERS = np.array([[0, 0, 1], [SIDE - 1, 0, 1], [0, SIDE - 1, 1]], np.float32).T


class Fit(NamedTuple):
    """How well one picture lies on the other once it is moved.

    Attributes:
        overall: Root mean square of the levels' difference, where they overlap.
        local: The largest difference of a patch of 3 × 3 pixels.
    """

    overall: float
    local: float


NO_FIT = Fit(255.0, 255.0)


def fit(one: Thumbnail, other: Thumbnail) -> Fit:
    """The best fit of two gray thumbnails, uint8, shape `(32, 32)`, that are parts of each other.

    Returns:
        `NO_FIT` where no transform is found, or one that leaves the picture where it is.
    """
    best = NO_FIT
    for start in _starts():
        try:
            _, matrix = cv2.findTransformECC(
                one, other, start, cv2.MOTION_AFFINE, _STEPS, None, _GAUSS
            )
        except cv2.error:  # it did not converge
            continue
        best = min(best, _fit(one, other, np.asarray(matrix, np.float32)))
    return best


def _starts() -> Iterator[Matrix]:
    """As they are, and each a tenth larger than the other."""
    for scale in (1.0, 0.9, 1 / 0.9):
        offset = (1 - scale) * (SIDE - 1) / 2
        yield np.array([[scale, 0, offset], [0, scale, offset]], np.float32)


def _fit(one: Thumbnail, other: Thumbnail, matrix: Matrix) -> Fit:
    if not _is_crop(matrix):
        return NO_FIT
    moved = _moved(other.astype(np.float32), matrix, cv2.INTER_LINEAR)
    overlap = _moved(np.full((SIDE, SIDE), 1, np.float32), matrix, cv2.INTER_LINEAR) > 0.999
    if overlap.mean() < _LEAST_OVERLAP:
        return NO_FIT
    apart = np.where(overlap, moved - one, 0)
    overall = float(np.sqrt((apart**2).sum() / overlap.sum()))
    return Fit(overall, float(np.abs(cv2.blur(apart, (3, 3))).max()))


def _is_crop(matrix: Matrix) -> bool:
    """Whether it scales and moves, by more than nothing, without turning or shearing."""
    shear = max(abs(matrix[0, 1]), abs(matrix[1, 0]))
    scales = matrix[0, 0], matrix[1, 1]
    slight = all(_SCALES[0] <= scale <= _SCALES[1] for scale in scales)
    # A part is smaller than the whole both ways, or as wide or as high.
    one_way = all(scale <= 1 + _TURN for scale in scales) or min(scales) >= 1 - _TURN
    move = np.abs(matrix @ _CORNERS - _CORNERS[:2]).max()
    return bool(shear <= _TURN and slight and one_way and move >= _LEAST_MOVE)


def _moved(image: NDArray[np.float32], matrix: Matrix, interpolation: int) -> NDArray[np.float32]:
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=flags), np.float32)
