"""Missing rows of a JPEG that libjpeg has warned about.

A scan is a pass over the picture: a baseline JPEG has one, a progressive JPEG about ten, each
adding detail. A picture is complete if no scan runs out of data before its last row and no scan is
missing; the end marker and data after it do not matter.

libjpeg reports its first warning only, so a picture without an end marker gives the same "Premature
end of JPEG file" as one that lacks half of its data. To distinguish them, this module appends an
end marker and checks whether libjpeg still lacks data. TurboJPEG gives no pixels at all for a
warning in the header, so the header is mended first.
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
LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_APPLICATION = frozenset(range(0xE0, 0xF0))
_SEGMENT = struct.Struct(">BBH")
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_MISSING_END = "missing end marker"
_STARVED = "premature end of data segment"
# libjpeg's other messages are errors: nothing after them is decoded.
_WARNING = re.compile(
    "Corrupt JPEG data|Premature end of JPEG|Inconsistent progression|Invalid SOS parameters for "
    "sequential|Unknown Adobe|unknown JFIF"
)

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
class Structure:
    """The scans of a JPEG that libjpeg reads.

    Attributes:
        size: Height and width.
        components: The number of components.
        frame: The marker of the frame header; 0 without one.
        ended: Whether an end marker follows the scans.
        scans: For each scan, its header and the offset at which its data end.
        body: The mended header and the scans, without an end marker.
    """

    size: Size = (0, 0)
    components: int = 0
    frame: int = 0
    ended: bool = False
    scans: list[tuple[bytes, int]] = field(default_factory=list)
    body: bytes = b""

    @property
    def whole(self) -> bytes:
        """The mended picture with an end marker."""
        return self.body + _END

    @property
    def progressive(self) -> bool:
        """Whether each scan only adds detail."""
        return self.frame in PROGRESSIVE

    @property
    def is_full(self) -> bool:
        """Whether libjpeg reads no further scan: its first is sequential, of all components."""
        first = self.scans[0][0] if self.scans else b""
        return not self.progressive and first[:1] == bytes([self.components])


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of every segment's payload, to the first scan's header or the end.

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
            if marker == _END[1] or length < 2 or end > size:
                return
            yield marker, position + 4, end
            if marker == _SCAN:
                return
            position = end


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


def is_warning(message: str) -> bool:
    """Whether a message of libjpeg is a warning, after which it continues to decode."""
    return _WARNING.search(message) is not None


def missing_rows(
    structure: Structure, fault: str
) -> tuple[tuple[str, ...], RejectedPicture | None]:
    """Find missing rows in a JPEG that decodes, as it was given, with the message `fault`.

    Returns:
        Notes, and the rejection if rows are missing.
    """
    remaining = _warning(structure)
    notes = () if structure.ended else (_MISSING_END,)
    damage = remaining or (fault if structure.ended else "")
    if damage and _STARVED not in damage and libjpeg.ODD_SAMPLING not in damage:
        notes = (*notes, damage.removeprefix("Corrupt JPEG data: "))
    return notes, _rejection(structure, remaining)


def _rejection(structure: Structure, warning: str) -> RejectedPicture | None:
    """Return the rejection of an incomplete picture; `warning` is libjpeg's with an end marker."""
    count = len(structure.scans)
    coarse = _is_coarse(structure)
    if not warning:
        return truncated(0, how=f" in full: scan {count} is not its last") if coarse else None
    reached, rows = _first_row_to_change(structure)
    if reached == rows and _STARVED not in warning and not coarse:
        return None
    percent = 100 * min(reached, rows - 1) // rows
    if count == 1 and not structure.progressive:
        return truncated(percent)
    return truncated(0, how=f" in full: scan {count} of several stops after {percent} % of them")


def examine(data: bytes) -> Structure:
    """Find the scans of a JPEG, up to the end marker or what libjpeg cannot read on from."""
    found = _structure(data)
    if found.scans:
        *_, (_, _, start) = segments(data)
        found.body = _mended_header(data, found.components) + data[start : found.scans[-1][1]]
    return found


