"""The course's datasets as records: public addresses, content and layout.

The data are in `datasets.yaml`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.files import read_yaml


@dataclass(frozen=True)
class Address:
    """An address of a file, and what is published about the file there.

    Attributes:
        url: An https address.
        bytes: The file's size; None where none is published.
        sha256: The file's checksum in hexadecimal; None where none is published.
        stated_by: The source of size and checksum.
    """

    url: str
    bytes: int | None = None
    sha256: str | None = None
    stated_by: str | None = None


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset, and its layout on the disk.

    Attributes:
        name: The file's name on the disk.
        addresses: Where to download the file, in the order of the attempts.
        unpack: Whether the file is an archive to unpack; others are copied into the folder.
        inside: The path of the part to take: names of folders in the archive, or of archives that
            are unpacked in turn.
        becomes: The folder, within the dataset's, for this part; "" for the dataset's own.
    """

    name: str
    addresses: tuple[Address, ...] = ()
    unpack: bool = False
    inside: tuple[str, ...] = ()
    becomes: str = ""


@dataclass(frozen=True)
class Kaggle:
    """A dataset or competition of Kaggle, whose files need an account.

    Attributes:
        kind: Whether it is a dataset or a competition.
        name: Its name in the page's address.
    """

    kind: Literal["dataset", "competition"]
    name: str

    @property
    def page(self) -> str:
        """The page to download it in a browser."""
        section = "datasets" if self.kind == "dataset" else "competitions"
        return f"https://www.kaggle.com/{section}/{self.name}"


@dataclass(frozen=True)
class Entry:
    """A dataset of the course.

    Attributes:
        name: Its name in this package.
        title: What its pictures show.
        pictures: The number of labelled pictures.
        classes: The number of classes.
        files: The files to download; empty for pictures that scikit-learn ships.
        licence: The terms of use.
        citation: The work to cite.
        course: What the course does with it.
        recipe: The named recipe that fits.
        opens: The file within the folder to open; "" for the folder.
        label_from: The regular expression that finds the label in file names, where folders do
            not give it.
        class_names: The names of the labels 0, 1 …, where the labels are numbers.
        kaggle: Where an account is needed.
        verified: Whether a whole download was tested.
    """

    name: str
    title: str
    pictures: int
    classes: int
    licence: str
    citation: str
    course: str
    recipe: str
    files: tuple[RemoteFile, ...] = ()
    opens: str = ""
    label_from: str | None = None
    class_names: tuple[str, ...] = ()
    kaggle: Kaggle | None = None
    verified: bool = False

    @property
    def bytes(self) -> int | None:
        """The bytes to download; None unless the size of every file is published."""
        sizes = [file.addresses[0].bytes if file.addresses else None for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None


def entry_named(name: str) -> Entry:
    """Return the dataset of this name.

    Raises:
        UsageError: There is none; the message suggests the nearest name.
    """
    if name not in CATALOGUE:
        raise UsageError(f"There is no dataset {name!r}.", remedy=nearest(name, CATALOGUE))
    return CATALOGUE[name]


def _read_datasets() -> dict[str, Entry]:
    entries = read_yaml(Path(__file__).with_name("datasets.yaml"))
    named = {name: {"name": name, **fields} for name, fields in entries.items()}
    return TypeAdapter(dict[str, Entry]).validate_python(named)


CATALOGUE = _read_datasets()
"""Every dataset by name."""
