"""Detect the delimiter, the header and the content of text tables from their first rows.

A table of pixels has a picture in each row: a label and hundreds of numbers, in columns or all in
one cell. A table of paths has names of files.
"""

import csv
import io
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv

from viewfinder.core.errors import DataError
from viewfinder.data.sources.columns import PIXELS, column_named
from viewfinder.fetch.archives.bounded import open_decompressed

_DELIMITERS = (",", "\t", ";", "|", " ")

TEXT_ENDINGS = frozenset({".csv", ".tsv", ".txt", ".lst"})

# No useful picture has fewer pixels.
_FEWEST_PIXELS = 16
# The length of the widest sensible row: 1024 × 1024 RGB with commas.
LONGEST_LINE = 16 << 20
# By default, 131,072 letters: the pixels of 180 × 180 in one cell are more.
csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_LIST = re.compile(r"[-+\d.eE,;\s()\[\]]+")
_IN_LIST = re.compile(r"[^,;\s()\[\]]+")
_PICTURE_NAME = re.compile(
    r".+\.(jpe?g|jpe|jfif|png|gif|bmp|dib|tiff?|webp|heic|heif|avif|p[pgbn]m|jp2|j2k|tga)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Delimited:
    """The format of a text table.

    Attributes:
        path: The file.
        delimiter: The character between cells.
        header: The names of the columns; None if the first row is data.
        first: The first row of data; empty if there is none.
        skip: The number of lines before the data.
    """

    path: Path
    delimiter: str
    header: tuple[str, ...] | None
    first: tuple[str, ...]
    skip: int

    @property
    def is_pixels(self) -> bool:
        """Whether each row holds a picture's pixels.

        That is enough numbers and at most one other cell; columns named like pixels; or a cell
        with all numbers.
        """
        words = [cell for cell in self.first if not is_number(cell)]
        are_numbers = len(words) <= 1 and not any(map(names_a_picture, words))
        if len(self.first) > _FEWEST_PIXELS and (are_numbers or names_pixels(self.header or ())):
            return True
        return self.pixel_list is not None

    @property
    def pixel_list(self) -> int | None:
        """The column whose cells hold all numbers of a picture; None without one."""
        if self.header is None:
            if any(map(names_a_picture, self.first)):
                return None
            return next((index for index, cell in enumerate(self.first) if is_list(cell)), None)
        named = column_named(self.header, PIXELS)
        if named is None or not self.first:
            return None
        index = self.header.index(named)
        cell = "".join(self.first[index : index + 1])
        is_empty = named.lower() == PIXELS[0] and not cell.strip()
        return index if is_empty or is_list(cell) else None


def sniff(path: Path) -> Delimited:
    """Detect the format of a text table.

    Raises:
        DataError: The table has no rows, or is not text.
    """
    rows, delimiter, blank = _first_rows(path)
    if not rows:
        raise DataError(f"{path} is empty.", expected="a table with a row for each picture")
    top = tuple(rows[0])
    second = tuple(rows[1]) if len(rows) > 1 else ()
    if _is_header(top, second):
        header = tuple(cell.strip() for cell in top)
        return Delimited(path, delimiter, header, second, blank + 1)
    return Delimited(path, delimiter, None, top, blank)


def is_number(cell: str) -> bool:
    """Whether the cell is a number, as `float` reads it."""
    return _NUMBER.fullmatch(cell) is not None


def numbers_in(cell: str) -> list[str]:
    """The numbers in a cell, between blanks, commas and brackets."""
    return _IN_LIST.findall(cell)


def count_of(cell: str) -> int:
    """How many numbers :func:`numbers_in` finds, without memory for them."""
    return sum(1 for _ in _IN_LIST.finditer(cell))


def is_list(cell: str) -> bool:
    """Whether the cell holds the numbers of a picture; some may be left out by `...`."""
    if _LIST.fullmatch(cell) is None:
        return False
    first = itertools.islice(_IN_LIST.finditer(cell), _FEWEST_PIXELS)
    return "..." in cell or len(list(first)) == _FEWEST_PIXELS


def numbered(header: Sequence[str]) -> frozenset[int]:
    """The columns that share their name but for numbers with enough others: `pixel1` …, `3x7`."""
    kinds = [re.sub(r"\d+", "0", name) for name in header]
    counts = Counter(kind for kind in kinds if "0" in kind)
    return frozenset(i for i, kind in enumerate(kinds) if counts[kind] >= _FEWEST_PIXELS)


def names_pixels(header: Sequence[str]) -> bool:
    """Whether there are enough columns with names such as `pixel1`."""
    pixel = re.compile(r"(pixels?|pix|px)[^a-z]*")
    return any(pixel.fullmatch(header[index].lower()) for index in numbered(header))


def names_a_picture(cell: str) -> bool:
    """Whether the cell ends like the name of a picture file."""
    return _PICTURE_NAME.fullmatch(cell) is not None


def open_for_arrow(path: Path) -> Any:
    """Open a text file, which may be compressed, for Arrow, which reads ahead in its own threads.

    These need the interpreter for a file of Python, and abort the process where it ends meanwhile,
    so that files that are not compressed are opened by Arrow.
    """
    opened = open_decompressed(path)
    if opened.is_compressed:
        return io.BufferedReader(opened)
    opened.close()
    return pa.OSFile(os.fsencode(path))


def read_columns(
    sniffed: Delimited, names: list[str], types: Mapping[str, Any], **limits: Any
) -> pa.Table:
    """Read some columns of a text table.

    Args:
        sniffed: The table.
        names: All of its columns, in order.
        types: Arrow's type of each column to read.
        limits: `block_size` in bytes, which a row has to fit into; and `newlines_in_values`.

    Raises:
        pa.ArrowInvalid: A cell is not of its type, or rows have different lengths.
    """
    with open_for_arrow(sniffed.path) as file:
        return pyarrow.csv.read_csv(file, *_options(sniffed, names, types, **limits))


def read_batches(
    sniffed: Delimited, names: list[str], types: Mapping[str, Any], **limits: Any
) -> Iterator[pa.RecordBatch]:
    """Yield what :func:`read_columns` returns block by block."""
    with open_for_arrow(sniffed.path) as file:
        yield from pyarrow.csv.open_csv(file, *_options(sniffed, names, types, **limits))


def _options(
    sniffed: Delimited, names: list[str], types: Mapping[str, Any], **limits: Any
) -> tuple[Any, Any, Any]:
    reading = pyarrow.csv.ReadOptions(
        column_names=names,
        skip_rows_after_names=sniffed.skip,
        block_size=limits.pop("block_size", None),
    )
    parsing = pyarrow.csv.ParseOptions(delimiter=sniffed.delimiter, **limits)
    chosen = pyarrow.csv.ConvertOptions(column_types=types, include_columns=list(types))
    return reading, parsing, chosen


def open_text(path: Path) -> IO[str]:
    """Open a text file, which may be compressed, without its byte order mark."""
    file = io.BufferedReader(open_decompressed(path))
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def not_utf8(path: Path) -> DataError:
    """The error about text in another encoding."""
    return DataError(
        f"{path} is not text in UTF-8.",
        expected="a table of text",
        remedy="save it again with the encoding UTF-8",
    )


def _first_rows(path: Path) -> tuple[list[list[str]], str, int]:
    try:
        with open_text(path) as file:
            lines, blank = (
                itertools.islice(iter(lambda: file.readline(LONGEST_LINE), ""), 10_000),
                0,
            )
            while (first := next(lines, "")) and not first.strip():  # empty lines at the top
                blank += 1
            delimiter = _delimiter(first, path)
            # Cells may have several lines.
            rows = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
            return list(itertools.islice(filter(None, rows), 2)), delimiter, blank
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except csv.Error as error:
        raise DataError(f"{path} is not a table: {error}.") from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error


def _delimiter(line: str, path: Path) -> str:
    kinds = [kind for kind in _DELIMITERS if kind != " " or path.suffix.lower() in (".txt", ".lst")]
    counts = {kind: line.count(kind) for kind in kinds}
    best = max(kinds, key=lambda kind: counts[kind])
    if counts[best]:
        return best
    return " " if " " in line.strip() and is_number(line.replace(" ", "")) else ","


def _is_header(top: tuple[str, ...], second: tuple[str, ...]) -> bool:
    """Whether the first row is a header.

    It is not if a cell is a file's name, or if all cells (but one, a label) are numbers, unless
    they number the columns: `label,0,1,2…`.
    """
    words = [cell for cell in top if not is_number(cell)]
    if any(map(names_a_picture, words)) or any(map(is_list, top)):
        return False
    if len(words) <= 1 and len(top) > _FEWEST_PIXELS:
        numbers = [cell.strip() for cell in top if is_number(cell)]
        return any(numbers == [str(i + start) for i in range(len(numbers))] for start in (0, 1))
    if len(words) == len(top):
        return not second or any(map(is_number, second)) or not any("/" in cell for cell in top)
    return len(words) > 1
