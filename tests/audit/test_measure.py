"""What is measured in one picture, against obvious NumPy."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from pictures.photos import encoded, exif, photo
from viewfinder.audit.measure import Measurement, entropy, measure, percentiles, sharpness
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.data.source import Source, Stamp

STAMP = Stamp(12, 34)


@dataclass
class Held(Source):
    """A source of what it is given."""

    held: dict[str, Any] = field(default_factory=dict)

    def read(self, locator: str) -> Any:
        if locator not in self.held:
            raise RejectedPicture(Reason.MISSING, "gone")
        return self.held[locator]

    def stamp(self, locator: str) -> Stamp:
        del locator
        return STAMP

    def record(self) -> dict[str, Any]:
        return {"kind": "held"}

    def __str__(self) -> str:
        return "held"


def measured(data: Any) -> Measurement:
    return measure(Held({"a": data}), "a", STAMP)


def gray_of(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L"))


def test_a_small_picture_is_measured_as_it_is() -> None:
    pixels = photo()
    row = measured(encoded(pixels, "PNG"))
    gray = gray_of(pixels).astype(float)
    assert (row.status, row.format, row.width, row.height) == ("ok", "png", 61, 45)
    assert row.brightness == pytest.approx(gray.mean(), abs=0.5)
    assert row.contrast == pytest.approx(gray.std(), abs=0.5)
    assert row.darkest == pytest.approx(np.percentile(gray, 1), abs=1.5)
    assert row.brightest == pytest.approx(np.percentile(gray, 99), abs=1.5)
    assert row.chroma == pytest.approx(np.percentile(np.ptp(pixels, axis=2), 99), abs=1)
    assert row.content == hashlib.blake2b(encoded(pixels, "PNG"), digest_size=16).hexdigest()
    assert len(row.thumbnail) == 32 * 32
    assert len(row.tint) == 8 * 8 * 2


def test_levels_do_not_depend_on_the_size() -> None:
    small = Image.fromarray(photo(150, 200))
    large = small.resize((1600, 1200), Image.Resampling.BICUBIC)
    one, other = measured(encoded(small, "PNG")), measured(encoded(large, "JPEG", quality=95))
    for name in ("brightness", "contrast", "darkest", "dark", "bright", "brightest"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=6)


def test_an_array_is_a_picture_too() -> None:
    gray = gray_of(photo())
    row, again = measured(gray), measured(encoded(gray, "PNG"))
    assert (row.format, row.width, row.height) == ("array", 61, 45)
    assert (row.hash, row.thumbnail, row.brightness) == (
        again.hash,
        again.thumbnail,
        again.brightness,
    )


@pytest.mark.parametrize(
    ("data", "status", "format"),
    [
        (b"", "empty", ""),
        (b"hello", "not a picture", ""),
        (encoded(photo(), "JPEG")[:700], "truncated", "jpeg"),
    ],
)
def test_what_cannot_be_read_gets_a_row(data: bytes, status: str, format: str) -> None:
    row = measured(data)
    assert (row.status, row.format, row.width, row.pixels) == (status, format, 0, "")
    assert row.detail


def test_a_missing_picture_is_asked_for_again() -> None:
    row = measure(Held(), "a", STAMP)
    assert (row.status, row.size, row.mark) == ("missing", -1, -1)


@pytest.mark.parametrize(
    ("data", "trait"),
    [
        (encoded(Image.fromarray(photo()).convert("CMYK"), "JPEG"), "CMYK"),
        (encoded(Image.fromarray(photo()).convert("CMYK"), "TIFF"), "CMYK"),
        (encoded(Image.fromarray(np.full((9, 9), 40_000, np.uint16)), "PNG"), "16-bit"),
        (encoded(Image.fromarray(photo()).convert("RGBA"), "PNG"), "opaque alpha"),
        (encoded(Image.new("RGBA", (9, 9), (1, 2, 3, 40)), "PNG"), "transparent"),
        (
            encoded(Image.fromarray(photo()).convert("P"), "PNG", transparency=3),
            "transparent",
        ),
        (
            encoded(
                Image.new("RGB", (9, 9), "red"),
                "GIF",
                save_all=True,
                append_images=[Image.new("RGB", (9, 9), "blue")],
            ),
            "several frames",
        ),
        (encoded(photo(), "JPEG"), ""),
        (encoded(gray_of(photo()), "PNG"), ""),
    ],
)
def test_odd_modes_are_named(data: bytes, trait: str) -> None:
    assert measured(data).traits == trait


def test_orientation_is_kept_and_size_is_upright() -> None:
    row = measured(encoded(photo(), "JPEG", exif=exif(6)))
    assert (row.orientation, row.width, row.height) == (6, 45, 61)


def test_known_content_is_not_decoded_again() -> None:
    known = measured(encoded(photo(), "PNG"))
    held = Held({"moved": encoded(photo(), "PNG")})
    row = measure(held, "moved", Stamp(5, 6), recall={known.content: known}.get)
    assert row == known._replace(locator="moved", size=5, mark=6)


def test_percentiles_and_entropy() -> None:
    levels = np.random.default_rng(0).integers(0, 256, 1001)
    counts = np.bincount(levels, minlength=256)
    shares = (0.01, 0.05, 0.5, 0.95, 0.99)
    expected = np.percentile(levels, [100 * share for share in shares], method="inverted_cdf")
    assert percentiles(counts, shares) == tuple(expected)
    assert entropy(counts) == pytest.approx(stats.entropy(counts, base=2))
    assert entropy(np.bincount([7] * 9, minlength=256)) == 0


def test_sharpness_is_of_the_steepest_edges() -> None:
    gray = gray_of(photo(90, 120))
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    edges = np.abs(ndimage.convolve(gray.astype(int), kernel, mode="mirror")).clip(0, 255)
    steepest = np.percentile(edges, 99.5, method="inverted_cdf")
    assert sharpness(gray, 200) == steepest / 200
    soft = ndimage.gaussian_filter(gray, 2)
    assert sharpness(soft, int(np.ptp(soft))) < sharpness(gray, int(np.ptp(gray))) / 2
