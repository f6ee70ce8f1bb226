"""Where a model looked: maps of the pixels that speak for a class."""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.errors import UsageError, nearest
from viewfinder.explain.linear import LinearNetwork
from viewfinder.explain.reading import input_pixels, require_classifier
from viewfinder.pictures.given import Picture, name_of, several

if TYPE_CHECKING:
    from viewfinder.explain.networks import Network

Values = NDArray[np.float32]

# Of integrated gradients: points on the way from the blurred picture to the picture.
_POINTS = 32
# Of occlusion: patches along a side, and how often each pixel lies in one, along a side.
_PATCHES, _OVERLAP = 8, 2
# The standard deviation of the blur, as a share of the longer side. A milder blur leaves shapes
# that speak for a class themselves.
_BLUR = 0.4
_HEAT = 0.7
_WHITE = 0.995


class Method(StrEnum):
    """How a map is computed; docs/explain.md has the formulas."""

    GRAD_CAM = "grad-cam"
    GRAD_CAM_PP = "grad-cam++"
    HIRES_CAM = "hirescam"
    LAYER_CAM = "layercam"
    FUSED_CAM = "fused-cam"
    INTEGRATED_GRADIENTS = "integrated-gradients"
    OCCLUSION = "occlusion"


@dataclass(frozen=True, eq=False)
class Explanation:
    """What speaks for a class in a picture.

    Attributes:
        picture: The path, or "#" and the index of a picture given as bytes or pixels.
        label: The class that the map explains.
        probability: The model's probability of this class, 0 to 1.
        answer: The most probable class.
        method: How the map is computed.
        layer: The layer whose map it is; None for a map of the pixels.
        values: float32, (height, width) of the model's input, not scaled. Class activation maps
            other than `fused-cam` are 0 or positive; a negative value of the others speaks against
            the class.
        pixels: The model's input, uint8, (height, width, channels).
    """

    picture: str
    label: str
    probability: float
    answer: str
    method: Method
    layer: str | None
    values: Values
    pixels: NDArray[np.uint8]

    def __repr__(self) -> str:
        return f"<Explanation {self.method} of {self.label!r} in {self.picture}>"

    def _repr_html_(self) -> str:
        address = f"data:image/png;base64,{self.overlay_png()}"
        words = html.escape(f"{repr(self)[1:-1]}: {self.probability:.3f}")
        return (
            f'<figure><img src="{address}" alt="{words}"><figcaption>{words}</figcaption></figure>'
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it, without the map."""
        return {
            "picture": self.picture,
            "answer": self.answer,
            "class": self.label,
            "probability": self.probability,
            "method": self.method.value,
            "layer": self.layer,
            "peak": list(self.peak),
            "maximum": float(self.values.max()),
        }

    @property
    def peak(self) -> tuple[int, int]:
        """The row and the column of the highest value."""
        row, column = np.unravel_index(self.values.argmax(), self.values.shape)
        return int(row), int(column)

    def overlay(self) -> NDArray[np.uint8]:
        """Return the picture in gray under the map in black, red, yellow and white: uint8 RGB.

        Values from 0 to the 99.5th percentile are shown; those outside as these bounds.
        """
        heat = np.maximum(self.values, 0)
        heat = np.minimum(heat / (np.quantile(heat, _WHITE) or heat.max() or 1.0), 1)
        gray = self.pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
        levels = np.round(255 * heat).astype(np.uint8)
        color = cv2.applyColorMap(levels, cv2.COLORMAP_HOT)[:, :, ::-1]
        share = _HEAT * np.sqrt(heat)[:, :, None]
        return np.asarray(np.round((1 - share) * gray + share * color), np.uint8)

    def overlay_png(self) -> str:
        """Return the overlay as a PNG file in base64."""
        _, png = cv2.imencode(".png", np.ascontiguousarray(self.overlay()[:, :, ::-1]))
        return base64.b64encode(png.tobytes()).decode("ascii")


def explain(
    classifier: Classifier,
    pictures: Iterable[Picture] | Picture,
    *,
    method: str = Method.GRAD_CAM,
    classes: Sequence[str] = (),
    layer: str | None = None,
) -> list[Explanation]:
    """Return maps of what speaks for a class.

    The score that a map explains is that of the class before sigmoid or softmax; with one sigmoid,
    that of the first class is the negative.

    Args:
        classifier: The model with its classes and preprocessing.
        pictures: One or several paths, encoded bytes, or arrays of pixels.
        method: One of :class:`Method`.
        classes: The classes to explain; by default the most probable class of each picture.
        layer: The layer of a class activation map; by default the last with positions before the
            head.

    Returns:
        For each picture, a map of each class.

    Raises:
        DataError: A picture cannot be read.
        UsageError: There is no such method, class or layer, or the model has no convolution and
            the method needs one.
    """
    require_classifier(classifier)
    given = list(several(pictures))
    names = [name_of(picture, index) for index, picture in enumerate(given)]
    images = [
        input_pixels(picture, classifier.preprocessing, index)
        for index, picture in enumerate(given)
    ]
    return explain_images(classifier, names, images, method=method, classes=classes, layer=layer)


def explain_images(
    classifier: Classifier,
    names: Sequence[str],
    images: Sequence[NDArray[np.uint8]],
    *,
    method: str,
    classes: Sequence[str] = (),
    layer: str | None = None,
) -> list[Explanation]:
    """Explain prepared pictures; see :func:`explain`.

    Args:
        classifier: As for `explain`.
        names: The pictures' names.
        images: Their pixels as the model takes them, (height, width, channels).
        method: As for `explain`.
        classes: As for `explain`.
        layer: As for `explain`.
    """
    chosen = _method(method)
    for label in classes:
        if label not in classifier.classes:
            raise UsageError(
                f"There is no class {label!r}.",
                received=label,
                remedy=nearest(label, classifier.classes),
            )
    if not len(images):
        return []
    stack = np.stack(images)
    probabilities = classifier.probabilities(stack)
    network = network_of(classifier, stack[0], chosen, layer)
    answers = probabilities.argmax(axis=1)
    wanted = [[classifier.classes.index(label) for label in classes] or [int(a)] for a in answers]
    rows = np.array([row for row, labels in enumerate(wanted) for _ in labels])
    indices = np.array([index for labels in wanted for index in labels])
    values, used = attribute(network, stack[rows], indices, method=chosen, layer=layer)
    return [
        Explanation(
            names[row],
            classifier.classes[index],
            float(probabilities[row, index]),
            classifier.classes[answers[row]],
            chosen,
            used,
            values[number],
            images[row],
        )
        for number, (row, index) in enumerate(zip(rows, indices, strict=True))
    ]


def network_of(
    classifier: Classifier,
    picture: NDArray[np.uint8],
    method: str = Method.GRAD_CAM,
    layer: str | None = None,
) -> "Network | LinearNetwork":
    """Return what :func:`attribute` takes: without Keras where `model.onnx` is enough.

    It is enough for a linear head on the last feature map, if neither another layer nor a gradient
    by the pixels is needed.

    Args:
        classifier: The model.
        picture: One picture as the model takes it, (height, width, channels).
        method: As for :func:`explain`.
        layer: As for :func:`explain`.

    Raises:
        BackendError: Keras is needed, and no backend is installed.
        UsageError: The model does not map a picture to one row of numbers.
    """
    if layer is None and method not in (Method.INTEGRATED_GRADIENTS, Method.FUSED_CAM):
        linear = LinearNetwork.of(classifier)
        if linear is not None:
            return linear
    from viewfinder.explain.networks import Network

    return Network(classifier.model, picture)


def attribute(
    network: "Network | LinearNetwork",
    images: NDArray[np.uint8],
    classes: NDArray[np.intp],
    *,
    method: str = Method.GRAD_CAM,
    layer: str | None = None,
) -> tuple[Values, str | None]:
    """Return maps for any Keras model, and the name of the layer that was used.

    Args:
        network: From :func:`network_of`, or a traced model.
        images: As the model takes them, (n, height, width, channels).
        classes: For each picture the index of a class, (n,).
        method: As for :func:`explain`.
        layer: As for :func:`explain`.

    Returns:
        float32, (n, height, width); and None for a method without a layer.
    """
    chosen = _method(method)
    if chosen is Method.INTEGRATED_GRADIENTS:
        assert not isinstance(network, LinearNetwork)
        maps = [
            _integrated(network, one, index) for one, index in zip(images, classes, strict=True)
        ]
        return np.stack(maps), None
    if chosen is Method.OCCLUSION:
        maps = [_occluded(network, one, index) for one, index in zip(images, classes, strict=True)]
        return np.stack(maps), None
    step: Any = network.last_map
    if layer:
        assert not isinstance(network, LinearNetwork)
        step = network.step(layer)
    if chosen is not Method.FUSED_CAM:
        small = np.maximum(_weighted(network, step, images, classes, chosen), 0)
        return _enlarged(small, images), step.name
    assert not isinstance(network, LinearNetwork)
    fused = _scaled(_enlarged(_weighted(network, step, images, classes, Method.GRAD_CAM), images))
    finer = network.finer_map(step)
    if finer:
        small = _weighted(network, finer, images, classes, Method.HIRES_CAM)
        fused += _scaled(_enlarged(small, images))
    return fused, step.name


def blurred(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture without its details: a Gaussian blur by 0.4 of the longer side."""
    deviation = _BLUR * max(image.shape[:2])
    soft = cv2.GaussianBlur(image, (0, 0), deviation, borderType=cv2.BORDER_REFLECT)
    return np.asarray(soft, np.uint8).reshape(image.shape)


def _weighted(
    network: "Network | LinearNetwork",
    step: Any,
    images: NDArray[np.uint8],
    classes: NDArray[np.intp],
    method: Method,
) -> Values:
    """Return the weighted sums over a layer's channels, signed: (n, height, width) of the layer."""
    values = network.values(step, images)
    gradients = network.gradients(step, values, images, classes)
    match method:
        case Method.GRAD_CAM:
            weights = gradients.mean(axis=(1, 2), keepdims=True)
        case Method.GRAD_CAM_PP:
            squared, total = gradients**2, values.sum(axis=(1, 2), keepdims=True)
            below = 2 * squared + total * gradients**3
            share = np.divide(squared, below, out=np.zeros_like(squared), where=below != 0)
            weights = (share * np.maximum(gradients, 0)).sum(axis=(1, 2), keepdims=True)
        case Method.LAYER_CAM:
            weights = np.maximum(gradients, 0)
        case _:
            weights = gradients
    return np.asarray((weights * values).sum(axis=3), np.float32)


def _enlarged(maps: Values, images: NDArray[np.uint8]) -> Values:
    height, width = images.shape[1:3]
    size = (width, height)
    large = [cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) for one in maps]
    return np.asarray(np.stack(large), np.float32)


