"""Tests of maps: deletion and insertion, and maps of a model with random weights."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from viewfinder.classifier import Classifier
from viewfinder.explain.attribution import Explanation, Values, attribute, blurred
from viewfinder.explain.networks import Network

_BLOCK = 16
_BATCH = 64


class Areas(NamedTuple):
    """Areas under the curves of a class's probability, 0 to 1, by the share of changed blocks."""

    deletion: float
    insertion: float


def deletion_insertion(
    classifier: Classifier,
    found: Explanation,
    *,
    block: int = _BLOCK,
    steps: int = 28,
    random_seed: int | None = None,
) -> Areas:
    """Measure how a class's probability falls and rises with the blocks that a map ranks first.

    Deletion blurs blocks of the picture, the highest mean of the map first; a faithful map makes
    the probability fall early, and the area small. Insertion puts the picture's blocks into the
    blurred picture; a faithful map makes the area large.

    Args:
        classifier: The model.
        found: A map of one picture.
        block: The side of a block, in pixels of the model's input.
        steps: In how many steps all blocks are changed.
        random_seed: Change the blocks in a random order, in place of the map's.
    """
    places = _blocks(found.pixels.shape[:2], block)
    means = np.array([found.values[place].mean() for place in places])
    order = np.argsort(-means, kind="stable")
    if random_seed is not None:
        order = np.random.default_rng(random_seed).permutation(len(places))
    index = classifier.classes.index(found.label)
    soft = blurred(found.pixels)
    areas = [
        _area(classifier, begin, end, [places[one] for one in order], steps, index)
        for begin, end in ((found.pixels, soft), (soft, found.pixels))
    ]
    return Areas(*areas)


def randomized_similarity(
    classifier: Classifier,
    images: NDArray[np.uint8],
    *,
    method: str = "grad-cam",
    noise: float = 0.0,
    copies: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare maps with those of the model as its weights are made random, from the last layer up.

    A map that stays the same does not depend on what the model has learned (model parameter
    randomization test, Adebayo et al., 2018). The weights of a layer are shuffled, so that their
    scale stays. With `noise` and `copies`, each map is the mean over noisy copies of the picture
    (smoothed, Hedström et al., 2024).

    Args:
        classifier: The model; its weights are restored.
        images: As the model takes them, (n, height, width, channels).
        method: As for :func:`viewfinder.explain`.
        noise: The standard deviation of the noise, in levels of 0 to 255.
        copies: How many noisy copies.
        seed: The seed of noise and shuffling.

    Returns:
        A row a layer with weights, from the last to the first: `layer`, and `similarity`, the mean
        rank correlation with the maps of the whole model, -1 to 1.
    """
    network = Network(classifier.model, images[0])
    classes = classifier.probabilities(images).argmax(axis=1)

    def maps() -> Values:
        random = np.random.default_rng(seed)
        sums = np.zeros(images.shape[:3], np.float32)
        for _ in range(copies):
            noisy = images + random.normal(0, noise, images.shape).astype(np.float32)
            sums += attribute(network, noisy if noise else images, classes, method=method)[0]
        return np.asarray(sums / copies, np.float32)

    learned = maps()
    weights = classifier.model.get_weights()
    random = np.random.default_rng(seed)
    rows: list[dict[str, str | float]] = []
    try:
        for step in reversed(network.steps):
            if step.layer.weights and step.name not in [row["layer"] for row in rows]:
                _shuffle(step.layer, random)
                pairs = zip(learned, maps(), strict=True)
                similarity = float(np.mean([_correlation(*pair) for pair in pairs]))
                rows.append({"layer": step.name, "similarity": similarity})
    finally:
        classifier.model.set_weights(weights)
    return pd.DataFrame(rows, columns=["layer", "similarity"])


def _area(
    classifier: Classifier,
    begin: NDArray[np.uint8],
    end: NDArray[np.uint8],
    places: Sequence[tuple[slice, slice]],
    steps: int,
    index: int,
) -> float:
    """Put the places of `end` into `begin` one after the other; return the area below the curve."""
    current = begin.copy()
    images = [begin]
    for some in np.array_split(np.arange(len(places)), min(steps, len(places))):
        for one in some:
            current[places[one]] = end[places[one]]
        images.append(current.copy())
    curve = np.concatenate(
        [
            classifier.probabilities(np.stack(images[start : start + _BATCH]))[:, index]
            for start in range(0, len(images), _BATCH)
        ]
    )
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def _blocks(size: tuple[int, ...], block: int) -> list[tuple[slice, slice]]:
    height, width = size
    return [
        (slice(top, top + block), slice(left, left + block))
        for top in range(0, height, block)
        for left in range(0, width, block)
    ]


def _shuffle(layer: keras.Layer, random: np.random.Generator) -> None:
    weights = [random.permutation(one.ravel()).reshape(one.shape) for one in layer.get_weights()]
    layer.set_weights(weights)


def _correlation(first: Values, second: Values) -> float:
    """The rank correlation of two maps; 0 where one has a single value."""
    if not np.ptp(first) or not np.ptp(second):
        return 0.0
    return float(spearmanr(first.ravel(), second.ravel()).statistic)
