"""Missing rows of a JPEG that libjpeg has warned about.

A scan is a pass over the picture: a baseline JPEG has one, a progressive JPEG about ten, each
adding detail. A picture is complete if no scan runs out of data before its last row and no scan is
missing; the end marker and data after it do not matter.

libjpeg reports its first warning only, so a picture without an end marker gives the same "Premature
end of JPEG file" as one that lacks half of its data. To distinguish them, this module appends an
end marker and checks whether libjpeg still lacks data.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.codecs import libjpeg
from viewfinder.pictures.codecs.types import Size, truncated

FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})

_END = b"\xff\xd9"
_SCAN = 0xDA
_SEGMENT = struct.Struct(">BBH")
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_MISSING_END = "missing end marker"
_STARVED = "premature end of data segment"

# Random data that continue an incomplete scan, also at any of the restart markers. No byte is 0xFF,
# and the seed is arbitrary.
_NOISE = np.random.default_rng(0).integers(0, 255, 64, np.uint8).tobytes()
_RANDOM_ENDING = _NOISE.join([b"", *(b"\xff" + bytes([0xD0 + n]) for n in range(8)), _END])
_MAX_COMPARED = 1 << 24

# More scans than any encoder writes. Each is a pass over all coefficients, which a hostile file
# can request with a few bytes (libjpeg-turbo's advisory LJT-01-004).
_MAX_SCANS = 200
_MAX_SCANNED_PIXELS = 4_000_000_000


@dataclass
class _Structure:
    """The scans of a JPEG."""

    size: Size = (0, 0)
    components: int = 0
    progressive: bool = False
    ended: bool = False
    scans: list[tuple[bytes, int]] = field(default_factory=list)
    """For each scan, its header and the offset at which its data end."""

    @property
    def data_end(self) -> int:
        """The offset at which the last scan's data end."""
        return self.scans[-1][1] if self.scans else 0


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of every segment's payload before the first scan or the end.

    It runs for every picture, and takes microseconds.
    """
    position, size, read = 2, len(data), _SEGMENT.unpack_from
    while position + 4 <= size:
        prefix, marker, length = read(data, position)
        if prefix != 0xFF:  # libjpeg skips bytes between segments
            position = data.find(b"\xff", position)
            if position < 0:
                return
        elif marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        else:
            end = position + 2 + length
            if marker == _SCAN or marker == _END[1] or length < 2 or end > size:
                return
            yield marker, position + 4, end
            position = end


def ends_before_first_row(data: bytes) -> bool:
    """Whether the data end before the first scan begins, without an end marker."""
    structure = _structure(data)
    return not structure.scans and not structure.ended


def check_count(data: bytes, pixels: int) -> None:
    """Reject a progressive JPEG with so many scans that decoding takes minutes.

    Raises:
        RejectedPicture: TOO_LARGE.
    """
    count = data.count(b"\xff\xda")
    if count > _MAX_SCANS or count * pixels > _MAX_SCANNED_PIXELS:
        raise RejectedPicture(Reason.TOO_LARGE, f"{count} scans over {pixels:,} pixels")


def notes_on_tail(data: bytes) -> tuple[str, ...]:
    """Return the notes on a complete JPEG that does not end with its end marker."""
    return () if data.rstrip(b"\0").endswith(_END) else ("extraneous data after the end",)


def missing_rows(data: bytes, fault: str) -> tuple[tuple[str, ...], RejectedPicture | None]:
    """Find missing rows in a JPEG that decodes with the warning `fault`.

    Returns:
        Notes, and the rejection if rows are missing.
    """
    structure = _structure(data)
    if not structure.scans:
        return (), truncated(0, how=": it stops before the first")
    body = data[: structure.data_end]
    remaining = _warning(body + _END)
    notes = () if structure.ended else (_MISSING_END,)
    damage = remaining or (fault if structure.ended else "")
    if damage and _STARVED not in damage and libjpeg.ODD_SAMPLING not in damage:
        notes = (*notes, damage.removeprefix("Corrupt JPEG data: "))
    return notes, _rejection(body, structure, remaining)


def _rejection(body: bytes, structure: _Structure, warning: str) -> RejectedPicture | None:
    """Return the rejection of an incomplete picture; `warning` is libjpeg's with an end marker."""
    count = len(structure.scans)
    coarse = _is_coarse(structure)
    if not warning:
        return truncated(0, how=f" in full: scan {count} is not its last") if coarse else None
    reached, rows = _first_row_to_change(body, structure)
    if reached == rows and _STARVED not in warning and not coarse:
        return None
    percent = 100 * min(reached, rows - 1) // rows
    if count == 1 and not structure.progressive:
        return truncated(percent)
    return truncated(0, how=f" in full: scan {count} of several stops after {percent} % of them")


def _structure(data: bytes) -> _Structure:
    found = _Structure()
    position = 2
    while True:
        position = data.find(b"\xff", position)
        while 0 <= position < len(data) and data[position] == 0xFF:
            position += 1
        if position < 0 or position >= len(data):
            return found
        marker = data[position]
        position += 1
        if marker == _END[1]:
            found.ended = True
            return found
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            return found
        payload = data[position + 2 : position + length]
        position += length
        if marker in FRAMES and len(payload) >= 6:
            found.progressive = marker in PROGRESSIVE
            _, *size, found.components = struct.unpack_from(">BHHB", payload)
            found.size = size[0], size[1]
        elif marker == _SCAN:
            stop = _END_OF_SCAN.search(data, position)
            position = stop.start() if stop else len(data)
            found.scans.append((payload, position))


def _is_coarse(structure: _Structure) -> bool:
    """Whether scans are missing: a component without any, or one left below full precision.

    An end marker means that the encoder has written the progressive picture in full.
    """
    precision: dict[tuple[int, int], int] = {}
    for header, _ in structure.scans:
        count = header[0] if header else 0
        if len(header) < 1 + 2 * count + 3:
            continue
        first, last, approximation = header[1 + 2 * count : 4 + 2 * count]
        for component in header[1 : 1 + 2 * count : 2]:
            for coefficient in range(first, min(last, 63) + 1):
                precision[component, coefficient] = approximation & 15
    components = {component for component, _ in precision}
    if len(components) < structure.components:
        return True
    if structure.ended or not structure.progressive:
        return False
    return len(precision) < 64 * structure.components or any(precision.values())


def _warning(data: bytes) -> str:
    """Return libjpeg's first warning about these data; empty if there is none."""
    try:
        libjpeg.read(data, "GRAY", (1, 1), strict=True)
    except ValueError as warning:
        return str(warning)
    return ""


def _first_row_to_change(body: bytes, structure: _Structure) -> tuple[int, int]:
    """Return the first row that more data would change, and the number of rows.

    The data are decoded with two endings, the end marker and random bytes. Rows in which the
    pictures agree are complete.
    """
    colorspace = "CMYK" if structure.components == 4 else "RGB"
    size = _comparison_size(structure)
    try:
        marked, continued = (
            libjpeg.read(body + end, colorspace, size) for end in (_END, _RANDOM_ENDING)
        )
    except ValueError:  # not even the first row decodes
        return 0, structure.size[0]
    changed = (marked != continued).any(axis=(1, 2))
    return (int(changed.argmax()) if changed.any() else len(changed)), len(changed)


def _comparison_size(structure: _Structure) -> Size:
    """Return the full size, or a smaller one so that three copies fit into memory."""
    height, width = structure.size
    divisor = next(d for d in (1, 2, 4, 8) if height * width <= _MAX_COMPARED * d * d or d == 8)
    return -(-height // divisor), -(-width // divisor)
