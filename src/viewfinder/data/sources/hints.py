"""What a user states about data that is ambiguous."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from viewfinder.core.errors import UsageError


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
    is_foreign: bool = False
    needs_labels: bool = True

    def only(self, *used: str, kind: str) -> None:
        """Raise `UsageError` if a hint was given that does not apply to this kind of data."""
        default = Hints()
        for name, argument in _ARGUMENTS.items():
            value = getattr(self, name)
            if name not in used and value != getattr(default, name):
                raise UsageError(f"{argument} cannot be used with {kind}.", received=_shown(value))


# The hints that apply to some kinds of data only, as messages name them.
_ARGUMENTS = {
    "label_from": "`label_from`",
    "root": "`root`",
    "columns": "A choice of columns (`label_column`, `group_by`)",
    "classes": "`classes`",
    "image_size": "`image_size`",
    "value_range": "`value_range`",
}


def _shown(value: object) -> str:
    if not isinstance(value, Columns):
        return str(value)
    chosen = asdict(value).items()
    return ", ".join(f"{name}: {value}" for name, value in chosen if value is not None)
