"""Batches of picture files, of a folder with a sub-folder for each class."""

import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from typing_extensions import override

from viewfinder.compat.files import (
    FORMATS,
    MODES,
    RESAMPLING,
    Array,
    check_choice,
    checked_size,
    files_of_class,
    img_to_array,
    read_picture,
    resized,
    resolved_format,
)
from viewfinder.compat.iterators import (
    SUBSETS,
    PictureIterator,
    augments,
    warn_of_split,
)
from viewfinder.core.words import listed

_SPLITS = {"train", "training", "validation", "valid", "val", "test", "testing"}
_MEMORY = 2 * 2**30


class Reading(NamedTuple):
    """How the files of a batch are read."""

    target_size: tuple[int, int]
    color_mode: str
    interpolation: str
    keep_aspect_ratio: bool


class FileIterator(PictureIterator):
    """What folders and tables share: reading files, once where memory allows, and their labels."""

    directory: str
    filenames: list[str]
    filepaths: list[str]
    classes: Any
    class_indices: dict[str, int]
    class_mode: str | None
    samples: int

    def _set_reading(
        self, generator: Any, reading: Reading, data_format: str | None, dtype: str | None
    ) -> None:
        check_choice("color mode", reading.color_mode, MODES)
        self.image_data_generator = generator
        check_choice("interpolation", reading.interpolation, RESAMPLING)
        self.target_size = checked_size(reading.target_size)
        self.color_mode = reading.color_mode
        self.interpolation = reading.interpolation
        self.keep_aspect_ratio = reading.keep_aspect_ratio
        self.data_format = resolved_format(data_format)
        self.precision = str(keras.config.floatx())
        self.dtype = dtype or self.precision
        channels = MODES[self.color_mode]
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)

    def _set_subset(self, subset: str | None) -> None:
        """Set the range of the subset as fractions, validation first; None without a subset."""
        self.subset = subset
        self.split: tuple[float, float] | None = None
        if subset is not None:
            check_choice("subset name", subset, SUBSETS)
            share = self.image_data_generator._validation_split
            self.split = (0, share) if subset == "validation" else (share, 1)
            warn_of_split(self.image_data_generator, subset)
            self.augment = augments(self.image_data_generator, subset)

    def _paths(self, names: list[str]) -> list[str]:
        return [str(Path(self.directory) / name) for name in names]

    @property
    def labels(self) -> Any:
        """The class index of each picture."""
        return self.classes

    @property
    def sample_weight(self) -> Any:
        """The weight of each picture, or None."""
        return None

    def _keep_in_memory(self) -> None:
        """Reserve memory for the decoded pictures, unless they would take more than 2 GiB."""
        shape = (len(self.filepaths), *self.image_shape)
        fits = np.prod(shape, dtype=np.int64) <= _MEMORY
        self._pixels = np.empty(shape if fits else (0,), np.uint8)
        self._is_read = np.zeros(len(self._pixels), bool)
        self._told_of_exif = bool(getattr(self.image_data_generator, "exif", False))

    def _leave_out_unreadable(self) -> Array:
        """Return which files can be read; all, unless the generator skips unreadable ones."""
        readable = np.ones(len(self.filepaths), bool)
        if not getattr(self.image_data_generator, "skip_unreadable", False):
            return readable
        for row in range(len(readable)):
            try:
                self._picture(row)
            except OSError:
                readable[row] = False
        if not readable.all():
            paths = [path for path, good in zip(self.filepaths, readable, strict=True) if not good]
            warnings.warn(f"Left {len(paths)} unreadable files out: {listed(paths)}", stacklevel=4)
        return readable

    @override
    def _picture(self, row: int) -> Array:
        if row < len(self._is_read) and self._is_read[row]:
            kept: Array = self._pixels[row]
            return kept
        path = self.filepaths[row]
        exif = bool(getattr(self.image_data_generator, "exif", False))
        image, turned = read_picture(path, self.color_mode, exif)
        image = resized(image, self.target_size, self.interpolation, self.keep_aspect_ratio)
        if turned and not self._told_of_exif:
            self._told_of_exif = True
            warnings.warn(
                f"{path} is stored turned, and read so, as in Keras: its EXIF orientation is "
                "ignored. ImageDataGenerator(exif=True) turns such pictures upright.",
                stacklevel=2,
            )
        if image.mode not in ("L", "RGB", "RGBA"):
            return img_to_array(image, self.data_format)
        pixels = img_to_array(image, self.data_format, "uint8")
        if row < len(self._is_read):
            self._pixels[row] = pixels
            self._is_read[row] = True
        return pixels

    @override
    def _shape(self) -> tuple[int, ...]:
        return self.image_shape

    @override
    def _get_batches_of_transformed_samples(self, index_array: Array) -> Any:
        pictures = self._batch_of_pictures(index_array)
        if self.class_mode is None:
            return pictures
        targets = self._targets_of(pictures, index_array)
        if self.sample_weight is None:
            return pictures, targets
        return pictures, targets, self.sample_weight[index_array]

    def _targets_of(self, pictures: Array, rows: Array) -> Any:
        if self.class_mode == "input":
            return pictures.copy()
        if self.class_mode == "multi_output":
            return [output[rows] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[rows]
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[row] for row in rows], dtype=self.dtype)
        targets = np.zeros((len(rows), len(self.class_indices)), dtype=self.dtype)
        for target, row in zip(targets, rows, strict=True):
            target[self.classes[row]] = 1
        return targets


