"""Replace the scene behind a picture's subject, so that a model cannot learn from the scene.

GrabCut (C. Rother, V. Kolmogorov and A. Blake, "GrabCut", ACM SIGGRAPH 2004; OpenCV's) separates
two mixtures of colours by a short edge. Instead of a box drawn by hand, it starts from the
assumption that the subject is near the middle, and that the picture's frame is scene.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.pictures.codecs.types import Background, Pixels
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import levels, resize

# Long side of the copy that GrabCut works on. In smaller copies its preference for short edges
# loses thin subjects, and its time grows with the area.
_SIDE = 128
# Shares of the sides: the frame, which is scene; the margins, inside which a subject is likely;
# and the middle, which the first passes take as subject, so that GrabCut learns the colours of a
# dark subject on a dark scene.
_FRAME = 1 / 25
_MARGIN = 1 / 6
_MIDDLE = (1 / 4, 1 / 8)
_PASSES_WITH_MIDDLE, _PASSES_WITHOUT = 2, 1
# A frame has the background's colour if this share of its pixels is within so many levels of it,
# as JPEG changes levels.
_SAME_COLOR, _MOST_OF_FRAME = 8, 3 / 4
# The least and the largest share of the picture that counts as a subject.
_LEAST, _MOST = 0.05, 0.8


def isolate(pixels: Pixels, background: Background) -> Pixels:
    """Replace the scene behind the subject of a picture by a plain background.

    The result depends on the pixels only, in any thread.

    Args:
        pixels: uint8, shape `(height, width, channels)`, channels 3 or 1.
        background: The new background, as (red, green, blue), 0 to 255.

    Returns:
        uint8, of the shape of `pixels`. The input itself where three quarters of its frame already
        have the colour of `background`, or where the subject found covers less than a twentieth or
        more than four fifths of the picture.
    """
    small = _small_copy(pixels)
    if _has_background(small, background):
        return pixels
    subject = _subject(small)
    if not _LEAST <= subject.mean() <= _MOST:
        return pixels
    height, width, channels = pixels.shape
    share = cv2.resize(subject.astype(np.uint8) * 255, (width, height))
    plain = np.array(levels(background, channels), np.uint8)
    isolated = pixels.copy()
    isolated[share == 0] = plain
    # Only the edge is blended: floats for a whole large picture would take eight times its memory.
    edge = (share > 0) & (share < 255)
    weights = share[edge][:, None] / 255
    isolated[edge] = np.rint(pixels[edge] * weights + plain * (1 - weights))
    return isolated


def _has_background(small: Pixels, background: Background) -> bool:
    """Whether a picture already has this background.

    Isolating it again would remove parts of the subject: GrabCut takes a white horse for a part of
    white paper.
    """
    distance = np.abs(small[_frame(small)].astype(int) - levels(background, small.shape[2]))
    return bool((distance.max(axis=1) <= _SAME_COLOR).mean() >= _MOST_OF_FRAME)


def _subject(small: Pixels) -> NDArray[np.bool_]:
    """Return the mask of the subject of a small picture, bool, of its height and width."""
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
    cv2.setRNGSeed(0)  # for this thread: GrabCut draws the start of its mixtures
    cv2.grabCut(small, guess, None, *mixtures, _PASSES_WITH_MIDDLE, cv2.GC_INIT_WITH_MASK)
    guess[middle] = cv2.GC_PR_FGD
    cv2.grabCut(small, guess, None, *mixtures, _PASSES_WITHOUT, cv2.GC_EVAL)
    found: NDArray[np.bool_] = guess == cv2.GC_PR_FGD
    return found


def _small_copy(pixels: Pixels) -> Pixels:
    """Return a copy whose long side is `_SIDE`."""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    rows, columns = (max(8, round(side * scale)) for side in (height, width))
    return resize(pixels, Preprocessing(height=rows, width=columns))


def _frame(small: Pixels) -> NDArray[np.bool_]:
    """Return the mask of the frame, bool, (height, width)."""
    height, width = small.shape[:2]
    frame = np.ones((height, width), bool)
    frame[_inner(height, _FRAME), _inner(width, _FRAME)] = False
    return frame


def _inner(side: int, margin: float) -> slice:
    """Return the slice of a side without its margins, which are at least one pixel each."""
    cut = max(1, round(side * margin))
    return slice(cut, side - cut)
