"""A backbone: a network that others have trained, from pixels to a feature map."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from viewfinder.bases.at_hand import weights_file
from viewfinder.bases.catalogue import Base, base_named
from viewfinder.errors import RecipeError, UsageError, nearest
from viewfinder.models.backbones.freezing import freeze
from viewfinder.models.backbones.loading import load_weights
from viewfinder.models.backbones.scaling import DEVIATION, scaled
from viewfinder.models.seeding import redraw
from viewfinder.progress import Progress
from viewfinder.randomness import Randomness

_HASH_BYTES = 16


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network without its top.

    Attributes:
        name: Its base, with the width where it has one: "MobileNetV2 (alpha 0.35)".
        model: Takes pixels from 0 to 255, shape (n, height, width, 3), uint8 or float, and gives
            the feature map: float32, shape (n, …). Its own scaling is inside. All its layers are
            frozen, so that batch norm and dropout do as in inference.
        preprocessing_words: What its pixels go through first, for people.
        weights: Where its weights are from: a file, "none", or "given".
        cut: The layer whose output is the feature map; None for the last.
    """

    name: str
    model: keras.Model
    preprocessing_words: str
    weights: str
    cut: str | None = None

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of one picture's features: (rows, columns, channels), or fewer axes."""
        return tuple(self.model.output_shape[1:])

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape of a picture: (height, width, channels)."""
        height, width, channels = self.model.input_shape[1:]
        return height, width, channels

    @cached_property
    def weights_hash(self) -> str:
        """A hash of all weights up to the cut, the same whichever file they came in."""
        digest = hashlib.blake2b(digest_size=_HASH_BYTES)
        for variable in self.model.weights:
            values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable), np.float32)
            digest.update(repr(values.shape).encode())
            digest.update(values.data)
        return digest.hexdigest()


def build_backbone(
    name: str,
    *,
    input_shape: tuple[int, int, int],
    alpha: float | None = None,
    weights: str | Path = "imagenet",
    cut: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Backbone:
    """A network of `keras.applications` with its weights and its own scaling.

    Args:
        name: As Keras calls it: "InceptionV3", "MobileNetV2" …
        input_shape: (height, width, 3) in pixels.
        alpha: The factor on the width of its layers, for the networks that have one.
        weights: "imagenet" (from the caches, or downloaded), "none" (drawn from `seed`), or a file
            (`*_no_top.h5`, `.weights.h5`, `.keras`).
        cut: Ends the network at this layer.
        seed: Decides the weights where there are none to load.
        progress: Says where weights come from, and how far a download is.

    Raises:
        UsageError: There is no such base, width or layer, or the pictures are too small for it.
        DataError: The weights are not at hand, damaged, or another network's.
    """
    base = base_named(name)
    width = base.width(alpha)
    _require_size(base, input_shape)
    source = weights_file(base, width, weights, min(input_shape[:2]), progress)
    network = _network(base, width, input_shape)
    if source is None:
        redraw(network, Randomness(seed))
    else:
        load_weights(network, source, name=_title(base, width))
        _mend_efficientnet(network)
    return Backbone(
        name=_title(base, width),
        model=freeze(_cut(network, cut)),
        preprocessing_words=base.scaling_in_words,
        weights="none" if source is None else str(source),
        cut=cut,
    )


def wrap_backbone(
    model: keras.Model, *, input_shape: tuple[int, int, int] | None = None, cut: str | None = None
) -> Backbone:
    """A model of your own as a backbone.

    Args:
        model: Built; takes pixels from 0 to 255 and gives features. A functional or sequential
            model is copied and the copy frozen; of other kinds, the model itself is used and
            frozen, and cannot be cut.
        input_shape: (height, width, channels) in pixels; None where the model itself fixes it.
        cut: Ends the model at this layer.

    Raises:
        UsageError: It has several inputs or outputs, takes other pictures, or has no such layer.
    """
    if hasattr(model, "operations") or isinstance(model, keras.Sequential):  # a graph of layers
        network = _copy(model, input_shape)
    elif input_shape is None:
        raise UsageError(
            f"The input of {model.name} is open.",
            expected="input_shape, as (height, width, channels)",
            received="None",
        )
    else:
        inputs = keras.Input(input_shape, name="pixels")
        network = keras.Model(inputs, model(inputs), name=f"over_{model.name}")
    return Backbone(
        name=model.name,
        model=freeze(_cut(network, cut)),
        preprocessing_words="whatever the model itself does with pixels from 0 to 255",
        weights="given",
        cut=cut,
    )


def _network(base: Base, width: float, input_shape: tuple[int, int, int]) -> keras.Model:
    """The whole network from pixels to its last feature map, flat: every layer can be named."""
    pixels = keras.Input(input_shape, name="pixels")
    factor: dict[str, Any] = {"alpha": width} if base.has_alpha else {}
    build = getattr(keras.applications, base.name)
    network = build(
        include_top=False,
        weights=None,
        input_tensor=scaled(pixels, base.scaling),
        **factor,
    )
    # Some networks take the input for a list of one.
    return keras.Model(pixels, network.outputs[0], name=network.name)


def _mend_efficientnet(network: keras.Model) -> None:
    """The first EfficientNets divide by a variance; their published files hold deviations.

    Keras itself mends it with one more Rescaling where it downloads the weights by itself; see
    https://github.com/tensorflow/tensorflow/issues/49930.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            values = keras.ops.convert_to_numpy(layer.adapt_variance)
            if np.allclose(values, DEVIATION, atol=1e-3):
                layer.adapt_variance.assign(values**2)
                layer.finalize_state()