class DirectoryIterator(FileIterator):
    """Batches of the pictures of a folder with a sub-folder for each class.

    Each picture is decoded once and kept at its target size, as 8-bit pixels, while all of them
    take at most 2 GiB; a file that is replaced afterwards is not read again.

    Args:
        directory: The folder.
        image_data_generator: Changes and standardizes the pictures.
        target_size: (height, width).
        color_mode: "rgb", "rgba" or "grayscale".
        classes: The names of the classes in the order of their indices; by default all
            sub-folders, sorted.
        class_mode: "categorical" (one-hot), "binary" or "sparse" (indices), "input" (the
            pictures themselves) or None (pictures without labels).
        batch_size: The size of a batch.
        shuffle: Draw a new order for each epoch.
        seed: See :class:`Iterator`.
        data_format: "channels_last" or "channels_first".
        save_to_dir: A folder for the pictures of each batch.
        save_prefix: The beginning of their names.
        save_format: The ending of their names.
        follow_links: Follow links to folders.
        subset: "training" or "validation", by the generator's `validation_split`: the first files
            of each class validate.
        interpolation: See :func:`load_img`.
        keep_aspect_ratio: See :func:`load_img`.
        dtype: The dtype of the batches.

    Raises:
        ValueError: An argument has an unknown value.
        FileNotFoundError: The folder does not exist.
        NotADirectoryError: It is a file.
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        reading = Reading(target_size, color_mode, interpolation, keep_aspect_ratio)
        self._set_reading(image_data_generator, reading, data_format, dtype)
        self._set_subset(subset)
        self._set_saving(save_to_dir, save_prefix, save_format)
        check_choice("class_mode", class_mode, self.allowed_class_modes)
        self.class_mode = class_mode
        if not isinstance(directory, str | os.PathLike):
            raise TypeError(f"`directory` should be the path of a folder. Received: {directory!r}")
        self.directory = os.fspath(directory)
        names = list(classes) if classes else _folders(self.directory)
        self.num_classes = len(names)
        self.class_indices = {name: index for index, name in enumerate(names)}
        found = [self._files(name, follow_links) for name in names]
        self.filenames = [file for files in found for file in files]
        self.filepaths = self._paths(self.filenames)
        counts = [len(files) for files in found]
        indices = np.array([self.class_indices[name] for name in names], np.int32)
        self.classes = np.repeat(indices, counts)
        self._keep_in_memory()
        self._keep_only(self._leave_out_unreadable())
        self.samples = len(self.filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        _warn_of_folders(self.directory, names, self.samples)
        self._warn_of_classes(names, counts)
        if class_mode == "binary" and len(names) != 2:
            warnings.warn(
                f'class_mode="binary" is for 2 classes. Received: {len(names)}, {listed(names)}. '
                'For more, "sparse" gives their indices and "categorical" one column each.',
                stacklevel=3,
            )
        super().__init__(self.samples, batch_size, shuffle, seed, **kwargs)

    def _warn_of_classes(self, names: list[str], counts: list[int]) -> None:
        """Warn of classes without a folder, or with one without pictures."""
        if gone := [name for name in names if not (Path(self.directory) / name).is_dir()]:
            warnings.warn(
                f"`classes` names {listed(gone)}, of which there is no folder. "
                f"The sub-folders are: {listed(_folders(self.directory))}",
                stacklevel=4,
            )
        empty = [name for name, count in zip(names, counts, strict=True) if not count]
        if self.samples and (empty := [name for name in empty if name not in gone]):
            full = [name for name, count in zip(names, counts, strict=True) if count]
            warnings.warn(
                f"No pictures of {listed(empty)}, which count as classes all the same. "
                f"`classes` names those with pictures: {listed(full)}",
                stacklevel=4,
            )

    def _files(self, name: str, follow_links: bool) -> list[str]:
        files = list(files_of_class(self.directory, name, follow_links))
        if self.split:
            first, last = (int(share * len(files)) for share in self.split)
            files = files[first:last]
        return files

    def _keep_only(self, rows: Array) -> None:
        if not rows.all():
            self.filenames = [name for name, good in zip(self.filenames, rows, strict=True) if good]
            self.filepaths = self._paths(self.filenames)
            self.classes = self.classes[rows]
            if len(self._is_read):
                self._pixels, self._is_read = self._pixels[rows], self._is_read[rows]


def _folders(directory: str) -> list[str]:
    path = Path(directory)
    expected = "Expected: a folder with a sub-folder for each class."
    if not path.exists():
        raise FileNotFoundError(f"The folder {directory} does not exist. {expected}")
    if not path.is_dir():
        raise NotADirectoryError(f"{directory} is a file. {expected}")
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir())


def _warn_of_folders(directory: str, names: list[str], samples: int) -> None:
    if not samples:
        received = (
            f"Received the sub-folders: {listed(names)}"
            if names
            else 'Received no sub-folder. For the pictures of the folder itself: classes=["."], '
            "class_mode=None."
        )
        warnings.warn(
            f"{directory} holds no pictures in folders of classes. Expected: a sub-folder for each "
            f"class with files that end in {', '.join(FORMATS)}. {received}",
            stacklevel=4,
        )
    elif names and {name.lower() for name in names} <= _SPLITS:
        warnings.warn(
            f"The classes of {directory} are {listed(names)}, which look like splits. For one "
            f"split: flow_from_directory({str(Path(directory) / names[0])!r}).",
            stacklevel=4,
        )
