"""Damaged JPEGs whose every row comes from the file are read; Pillow and libjpeg are the judges."""

import io
import random
from collections.abc import Iterator

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pictures.photos import encoded, photo
from shared_data import SHARED
from viewfinder.core.errors import RejectedPicture
from viewfinder.pictures.decode import decode

MOST_REJECTED = 0.01


def segments(data: bytes) -> list[tuple[int, int]]:
    """Start and end of each segment of the header, that of the scan last."""
    found, start = [], 2
    while start + 4 <= len(data) and data[start] == 0xFF:
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        found.append((start, end))
        if data[start + 1] == 0xDA:
            break
        start = end
    return found


def mutants(data: bytes, other: bytes, draw: random.Random) -> Iterator[bytes]:
    """Files as damaged disks, transfers and editors leave them."""
    *header, (_, scan) = segments(data)

    def flipped(low: int, high: int, bits: int) -> bytes:
        changed = bytearray(data)
        for _ in range(bits):
            changed[draw.randrange(low, high)] ^= 1 << draw.randrange(8)
        return bytes(changed)

    def stray(most: int) -> bytes:
        return bytes(draw.randrange(255) for _ in range(draw.randrange(1, most)))

    at, cut = draw.randrange(scan, len(data) - 20), draw.randrange(scan, len(data))
    (start, end), (before, _) = draw.choice(header), draw.choice(header)
    yield from (flipped(scan, len(data) - 2, bits) for bits in (1, 1, 8))
    yield flipped(2, scan, 1)
    yield data[:before] + stray(5) + data[before:]
    yield data[:at] + stray(9) + data[at:]
    yield data[:at] + data[at + draw.randrange(1, 17) :]
    yield data[:cut]
    yield data[:-2]
    yield data + stray(200)
    yield data[:end] + data[start:]
    yield data[:start] + data[end:]
    yield data[:cut] + other[cut:]


def every_row_is_there(data: bytes) -> bool:
    """Whether Pillow reads all of it, and libjpeg-turbo does not say that data ended early."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            pixels = np.asarray(picture.convert("RGB"))
            if picture.format != "JPEG":
                return False
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    try:
        simplejpeg.decode_jpeg(data, strict=True)
    except ValueError as error:
        is_filled = pixels[-8:].reshape(-1, 3).std(axis=0).max() == 0
        return "remature end" not in str(error) and not is_filled
    return True


def share_rejected(files: list[bytes], rounds: int) -> tuple[int, float]:
    """The number of damaged files with every row, and the share of them that is rejected."""
    draw, good, rejected = random.Random(17), 0, 0
    for _ in range(rounds):
        for data in files:
            for mutant in filter(every_row_is_there, mutants(data, draw.choice(files), draw)):
                good += 1
                try:
                    decode(mutant)
                except RejectedPicture:
                    rejected += 1
    return good, rejected / good


def test_at_most_one_in_a_hundred_is_rejected() -> None:
    options = [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 40}]
    files = [
        encoded(photo(64 + 8 * seed, 90, seed), "JPEG", **kind)
        for seed in range(6)
        for kind in options
    ]
    good, share = share_rejected(files, rounds=2)
    assert good > 350
    assert share <= MOST_REJECTED


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}")
def test_at_most_one_in_a_hundred_of_real_ones_is_rejected() -> None:
    photos = sorted((SHARED / "cats_and_dogs_filtered/train").rglob("*.jpg"))[::40]
    photos += sorted((SHARED / "sign_language_digits").rglob("*.JPG"))[::100]
    good, share = share_rejected([path.read_bytes() for path in photos], rounds=1)
    assert good > 500
    assert share <= MOST_REJECTED
