"""What a source is: the place that gives a picture's bytes for its locator."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Stamp(NamedTuple):
    """What changes when a picture's bytes change, told without reading them."""

    size: int
    modified_ns: int


class Source(ABC):
    """Where the bytes of a dataset's pictures are. Nothing is ever written to it."""

    @abstractmethod
    def read(self, locator: str) -> bytes | NDArray[np.uint8]:
        """A picture's encoded bytes, or its pixels where the source holds pixels.

        Raises:
            RejectedPicture: It is missing or cannot be read.
        """

    @abstractmethod
    def stamp(self, locator: str) -> Stamp:
        """The picture's stamp.

        Raises:
            RejectedPicture: It is missing or cannot be read.
        """

    def file_of(self, locator: str) -> Path | None:
        """The user's own file that is this picture; None where there is no such file.

        Raises:
            RejectedPicture: No picture can be there.
        """
        del locator
        return None

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """What `viewfinder.data.sources.from_record` needs to make this source again."""

    @property
    def names_files(self) -> bool:
        """Whether locators are paths of files; rows of arrays have none."""
        return True

    @property
    def origin(self) -> "Source":
        """The source that holds the bytes: this one, unless it stands for another.

        What is remembered of pictures (stores, audits) is kept by their origin.
        """
        return self

    @abstractmethod
    def __str__(self) -> str:
        """The place, as its user names it."""
