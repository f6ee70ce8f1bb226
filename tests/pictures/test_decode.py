"""Sound pictures of every kind, held against Pillow's own reading of them."""

import gzip
import io
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

from photos import HEIGHT, WIDTH, encoded, exif, heif_header, photo
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.codecs.magic import READABLE
from viewfinder.pictures.decode import Limits, decode

BACKGROUND = (10, 200, 90)
MODES = {
    "JPEG": ["L", "RGB", "CMYK"],
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA"],
    "GIF": ["L", "P"],
    "BMP": ["1", "L", "P", "RGB"],
    "WEBP": ["RGB", "RGBA"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"],
}
KINDS = [(format, mode) for format, modes in MODES.items() for mode in modes]


def in_mode(mode: str) -> Image.Image:
    image = Image.fromarray(photo())
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(photo()[:, :, 0]))
    return image.convert(mode)


def by_pillow(data: bytes, color: str) -> np.ndarray:
    """The obvious way: open, turn, lay on the background, convert."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    image = image.convert("RGB")
    pixels = np.asarray(image if color == "rgb" else image.convert("L"))
    return pixels.reshape(*pixels.shape[:2], -1)


def rejection(data: bytes, **options) -> RejectedPicture:
    with pytest.raises(RejectedPicture) as caught:
        decode(data, **options)
    return caught.value


@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize(("format", "mode"), KINDS)
def test_every_mode_of_every_format_has_the_pixels_that_pillow_sees(format, mode, color):
    data = encoded(in_mode(mode), format)
    got = decode(data, color=color, background=BACKGROUND)
    expected = by_pillow(data, color)
    # libjpeg's own luma is not rounded through RGB.
    allowed = 2 if format == "JPEG" and color == "gray" else 1 if format == "JPEG" else 0
    assert got.pixels.shape == expected.shape
    assert np.abs(got.pixels.astype(int) - expected).max() <= allowed
    assert (got.format, got.width, got.height) == (format.lower(), WIDTH, HEIGHT)


@pytest.mark.parametrize("orientation", [0, *range(1, 10), 255])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_applied_as_pillow_applies_it(format, orientation):
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(photo(), format, exif=exif(orientation), **options)
    got = decode(data)
    expected = by_pillow(data, "rgb")
    assert np.abs(got.pixels.astype(int) - expected).max() <= 1
    assert (got.height, got.width) == expected.shape[:2]
    assert got.orientation == (orientation if 1 <= orientation <= 8 else 1)
    assert got.pixels.flags.c_contiguous


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.data())
def test_orientation_of_damaged_exif_is_what_pillow_makes_of_it(data):
    block = bytearray(exif(data.draw(st.integers(0, 9))))
    place = data.draw(st.integers(6, len(block) - 1))
    block[place] = data.draw(st.integers(0, 255))
    jpeg = encoded(photo(), "JPEG", exif=bytes(block))
    try:
        value = Image.open(io.BytesIO(jpeg)).getexif().get(0x0112)
    except Exception:  # Pillow gives up on the picture; we do not
        value = None
    expected = value if isinstance(value, int) and 1 <= value <= 8 else 1
    assert decode(jpeg).orientation == expected


def test_orientation_in_xmp_counts_where_exif_has_none():
    packet = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for format in ("JPEG", "WEBP"):
        data = encoded(photo(), format, xmp=packet)
        assert decode(data).pixels.shape == by_pillow(data, "rgb").shape == (WIDTH, HEIGHT, 3)


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_a_transparent_colour_shows_the_background(mode):
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8)).convert(mode)
    data = encoded(image, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0)
    assert (decode(data, background=BACKGROUND).pixels == BACKGROUND).all()


def test_transparent_gif_shows_the_background():
    data = encoded(Image.new("P", (8, 8), 3), "GIF", transparency=3)
    assert (decode(data, background=BACKGROUND).pixels == BACKGROUND).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled_and_not_clipped(format):
    deep = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    got = decode(encoded(Image.fromarray(deep), format), color="gray").pixels[:, :, 0]
    assert (got == np.rint(deep / 257)).all()


def test_16_bit_rgb_png_keeps_its_high_bytes():
    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    rows = zlib.compress(b"\0" + struct.pack(">6H", 0, 0x8080, 0xFFFF, 0x0101, 0x4040, 0xC0C0))
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    assert decode(data).pixels.tolist() == [[[0, 128, 255], [1, 64, 192]]]


def test_32_bit_samples_are_unsupported():
    data = encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    assert rejection(data).reason is Reason.UNSUPPORTED


def test_cmyk_that_adobe_has_inverted_is_the_same_picture():
    plain = Image.fromarray(photo())
    data = encoded(plain.convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    got = decode(data)
    assert np.abs(got.pixels.astype(int) - np.asarray(plain)).mean() < 8
    assert got.notes == ("CMYK converted to RGB",)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_is_its_first_frame(format):
    frames = [Image.fromarray(photo(seed=seed)).quantize(32) for seed in range(3)]
    if format in ("WEBP", "PNG"):
        frames = [frame.convert("RGB") for frame in frames]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    got = decode(data)
    assert (got.pixels == np.asarray(frames[0].convert("RGB"))).all()
    assert got.notes == (f"first frame of {'3' if format in ('WEBP', 'PNG') else 'several'}",)


@given(st.integers(1, 120), st.integers(1, 120), st.integers(1, 60), st.integers(1, 60))
@example(120, 120, 60, 20)
@example(120, 120, 20, 60)
@pytest.mark.parametrize("orientation", [1, 6])
def test_at_least_is_a_floor_and_never_enlarges(orientation, height, width, rows, columns):
    data = encoded(photo(height, width), "JPEG", exif=exif(orientation))
    full, reduced = decode(data), decode(data, at_least=(rows, columns))
    got, limit = reduced.pixels.shape[:2], full.pixels.shape[:2]
    assert got[0] >= min(rows, limit[0])
    assert got[1] >= min(columns, limit[1])
    if got == limit:
        assert (reduced.pixels == full.pixels).all()
    assert (reduced.height, reduced.width) == limit == (full.height, full.width)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_picture_stands_as_upright_as_a_full_one(orientation):
    data = encoded(photo(240, 320), "JPEG", exif=exif(orientation), quality=95)
    full, reduced = decode(data).pixels, decode(data, at_least=(60, 60)).pixels
    assert reduced.shape[0] * 4 == full.shape[0]
    averaged = full.reshape(*reduced.shape[:1], 4, reduced.shape[1], 4, 3).mean(axis=(1, 3))
    assert np.abs(averaged - reduced).mean() < 2


def test_tiny_jpegs_are_decoded_at_full_scale():
    for side in range(1, 10):
        data = encoded(photo(side, side), "JPEG", quality=95, subsampling=0)
        assert np.abs(decode(data).pixels.astype(int) - by_pillow(data, "rgb")).max() <= 1


def bombs() -> dict[str, bytes]:
    big = 40_000
    jpeg = bytearray(encoded(photo(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", big, big)
    gif = bytearray(encoded(Image.new("P", (8, 8)), "GIF"))
    gif[6:10] = struct.pack("<HH", big, big)
    bmp = bytearray(encoded(photo(), "BMP"))
    bmp[18:26] = struct.pack("<II", big, big)
    png = bytearray(encoded(photo(), "PNG"))
    png[16:24] = struct.pack(">II", big, big)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    webp = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2 + bytes(4)
    return {"jpeg": jpeg, "gif": gif, "bmp": bmp, "png": png, "webp": webp}


@pytest.mark.parametrize("format", bombs())
def test_a_bomb_is_refused_from_its_header(format):
    data = bytes(bombs()[format])
    start = time.process_time()
    found = rejection(data)
    assert found.reason is Reason.TOO_LARGE
    assert "pixels; the limit is 178,956,970" in found.detail
    assert time.process_time() - start < 0.5  # decoding one takes many seconds


def test_a_kind_that_pillow_does_not_read_is_unsupported_and_not_damaged():
    seven_bits = bytearray(encoded(photo(), "BMP"))
    seven_bits[28] = 7
    sensor = bytearray(encoded(photo(), "TIFF"))
    tag = sensor.index(struct.pack("<HH", 262, 3))  # how samples become colours
    sensor[tag + 8 : tag + 10] = struct.pack("<H", 32803)
    for data in (seven_bits, sensor):
        assert rejection(bytes(data)).reason is Reason.UNSUPPORTED
    raw = struct.pack("<2sHI", b"II", 42, 16) + bytes(64)
    assert rejection(raw).detail == "a damaged header (Missing dimensions)"


def test_a_progressive_jpeg_of_endless_scans_is_refused():
    data = encoded(photo(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert rejection(data[:-2] + scan * 200 + data[-2:]).reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "format", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF"]
)
def test_limits_are_the_callers(format):
    image = Image.fromarray(photo()).convert("P" if format == "GIF" else "RGB")
    data = encoded(image, format)
    decode(data, limits=Limits(max_pixels=HEIGHT * WIDTH, max_bytes=len(data)))
    for limits in (Limits(max_pixels=HEIGHT * WIDTH - 1), Limits(max_bytes=len(data) - 1)):
        assert rejection(data, limits=limits).reason is Reason.TOO_LARGE
    assert rejection(data, limits=Limits(max_memory=HEIGHT * WIDTH)).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heif_names_what_reads_it(brand, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    caught = rejection(heif_header(brand))
    assert caught.reason is Reason.UNSUPPORTED
    assert caught.remedy == 'pip install "viewfinder[heif]"'
    assert caught.remedy in caught.detail


@pytest.mark.parametrize("format", ["ICO", "SGI", "DDS", "PCX"])
def test_other_picture_formats_are_unsupported_or_not_known(format):
    data = encoded(Image.fromarray(photo()).convert("RGB"), format)
    assert rejection(data).reason is Reason.UNSUPPORTED


@pytest.mark.parametrize(
    "start",
    [b"qoif\0\0", b"8BPS\0\x01", b"\xff\x0a\xfa", b"v/1\x01", b"<?xml ?><svg", b"icns\0"],
)
def test_what_starts_like_another_picture_format_is_unsupported(start):
    caught = rejection(start + bytes(20))
    assert caught.reason is Reason.UNSUPPORTED
    assert caught.remedy == f"save it as {READABLE}"


def test_heif_is_read_with_the_extra():
    pytest.importorskip("pillow_heif").register_heif_opener()
    check_turned("HEIF")


def test_avif_needs_no_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    if not features.check("avif"):
        pytest.skip("this build of Pillow reads no AVIF")
    check_turned("AVIF")


def check_turned(format: str) -> None:
    data = encoded(photo(), format, quality=95, exif=exif(6))
    got = decode(data)
    assert (got.format, got.width, got.height) == (format.lower(), HEIGHT, WIDTH)
    assert np.abs(got.pixels.astype(int) - by_pillow(data, "rgb")).max() <= 1


def test_what_is_no_picture():
    assert rejection(b"").reason is Reason.EMPTY
    assert rejection(b"hello, world").reason is Reason.NOT_A_PICTURE
    assert rejection(b"%PDF-1.7 ...").reason is Reason.NOT_A_PICTURE


@pytest.mark.parametrize(
    ("data", "what", "remedy"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a",
            "a Git LFS",
            "git lfs pull",
        ),
        (b"<!DOCTYPE html>\n<html><title>404", "a web page", "download the picture again"),
        (b"\n <HTML lang='en'>", "a web page", "download the picture again"),
        (b"PK\3\4\x14\0", "a zip archive", "unpack it"),
        (gzip.compress(b"picture", mtime=0), "a compressed file", "unpack it"),
        (b"\0\0\0\x18ftypmp42", "a video", "save frames"),
    ],
)
def test_what_stands_in_place_of_a_picture_is_named(data, what, remedy):
    caught = rejection(data)
    assert caught.reason is Reason.NOT_A_PICTURE
    assert what in caught.detail
    assert remedy in caught.remedy