def _scaled(maps: Values) -> Values:
    """Divide each map by its largest absolute value."""
    largest = np.abs(maps).max(axis=(1, 2), keepdims=True)
    return np.asarray(maps / np.where(largest > 0, largest, 1), np.float32)


def _integrated(network: "Network", image: NDArray[np.uint8], index: int) -> Values:
    """Integrate gradients on the straight way from the blurred picture to the picture."""
    start = blurred(image).astype(np.float32)
    way = image.astype(np.float32) - start
    points = (np.arange(_POINTS, dtype=np.float32) + 0.5) / _POINTS
    between = start + points[:, None, None, None] * way
    gradients = network.input_gradients(between, np.full(_POINTS, index))
    return np.asarray((gradients.mean(axis=0) * way).sum(axis=2), np.float32)


def _occluded(network: "Network | LinearNetwork", image: NDArray[np.uint8], index: int) -> Values:
    """Return by how much the score falls where a patch is blurred, averaged over patches."""
    height, width = image.shape[:2]
    soft = blurred(image)
    places = [
        (slice(top, bottom), slice(left, right))
        for top, bottom in _patches(height)
        for left, right in _patches(width)
    ]
    covered = np.repeat(image[None], len(places), axis=0)
    for one, place in zip(covered, places, strict=True):
        one[place] = soft[place]
    whole = network.scores(image[None])[0, index]
    falls = whole - network.scores(covered)[:, index]
    sums, counts = np.zeros((height, width)), np.zeros((height, width))
    for fall, place in zip(falls, places, strict=True):
        sums[place] += fall
        counts[place] += 1
    return np.asarray(sums / counts, np.float32)


def _patches(side: int) -> list[tuple[int, int]]:
    """Patches along a side that overlap by half and cover it."""
    size = max(1, round(side / _PATCHES))
    step = max(1, size // _OVERLAP)
    starts = dict.fromkeys([*range(0, side - size, step), side - size])
    return [(start, start + size) for start in starts]


def _method(name: str) -> Method:
    try:
        return Method(name)
    except ValueError as error:
        raise UsageError(
            f"There is no method {name!r}.",
            received=name,
            remedy=nearest(name, [method.value for method in Method]),
        ) from error