def _cut(network: keras.Model, cut: str | None) -> keras.Model:
    if cut is None:
        return network
    names = [layer.name for layer in network.layers[1:]]
    if cut not in names:
        raise UsageError(
            f"{network.name} has no layer {cut!r} to be cut at.", remedy=_near_layers(cut, names)
        )
    return keras.Model(network.inputs, network.get_layer(cut).output, name=network.name)


def _near_layers(cut: str, names: Sequence[str]) -> str:
    """The nearest name, and those that end a block: a network has hundreds of layers."""
    ends = [name for name in names if name.endswith(("_out", "_add", "_concat", "_relu"))]
    ends = [name for name in names if name.startswith("mixed")] or ends or list(names)
    close = nearest(cut, names).partition(" (known")[0]
    return (f"{close}; " if close.startswith("did") else "") + f"among others: {_few(ends)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[-12:])} (the last 12)"


def _require_size(base: Base, input_shape: tuple[int, int, int]) -> None:
    height, width, channels = input_shape
    if channels != 3:
        raise RecipeError(
            f"{base.name} takes colour pictures.",
            expected="input.color rgb (gray pictures are turned into it)",
            received=f"{channels} channels",
        )
    if min(height, width) < base.least_size:
        raise RecipeError(
            f"The pictures are too small for {base.name}.",
            expected=f"at least {base.least_size} × {base.least_size} pixels",
            received=f"{width} × {height}",
            remedy=f"--image-size {base.size}, which its ImageNet weights were trained at",
        )


def _copy(model: keras.Model, input_shape: tuple[int, int, int] | None) -> keras.Model:
    """The same layers with the same weights, for pictures of this shape."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(
            f"{model.name} cannot be a base.",
            expected="a model with one input and one output",
            received=f"{len(model.inputs)} inputs and {len(model.outputs)} outputs",
        )
    taken = tuple(model.inputs[0].shape[1:])
    shape = input_shape or taken
    fits = len(taken) == len(shape) and all(
        side in (None, given) for side, given in zip(taken, shape, strict=True)
    )
    if not fits or None in shape:
        raise UsageError(
            f"{model.name} takes other pictures.",
            expected=f"input_shape (height, width, channels) that fits {taken}",
            received=str(input_shape),
        )
    pixels = keras.Input(shape, name="pixels")
    copy = keras.models.clone_model(model, input_tensors=pixels)
    copy.set_weights(model.get_weights())
    return keras.Model(copy.inputs[0], copy.outputs[0], name=model.name)


def _title(base: Base, width: float) -> str:
    return f"{base.name} (alpha {width:g})" if base.has_alpha else base.name
