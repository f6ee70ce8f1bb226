"""Samples of more than 8 bits, held against pictures of 8 bits that they were made from."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photos import encoded, photo, tiff
from shared_data import SHARED
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.decode import decode

GRAY = photo()[:, :, 0]


def png(samples: np.ndarray, significant: int = 0) -> bytes:
    """A PNG of 16 bits of uint16 `(height, width)` or `(height, width, 1 to 4)`."""
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    height, width, count = samples.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0))]
    if significant:
        chunks.append((b"sBIT", bytes([significant] * count)))
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def widened(picture: np.ndarray, bits: int) -> np.ndarray:
    """The picture in so many bits: 255 becomes the largest number."""
    return np.rint(picture / 255 * ((1 << bits) - 1)).astype(np.uint16)


def bright(picture: np.ndarray) -> np.ndarray:
    """With a white and a black pixel, so that the brightest sample is white."""
    picture = picture.copy()
    picture[0, 0], picture[-1, -1] = 255, 0
    return picture


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("make", [png, tiff])
@pytest.mark.parametrize(
    ("bits", "trait"), [(16, "16-bit"), (12, "12 of 16 bits"), (8, "8 of 16 bits")]
)
def test_the_bits_that_are_used_are_the_picture(make, channels, bits, trait):
    picture = bright(photo())[:, :, :channels].squeeze()
    got = decode(make(widened(picture, bits)))
    expected = picture if channels == 3 else np.repeat(picture[:, :, None], 3, axis=2)
    assert np.abs(got.pixels.astype(int) - expected).max() <= (1 if bits == 16 else 0)
    assert trait in got.traits
    gray = decode(make(widened(picture, bits)), color="gray").pixels
    assert (
        np.abs(
            gray[:, :, 0] - np.asarray(Image.fromarray(got.pixels).convert("L")).astype(int)
        ).max()
        <= 1
    )


@pytest.mark.parametrize("significant", [10, 14])
def test_stated_bits_count_where_every_sample_fits(significant):
    picture = bright(GRAY)
    narrow, wide = widened(picture, significant), widened(picture, 16)
    for stated, samples, trait in [
        (significant, narrow, f"{significant} of 16 bits"),
        (significant, wide, "16-bit"),  # scaled to 16 bits, as PNG demands
    ]:
        for data in (png(samples, stated), tiff(samples, tags=[(281, 3, (1 << stated) - 1)])):
            got = decode(data)
            assert got.traits == (trait,)
            assert np.abs(got.pixels[:, :, 0].astype(int) - picture).max() <= 1


def test_alpha_keeps_its_own_depth():
    picture = bright(photo())
    alpha = np.full((*picture.shape[:2], 1), 65535, np.uint16)
    alpha[:, ::2] = 0
    for samples in (widened(picture, 12), widened(picture, 12)[:, :, :1]):
        got = decode(png(np.concatenate([samples, alpha], axis=2)))
        assert set(got.traits) >= {"12 of 16 bits", "transparent"}
        assert (got.pixels[:, ::2] == 255).all()
        shown = samples if samples.shape[2] == 3 else np.repeat(samples, 3, axis=2)
        assert (got.pixels[:, 1::2] == np.rint(shown[:, 1::2] / 4095 * 255)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("bits", [12, 16])
def test_deep_tiffs_are_upright(orientation, bits):
    picture = bright(photo())
    got = decode(tiff(widened(picture, bits), orientation=orientation))
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = decode(encoded(picture, "PNG", exif=exif.tobytes()))
    assert got.pixels.shape == plain.pixels.shape
    assert np.abs(got.pixels.astype(int) - plain.pixels).max() <= 1


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize(("order", "photometric"), [("<", 0), ("<", 1), (">", 1)])
def test_black_is_where_the_file_says(order, photometric, bits):
    picture = bright(GRAY)
    samples = widened(picture, bits)
    if photometric == 0:
        samples = (1 << bits) - 1 - samples
    got = decode(tiff(samples, photometric=photometric, order=order))
    assert np.abs(got.pixels[:, :, 0].astype(int) - picture).max() <= 1


@pytest.mark.parametrize("samples", [GRAY.astype(np.int16), -GRAY.astype(np.int16)])
def test_signed_samples_are_rejected(samples):
    for color in ("rgb", "gray"):
        with pytest.raises(RejectedPicture) as caught:
            decode(tiff(samples.view(np.uint16), sample_format=2), color=color)
        assert caught.value.reason is Reason.UNSUPPORTED
        assert caught.value.detail == "signed samples define neither black nor white"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_each_kind_of_tiff_is_read_in_colour_and_in_gray(mode):
    image = Image.fromarray(photo()).convert("RGBA" if mode == "PA" else "RGB")
    if mode == "LAB":
        image = Image.frombytes("LAB", image.size, image.tobytes())
    data = encoded(image if mode == "LAB" else image.convert(mode), "TIFF")
    shown = Image.fromarray(decode(data).pixels).convert("L")
    assert (
        np.abs(decode(data, color="gray").pixels[:, :, 0] - np.asarray(shown).astype(int)).max()
        <= 2
    )


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data in {SHARED}")
def test_a_real_one_is_not_black():
    data = Path(SHARED / "cases" / "twelve_bits_in_sixteen.png").read_bytes()
    got = decode(data)
    assert got.traits == ("12 of 16 bits",)
    assert got.pixels.max() > 200
