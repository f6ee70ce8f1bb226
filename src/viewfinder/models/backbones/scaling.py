"""Pixels from 0 to 255 become what a network was trained on: plain layers, without weights.

They are part of the model, so that it saves, exports and loads in safe mode, and nobody can forget
them. The numbers are those of `preprocess_input` in `keras.applications`.
"""

from typing import Any

from keras import layers, ops

from viewfinder.bases.catalogue import Scaling

# ImageNet's mean and standard deviation for R, G, B, as shares of 255; and its mean in levels, as
# Caffe's networks have it.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def scaled(pixels: Any, scaling: Scaling) -> Any:
    """Apply a network's own scaling.

    Args:
        pixels: A Keras tensor, shape (n, height, width, 3), R, G, B from 0 to 255.
        scaling: Which.

    Returns:
        A Keras tensor of the same shape, floats.
    """
    match scaling:
        case "signed":
            return layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(pixels)
        case "standard":
            scale = [1 / (255 * deviation) for deviation in DEVIATION]
            offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
            return layers.Rescaling(scale, offset=offset, name="scale")(pixels)
        case "bgr":
            centered = layers.Rescaling(1.0, offset=[-mean for mean in _CAFFE_MEAN], name="scale")
            return ops.take(centered(pixels), [2, 1, 0], axis=-1)
        case "inside":
            return pixels
