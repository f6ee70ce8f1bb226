"""The EXIF orientation, read and applied as `PIL.ImageOps.exif_transpose` does; camera and time."""

import re
import struct
from io import BytesIO
from typing import NamedTuple, cast

import numpy as np

from viewfinder.pictures.codecs.quiet import quiet_pillow
from viewfinder.pictures.codecs.types import Pixels

_ORIENTATION = 0x0112
_MAKE, _MODEL, _SAVED = 0x010F, 0x0110, 0x0132
# A directory of its own, with the time of exposure and the body's serial number.
_EXIF, _TAKEN, _SERIAL = 0x8769, 0x9003, 0xA431
_TIME = re.compile(r"[12]\d{3}:\d\d:\d\d \d\d:\d\d:\d\d")
_LONGEST = 100
_SHORT = 3
# Bytes per value of the TIFF types.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """Return the orientation, 1 to 8, of a picture's metadata; 1 where they are damaged.

    Args:
        exif: The EXIF block, with or without its "Exif" prefix; empty if there is none.
        xmp: The XMP packet, which counts where EXIF has no orientation.
    """
    value = _from_exif(exif) if exif else None
    if value is None and xmp and (match := _XMP_ORIENTATION.search(xmp)):
        value = int(match[1])
    return valid(value)


class Shot(NamedTuple):
    """When and by what a picture was taken, as EXIF has it; "" for what it lacks.

    Attributes:
        camera: Maker and model.
        serial: The serial number of the camera.
        time: The time, such as "2024:05:01 10:59:03".
    """

    camera: str = ""
    serial: str = ""
    time: str = ""


def shot_of(data: bytes | Pixels) -> Shot:
    """Return when and by what a picture was taken; empty where its metadata are damaged."""
    if not isinstance(data, bytes) or (b"Exif" not in data and b"eXIf" not in data):
        return Shot()
    from PIL import Image

    try:
        with quiet_pillow(), Image.open(BytesIO(data)) as image:
            exif = image.getexif()
            further = exif.get_ifd(_EXIF)
    except Exception:  # damaged metadata do not reject a picture
        return Shot()

    def text(value: object) -> str:
        return str(value or "").strip(" \0")[:_LONGEST]

    maker, model = text(exif.get(_MAKE)), text(exif.get(_MODEL))
    time = text(further.get(_TAKEN) or exif.get(_SAVED))
    return Shot(
        model if model.startswith(maker) else f"{maker} {model}".strip(),
        text(further.get(_SERIAL)),
        time if _TIME.fullmatch(time) else "",
    )


def valid(value: object) -> int:
    """Return `value` if it is an orientation, else 1."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return upright pixels, turned and mirrored by the orientation; contiguous."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def _from_exif(exif: bytes) -> object:
    """Return the value of the orientation entry; None where there is none."""
    exif = exif.removeprefix(b"Exif\0\0")
    if b"\x01\x12" not in exif and b"\x12\x01" not in exif:
        return None
    try:
        return _from_first_directory(exif)
    except (struct.error, ValueError, KeyError):
        return _from_pillow(exif)


def _from_first_directory(exif: bytes) -> int | None:
    """Read the plain case, which nearly every camera writes; raise for anything else."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("not a TIFF header")
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    found = None
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length, offset = struct.unpack_from(f"{order}HHII", exif, entry)
        size = _SIZES[kind] * length
        if size > 4 and offset + size > len(exif):
            raise ValueError("a value beyond the end, where Pillow stops reading")
        if tag == _ORIENTATION:
            if kind != _SHORT or length != 1:
                raise ValueError("an unusual orientation entry")
            (found,) = struct.unpack_from(f"{order}H", exif, entry + 8)
    return found


def _from_pillow(exif: bytes) -> object:
    """Return the orientation that Pillow reads from a damaged block."""
    from PIL import Image

    parsed = Image.Exif()
    try:
        with quiet_pillow():
            parsed.load(exif)
            return cast(object, parsed.get(_ORIENTATION))
    except Exception:  # damaged metadata do not reject a picture
        return None
