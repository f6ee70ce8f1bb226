"""Pictures for explanations, and the message for one that cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, RejectedPicture, UsageError
from viewfinder.pictures.codecs.magic import READABLE
from viewfinder.pictures.given import Picture, name_of, source_of
from viewfinder.pictures.prepare import before_resizing, prepare
from viewfinder.pictures.preprocessing import Color, Preprocessing

Pixels = NDArray[np.uint8]
# No picture is this large, so that none is decoded at a smaller size.
_WHOLE = (1 << 30, 1 << 30)


def require_classifier(classifier: object) -> None:
    """Raise `UsageError` for a network alone, such as a `keras.Model`."""
    if not hasattr(classifier, "preprocessing"):
        raise UsageError(
            "A model alone does not say how its pixels were scaled and what its classes are.",
            expected="a classifier, as vf.load returns it",
            received=type(classifier).__name__,
            remedy='model.save("mine.keras"), then vf.load("mine.keras", '
            'class_names="cats,dogs", preprocessing="0-1")',
        )


def whole_pixels(picture: Picture, preprocessing: Preprocessing, index: int = 0) -> Pixels:
    """Return a picture as the preprocessing has it before it is resized.

    Raises:
        DataError: The picture cannot be read.
    """
    with _named(picture, index):
        return before_resizing(source_of(picture), preprocessing, at_least=_WHOLE).pixels


def input_pixels(picture: Picture, preprocessing: Preprocessing, index: int = 0) -> Pixels:
    """Return a picture as a model's input.

    Raises:
        DataError: The picture cannot be read.
    """
    with _named(picture, index):
        return prepare(source_of(picture), preprocessing).pixels


def plain_pixels(picture: Picture, color: Color = "rgb") -> Pixels:
    """Return a picture at its own size: (height, width, 3), or (height, width, 1) in gray.

    Raises:
        DataError: The picture cannot be read.
    """
    return whole_pixels(picture, Preprocessing(height=1, width=1, color=color))


@contextmanager
def _named(picture: Picture, index: int) -> Iterator[None]:
    try:
        yield
    except RejectedPicture as rejection:
        raise DataError(
            f"The picture {name_of(picture, index)} cannot be read.",
            expected=f"a file of {READABLE}",
            received=f"{rejection.reason}: {rejection.detail}",
            remedy=rejection.remedy,
        ) from rejection
