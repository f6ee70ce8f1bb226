"""What a user says about the data where the data does not tell it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from viewfinder.core.errors import UsageError


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are meant; None where their names tell it.

    Attributes:
        path: Where the picture is.
        label: Its class.
        split: Train, validation or test.
        group: What must stay on one side of a split, such as a patient.
    """

    path: str | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Hints:
    """Answers to what the data leaves open; None where nothing was said.

    Attributes:
        label_from: A regular expression that finds the label in file names.
        root: What the paths of a table are relative to.
        columns: Which columns of a table are meant.
        classes: The names of the classes, in the order of the model's outputs.
        image_size: Height and width of pictures that come as rows of numbers.
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
    is_foreign: bool = False
    needs_labels: bool = True

    def only(self, *used: str, kind: str) -> None:
        """Raise `UsageError` if something was said that this kind of data has no use for."""
        silent = Hints()
        for one in fields(self):
            said = getattr(self, one.name)
            if one.name in (*used, *_OF_NO_KIND) or said == getattr(silent, one.name):
                continue
            raise UsageError(
                f"{_IN_WORDS[one.name]} cannot be used with {kind}.", received=_shown(said)
            )


# What is not about one kind of data.
_OF_NO_KIND = ("is_foreign", "needs_labels")

_IN_WORDS = {
    "label_from": "--label-from",
    "root": "--root",
    "columns": "A choice of columns (--label-column, --group-by)",
    "classes": "A list of classes",
    "image_size": "A size of the pictures",
}


def _shown(said: object) -> str:
    if not isinstance(said, Columns):
        return str(said)
    chosen = ((one.name, getattr(said, one.name)) for one in fields(said))
    return ", ".join(f"{name}: {value}" for name, value in chosen if value is not None)
