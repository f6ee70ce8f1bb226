"""Random boxes inside a picture, as crops and erasing need them."""

import numpy as np

from viewfinder.augment.records import Interval, Table, spread


def random_boxes(uniform: Table, area: Interval, ratio: Interval) -> Table:
    """Boxes that lie wholly inside the picture, in fractions of its sides.

    The area is drawn uniformly, the ratio of the sides uniformly in its logarithm, as in
    Inception's crops (Szegedy et al., "Going deeper with convolutions", CVPR 2015). Where others
    draw again until the box fits, the ratio is drawn from the part of its range that fits a box
    of the area: the same address always takes the same four numbers.

    Args:
        uniform: Numbers in [0, 1), shape `(n, 4)`.
        area: Smallest and largest area, as fractions of the picture's.
        ratio: Smallest and largest ratio of width to height, 1 being the picture's own.

    Returns:
        left, top, width, height, shape `(n, 4)`, each from 0 to 1. A ratio that fits no box of
        the drawn area is replaced by the nearest one that does.
    """
    size = spread(uniform[:, 0], *area)
    widest = -np.log(size)
    narrow, wide = (np.clip(np.log(end), -widest, widest) for end in ratio)
    shape = np.exp(narrow + uniform[:, 1] * (wide - narrow))
    width = np.minimum(np.sqrt(size * shape), 1.0)
    height = np.minimum(np.sqrt(size / shape), 1.0)
    left, top = uniform[:, 2] * (1 - width), uniform[:, 3] * (1 - height)
    return np.stack([left, top, width, height], axis=1)
