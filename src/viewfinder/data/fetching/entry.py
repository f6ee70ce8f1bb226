"""What is known of a dataset that can be fetched: records, without any action."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Address:
    """One place on the web where a file is, and what is known of the file there.

    Attributes:
        url: An https address.
        bytes: The file's size, if somebody has published it.
        sha256: The file's checksum, likewise, in hexadecimal.
        stated_by: Who published these.
    """

    url: str
    bytes: int | None = None
    sha256: str | None = None
    stated_by: str | None = None


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset and what becomes of it.

    Attributes:
        name: What it is called on the disk.
        addresses: Where it is, in the order in which they are tried.
        unpack: Whether it is an archive to be unpacked; else it is put into the folder as it is.
        inside: The way to the part of the archive that is taken: names of folders, or of archives
            that are unpacked in turn.
        becomes: The folder within the dataset's that this part becomes; "" for that folder itself.
    """

    name: str
    addresses: tuple[Address, ...] = ()
    unpack: bool = False
    inside: tuple[str, ...] = ()
    becomes: str = ""


@dataclass(frozen=True)
class Kaggle:
    """A dataset or competition of Kaggle, which gives its files to those with an account.

    Attributes:
        kind: Which of the two.
        name: Its name in the page's address.
    """

    kind: Literal["dataset", "competition"]
    name: str

    @property
    def page(self) -> str:
        """The page where a browser can download it."""
        above = "datasets" if self.kind == "dataset" else "competitions"
        return f"https://www.kaggle.com/{above}/{self.name}"


@dataclass(frozen=True)
class Entry:
    """A dataset of the course.

    Attributes:
        name: What it is called here.
        title: What it shows.
        pictures: How many labelled pictures it has.
        classes: How many classes.
        files: What is downloaded; nothing for pictures that Viewfinder carries.
        licence: Under which terms.
        citation: Whom to name.
        course: What the course does with it.
        recipe: The named recipe that fits.
        opens: The file within the folder that is to be opened; "" for the folder.
        label_from: What finds the label in file names, where folders do not tell it.
        kaggle: Where an account is needed.
        verified: Whether a download has been seen to work.
    """

    name: str
    title: str
    pictures: int
    classes: int
    files: tuple[RemoteFile, ...]
    licence: str
    citation: str
    course: str
    recipe: str
    opens: str = ""
    label_from: str | None = None
    kaggle: Kaggle | None = None
    verified: bool = False

    @property
    def bytes(self) -> int | None:
        """What is to be downloaded, if all of it is known."""
        sizes = [file.addresses[0].bytes if file.addresses else None for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None
