"""Networks of `keras.applications` as backbones: built, loaded and scaled."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from viewfinder.bases.catalogue import Network
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.networks.backbone import Backbone
from viewfinder.bases.networks.layers import DEVIATION, cut_at, freeze, scaled
from viewfinder.bases.networks.loading import load_weights
from viewfinder.bases.networks.seeding import redraw
from viewfinder.core.errors import RecipeError, UsageError
from viewfinder.core.randomness import Randomness


def build_network(
    base: FromCatalogue,
    source: Path | None,
    *,
    input_shape: tuple[int, int, int],
    cut: str | None = None,
    seed: int = 0,
) -> Backbone:
    """A network with its weights and its own scaling.

    Args:
        base: Which, and how wide.
        source: Its weights; None to draw them.
        input_shape: (height, width, 3) in pixels.
        cut: Ends it at this layer.
        seed: Decides the weights where they are drawn.

    Raises:
        UsageError: It has no such layer, the pictures are too small for it, or Keras does not have
            it on this backend.
        DataError: The weights are damaged, or another network's.
    """
    title = f"{base.name} (alpha {base.width:g})" if base.network.has_alpha else base.name
    _require_backend(base.network)
    _require_size(base.network, input_shape)
    network = _network(base.network, base.width, input_shape)
    if source is None:
        redraw(network, Randomness(seed))
    else:
        load_weights(network, source, name=title)
        _mend_efficientnet(network)
    return Backbone(
        name=title,
        model=freeze(cut_at(network, cut)),
        preprocessing_words=base.scaling_in_words,
        weights="none" if source is None else str(source),
        cut=cut,
    )


def _require_backend(base: Network) -> None:
    """Raise where Keras 3.15 has no such network."""
    if base.name.startswith("NASNet") and keras.backend.backend() == "torch":
        raise UsageError(
            f"Keras has no {base.name} on PyTorch.",
            expected="another base, or another backend",
            remedy="KERAS_BACKEND=tensorflow or jax, where it is installed",
        )


def _network(base: Network, width: float, input_shape: tuple[int, int, int]) -> keras.Model:
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


def _require_size(base: Network, input_shape: tuple[int, int, int]) -> None:
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
