"""Keras 2's `keras.preprocessing.image`, which Keras 3 no longer offers, several times faster.

Old code changes its import only::

    from viewfinder.compat import ImageDataGenerator
    from viewfinder.compat import image

`viewfinder.compat.migrate` rewrites old scripts and notebooks. Keras is imported with the first
name that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viewfinder.compat import image
    from viewfinder.compat.image import (
        DataFrameIterator,
        DirectoryIterator,
        ImageDataGenerator,
        Iterator,
        NumpyArrayIterator,
        apply_affine_transform,
        apply_brightness_shift,
        apply_channel_shift,
        array_to_img,
        flip_axis,
        img_to_array,
        list_pictures,
        load_img,
        random_brightness,
        random_channel_shift,
        random_rotation,
        random_shear,
        random_shift,
        random_zoom,
        save_img,
        transform_matrix_offset_center,
        validate_filename,
    )

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "image",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "transform_matrix_offset_center",
    "validate_filename",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module("viewfinder.compat.image")
    return module if name == "image" else getattr(module, name)
