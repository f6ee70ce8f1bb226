"""The accuracy on the same pictures after they are rotated, blurred, made noisy, and so on."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.augment.batches import Pictures
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.core.shares import Figure, Jsonable, share

Pixels = NDArray[np.uint8]

_BATCH = 64
_MOST = 500


@dataclass(frozen=True)
class Changed(Jsonable):
    """The result on the pictures after one change of one strength.

    Attributes:
        change: "rotated", "blurred", "noisy", "recompressed" or "darker".
        strength: 1 to 5.
        amount: The strength in its unit, such as "10°".
        accuracy: The share of right answers.
        lost: The number of pictures that are answered rightly only without the change.
    """

    change: str
    strength: int
    amount: str
    accuracy: Figure
    lost: int


@dataclass(frozen=True)
class Robustness(Jsonable):
    """The accuracy on pictures as they are, and after each change.

    Attributes:
        count: The number of pictures.
        unchanged: The accuracy without a change.
        changed: A result for each change and strength.
    """

    count: int
    unchanged: Figure
    changed: tuple[Changed, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each change and strength; strength 0 is without a change."""
        rows = [("none", 0, "", *self.unchanged, 0)]
        rows += [
            (one.change, one.strength, one.amount, *one.accuracy, one.lost) for one in self.changed
        ]
        columns = ["change", "strength", "amount", "accuracy", "low", "high", "lost"]
        return pd.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


def rotated(pixels: Pixels, degrees: float, number: int) -> Pixels:
    """Rotate about the centre, every second picture clockwise; the edges are mirrored."""
    height, width = pixels.shape[:2]
    angle = degrees if number % 2 else -degrees
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    return np.asarray(
        cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def blurred(pixels: Pixels, share: float, number: int) -> Pixels:
    """Blur by a Gaussian whose sigma is a share of the shorter side, in percent."""
    del number
    sigma = share / 100 * min(pixels.shape[:2])
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def noisy(pixels: Pixels, deviation: float, number: int) -> Pixels:
    """Add Gaussian noise of this standard deviation in levels; the picture's number seeds it."""
    noise = np.random.default_rng(number).normal(0, deviation, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def recompressed(pixels: Pixels, quality: float, number: int) -> Pixels:
    """Encode as JPEG of this quality, and decode."""
    del number
    reversed_channels = np.ascontiguousarray(pixels[:, :, ::-1])  # OpenCV's order is blue to red
    _, data = cv2.imencode(".jpg", reversed_channels, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
    return np.asarray(decoded.reshape(pixels.shape)[:, :, ::-1])


def darker(pixels: Pixels, percent: float, number: int) -> Pixels:
    """Multiply the levels by this percentage."""
    del number
    return np.asarray(np.rint(pixels * (percent / 100)), np.uint8)


# Each change with its strengths, and how these are written.
CHANGES: dict[str, tuple[Callable[[Pixels, float, int], Pixels], tuple[float, ...], str]] = {
    "rotated": (rotated, (5, 10, 20, 30, 45), "{:g}°"),
    "blurred": (blurred, (0.5, 1, 1.5, 2, 3), "sigma {:g} % of the side"),
    "noisy": (noisy, (5, 10, 20, 30, 50), "sigma {:g} levels"),
    "recompressed": (recompressed, (50, 30, 20, 10, 5), "JPEG quality {:g}"),
    "darker": (darker, (80, 60, 40, 30, 20), "{:g} % of the light"),
}


def measure_robustness(
    predict: Callable[[Pixels], NDArray[np.float64]],
    pictures: Pictures,
    labels: NDArray[np.integer],
    progress: Progress | None = None,
) -> Robustness:
    """Evaluate a classifier on the same pictures after five changes of five strengths each.

    Pictures are changed as the model receives them. At most 500 evenly spaced ones are used.

    Args:
        predict: Returns probabilities, `(n, classes)`, for uint8 `(n, height, width, channels)`.
        pictures: The prepared pictures.
        labels: Their classes as indices, shape `(n,)`.
        progress: Shows the evaluation.
    """
    rows = np.arange(len(pictures))[:: -(-len(pictures) // _MOST)]
    batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
    parts = []
    tracked = (progress or Progress(0)).track(
        batches, "Evaluating changed pictures (batches)", len(batches)
    )
    for batch in tracked:
        images, kept = pictures.read(batch)
        if len(images):
            numbers = batch[kept]
            answers = [predict(some).argmax(axis=1) for some in _versions(images, numbers)]
            parts.append(np.stack(answers) == labels[numbers])
    right = np.concatenate(parts, axis=1)
    count = right.shape[1]
    named = [
        (change, strength, form.format(amount))
        for change, (_, amounts, form) in CHANGES.items()
        for strength, amount in enumerate(amounts, start=1)
    ]
    changed = [
        Changed(*names, share(int(row.sum()), count), int((right[0] & ~row).sum()))
        for names, row in zip(named, right[1:], strict=True)
    ]
    return Robustness(count, share(int(right[0].sum()), count), tuple(changed))


def _versions(images: Pixels, numbers: NDArray[np.integer]) -> list[Pixels]:
    """Return a batch unchanged, then after each change and strength."""

    def all_of(change: tuple[Callable[[Pixels, float, int], Pixels], float]) -> Pixels:
        function, amount = change
        versions = [
            function(one, amount, int(number)) for one, number in zip(images, numbers, strict=True)
        ]
        # OpenCV drops the axis of a single channel.
        return np.stack(versions).reshape(images.shape)

    changes = [
        (function, amount) for function, amounts, _ in CHANGES.values() for amount in amounts
    ]
    return [images, *map_ahead(all_of, changes, workers=cores())]
