"""Feature maps of one picture, first filters, and the patches that excite a channel most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.errors import DataError, RejectedPicture, UsageError
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.data.dataset import Dataset
from viewfinder.explain.networks import (
    AFTER,
    CONVOLUTIONS,
    POOLINGS,
    Box,
    Network,
    Step,
    receptive_box,
    to_numpy,
)
from viewfinder.explain.reading import input_pixels, require_classifier
from viewfinder.pictures.given import Picture
from viewfinder.pictures.prepare import prepare

_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """The output of a convolution or pooling layer for one picture.

    Attributes:
        layer: The layer's name, after the names of the models around it.
        kind: The layer's class.
        after: The kinds of the layers after a convolution that are included in its values, such as
            BatchNormalization and ReLU.
        values: float32, (height, width, channels).
    """

    layer: str
    kind: str
    after: tuple[str, ...]
    values: NDArray[np.float32]

    @cached_property
    def activity(self) -> NDArray[np.float64]:
        """The mean absolute value of each channel, (channels,)."""
        return np.asarray(np.abs(self.values).mean(axis=(0, 1), dtype=np.float64))

    @property
    def order(self) -> NDArray[np.intp]:
        """The channels, the most active first."""
        return np.argsort(-self.activity, kind="stable")

    @property
    def sparsity(self) -> float:
        """The share of values that are exactly 0."""
        return float((self.values == 0).mean())

    @cached_property
    def effective_rank(self) -> float:
        """How many independent patterns the channels have, from 1 to the number of channels.

        The exponential of the entropy of the singular values of positions × channels, divided by
        their sum (Roy and Vetterli, 2007); 0 where all values are 0.
        """
        matrix = self.values.reshape(-1, self.values.shape[-1]).astype(np.float64)
        singular = np.linalg.svd(matrix, compute_uv=False)
        if not singular.any():
            return 0.0
        shares = singular[singular > 0] / singular.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()))


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The feature maps of one picture, in the order in which the layers run.

    Attributes:
        pixels: The model's input, uint8, (height, width, channels).
        maps: A record for each layer.
        filters: The kernels of the first convolution, (height, width, channels, filters); None
            where its maps are not among `maps`.
    """

    pixels: NDArray[np.uint8]
    maps: tuple[FeatureMap, ...]
    filters: NDArray[np.float32] | None

    def __repr__(self) -> str:
        names = [one.layer for one in self.maps]
        shown = ", ".join(names if len(names) < 5 else [*names[:2], "…", names[-1]])
        return f"<FeatureMaps of {len(names)} layers: {shown}>"

    @property
    def table(self) -> pd.DataFrame:
        """A row for each layer: `height`, `width`, `channels`, `sparsity`, `effective_rank`."""
        rows = [(*one.values.shape, one.sparsity, one.effective_rank) for one in self.maps]
        index = pd.Index([one.layer for one in self.maps], name="layer")
        columns = ["height", "width", "channels", "sparsity", "effective_rank"]
        return pd.DataFrame(rows, index, columns)

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


@dataclass(frozen=True, eq=False)
class Patch:
    """The place in a picture at which a channel is highest.

    Attributes:
        locator: The picture.
        value: The channel's value there.
        box: The receptive field of that place, in pixels of the model's input.
        pixels: The model's input, uint8, (height, width, channels).
    """

    locator: str
    value: float
    box: Box
    pixels: NDArray[np.uint8]


def feature_maps(
    classifier: Classifier, picture: Picture, *, layers: str | Sequence[str] = ()
) -> FeatureMaps:
    """Return the outputs of a model's convolution and pooling layers for one picture.

    A convolution's values are those after the batch normalization and the activation that follow.

    Args:
        classifier: The model with its preprocessing.
        picture: A path, encoded bytes or pixels.
        layers: Names or globs of layers, of any kind whose output is a map; by default every
            convolution and pooling layer.

    Raises:
        DataError: The picture cannot be read.
        UsageError: The model has no such layer, or no convolution and no pooling layer.
    """
    require_classifier(classifier)
    pixels = input_pixels(picture, classifier.preprocessing)
    network = Network(classifier.model, pixels)
    patterns = [layers] if isinstance(layers, str) else layers
    if patterns:
        chosen = [step for pattern in patterns for step in network.matching(pattern)]
        chosen = [step for step in network.steps if step in chosen]
    else:
        chosen = [s for s in network.maps if isinstance(s.layer, CONVOLUTIONS + POOLINGS)]
    if not chosen:
        network.last_map  # noqa: B018 (raises that there is no convolution)
    maps = tuple(_map(network, step) for step in chosen)
    first = next((s for s in network.steps if isinstance(s.layer, CONVOLUTIONS)), None)
    is_shown = first is not None and first in chosen
    filters = _filters(first) if first is not None and is_shown else None
    return FeatureMaps(pixels, maps, filters)


