"""The iterators of `ImageDataGenerator`: what they share, and batches of arrays.

Each is a `keras.utils.PyDataset`, which `model.fit` takes on every backend, and an endless Python
iterator, as in Keras 2. Random numbers come from NumPy's global generator in Keras 2's order.
"""

import os
import sys
import threading
import warnings
from collections.abc import Iterator as Generator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.compat.files import (
    FORMATS,
    array_to_img,
    check_choice,
    check_saving,
    resolved_format,
)
from viewfinder.core.parallel import cores, map_ahead

Array = NDArray[Any]

SUBSETS = ("training", "validation")


class Iterator(keras.utils.PyDataset):
    """Batches of `n` pictures by index, endless as a Python iterator.

    Args:
        n: The number of pictures.
        batch_size: The size of a batch.
        shuffle: Draw a new order for each epoch.
        seed: Seeds NumPy's global generator with `seed + number of the batch` before each batch.
        kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `PyDataset`.
    """

    white_list_formats = FORMATS

    def __init__(
        self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(batch_size, int | np.integer):
            raise TypeError(f"`batch_size` should be a whole number. Received: {batch_size!r}")
        if batch_size < 1 and n:  # without pictures, Keras takes any
            raise ValueError(f"`batch_size` should be at least 1. Received: {batch_size}")
        if seed is not None and not isinstance(seed, int | np.integer):
            raise TypeError(f"`seed` should be a whole number or None. Received: {seed!r}")
        self.n = n
        self.batch_size = int(batch_size)
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self._is_endless: bool | None = None  # not known yet
        self.lock = threading.Lock()
        self.index_array: Any = None
        self.index_generator = self._flow_index()

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    @property
    @override
    def num_batches(self) -> int | None:
        """The number of batches, or None where Keras was given `steps_per_epoch`.

        In Keras 2 an epoch has the given steps, whatever the number of batches. Keras 3 would end
        it with the last batch, so that eight steps of nine batches are 8, 1, 8, 1 … of them.
        """
        frame = sys._getframe(1)
        asks = frame.f_locals.get("self")
        if getattr(asks, "py_dataset", None) is not self:
            return len(self)
        for _ in range(3):  # Keras's iterator of an epoch, around its adapter
            if frame.f_back is None:
                break
            frame = frame.f_back
            caller: Any = frame.f_locals.get("self")
            if hasattr(caller, "steps_per_epoch") and getattr(caller, "data_adapter", asks) is asks:
                self._is_endless = bool(caller.steps_per_epoch)  # 0 is all batches to Keras 3
                break
        return None if self._is_endless else len(self)

    def __getitem__(self, idx: int) -> Any:
        if idx >= len(self) and self._is_endless is None:
            raise ValueError(f"Batch {idx} does not exist: there are {len(self)}, from 0.")
        self._seed_batch()
        self.total_batches_seen += 1
        if self.index_array is None or (idx and idx % len(self) == 0):
            self._set_index_array()
        idx %= len(self)
        rows = self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]
        batch = self._get_batches_of_transformed_samples(rows)
        if not isinstance(batch, tuple):
            return batch
        # `fit` of Keras 3 takes several inputs or outputs as tuples, not as Keras 2's lists.
        return tuple(tuple(part) if isinstance(part, list) else part for part in batch)

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> Any:
        with self.lock:
            rows = next(self.index_generator)
        return self._get_batches_of_transformed_samples(rows)

    def next(self) -> Any:
        """Return the next batch."""
        return next(self)

    def on_epoch_end(self) -> None:
        """Draw a new order; steps that were given go on with the old one."""
        if not self._is_endless:
            self._set_index_array()

    def reset(self) -> None:
        """Begin again with the first batch."""
        self.batch_index = 0

    def _seed_batch(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _flow_index(self) -> Generator[Array]:
        self.reset()
        while True:
            self._seed_batch()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array()
            start = self.batch_index * self.batch_size % self.n if self.n else 0
            is_last = self.n <= start + self.batch_size
            self.batch_index = 0 if is_last else self.batch_index + 1
            self.total_batches_seen += 1
            yield self.index_array[start : start + self.batch_size]

    def _get_batches_of_transformed_samples(self, index_array: Array) -> Any:
        raise NotImplementedError


class PictureIterator(Iterator):
    """What the three kinds share: changing, standardizing and saving the pictures of a batch."""

    image_data_generator: Any
    data_format: str
    dtype: str
    precision: str  # the dtype of a picture while it is changed
    save_to_dir: str | None
    save_prefix: str
    save_format: str
    augment: bool = True
    _names = 10_000_000  # of saved pictures: their range is Keras's, for the same random numbers

    def _picture(self, row: int) -> Array:
        """Return a picture before any change, in the batch's data format."""
        raise NotImplementedError

    def _shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def _batch_of_pictures(self, rows: Array) -> Array:
        batch = np.zeros((len(rows), *self._shape()), dtype=self.dtype)
        generator = self.image_data_generator
        draws = self.augment and generator is not None
        changes = [generator.get_random_transform(self._shape()) if draws else {} for _ in rows]

        def changed(job: tuple[Any, dict[str, Any]]) -> Array:
            picture = self._picture(int(job[0])).astype(self.precision)
            return generator.apply_transform(picture, job[1]) if job[1] else picture

        one_channel = np.array(batch.shape[1:])
        one_channel[2 if self.data_format == "channels_last" else 0] = 1
        shapes = {batch.shape[1:], tuple(one_channel.tolist())}
        workers = cores() if len(rows) > 1 else 0
        jobs = zip(rows, changes, strict=True)
        # The user's function runs in this thread only: it need not be thread-safe.
        for at, picture in enumerate(map_ahead(changed, jobs, workers=workers)):
            done = generator.standardize(picture) if generator is not None else picture
            shape = None if done is None else np.shape(done)
            if shape is None or shape[-3:] not in shapes:
                raise ValueError(
                    "`preprocessing_function` should return a picture of the shape that it takes, "
                    f"{batch.shape[1:]}, or one channel of it. Received: {shape}"
                )
            batch[at] = done
        self._save(batch, rows)
        return batch

    def _set_saving(self, folder: str | None, prefix: str, ending: str) -> None:
        """Set where the pictures of each batch are written, for inspection."""
        if folder:
            check_saving(folder, ending)
        self.save_to_dir, self.save_prefix, self.save_format = folder, prefix, ending

    def _save(self, batch: Array, rows: Array) -> None:
        if not self.save_to_dir:
            return
        for picture, row in zip(batch, rows, strict=True):
            number = np.random.randint(self._names)
            name = f"{self.save_prefix}_{row}_{number}.{self.save_format}"
            image = array_to_img(picture, self.data_format, scale=True)
            image.save(Path(self.save_to_dir) / name)


class NumpyArrayIterator(PictureIterator):
    """Batches of pictures in an array.

    Yields `x`, `(x, y)` or `(x, y, sample_weight)`; with further inputs, `x` is a list.

    Args:
        x: Pictures, 4-D; or a pair of them and one further input or a list of further inputs.
        y: Labels.
        image_data_generator: Changes and standardizes the pictures.
        batch_size: The size of a batch.
        shuffle: Draw a new order for each epoch.
        sample_weight: A weight per picture.
        seed: See :class:`Iterator`.
        data_format: "channels_last" or "channels_first".
        save_to_dir: A folder for the pictures of each batch.
        save_prefix: The beginning of their names.
        save_format: The ending of their names.
        subset: "training" or "validation", by the generator's `validation_split`.
        ignore_class_split: Admit subsets of different labels.
        dtype: The dtype of the batches.

    Raises:
        ValueError: Lengths differ, the array is not 4-D, or a subset lacks a class.
    """

    _names = 10_000

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.dtype = self.precision = dtype or str(keras.config.floatx())
        self.data_format = resolved_format(data_format)
        self.image_data_generator = image_data_generator
        self._set_saving(save_to_dir, save_prefix, save_format)
        if x is None or isinstance(x, str | os.PathLike):
            raise TypeError(
                "`x` should be an array of pictures (pictures, rows, columns, channels). "
                f"Received: {x!r}. For a folder: flow_from_directory."
            )
        x, further = (x[0], x[1]) if isinstance(x, tuple | list) else (x, [])
        further = [np.asarray(one) for one in (further if isinstance(further, list) else [further])]
        _check_lengths(x, further, y, sample_weight)
        rows = slice(None)
        if subset is not None:
            check_choice("subset name", subset, SUBSETS)
            first = int(len(x) * image_data_generator._validation_split)
            if y is not None and not ignore_class_split:
                _check_classes_of_subsets(np.asarray(y), first)
            rows = slice(first) if subset == "validation" else slice(first, None)
            warn_of_split(image_data_generator, subset)
            self.augment = augments(image_data_generator, subset)
        self.x = np.asarray(x[rows], dtype=self.dtype)
        if self.x.ndim != 4:
            raise ValueError(
                "The pictures must have 4 axes: pictures, rows, columns and channels. "
                f"Received shape: {self.x.shape}"
            )
        warn_of_channels(self.x, self.data_format)
        self.x_misc = [one[rows] for one in further]
        self.y = None if y is None else np.asarray(y)[rows]
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        super().__init__(len(self.x), batch_size, shuffle, seed, **kwargs)

    @override
    def _picture(self, row: int) -> Array:
        picture: Array = self.x[row]
        return picture

    @override
    def _shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    @override
    def _get_batches_of_transformed_samples(self, index_array: Array) -> Any:
        pictures: Any = self._batch_of_pictures(index_array)
        if self.x_misc:
            pictures = [pictures, *(one[index_array] for one in self.x_misc)]
        if self.y is None:
            return pictures
        if self.sample_weight is None:
            return pictures, self.y[index_array]
        return pictures, self.y[index_array], self.sample_weight[index_array]


def warn_of_channels(pictures: Array, data_format: str) -> None:
    """Warn unless pictures `(n, …)` have 1, 3 or 4 channels."""
    axis = 3 if data_format == "channels_last" else 1
    if pictures.shape[axis] not in (1, 3, 4):
        warnings.warn(
            f'Expected 1, 3 or 4 channels on axis {axis} (data format "{data_format}"). '
            f"Received {pictures.shape[axis]}: shape {pictures.shape}.",
            stacklevel=3,
        )


def warn_of_split(generator: Any, subset: str) -> None:
    """Warn where the validation subset is empty, because no share was set for it."""
    if subset == "validation" and not generator._validation_split:
        warnings.warn(
            'subset="validation" holds no pictures, because `validation_split` is 0. '
            "Set it: ImageDataGenerator(validation_split=0.2).",
            stacklevel=4,
        )


def augments(generator: Any, subset: str) -> bool:
    """Return whether a subset is augmented; as in Keras it is, with a warning for validation."""
    setting = getattr(generator, "augment_validation", True)
    if subset == "validation" and setting is None and generator.augments:
        warnings.warn(
            "The validation subset is augmented like the training subset, as in Keras, so its "
            "accuracy is not that on unchanged pictures. "
            "ImageDataGenerator(augment_validation=False) leaves it unchanged.",
            stacklevel=4,
        )
    return subset != "validation" or setting is None or setting


def _check_lengths(x: Any, further: list[Array], y: Any, weights: Any) -> None:
    for one in further:
        if len(one) != len(x):
            raise ValueError(
                "All of the arrays in `x` should have the same length. "
                f"Received lengths: {len(x)} and {len(one)}"
            )
    for values, words in ((y, "`y` (labels)"), (weights, "`sample_weight`")):
        if values is not None and len(values) != len(x):
            raise ValueError(
                f"`x` (images tensor) and {words} should have the same length. "
                f"Received lengths: {len(x)} and {len(values)}"
            )


def _check_classes_of_subsets(labels: Array, first: int) -> None:
    if not np.array_equal(np.unique(labels[:first]), np.unique(labels[first:])):
        raise ValueError(
            "Training and validation subsets have different number of classes after the split. "
            "If your arrays are sorted by label, shuffle them first."
        )
