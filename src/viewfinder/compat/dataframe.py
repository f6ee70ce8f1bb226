"""Batches of the picture files that a pandas table names."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from viewfinder.compat.directory import FileIterator, Reading
from viewfinder.compat.files import FORMATS, check_choice, validate_filename
from viewfinder.core.words import listed

_WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


class DataFrameIterator(FileIterator):
    """Batches of the pictures that a pandas table names.

    Args:
        dataframe: A table with a row a picture.
        directory: The folder that the paths are relative to; None: they are absolute, or relative
            to the working directory.
        image_data_generator: Changes and standardizes the pictures.
        x_col: The column of paths.
        y_col: The column of labels; for "multi_output" and "raw" also a list of columns.
        weight_col: A column of weights.
        classes: The names of the classes in the order of their indices; rows of others are left
            out.
        class_mode: As for :class:`DirectoryIterator`; labels that are lists or tuples give several
            ones per row in "categorical". "multi_output" yields a list of the columns of `y_col`,
            "raw" their values.
        validate_filenames: Leave out rows whose file does not exist or has another ending.

    The other arguments are those of :class:`DirectoryIterator`.

    Raises:
        ValueError: An argument has an unknown value, or "binary" meets other than two classes.
        TypeError: A column holds values of the wrong type.
    """

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        image_data_generator: Any = None,
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
        data_format: str | None = "channels_last",
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = "float32",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> None:
        reading = Reading(target_size, color_mode, interpolation, keep_aspect_ratio)
        self._set_reading(image_data_generator, reading, data_format, dtype)
        self._set_subset(subset)
        self._set_saving(save_to_dir, save_prefix, save_format)
        check_choice("class_mode", class_mode, self.allowed_class_modes)
        self.class_mode = class_mode
        self.directory = os.fspath(directory) if directory is not None else ""
        _check_columns(dataframe, class_mode, (x_col, y_col, weight_col), classes)
        table = dataframe.copy()
        if validate_filenames:
            table = self._with_files(table, x_col)
        has_classes = class_mode not in _WITHOUT_CLASSES
        if has_classes:
            table, names = _with_classes(table, y_col, classes)
            self.class_indices = {name: index for index, name in enumerate(names)}
        if self.split:
            first, last = (int(share * len(table)) for share in self.split)
            table = table.iloc[first:last]
        self.filepaths = self._paths(table[x_col])
        self._keep_in_memory()
        readable = self._leave_out_unreadable()
        if not readable.all():
            table = table[readable]
            self.filepaths = self._paths(table[x_col])
            if len(self._is_read):
                self._pixels, self._is_read = self._pixels[readable], self._is_read[readable]
        self.filenames = table[x_col].tolist()
        self.samples = len(self.filenames)
        self._weights = table[weight_col].to_numpy() if weight_col else None
        self._outputs: Any = None
        if has_classes:
            self.classes = [self._indices(label) for label in table[y_col]]
        elif class_mode == "multi_output":
            self._outputs = [_values(table[column]) for column in y_col or []]
        elif class_mode == "raw":
            self._outputs = table[y_col].to_numpy()
        kind = "validated" if validate_filenames else "non-validated"
        belonging = f" belonging to {len(self.class_indices)} classes" if has_classes else ""
        print(f"Found {self.samples} {kind} image filenames{belonging}.")
        super().__init__(self.samples, batch_size, shuffle, seed, **kwargs)

    @property
    @override
    def labels(self) -> Any:
        return self.classes if self._outputs is None else self._outputs

    @property
    @override
    def sample_weight(self) -> Any:
        return self._weights

    def _indices(self, label: Any) -> int | list[int]:
        if isinstance(label, list | tuple):
            return [self.class_indices[name] for name in label]
        return self.class_indices[label]

    def _with_files(self, table: Any, x_col: str) -> Any:
        """Return the rows whose file exists and has a picture's ending."""
        valid = [
            validate_filename(str(Path(self.directory) / name), FORMATS) for name in table[x_col]
        ]
        missing = len(valid) - sum(valid)
        if missing:
            names = [name for name, good in zip(table[x_col], valid, strict=True) if not good]
            warnings.warn(
                f'Found {missing} invalid image filename(s) in x_col="{x_col}", which are left '
                f"out: {listed(names)}. Expected existing files that end in {', '.join(FORMATS)}.",
                stacklevel=3,
            )
        return table[np.array(valid, bool)]


