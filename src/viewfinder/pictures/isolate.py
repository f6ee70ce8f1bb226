"""A subject cut out of its scene, so that no model can learn the scene in its place.

GrabCut (C. Rother, V. Kolmogorov and A. Blake, "GrabCut", ACM SIGGRAPH 2004; OpenCV's) tells two
mixtures of colours apart, with as short an edge between them as they allow. Nobody draws it a box
here: what a photographer pictures stands near the middle, and what touches the frame is scene.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.pictures.codecs.types import Background, Pixels
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import levels, resize

# Long side of the copy on which the edge is sought: GrabCut's taste for short edges makes it lose
# thin subjects in smaller copies, and its time grows with the area.
_SIDE = 128
# Shares of the sides: a frame that is scene; margins within which a subject is likely; and the
# middle, which the first passes take for subject, so that the colours of a dark subject before a
# dark scene are learnt.
_FRAME = 1 / 25
_MARGIN = 1 / 6
_MIDDLE = (1 / 4, 1 / 8)
_PASSES_WITH_MIDDLE, _PASSES_WITHOUT = 2, 1
# How many levels a colour may be off, as JPEG leaves it, and the share of the frame that is enough.
_SAME_COLOR, _MOST_OF_FRAME = 8, 3 / 4
# Of a subject that is found. Less is a glint, and more is all of it.
_LEAST, _MOST = 0.05, 0.8


def isolate(pixels: Pixels, background: Background) -> Pixels:
    """Put a plain background in place of the scene behind the subject of a picture.

    The same pixels give the same result, in any thread.

    Args:
        pixels: uint8, shape `(height, width, channels)`, channels 3 or 1.
        background: What takes the scene's place, as (red, green, blue), 0 to 255.

    Returns:
        uint8, of the shape of `pixels`; the input itself where nothing is to be cut off: where
        three quarters of its frame already have the colour of `background`. And where no subject
        is found: where that is less than a twentieth or more than four fifths of the picture.
    """
    small = _small_copy(pixels)
    if _stands_before(background, small):
        return pixels
    subject = _subject(small)
    if not _LEAST <= subject.mean() <= _MOST:
        return pixels
    height, width, channels = pixels.shape
    share = cv2.resize(subject.astype(np.uint8) * 255, (width, height))
    plain = np.array(levels(background, channels), np.uint8)
    isolated = pixels.copy()
    isolated[share == 0] = plain
    # Only the edge is mixed: floats for all of a large picture would take eight times its memory.
    edge = (share > 0) & (share < 255)
    of_subject = share[edge][:, None] / 255
    isolated[edge] = np.rint(pixels[edge] * of_subject + plain * (1 - of_subject))
    return isolated


def _stands_before(background: Background, small: Pixels) -> bool:
    """Whether a picture has this background already: a second cut would only take of the subject.

    White horses are the reason: GrabCut takes them for a part of white paper.
    """
    distance = np.abs(small[_frame(small)].astype(int) - levels(background, small.shape[2]))
    return bool((distance.max(axis=1) <= _SAME_COLOR).mean() >= _MOST_OF_FRAME)


def _subject(small: Pixels) -> NDArray[np.bool_]:
    """Where the subject of a small picture is, bool, of its height and width."""
    height, width, channels = small.shape
    if channels == 1:
        small = np.repeat(small, 3, axis=2)
    guess = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    guess[_inner(height, _FRAME), _inner(width, _MARGIN)] = cv2.GC_PR_FGD
    guess[_frame(small)] = cv2.GC_BGD
    tall, wide = _MIDDLE
    middle = _inner(height, (1 - tall) / 2), _inner(width, (1 - wide) / 2)
    guess[middle] = cv2.GC_FGD
    mixtures = np.zeros((1, 65)), np.zeros((1, 65))  # of the scene's colours and the subject's
    cv2.setRNGSeed(0)  # this thread's: GrabCut draws where its mixtures begin
    cv2.grabCut(small, guess, None, *mixtures, _PASSES_WITH_MIDDLE, cv2.GC_INIT_WITH_MASK)
    guess[middle] = cv2.GC_PR_FGD
    cv2.grabCut(small, guess, None, *mixtures, _PASSES_WITHOUT, cv2.GC_EVAL)
    found: NDArray[np.bool_] = guess == cv2.GC_PR_FGD
    return found


def _small_copy(pixels: Pixels) -> Pixels:
    """A copy whose long side is `_SIDE`."""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    rows, columns = (max(8, round(side * scale)) for side in (height, width))
    return resize(pixels, Preprocessing(height=rows, width=columns))


def _frame(small: Pixels) -> NDArray[np.bool_]:
    """Which pixels are of the frame, bool, (height, width)."""
    height, width = small.shape[:2]
    frame = np.ones((height, width), bool)
    frame[_inner(height, _FRAME), _inner(width, _FRAME)] = False
    return frame


def _inner(side: int, margin: float) -> slice:
    """A side without its margins, which are at least one pixel each."""
    cut = max(1, round(side * margin))
    return slice(cut, side - cut)
