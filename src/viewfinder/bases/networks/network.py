"""Networks of `keras.applications` as built bases."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from viewfinder.bases.base import require_fitting
from viewfinder.bases.catalogue import Network
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.networks.built import BuiltBase
from viewfinder.bases.networks.layers import cut_at, freeze, scaled
from viewfinder.bases.networks.loading import load_weights
from viewfinder.bases.networks.seeding import redraw
from viewfinder.core.errors import UsageError
from viewfinder.core.randomness import Randomness
from viewfinder.pictures.scaling import DEVIATION


def build_network(
    base: FromCatalogue,
    source: Path | None,
    *,
    input_shape: tuple[int, int, int],
    cut: str | None = None,
    seed: int = 0,
) -> BuiltBase:
    """Build a network with its weights and its scaling of pixels.

    Arguments and errors are those of `build_from`; UsageError also where Keras lacks the network on
    this backend, and RecipeError where the pictures are too small.
    """
    title = f"{base.name} (alpha {base.width:g})" if base.network.has_alpha else base.name
    _require_backend(base.network)
    require_fitting(base, input_shape)
    network = _network(base.network, base.width, input_shape)
    if source is None:
        redraw(network, Randomness(seed))
    else:
        load_weights(network, source, name=title)
        _mend_efficientnet(network)
    return BuiltBase(
        name=title,
        model=freeze(cut_at(network, cut)),
        weights="none" if source is None else str(source),
        cut=cut,
    )


def _require_backend(base: Network) -> None:
    """Raise on a backend for which Keras 3.15 lacks the network."""
    if base.name.startswith("NASNet") and keras.backend.backend() == "torch":
        raise UsageError(
            f"Keras has no {base.name} on PyTorch.",
            expected="another base, or another backend",
            remedy="set KERAS_BACKEND to tensorflow or jax, if installed",
        )


def _network(base: Network, width: float, input_shape: tuple[int, int, int]) -> keras.Model:
    """Build the flat network from pixels to the last feature map."""
    pixels = keras.Input(input_shape, name="pixels")
    factor: dict[str, Any] = {"alpha": width} if base.has_alpha else {}
    build = getattr(keras.applications, base.name)
    network = build(
        include_top=False,
        weights=None,
        input_tensor=scaled(pixels, base.scaling),
        **factor,
    )
    # Some networks treat the input as a list of one tensor.
    return keras.Model(pixels, network.outputs[0], name=network.name)


def _mend_efficientnet(network: keras.Model) -> None:
    """Square the standard deviations that the published EfficientNet files have as variances.

    Keras corrects them by another Rescaling, but only when it downloads the weights itself; see
    https://github.com/tensorflow/tensorflow/issues/49930.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            values = keras.ops.convert_to_numpy(layer.adapt_variance)
            if np.allclose(values, DEVIATION, atol=1e-3):
                layer.adapt_variance.assign(values**2)
                layer.finalize_state()
