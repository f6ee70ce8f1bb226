"""Verifying a bundle: its hashes, its golden pictures in every format, its signature."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.classifier.bundle import Bundle, Golden, is_bundle, unsound
from viewfinder.classifier.files import EXPORT, MODEL
from viewfinder.core.errors import RejectedPicture, RunError, UsageError
from viewfinder.delivery.bundle.signature import require_signature
from viewfinder.models.opening import load
from viewfinder.pictures.prepare import prepare

# The largest difference of a probability from the expected one.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Verification:
    """What was found in a bundle whose hashes are right.

    Attributes:
        path: The file.
        pictures: How many golden pictures it has.
        same_pixels: How many of them are prepared as exactly the same pixels.
        differences: The largest difference of a probability from the expected one, by format
            (the member's name); None without golden pictures.
        signed: Whether the signature is by the given key; None where no key was given.
    """

    path: Path
    pictures: int
    same_pixels: int
    differences: dict[str, float | None]
    signed: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return the document of `viewfinder verify --json`; see docs/schemas.py."""
        record = {key: value for key, value in vars(self).items() if key != "path"}
        return {"schema": 1, "bundle": str(self.path), "tolerance": TOLERANCE, **record}


def verify(path: str | Path, *, key: str | Path | None = None) -> Verification:
    """Check a bundle, and predict its golden pictures with every model in it.

    Args:
        path: The bundle.
        key: A public key (PEM, elliptic curve): the bundle must have a signature by its owner.

    Raises:
        RunError: The bundle is damaged or unsafe, a prediction differs from the expected one, or
            there is no signature by this key.
        UsageError: The file is no bundle, or the key cannot be read.
    """
    path = Path(path)
    if not is_bundle(path):
        raise UsageError(
            f"{path} is not a bundle.",
            expected="a file that `viewfinder bundle RUN` has written",
            received=None if os.path.exists(path) else "no such file",  # noqa: PTH110 (names that are too long)
        )
    classifier = load(path)
    bundle = classifier.bundle
    assert bundle is not None
    if key is not None:
        require_signature(bundle, Path(key))
    golden = bundle.golden
    images, same = _prepared(bundle, golden, classifier)
    by_format = {EXPORT: classifier}
    if MODEL in bundle.manifest.members:
        by_format[MODEL] = replace(classifier, network=classifier.model)
    differences = {
        name: _largest(bundle, golden, one, images) if golden.pictures else None
        for name, one in by_format.items()
    }
    return Verification(
        path, len(golden.pictures), same, differences, None if key is None else True
    )


def pixels_hash(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of a prepared picture."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _prepared(bundle: Bundle, golden: Golden, classifier: Classifier) -> tuple[list[Any], int]:
    """Return the golden pictures as the model takes them, and how many have the same pixels."""
    images, same = [], 0
    for picture in golden.pictures:
        try:
            pixels = prepare(bundle.files[picture.file], classifier.preprocessing).pixels
        except KeyError:
            raise unsound(bundle.path, f"no {picture.file}") from None
        except RejectedPicture as error:
            raise unsound(bundle.path, f"{picture.file}: {error.fact}") from error
        same += pixels_hash(pixels) == picture.pixels
        images.append(pixels)
    return images, same


def _largest(
    bundle: Bundle, golden: Golden, classifier: Classifier, images: Sequence[Any]
) -> float:
    """Return the largest difference of a format; raise `RunError` above the tolerance."""
    largest = 0.0
    for picture, row in zip(
        golden.pictures, classifier.probabilities(np.stack(images)), strict=True
    ):
        expected = picture.probabilities
        if set(expected) != set(classifier.classes):
            raise unsound(bundle.path, f"other classes for {picture.file} than the model's")
        found = dict(zip(classifier.classes, map(float, row), strict=True))
        difference = max(abs(found[name] - expected[name]) for name in expected)
        if not difference <= TOLERANCE:
            label = max(found, key=found.__getitem__)
            best = max(expected, key=expected.__getitem__)
            raise RunError(
                f"The bundle {bundle.path} predicts otherwise than when it was written.",
                expected=f"{best} with {expected[best]:.4f} for {picture.file}, within {TOLERANCE}",
                received=f"{label} with {found[label]:.4f}",
                remedy="bundle the run again, here",
            )
        largest = max(largest, difference)
    return largest
