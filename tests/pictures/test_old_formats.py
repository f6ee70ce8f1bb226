"""PPM, PGM, PBM, TGA and JPEG 2000, which sets of faces, signs and scans come in."""

import numpy as np
import pytest
from PIL import Image

from photos import encoded, photo
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.decode import decode

PICTURE = photo()
IMAGE = Image.fromarray(PICTURE)
GRAY = np.asarray(IMAGE.convert("L"))
HEIGHT, WIDTH = GRAY.shape


def plain(kind: int, levels: np.ndarray, most: str) -> bytes:
    """A PPM in words, with a comment as many programs write one."""
    numbers = b"\n".join(b" ".join(b"%d" % n for n in row) for row in levels.reshape(HEIGHT, -1))
    return f"P{kind}\n# made by hand\n{WIDTH} {HEIGHT}\n{most}".encode() + numbers + b"\n"


def raw(kind: int, levels: np.ndarray, most: int) -> bytes:
    return f"P{kind} {WIDTH} {HEIGHT} {most}\n".encode() + levels.astype(">u2").tobytes()


BILEVEL = (GRAY > 127).astype(np.uint8)
WIDE = GRAY.astype(np.uint16) * 257
EXACT = {
    "ppm": (encoded(IMAGE, "PPM"), PICTURE),
    "pgm": (encoded(IMAGE.convert("L"), "PPM"), GRAY),
    "pbm": (encoded(Image.fromarray(BILEVEL * 255).convert("1"), "PPM"), BILEVEL * 255),
    "ppm in words": (plain(3, PICTURE, "255\n"), PICTURE),
    "pgm in words": (plain(2, GRAY // 17, "15\n"), GRAY // 17 * 17),
    "pbm in words": (plain(1, 1 - BILEVEL, ""), BILEVEL * 255),
    "pgm of 16 bits": (raw(5, WIDE, 65535), GRAY),
    "pgm of 12 bits": (raw(5, GRAY.astype(int) * 16, 4080), GRAY),
    "ppm of 12 bits": (raw(6, PICTURE.astype(int) * 16, 4080), PICTURE),
    "tga": (encoded(IMAGE, "TGA"), PICTURE),
    "tga, gray": (encoded(IMAGE.convert("L"), "TGA"), GRAY),
    "tga, runs": (encoded(IMAGE, "TGA", compression="tga_rle"), PICTURE),
    "tga, from below": (encoded(IMAGE, "TGA", orientation=-1), PICTURE),
    "tga without footer": (encoded(IMAGE, "TGA")[: 18 + PICTURE.size], PICTURE),
    "jpeg 2000": (encoded(IMAGE, "JPEG2000"), PICTURE),
    "jpeg 2000, gray": (encoded(IMAGE.convert("L"), "JPEG2000"), GRAY),
    "jpeg 2000 without boxes": (encoded(IMAGE, "JPEG2000", no_jp2=True), PICTURE),
    "jpeg 2000 of 16 bits": (encoded(Image.fromarray(WIDE), "JPEG2000"), GRAY),
}


def as_colors(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)


@pytest.mark.parametrize("kind", EXACT)
def test_the_pixels_are_those_that_were_written(kind):
    data, shown = EXACT[kind][0], as_colors(EXACT[kind][1])
    luma = np.asarray(Image.fromarray(shown).convert("L"))
    assert np.abs(decode(data).pixels.astype(int) - shown).max() <= 1
    assert np.abs(decode(data, color="gray").pixels[:, :, 0].astype(int) - luma).max() <= 1


def answers(data: bytes) -> set[str]:
    found = set()
    for way in ({}, {"color": "gray"}, {"at_least": (9, 9)}):
        try:
            decode(data, **way)
            found.add("readable")
        except RejectedPicture as rejected:
            found.add(rejected.reason.value)
    return found


@pytest.mark.parametrize("kind", EXACT)
def test_a_picture_cut_anywhere_is_whole_or_truncated(kind):
    data, shown = EXACT[kind][0], as_colors(EXACT[kind][1])
    for place in (*range(20, len(data), len(data) // 40), *range(len(data) - 40, len(data))):
        found = answers(data[:place])
        assert len(found) == 1
        if found == {"readable"}:
            # In words, the last number may lack digits.
            assert (np.abs(decode(data[:place]).pixels.astype(int) - shown) <= 1).mean() > 0.999
        else:
            assert found == {Reason.TRUNCATED.value}, place
    assert answers(data[:-60]) == {"truncated"}


def test_text_of_many_megabytes_is_too_large():
    data = plain(3, PICTURE, "255\n") + b" " * (16 << 20)
    assert answers(data) == {Reason.TOO_LARGE.value}


@pytest.mark.parametrize("share", [0.2, 0.6, 0.999])
def test_a_broken_off_avif_is_truncated(share):
    data = encoded(IMAGE, "AVIF")
    assert answers(data) == {"readable"}
    assert answers(data[: int(len(data) * share)]) == {Reason.TRUNCATED.value}