def _values(column: Any) -> Any:
    try:
        return np.array(column.tolist())
    except ValueError:
        raise ValueError(
            'class_mode="multi_output" needs values of one shape in each column. Received lists '
            f"of several lengths in column {column.name!r}. For several labels a picture: "
            'class_mode="categorical".'
        ) from None


def _check_columns(
    table: Any,
    class_mode: str | None,
    columns: tuple[str, str | list[str] | None, str | None],
    classes: list[str] | None,
) -> None:
    """Check the types of the columns (paths, labels, weights) against the class mode."""
    x_col, y_col, weight_col = columns
    if not hasattr(table, "columns"):
        raise TypeError(
            f"`dataframe` should be a pandas table. Received: {type(table).__name__}. "
            "For a CSV file: pandas.read_csv(path)."
        )
    needed: list[str | None] = [x_col, weight_col] if weight_col else [x_col]
    if class_mode not in ("input", None):
        needed += y_col if isinstance(y_col, list) else [y_col]
    for column in needed:
        if column not in table.columns:
            raise KeyError(
                f"The table has no column {column!r}. Expected one of: "
                f"{listed([repr(name) for name in table.columns])}. "
                "`x_col` names the column of paths, `y_col` that of labels."
            )
    if class_mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            'class_mode="multi_output" needs a list of columns as `y_col`. '
            f"Received: {type(y_col).__name__}"
        )
    if not all(isinstance(name, str) for name in table[x_col]):
        raise TypeError(f"All values in column x_col={x_col} must be strings.")
    if isinstance(y_col, list) and class_mode not in _WITHOUT_CLASSES:
        raise TypeError(
            f'class_mode="{class_mode}" needs one column as `y_col`. Received: {y_col}. '
            'For several columns: "multi_output" or "raw".'
        )
    types: Any = {"binary": str, "sparse": str, "categorical": (str, list, tuple)}.get(
        class_mode or ""
    )
    if types is not None and not all(isinstance(label, types) for label in table[y_col]):
        expected = "strings, lists or tuples" if class_mode == "categorical" else "strings"
        raise TypeError(
            f'class_mode="{class_mode}" needs {expected} in column y_col={y_col}. '
            f"For whole numbers: table[{y_col!r}].astype(str)."
        )
    if class_mode == "binary":
        count = len(set(classes)) if classes else table[y_col].nunique()
        if count != 2:
            raise ValueError(f'class_mode="binary" needs 2 classes. Received: {count}')
    if classes and class_mode in _WITHOUT_CLASSES:
        warnings.warn(f'`classes` has no effect with class_mode="{class_mode}".', stacklevel=4)
    if weight_col and not np.issubdtype(table[weight_col].dtype.type, np.number):
        raise TypeError(f"Column weight_col={weight_col} must be numeric.")


def _with_classes(table: Any, y_col: Any, classes: list[str] | None) -> tuple[Any, list[str]]:
    """Return the rows with a label out of `classes`, reduced to these, and the classes' names."""
    if not classes:
        labels = [
            name
            for label in table[y_col]
            for name in (label if isinstance(label, list | tuple) else [label])
        ]
        return table, sorted(set(labels))
    names = list(dict.fromkeys(classes))

    def kept(label: Any) -> Any:
        if isinstance(label, list | tuple):
            return [name for name in label if name in names] or None
        return label if label in names else None

    table[y_col] = [kept(label) for label in table[y_col]]
    return table.dropna(subset=[y_col]), names
