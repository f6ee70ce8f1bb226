"""Pictures that the tests of decoding make for themselves, as arrays and as files."""

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 45, 61  # odd, and different in each direction


def photo(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    """Slopes with some noise, uint8 RGB; no two corners look alike."""
    y, x = np.mgrid[0:height, 0:width]
    slopes = np.stack([x * 200 / width, y * 230 / height, (x + y) * 220 / (width + height)], axis=2)
    noise = np.random.default_rng(seed).integers(0, 24, slopes.shape)
    return (slopes + noise).astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, format: str, **options: Any) -> bytes:
    """A picture as a file of this format."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    """An EXIF block with this orientation, among other tags."""
    block = Image.Exif()
    block[0x010F] = "Maker"
    block[0x0112] = orientation
    return block.tobytes()


def broken_off() -> dict[str, bytes]:
    """A small sound file of each kind that a truncation may hit differently."""
    image = Image.fromarray(photo())
    odd = bytearray(encoded(image, "JPEG", quality=90, subsampling="4:2:2"))
    frame = odd.index(b"\xff\xc0")
    odd[frame + 11], odd[frame + 14] = 0x11, 0x21  # more chroma than luma: TurboJPEG refuses it
    return {
        "jpeg": encoded(image, "JPEG", quality=90),
        "jpeg-progressive": encoded(image, "JPEG", quality=90, progressive=True),
        "jpeg-restarts": encoded(image, "JPEG", quality=90, restart_marker_rows=1),
        "jpeg-gray": encoded(image.convert("L"), "JPEG"),
        "jpeg-cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "jpeg-odd-sampling": bytes(odd),
        "png": encoded(image, "PNG"),
        "png-palette": encoded(image.convert("P"), "PNG"),
        "gif": encoded(image.convert("P"), "GIF"),
        "bmp": encoded(image, "BMP"),
        "bmp-1-bit": encoded(image.convert("1"), "BMP"),
        "webp": encoded(image, "WEBP", exif=exif(1)),
        "webp-lossless": encoded(image, "WEBP", lossless=True),
        "tiff": encoded(image, "TIFF"),
        "tiff-lzw": encoded(image, "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": encoded(image, "TIFF", compression="jpeg"),
    }


def tiff(
    samples: np.ndarray,
    *,
    photometric: int | None = None,
    orientation: int = 1,
    sample_format: int = 1,
    order: str = "<",
    tags: Sequence[tuple[int, int, int]] = (),
) -> bytes:
    """An uncompressed TIFF of 16 bits of uint16 `(height, width)` or `(height, width, 3)`.

    `tags` are further numbers as (tag, type, value): type 3 of 16 bits, 4 of 32.
    """
    height, width, count = (*samples.shape, 1)[:3]
    lists = {258: [16] * count, 339: [sample_format] * count}
    raw = samples.astype(f"{order}u2").tobytes()
    entries = [(256, 4, width), (257, 4, height), (258, 3, 0), (259, 3, 1), (273, 4, 0)]
    entries += [(262, 3, (2 if count == 3 else 1) if photometric is None else photometric)]
    entries += [(274, 3, orientation), (277, 3, count), (278, 4, height), (279, 4, len(raw))]
    entries = sorted([*entries, (339, 3, 0), *tags])
    end = 8 + 2 + 12 * len(entries) + 4
    values = {tag: struct.pack(f"{order}{count}H", *numbers) for tag, numbers in lists.items()}
    directory, outside = b"", b""
    for tag, kind, value in entries:
        packed = values.get(tag, struct.pack(order + {3: "H", 4: "I"}[kind], value))
        if tag == 273:  # the pixels follow the longer values
            packed = struct.pack(
                f"{order}I", end + sum(len(v) for v in values.values() if len(v) > 4)
            )
        length = count if tag in lists else 1
        if len(packed) > 4:
            packed, outside = struct.pack(f"{order}I", end + len(outside)), outside + packed
        directory += struct.pack(f"{order}HHI", tag, kind, length) + packed.ljust(4, b"\0")
    start = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(entries))
    return start + directory + bytes(4) + outside + raw


def lossless_jpeg(picture: np.ndarray) -> bytes:
    """A lossless JPEG (SOF3) of uint8 `(height, width, 1 or 3)`; each value is told from its left.

    Differences have a category of 4 bits and as many bits as its number.
    """
    height, width, count = picture.shape
    levels = picture.astype(int)
    before = np.full_like(levels, 128)
    before[1:, 0] = levels[:-1, 0]
    before[:, 1:] = levels[:, :-1]
    bits = ""
    for difference in (levels - before).ravel().tolist():
        category = abs(difference).bit_length()
        value = difference if difference >= 0 else difference + (1 << category) - 1
        bits += f"{category:04b}" + (f"{value:0{category}b}" if category else "")
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    names = b"RGB" if count == 3 else b"\1"
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    frame = b"\x08" + size + bytes([count]) + b"".join(bytes([n, 0x11, 0]) for n in names)
    table = bytes([0, 0, 0, 0, 9, *[0] * 12, *range(9)])
    header = bytes([count]) + b"".join(bytes([n, 0]) for n in names) + b"\1\0\0"
    segments = [(0xC3, frame), (0xC4, table), (0xDA, header)]
    packed = [bytes([0xFF, m]) + (len(p) + 2).to_bytes(2, "big") + p for m, p in segments]
    return b"\xff\xd8" + b"".join(packed) + scan + b"\xff\xd9"


def heif_header(brand: bytes) -> bytes:
    """The first box of a HEIF file."""
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(64)
