"""A preset of KerasHub as a built base: its scaling of pixels and its network."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from viewfinder.bases.from_hub import WEIGHTS, FromHub
from viewfinder.bases.networks.built import BuiltBase
from viewfinder.bases.networks.copying import as_one_layer, copied, fitting_shape
from viewfinder.bases.networks.layers import cut_at, freeze
from viewfinder.bases.networks.loading import load_weights
from viewfinder.core.errors import DataError, UsageError

# The largest difference of the scaling from KerasHub's, relative to the largest number.
_TOLERANCE = 1e-5


def build_preset(
    base: FromHub, folder: Path, *, input_shape: tuple[int, int, int], cut: str | None = None
) -> BuiltBase:
    """Build the backbone of a preset.

    The model is flat if its layers can be copied one by one. Otherwise, as for the vision
    transformers of KerasHub 0.32, it has a single layer, which cannot be cut. Arguments and errors
    are those of `build_from`; DataError also where its preprocessing is not just a scaling.
    """
    from keras_hub.layers import ImageConverter
    from keras_hub.models import Backbone as HubBackbone

    try:
        network: Any = HubBackbone.from_preset(str(folder), load_weights=False, dtype="float32")
        converter = ImageConverter.from_preset(str(folder))
    except Exception as error:  # for a foreign configuration, KerasHub may raise anything
        raise DataError(
            f"KerasHub cannot build the preset in {folder}.",
            received=str(error).strip().partition("\n")[0][:300] or repr(error),
            remedy="save the preset again, with the installed version of KerasHub",
        ) from error
    load_weights(network, folder / WEIGHTS, name=base.label)
    shape = fitting_shape(network, input_shape)
    scaling = _scaling_of(converter, shape, base)
    return BuiltBase(
        name=base.label,
        model=freeze(_over_pixels(network, shape, scaling, cut, base.label)),
        weights=str(folder),
        cut=cut,
    )


def _over_pixels(
    network: keras.Model,
    shape: tuple[int, int, int],
    scaling: keras.Layer,
    cut: str | None,
    name: str,
) -> keras.Model:
    whole = keras.Model(network.input, network.outputs[0], name=network.name)
    ended = cut_at(whole, cut, name)
    try:
        return copied(ended, shape, scaling)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        if cut is not None:
            raise UsageError(
                f"{name} cannot be cut, because its layers of KerasHub cannot be copied.",
                expected="no `cut`",
                received=cut,
            ) from error
    return as_one_layer(network, shape, type(scaling).from_config(scaling.get_config()))


def _scaling_of(converter: Any, shape: tuple[int, int, int], base: FromHub) -> keras.Layer:
    """Return a layer with the scaling of a preset's image converter.

    Pictures are already resized. To detect other steps of the converter, the outputs of both are
    compared for a picture of noise.
    """
    channels = shape[2]
    scale = np.broadcast_to(1.0 if converter.scale is None else converter.scale, channels)
    offset = np.broadcast_to(0.0 if converter.offset is None else converter.offset, channels)
    scaling = keras.layers.Rescaling(scale.tolist(), offset=offset.tolist(), name="scale")
    noise = np.random.default_rng(0).integers(0, 256, (1, *shape)).astype(np.float32)
    converter.image_size = None
    theirs, ours = (
        np.asarray(keras.ops.convert_to_numpy(scale(noise))) for scale in (converter, scaling)
    )
    largest = max(1.0, float(np.abs(theirs).max()))
    if theirs.shape != ours.shape or np.abs(theirs - ours).max() > _TOLERANCE * largest:
        raise DataError(
            f"The image converter of the preset {base.label} does not only scale pixels.",
            expected="an image converter that multiplies and adds, channel by channel",
            received=type(converter).__name__,
            remedy="wrap the preset in a keras.Model that takes pixels from 0 to 255, save it as "
            ".keras, and give that file as `base`",
        )
    return scaling
