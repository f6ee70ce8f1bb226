"""The pictures that a saved dataset names; their bytes stay where they were.

What a saved dataset is, and how it is written: `viewfinder.data.saved`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.data.source import Source, Stamp

HEADER = "dataset.json"
TABLE = "table.parquet"
FORMAT = "viewfinder dataset"
# The mark stands at the start of the file; what others call `dataset.json` may be long.
_MARK_WITHIN = 200


@dataclass(frozen=True)
class SavedSource(Source):
    """The source of a saved dataset: that of the original pictures, under the dataset's name.

    Attributes:
        folder: The saved dataset.
        inner: The source of the original pictures; locators are its own.
    """

    folder: Path
    inner: Source

    def read(self, locator: str) -> bytes | NDArray[np.uint8]:
        """What the original holds."""
        return self.inner.read(locator)

    def stamp(self, locator: str) -> Stamp:
        """The original's stamp."""
        return self.inner.stamp(locator)

    def file_of(self, locator: str) -> Path | None:
        """The original file."""
        return self.inner.file_of(locator)

    def record(self) -> dict[str, Any]:
        """Kind, absolute path of the saved dataset, and the original's own record."""
        path = str(self.folder.resolve())
        return {"kind": "saved", "path": path, "inner": self.inner.record()}

    @classmethod
    def from_record(
        cls, record: dict[str, Any], restore: Callable[[dict[str, Any]], Source]
    ) -> "SavedSource":
        """The source that gave this record; the saved dataset need not be there any more.

        Args:
            record: The record.
            restore: Makes the inner source from its record.
        """
        return cls(Path(record["path"]), restore(record["inner"]))

    @property
    def origin(self) -> Source:
        """The original: a picture is the same in all datasets that are made of it."""
        return self.inner.origin

    @property
    def names_files(self) -> bool:
        """Whether the original's locators are paths of files."""
        return self.inner.names_files

    def __str__(self) -> str:
        return str(self.folder)


def is_saved(folder: Path) -> bool:
    """Whether the folder holds a saved dataset: told by what its `dataset.json` says."""
    if not os.path.isfile(folder / HEADER):  # noqa: PTH113 (Path's own raises for long names)
        return False
    if (folder / TABLE).is_file():  # perhaps a damaged one
        return True
    try:
        with (folder / HEADER).open("rb") as file:
            return FORMAT.encode() in file.read(_MARK_WITHIN)
    except OSError:
        return False
