"""Detection of crops: align one picture with another by shift and scale, then compare them.

The transform maximises the enhanced correlation coefficient (G. D. Evangelidis and E. Z. Psarakis,
"Parametric image alignment using enhanced correlation coefficient maximization", IEEE TPAMI 2008;
OpenCV's `findTransformECC`).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.audit.hashes import SIDE

Thumbnail = NDArray[np.uint8]
Matrix = NDArray[np.float32]

# A crop of up to 10 % on each side overlaps more.
_LEAST_OVERLAP = 0.6
_STEPS: Any = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
# A smaller shift is not a crop: a difference then comes from motion inside the picture.
_LEAST_MOVE = 0.4
_SCALES = (0.8, 1.25)
_TURN = 0.02
_GAUSS = 3
_CORNERS = np.array([[0, 0, 1], [SIDE - 1, 0, 1], [0, SIDE - 1, 1]], np.float32).T


class Fit(NamedTuple):
    """The differences of two aligned pictures, in levels.

    Attributes:
        overall: The root mean square difference where they overlap.
        local: The largest mean difference of a patch of 3 × 3 pixels.
    """

    overall: float
    local: float


NO_FIT = Fit(255.0, 255.0)


def fit(first: Thumbnail, second: Thumbnail) -> Fit:
    """Return the best fit of two gray thumbnails, uint8, shape `(32, 32)`, as crops of each other.

    Returns:
        `NO_FIT` where the alignment finds no transform, or nearly the identity.
    """
    best = NO_FIT
    for start in _starts():
        try:
            _, matrix = cv2.findTransformECC(
                first, second, start, cv2.MOTION_AFFINE, _STEPS, None, _GAUSS
            )
        except cv2.error:  # it did not converge
            continue
        best = min(best, _fit(first, second, np.asarray(matrix, np.float32)))
    return best


def _starts() -> Iterator[Matrix]:
    """Yield the starting transforms: the identity, and either picture enlarged by a tenth."""
    for scale in (1.0, 0.9, 1 / 0.9):
        offset = (1 - scale) * (SIDE - 1) / 2
        yield np.array([[scale, 0, offset], [0, scale, offset]], np.float32)


def _fit(first: Thumbnail, second: Thumbnail, matrix: Matrix) -> Fit:
    if not _is_crop(matrix):
        return NO_FIT
    moved = _moved(second.astype(np.float32), matrix)
    overlap = _moved(np.ones((SIDE, SIDE), np.float32), matrix) > 0.999
    if overlap.mean() < _LEAST_OVERLAP:
        return NO_FIT
    difference = np.where(overlap, moved - first, 0)
    overall = float(np.sqrt((difference**2).sum() / overlap.sum()))
    return Fit(overall, float(np.abs(cv2.blur(difference, (3, 3))).max()))


def _is_crop(matrix: Matrix) -> bool:
    """Whether a transform scales or shifts noticeably, without rotation or shear."""
    shear = max(abs(matrix[0, 1]), abs(matrix[1, 0]))
    scales = matrix[0, 0], matrix[1, 1]
    slight = all(_SCALES[0] <= scale <= _SCALES[1] for scale in scales)
    # A crop is smaller than the whole in both directions, or equal in one.
    one_way = all(scale <= 1 + _TURN for scale in scales) or min(scales) >= 1 - _TURN
    move = np.abs(matrix @ _CORNERS - _CORNERS[:2]).max()
    return bool(shear <= _TURN and slight and one_way and move >= _LEAST_MOVE)


def _moved(image: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=flags), np.float32)