def _structure(data: bytes) -> Structure:
    found = Structure()
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
        if (
            marker == _START[1]
            or (marker in FRAMES and found.frame)
            or (marker == _SCAN and found.is_full)
        ):
            return found
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            return found
        payload = data[position + 2 : position + length]
        position += length
        if marker in FRAMES and len(payload) >= 6:
            found.frame = marker
            _, *size, found.components = struct.unpack_from(">BHHB", payload)
            found.size = size[0], size[1]
        elif marker == _SCAN:
            stop = _END_OF_SCAN.search(data, position)
            position = stop.start() if stop else len(data)
            found.scans.append((payload, position))


def _mended_header(data: bytes, components: int) -> bytes:
    """Return the segments up to the first scan's header, without what libjpeg warns about.

    Those are stray bytes between segments, a damaged colour profile, and unknown versions of the
    two segments that tell the colours (JFIF's and Adobe's), which libjpeg reads as its default.
    """
    parts = [_START]
    for marker, start, end in segments(data):
        payload = bytearray(data[start:end])
        if payload.startswith(b"JFIF\0") and len(payload) > 5:
            payload[5] = 1
        elif payload.startswith(b"Adobe") and len(payload) > 11 and payload[11] > 2:
            payload[11] = 2 if components == 4 else 1
        elif marker in _APPLICATION and not payload.startswith(b"Adobe"):
            continue
        parts.append(data[start - 4 : start] + bytes(payload))
    return b"".join(parts)


def _is_coarse(structure: Structure) -> bool:
    """Whether scans are missing: a component without any, or one left below full precision.

    An end marker means that the encoder has written the progressive picture in full.
    """
    components: set[int] = set()
    precision: dict[tuple[int, int], int] = {}
    for header, _ in structure.scans:
        count = header[0] if header else 0
        if len(header) < 1 + 2 * count + 3:
            continue
        first, last, approximation = header[1 + 2 * count : 4 + 2 * count]
        components.update(header[1 : 1 + 2 * count : 2])
        for component in header[1 : 1 + 2 * count : 2]:
            for coefficient in range(first, min(last, 63) + 1):
                precision[component, coefficient] = approximation & 15
    if len(components) < structure.components:
        return True
    if structure.ended or not structure.progressive:
        return False
    return len(precision) < 64 * structure.components or any(precision.values())


def _warning(structure: Structure) -> str:
    """Return libjpeg's first warning about the mended picture; empty if there is none."""
    lossless = structure.frame in LOSSLESS
    size, colorspace = (structure.size, _colorspace(structure)) if lossless else ((1, 1), "GRAY")
    try:
        libjpeg.read(structure.whole, colorspace, size, strict=True)
    except ValueError as warning:
        return str(warning)
    return ""


def _colorspace(structure: Structure) -> str:
    return libjpeg.COLORSPACES.get(structure.components, "RGB")


def _first_row_to_change(structure: Structure) -> tuple[int, int]:
    """Return the first row that more data would change, and the number of rows.

    The data are decoded with two endings, the end marker and random bytes. Rows in which the
    pictures agree are complete.
    """
    colorspace, size = _colorspace(structure), _comparison_size(structure)
    try:
        marked, continued = (
            libjpeg.read(structure.body + end, colorspace, size) for end in (_END, _RANDOM_ENDING)
        )
    except ValueError:  # not even the first row decodes
        return 0, structure.size[0]
    changed = (marked != continued).any(axis=(1, 2))
    return (int(changed.argmax()) if changed.any() else len(changed)), len(changed)


def _comparison_size(structure: Structure) -> Size:
    """Return the full size, or a smaller one so that three copies fit into memory."""
    height, width = structure.size
    if structure.frame in LOSSLESS:
        return structure.size
    divisor = next(d for d in (1, 2, 4, 8) if height * width <= _MAX_COMPARED * d * d or d == 8)
    return -(-height // divisor), -(-width // divisor)
