"""The kinds of data that pictures come from; each becomes the same `Dataset`.

folder, files, listing       the files of a folder
labelling, recognise,        labels and splits from folders, or from file names
  folder_names
table, cells                 tables of paths and labels: CSV, Parquet, DataFrame
roles, columns, paths        what columns are; what their cells mean; the files that paths name
metadata                     Hugging Face's and Roboflow's folders
pixel_csv, pixel_columns,    a picture in each row of a text table
  pixel_cells
parquet                      pictures inside of Parquet files
idx, npz, arrays             other rows of pixels; pixels and levels are shared by them
archive: zipped, tarred      archives, read in place
unpacked                     archives of any of these, unpacked into the cache
saved                        the pictures of a saved dataset
opening                      detects the kind of data at a path
grouping                     groups from file names or EXIF
records                      a source from its record
hints, assemble              shared by all
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from viewfinder.core.class_names import stated_class_names
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.layout import Layout
from viewfinder.data.source import Source
from viewfinder.data.sources.arrays import open_arrays
from viewfinder.data.sources.grouping import with_groups_from
from viewfinder.data.sources.hints import Columns, Hints, stated_layout, stated_splits
from viewfinder.data.sources.levels import checked_range
from viewfinder.data.sources.opening import open_path
from viewfinder.data.sources.records import from_record
from viewfinder.data.sources.table import open_table

__all__ = [
    "Columns",
    "Source",
    "as_dataset",
    "from_record",
    "open_arrays",
    "open_dataset",
    "open_table",
]


def as_dataset(data: Dataset | str | os.PathLike[str]) -> Dataset:
    """Return a dataset as it is, and open a path or a saved dataset.

    Raises:
        UsageError: `data` is none of these.
        DataError: The path does not hold pictures.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return open_dataset(Path(data))
    raise UsageError(
        "These are no data to work on.",
        expected="a dataset of viewfinder.open, or a path",
        received=type(data).__name__,
        remedy="viewfinder.from_table(frame) for a table, viewfinder.from_arrays(…) for arrays",
    )


def open_dataset(
    path: str | Path,
    *,
    label_from: str | None = None,
    root: str | Path | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    group_from: str | None = None,
    classes: Sequence[str] | str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] | None = None,
    value_range: tuple[float, float] | None = None,
    layout: str | Layout | None = None,
    splits: str | Mapping[str, str] | None = None,
    needs_labels: bool = True,
    progress: Progress | None = None,
) -> Dataset:
    r"""List the pictures at `path` without decoding them; the content decides what kind they are.

    Args:
        path: A folder of class folders; a folder of split folders (`train`, `val`, `test` …) of
            class folders; a folder of files whose names contain the label; or one with a
            `metadata.csv`. A saved dataset (`NAME.dataset`). A table (CSV, TSV, Parquet) of paths
            and labels. A CSV with a picture's pixels in each row. Parquet files with pictures
            inside. MNIST's idx files. An `.npz` of arrays. Or a zip or tar archive of any of these.
        label_from: A regular expression that finds the label in a file's name:
            its group named `label`, or its first group. For example `([a-z]+)\.` gives `cat` for
            `cat.0.jpg`. It searches the file name; if it has a slash, the whole path.
        root: The folder that a table's paths are relative to; by default the table's own.
        label_column: The name (or number, from 0) of a table's column of labels.
        group_column: The name (or number) of the column of groups, which stay in one split.
        group_from: A regular expression that finds in a file's name the group that stays in one
            split: its group named `group`, or all of its groups. For example `^([a-z]+\d+)-` gives
            `horse01` for `horse01-3.jpg`. Searches like `label_from`. Or `exif:camera`, `exif:day`,
            `exif:hour` or `exif:minute`: pictures of one camera, or of one day, hour or minute of
            it, are a group.
        classes: The classes' names in the order of the model's outputs, or the path to a text file
            with one a line; by default sorted. Labels that are numbers index these names, from 0.
            Numbered classes of tables and arrays in a folder are named by its `class_names.txt`.
        image_size: Height and width of pictures that come as rows of numbers and are not square.
        value_range: The numbers of black and of white in rows of numbers, such as `(0, 4095)`; by
            default whole numbers are levels from 0 to 255, and fractions shares of 1.
        layout: Which folders are the classes, where they could be read in several ways:
            "classes" (the folders at the top), "splits" (those in split folders at the top) or
            "innermost" (those that hold the pictures); or the `layout` of a dataset, to read
            folders like it. By default recognised, or refused with the choices.
        splits: The folder of each split, relative to `path`: `{"train": "a", "test": "b"}`, or the
            same as `train=a,test=b`. "." is all that is in no other split.
        needs_labels: Whether folders without classes, or with only one, are refused.
        progress: Announces that an archive is unpacked.

    Raises:
        DataError: The data is of no known kind, or has no pictures or fewer than two classes.
        UsageError: `path` is no path, or an argument does not apply to this kind of data.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(
            "`path` is not a path.",
            expected="a path; for data in memory vf.from_table(frame) or "
            "vf.from_arrays(images, labels)",
            received=type(path).__name__,
        )
    hints = Hints(
        label_from=label_from,
        root=None if root is None else str(root),
        columns=Columns(label=label_column, group=group_column),
        classes=None if classes is None else stated_class_names(classes),
        image_size=image_size,
        value_range=checked_range(value_range),
        layout=stated_layout(layout),
        splits=stated_splits(splits),
        needs_labels=needs_labels,
    )
    if layout is not None and label_from is not None:
        raise UsageError("`layout` has no effect with `label_from`.", remedy="choose one of them")
    dataset = open_path(Path(path), hints, progress)
    return dataset if group_from is None else with_groups_from(dataset, group_from)
