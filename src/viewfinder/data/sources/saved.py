"""The source of a saved dataset; the bytes stay where they were.

How a saved dataset is written: `viewfinder.data.saved`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.data.source import Source, Stamp

HEADER = "dataset.json"
TABLE = "table.parquet"
FORMAT = "viewfinder dataset"
# The format is at the start of the file; other programs' `dataset.json` may be long.
_FORMAT_WITHIN_BYTES = 200


@dataclass(frozen=True)
class SavedSource(Source):
    """The source of the original pictures, under the name of the saved dataset.

    Attributes:
        folder: The saved dataset.
        inner: The source of the original pictures, which defines the locators.
    """

    folder: Path
    inner: Source

    @override
    def read(self, locator: str) -> bytes | NDArray[np.uint8]:
        return self.inner.read(locator)

    @override
    def stamp(self, locator: str) -> Stamp:
        return self.inner.stamp(locator)

    @override
    def file_of(self, locator: str) -> Path | None:
        return self.inner.file_of(locator)

    @override
    def record(self) -> dict[str, Any]:
        path = str(self.folder.resolve())
        return {"kind": "saved", "path": path, "inner": self.inner.record()}

    @classmethod
    def from_record(
        cls, record: dict[str, Any], restore: Callable[[dict[str, Any]], Source]
    ) -> "SavedSource":
        """Return the source that `record` describes; the saved dataset need not exist.

        Args:
            record: The record.
            restore: Returns the inner source, given its record.
        """
        return cls(Path(record["path"]), restore(record["inner"]))

    @property
    @override
    def origin(self) -> Source:
        return self.inner.origin

    @property
    @override
    def names_files(self) -> bool:
        return self.inner.names_files

    def __str__(self) -> str:
        return str(self.folder)


def is_saved(folder: Path) -> bool:
    """Whether the folder holds a saved dataset, by the content of its `dataset.json`."""
    if not os.path.isfile(folder / HEADER):  # noqa: PTH113 (Path's own raises for long names)
        return False
    if (folder / TABLE).is_file():  # possibly damaged
        return True
    try:
        with (folder / HEADER).open("rb") as file:
            return FORMAT.encode() in file.read(_FORMAT_WITHIN_BYTES)
    except OSError:
        return False
