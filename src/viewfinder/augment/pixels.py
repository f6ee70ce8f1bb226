"""The two passes over the pixels: one resampling and one colour map per picture.

OpenCV releases the GIL during both, so threads can share a batch by its slices. The number of
threads inside an OpenCV call is a setting of the whole process, which this module does not change.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.augment.records import Table

Picture = NDArray[np.uint8]
Pictures = NDArray[np.uint8] | Sequence[Picture]

# ImageDataGenerator's names in OpenCV. Its `wrap` repeats the picture less one pixel, as SciPy's
# mode of this name does; here `wrap` repeats all of it.
BORDERS = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
    "constant": cv2.BORDER_CONSTANT,
}


def pixel_maps(motion: Table, sources: NDArray[np.int_], height: int, width: int) -> Table:
    """Return inverse maps from pixel indices of the result to pixel indices of each source.

    Pixels are areas: the picture's left edge is at x = -0.5 and its right edge at width - 0.5 at
    any size, so the final resize maps edges to edges and does not shift the picture.

    Args:
        motion: Inverse maps about the centre, in pixels of the result, shape `(n, 3, 3)`.
        sources: Height and width of each source, shape `(n, 2)`.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        float64, shape `(n, 2, 3)`, as `cv2.warpAffine` takes them with `WARP_INVERSE_MAP`.
    """
    half = np.array([width, height]) / 2
    scale = sources[:, ::-1] / (width, height)
    linear, moved = motion[:, :2, :2], motion[:, :2, 2]
    from_corner = moved + half - (linear @ (half - 0.5))
    maps = np.empty((len(motion), 2, 3))
    maps[:, :, :2] = linear * scale[:, :, None]
    maps[:, :, 2] = from_corner * scale - 0.5
    return maps


def resample(pictures: Pictures, maps: Table, fill: str, level: int, canvas: Picture) -> None:
    """Resample each picture through its map into `canvas` `(n, h, w, C)`.

    Maps that only copy or mirror are applied without resampling, ten times faster.
    """
    border, value = BORDERS[fill], (level,) * 4
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    height, width = canvas.shape[1:3]
    size = (width, height)
    exact = _mirrorings(maps, height, width)
    for source, inverse, steps, target in zip(pictures, maps, exact, canvas, strict=True):
        if steps and source.shape == target.shape:
            np.copyto(target, source[:: steps[1], :: steps[0]])
        else:
            cv2.warpAffine(
                source, inverse, size, target, flags, borderMode=border, borderValue=value
            )


def recolor(canvas: Picture, maps: Table) -> None:
    """Map the colours of `canvas` `(n, h, w, C)` in place, by maps of shape `(n, 4, 4)`.

    A one-channel picture counts as gray, and keeps the first channel of the result.
    """
    if canvas.shape[-1] == 1:
        rows = np.stack([maps[:, :1, :3].sum(axis=2), maps[:, :1, 3]], axis=2)
        identity = np.eye(1, 2)
    else:
        rows, identity = maps[:, :3], np.eye(3, 4)
    changed = (rows != identity).any(axis=(1, 2)).tolist()
    for picture, row, change in zip(canvas, rows, changed, strict=True):
        if change:
            cv2.transform(picture, row, dst=picture)


def _mirrorings(maps: Table, height: int, width: int) -> list[tuple[int, int] | None]:
    """Return the steps (x, y), each 1 or -1, of maps that only copy or mirror; None for others."""
    steps = np.sign(maps[:, [0, 1], [0, 1]])
    last = np.array([width - 1, height - 1])
    pure = np.zeros_like(maps)
    pure[:, [0, 1], [0, 1]] = steps
    pure[:, :, 2] = np.where(steps < 0, last, 0)
    exact = (maps == pure).all(axis=(1, 2)).tolist()
    return [
        (int(x), int(y)) if same else None
        for same, (x, y) in zip(exact, steps.tolist(), strict=True)
    ]
