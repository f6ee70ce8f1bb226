"""Keras 2's `ImageDataGenerator`, over one resampling per picture."""

import math
import os
import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.compat.dataframe import DataFrameIterator
from viewfinder.compat.directory import DirectoryIterator
from viewfinder.compat.files import check_choice, check_number, resolved_format
from viewfinder.compat.iterators import NumpyArrayIterator, warn_of_channels
from viewfinder.compat.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
)

Array = NDArray[Any]
Range = float | Sequence[float]
Transform = dict[str, Any]
_OF_SCIPY = ("mirror", "grid-constant", "grid-mirror", "grid-wrap")
_FILL_MODES = ("nearest", "reflect", "wrap", "constant", *_OF_SCIPY)


class ImageDataGenerator:
    """Batches of pictures with random changes, as Keras 2's class of this name.

    Names, defaults, meaning and order of the random numbers are Keras 2's: with the same seed it
    gives the same batches. Three keyword-only arguments mend what Keras's class does wrong.

    Args:
        featurewise_center: Subtract the mean of the data given to :meth:`fit`.
        samplewise_center: Subtract each picture's mean.
        featurewise_std_normalization: Divide by the standard deviation of the data given to `fit`.
        samplewise_std_normalization: Divide by each picture's standard deviation.
        zca_whitening: Apply ZCA whitening, computed by `fit`.
        zca_epsilon: Added to the singular values.
        rotation_range: Largest rotation in degrees.
        width_shift_range: Largest shift: a fraction below 1, a number of pixels, or a list of
            pixels to choose from.
        height_shift_range: As `width_shift_range`.
        brightness_range: Factors (smallest, largest).
        shear_range: Largest shear angle in degrees.
        zoom_range: The largest change of 1, or factors (smallest, largest); below 1 enlarges.
        channel_shift_range: The largest number that is added to all values.
        fill_mode: "nearest", "reflect", "wrap" or "constant".
        cval: The value outside the picture for "constant".
        horizontal_flip: Mirror half of the pictures left to right.
        vertical_flip: Mirror half of the pictures upside down.
        rescale: Factor of all values, after the changes and `preprocessing_function`.
        preprocessing_function: Takes and returns one picture of the batch's size, float32.
        data_format: "channels_last" or "channels_first"; Keras's own setting by default.
        validation_split: The share of the pictures that `subset="validation"` gives.
        interpolation_order: The order of the interpolating spline, 0 to 5.
        dtype: The dtype of the batches, Keras's `floatx` by default.
        exif: Turn pictures upright by their EXIF orientation, which Keras ignores.
        skip_unreadable: Read every file once before the first epoch and leave unreadable ones out,
            with a warning. Keras stops in the middle of an epoch.
        augment_validation: False leaves the pictures of `subset="validation"` unchanged, which
            Keras augments.

    Raises:
        ValueError: An argument is outside its range.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Range = 0.0,
        height_shift_range: Range = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Range = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
        *,
        exif: bool = False,
        skip_unreadable: bool = False,
        augment_validation: bool | None = None,
    ) -> None:
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.zoom_range = _zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.interpolation_order = interpolation_order
        self.exif = exif
        self.skip_unreadable = skip_unreadable
        self.augment_validation = augment_validation
        self.data_format = resolved_format(data_format)
        self.dtype = dtype or str(keras.config.floatx())
        self._check_settings()
        last = self.data_format == "channels_last"
        self.row_axis, self.col_axis, self.channel_axis = (1, 2, 3) if last else (2, 3, 1)
        check_number("validation_split", validation_split or 0, "a fraction, such as 0.2")
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                f"`validation_split` must be strictly between 0 and 1. Received: {validation_split}"
            )
        self._validation_split = validation_split or 0.0
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None
        if brightness_range is not None and (
            not isinstance(brightness_range, tuple | list) or len(brightness_range) != 2
        ):
            raise ValueError(
                "`brightness_range` should be a pair (smallest, largest), as (0.8, 1.2). "
                f"Received: {brightness_range}"
            )
        self.brightness_range = brightness_range
        self._complete_normalization()

    def _check_settings(self) -> None:
        """Raise Keras's exceptions before the first batch instead of in it."""
        check_number("rotation_range", self.rotation_range or 0, "a number of degrees")
        check_number("shear_range", self.shear_range or 0, "a number of degrees")
        check_number("channel_shift_range", self.channel_shift_range or 0)
        check_number("cval", self.cval)
        for name in ("width_shift_range", "height_shift_range"):
            shift = getattr(self, name)
            for one in np.ravel(np.asarray(0 if shift is None else shift, object)):
                check_number(name, one, "a fraction, a number of pixels or a list of pixels")
        check_choice("fill_mode", self.fill_mode, _FILL_MODES)
        check_choice("interpolation_order", self.interpolation_order, range(6))
        if isinstance(self.rescale, str):
            check_number("rescale", self.rescale, "a factor, such as 1 / 255")
        if self.preprocessing_function is not None and not callable(self.preprocessing_function):
            raise TypeError(
                "`preprocessing_function` should be a function of one picture. "
                f"Received: {self.preprocessing_function!r}"
            )
        try:
            np.dtype(self.dtype)
        except TypeError:
            raise TypeError(
                f"`dtype` should be one of NumPy's, such as 'float32'. Received: {self.dtype!r}"
            ) from None

    @property
    def augments(self) -> bool:
        """Whether the settings change any picture at random."""
        return bool(
            self.rotation_range
            or np.any(self.width_shift_range)
            or np.any(self.height_shift_range)
            or self.shear_range
            or self.zoom_range != [1, 1]
            or self.channel_shift_range
            or self.brightness_range is not None
            or self.horizontal_flip
            or self.vertical_flip
        )

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Return batches of arrays: see :class:`NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Return batches of the pictures of a folder: see :class:`DirectoryIterator`."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        x_col: str = "filename",
        y_col: str | list[str] | None = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Return batches of the pictures that a table names: see :class:`DataFrameIterator`."""
        class_mode = _without_deprecated(class_mode, kwargs)
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
        )

    def standardize(self, x: Array) -> Array:
        """Apply `preprocessing_function`, `rescale` and the normalizations to a picture or a batch.

        As in Keras, a floating-point `x` is changed in place.
        """
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._fitted(
            "featurewise_std_normalization", self.std
        ):
            x /= self.std + 1e-6
        if self.zca_whitening and self._fitted("zca_whitening", self.zca_whitening_matrix):
            flat = x.reshape(-1, math.prod(x.shape[-3:]))
            x = (flat @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def get_random_transform(
        self, img_shape: tuple[int, ...], seed: int | None = None
    ) -> Transform:
        """Draw the parameters of a random change, as :meth:`apply_transform` takes them.

        Args:
            img_shape: The shape of one picture.
            seed: A seed of NumPy's global generator; None goes on with it.
        """
        if seed is not None:
            np.random.seed(seed)
        theta = _uniform(self.rotation_range)
        tx = _shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = _uniform(self.shear_range)
        low, high = self.zoom_range
        zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        intensity = _uniform(self.channel_shift_range) if self.channel_shift_range else None
        brightness = self.brightness_range and np.random.uniform(*self.brightness_range)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: Array, transform_parameters: Transform) -> Array:
        """Change a picture by given parameters.

        Args:
            x: One picture.
            transform_parameters: Any of `theta` and `shear` (degrees), `tx` and `ty` (pixels along
                rows and columns), `zx` and `zy` (factors), `flip_horizontal`, `flip_vertical`,
                `channel_shift_intensity`, `brightness`.

        Returns:
            The changed picture, of the same shape.
        """
        rows, columns, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = apply_affine_transform(
            x,
            transform_parameters.get("theta", 0),
            transform_parameters.get("tx", 0),
            transform_parameters.get("ty", 0),
            transform_parameters.get("shear", 0),
            transform_parameters.get("zx", 1),
            transform_parameters.get("zy", 1),
            row_axis=rows,
            col_axis=columns,
            channel_axis=channels,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        intensity = transform_parameters.get("channel_shift_intensity")
        if intensity is not None:
            x = apply_channel_shift(x, intensity, channels)
        if transform_parameters.get("flip_horizontal", False):
            x = flip_axis(x, columns)
        if transform_parameters.get("flip_vertical", False):
            x = flip_axis(x, rows)
        brightness = transform_parameters.get("brightness")
        if brightness is not None:
            x = np.moveaxis(x, channels, -1)
            x = np.moveaxis(apply_brightness_shift(x, brightness, scale=False), -1, channels)
        return x

    def random_transform(self, x: Array, seed: int | None = None) -> Array:
        """Change a picture at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute mean, standard deviation and whitening of sample data, after `rescale`.

        Args:
            x: Pictures, 4-D.
            augment: Compute them of randomly changed pictures.
            rounds: How often each picture is changed.
            seed: A seed of NumPy's global generator.

        Raises:
            ValueError: `x` is not 4-D.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(
                "The data for `fit` must have 4 axes: pictures, rows, columns and channels. "
                f"Received shape: {x.shape}"
            )
        warn_of_channels(x, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(one) for _ in range(rounds) for one in x])
        axes = (0, self.row_axis, self.col_axis)
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes).reshape(shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes).reshape(shape)
            x /= self.std + 1e-6
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            vectors, values, _ = np.linalg.svd(flat.T, full_matrices=False)
            scale = np.sqrt(len(x)) / (values + self.zca_epsilon)
            self.zca_whitening_matrix = (vectors * scale) @ vectors.T

    def _complete_normalization(self) -> None:
        """Set what whitening and division by a standard deviation need, with Keras's warnings."""
        if self.zca_whitening and self.featurewise_std_normalization:
            self.featurewise_std_normalization = False
            _warn_of_setting("zca_whitening", "featurewise_std_normalization")
        for cause, needed in [
            ("zca_whitening", "featurewise_center"),
            ("featurewise_std_normalization", "featurewise_center"),
            ("samplewise_std_normalization", "samplewise_center"),
        ]:
            if getattr(self, cause) and not getattr(self, needed):
                setattr(self, needed, True)
                _warn_of_setting(cause, needed)

    def _fitted(self, setting: str, value: Array | None) -> bool:
        if value is None:
            warnings.warn(
                f"`{setting}` has no effect before `fit`. Call `.fit(pictures)` first.",
                stacklevel=3,
            )
        return value is not None


def _zoom_range(zoom_range: Any) -> list[float]:
    if isinstance(zoom_range, Real):
        return [1 - float(zoom_range), 1 + float(zoom_range)]
    if np.size(zoom_range) == 2 and all(isinstance(end, Real) for end in zoom_range):
        return list(zoom_range)
    raise ValueError(
        "`zoom_range` should be a number or a pair (smallest, largest), as 0.2 or (0.8, 1.2). "
        f"Received: {zoom_range}"
    )


def _uniform(largest: float) -> float:
    return np.random.uniform(-largest, largest) if largest else 0


def _shift(largest: Any, side: int) -> float:
    """Draw a shift in pixels: from a list or whole number by choice, else uniformly."""
    if not np.any(largest):
        return 0
    if np.ndim(largest) or isinstance(largest, int | np.integer):
        shift = np.random.choice(largest) * np.random.choice([-1, 1])
    else:
        shift = np.random.uniform(-largest, largest)
    return float(shift * side if np.max(largest) < 1 else shift)


def _warn_of_setting(cause: str, changed: str) -> None:
    warnings.warn(
        f"This ImageDataGenerator specifies `{cause}`, which overrides the setting of `{changed}`.",
        stacklevel=4,
    )


def _without_deprecated(class_mode: str | None, kwargs: dict[str, Any]) -> str | None:
    """Warn of arguments that Keras 2 has deprecated, refuse unknown ones; return the class mode."""
    reasons = {
        "has_ext": "the table must hold the files' whole names",
        "sort": "`shuffle=False` keeps the order of the table",
        "drop_duplicates": "use pandas.DataFrame.drop_duplicates",
    }
    unknown = kwargs.keys() - reasons
    if unknown:
        raise TypeError(f"flow_from_dataframe has no argument {sorted(unknown)[0]!r}.")
    for name in kwargs:
        warnings.warn(f"`{name}` is deprecated: {reasons[name]}.", DeprecationWarning, stacklevel=3)
    if class_mode == "other":
        warnings.warn(
            '`class_mode="other"` is deprecated: use "raw".', DeprecationWarning, stacklevel=3
        )
        return "raw"
    return class_mode
