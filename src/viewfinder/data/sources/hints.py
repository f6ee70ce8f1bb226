"""What a user states about data that is ambiguous."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import cast, get_args

from viewfinder.core.errors import UsageError, nearest
from viewfinder.data.dataset import SPLITS
from viewfinder.data.layout import Layout, LayoutKind


@dataclass(frozen=True)
class Columns:
    """Which columns of a table to use; None: found by their names.

    Attributes:
        path: The picture's path.
        label: Its class.
        split: Train, validation or test.
        group: What must stay in one split, such as a patient.
    """

    path: str | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Hints:
    """What the user states about the data; None where nothing was stated.

    Attributes:
        label_from: A regular expression that finds the label in file names.
        root: What the paths of a table are relative to.
        columns: Which columns of a table are meant.
        classes: The names of the classes, in the order of the model's outputs.
        image_size: Height and width of pictures that come as rows of numbers.
        value_range: The numbers of black and of white in such rows.
        layout: Which folders are the classes, or the whole layout as recorded.
        splits: The folder of each split, relative to the data; see :func:`stated_splits`.
        is_foreign: Whether the data came out of an archive: its tables may then only name files
            beside them.
        needs_labels: Whether two classes are needed. An audit needs none; kinds of data that have
            labels anyway pass this by.
    """

    label_from: str | None = None
    root: str | None = None
    columns: Columns = Columns()
    classes: Sequence[str] | None = None
    image_size: tuple[int, int] | None = None
    value_range: tuple[float, float] | None = None
    layout: LayoutKind | Layout | None = None
    splits: Mapping[str, str] | None = None
    is_foreign: bool = False
    needs_labels: bool = True

    def only(self, *used: str, kind: str) -> None:
        """Raise `UsageError` if a hint was given that does not apply to this kind of data."""
        default = Hints()
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if name in (*used, *_FOR_ALL) or value == getattr(default, name):
                continue
            argument = f"`{name}`"
            if name == "columns":
                argument = "A choice of columns (`label_column`, `group_by`)"
            raise UsageError(f"{argument} cannot be used with {kind}.", received=_shown(value))


# The hints that apply to all kinds of data.
_FOR_ALL = ("is_foreign", "needs_labels")


def _shown(value: object) -> str:
    if not isinstance(value, Columns):
        return str(value)
    chosen = asdict(value).items()
    return ", ".join(f"{name}: {value}" for name, value in chosen if value is not None)


def stated_layout(layout: str | Layout | None) -> LayoutKind | Layout | None:
    """The layout as the user states it, checked.

    Raises:
        UsageError: There is no such layout.
    """
    if layout is None or isinstance(layout, Layout):
        return layout
    if layout in get_args(LayoutKind):
        return cast("LayoutKind", layout)
    raise UsageError(
        f"There is no layout {layout!r}.",
        expected=", ".join(get_args(LayoutKind)),
        received=layout,
        remedy=nearest(layout, get_args(LayoutKind)),
    )


def stated_splits(splits: str | Mapping[str, str] | None) -> dict[str, str] | None:
    """The folder of each split, from a mapping or from `train=DIR,test=DIR`; "" is the root.

    Raises:
        UsageError: A split is unknown or stated twice, or a folder is outside of the data.
    """
    if splits is None:
        return None
    expected = "train=DIR,validation=DIR,test=DIR, with folders inside the data"
    if isinstance(splits, str):
        pairs = [pair.partition("=")[::2] for pair in splits.split(",")]
    else:
        pairs = [*splits.items()]
    stated: dict[str, str] = {}
    for split, folder in pairs:
        path = PurePosixPath(folder)
        name = split.strip()
        if name not in SPLITS or name in stated or not folder:
            raise UsageError("`splits` is invalid.", expected=expected, received=str(splits))
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(
                "`splits` names a folder outside of the data.", expected=expected, received=folder
            )
        stated[name] = "/".join(path.parts)
    if len(set(stated.values())) < len(stated):
        raise UsageError("Two splits have one folder.", expected=expected, received=str(splits))
    return stated