def exciting_patches(
    classifier: Classifier, dataset: Dataset, layer: str, channel: int, *, patches: int = 8
) -> list[Patch]:
    """Return the places in a dataset's pictures at which a channel is highest.

    Args:
        classifier: The model with its preprocessing.
        dataset: The pictures; those that cannot be read are left out.
        layer: The layer's name.
        channel: The channel's index, from 0.
        patches: How many, at most one of each picture.

    Returns:
        The highest value first.

    Raises:
        UsageError: The layer has no such channel, or there is no such layer.
        DataError: None of the pictures can be read.
    """
    readable = _readable(dataset, classifier)
    network: Network | None = None
    found: list[tuple[float, str, int, NDArray[np.uint8]]] = []  # value, locator, place, pixels
    while block := list(islice(readable, _AT_ONCE)):
        images = np.stack([pixels for _, pixels in block])
        if network is None:
            network = Network(classifier.model, images[0])
            shown = _after(network, network.step(layer))[-1]
            _require_channel(layer, channel, shown)
        values = network.values(shown, images)[..., channel].reshape(len(block), -1)
        for (locator, pixels), row in zip(block, values, strict=True):
            found.append((float(row.max()), locator, int(row.argmax()), pixels))
        found = sorted(found, key=lambda one: -one[0])[:patches]
    if network is None:
        raise DataError(f"None of the pictures in {dataset.source} can be read.")
    width = tuple(shown.output.shape)[2]
    return [
        Patch(locator, value, receptive_box(network, shown, *divmod(place, width)), pixels)
        for value, locator, place, pixels in found
    ]


def _readable(dataset: Dataset, classifier: Classifier) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield locator and model input of each picture that can be read."""

    def prepared(locator: str) -> tuple[str, NDArray[np.uint8]] | None:
        try:
            source = dataset.source.read(locator)
            return locator, prepare(source, classifier.preprocessing).pixels
        except RejectedPicture:
            return None

    locators = dataset.table["locator"].astype(str)
    for one in map_ahead(prepared, locators, workers=cores(), ahead=2 * _AT_ONCE):
        if one is not None:
            yield one


def _filters(step: Step) -> NDArray[np.float32]:
    kernel = getattr(step.layer, "kernel", None)
    return to_numpy(step.layer.depthwise_kernel if kernel is None else kernel)


def _map(network: Network, step: Step) -> FeatureMap:
    following = _after(network, step)
    after = tuple(_kind(one) for one in following[1:])
    values = to_numpy(following[-1].output[0])
    return FeatureMap(step.name, type(step.layer).__name__, after, values)


def _kind(step: Step) -> str:
    name = type(step.layer).__name__
    return str(step.layer.activation.__name__) if name == "Activation" else name


def _after(network: Network, step: Step) -> list[Step]:
    """Return the step, and the normalization and activation right after a convolution."""
    chain = [step]
    if isinstance(step.layer, CONVOLUTIONS):
        for other in network.steps[network.steps.index(step) + 1 :]:
            if any(one is chain[-1].output for one in other.inputs):
                if not isinstance(other.layer, AFTER):
                    break
                chain.append(other)
    return chain


def _require_channel(layer: str, channel: int, step: Step) -> None:
    channels = tuple(step.output.shape)[-1]
    if not 0 <= channel < channels:
        raise UsageError(
            f"The layer {layer} has no channel {channel}.",
            expected=f"0 to {channels - 1}",
            received=str(channel),
        )
