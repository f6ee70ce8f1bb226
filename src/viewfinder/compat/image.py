"""The names of Keras 2's `keras.preprocessing.image`."""

from viewfinder.runtime.backend import use_backend

use_backend()  # before the first import of Keras

from keras.preprocessing.image import smart_resize  # noqa: E402

from viewfinder.compat.dataframe import DataFrameIterator  # noqa: E402
from viewfinder.compat.directory import DirectoryIterator  # noqa: E402
from viewfinder.compat.files import (  # noqa: E402
    array_to_img,
    img_to_array,
    list_pictures,
    load_img,
    save_img,
    validate_filename,
)
from viewfinder.compat.generator import ImageDataGenerator  # noqa: E402
from viewfinder.compat.iterators import Iterator, NumpyArrayIterator  # noqa: E402
from viewfinder.compat.transforms import (  # noqa: E402
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
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
    "smart_resize",
    "transform_matrix_offset_center",
    "validate_filename",
]
