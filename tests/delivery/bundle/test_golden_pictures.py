"""Golden pictures are given away: no metadata may go with them, and no pixel may change."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from viewfinder.delivery.bundle.golden import without_metadata
from viewfinder.pictures.preprocessing import Preprocessing

RGB = Preprocessing(height=32, width=32, color="rgb")
SECRET = b"Rue de la Paix 7"
COMMENT = b"\xff\xfe\x00\x12" + SECRET


def photo(format: str = "JPEG", **options: object) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8)))
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def place(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[1] = "N"  # GPSLatitudeRef
    return exif


def text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SECRET.decode())
    return info


@pytest.mark.parametrize(
    "encoded",
    [
        *(photo(exif=place(orientation)) for orientation in range(1, 9)),
        photo(xmp=SECRET),
        photo(comment=SECRET),
        photo(icc_profile=SECRET),
        photo() + SECRET,
        photo()[:-2] + COMMENT + b"\xff\xd9",
        photo() + photo(comment=SECRET),
        photo("PNG", exif=place(6)),
        photo("PNG", pnginfo=text()),
        photo("WEBP", exif=place(3), lossless=True),
    ],
)
def test_metadata_does_not_travel_and_pixels_stay(encoded: bytes) -> None:
    assert SECRET in encoded
    written = without_metadata(encoded, RGB)
    assert SECRET not in written
    with Image.open(io.BytesIO(written)) as image, Image.open(io.BytesIO(encoded)) as original:
        assert not image.getexif()
        assert not image.info
        expected = ImageOps.exif_transpose(original).convert("RGB")
        assert np.array_equal(image, expected)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_plain_jpeg_travels_as_it_is(options: dict[str, object]) -> None:
    encoded = photo(**options)
    assert without_metadata(encoded, RGB) == encoded


def test_transparency_shows_the_background_of_the_model() -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(stream, "PNG")
    red = RGB.model_copy(update={"background": (255, 0, 0)})
    with Image.open(io.BytesIO(without_metadata(stream.getvalue(), red))) as image:
        assert image.getpixel((0, 0)) == (255, 0, 0)
