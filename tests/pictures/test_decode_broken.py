"""The one rule for broken pictures: every row decodes, or the picture is rejected as truncated."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from photos import broken_off, encoded, exif, lossless_jpeg, photo
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.decode import decode

FILES = broken_off()
WAYS = [{}, {"color": "gray", "at_least": (9, 9)}, {"at_least": (9, 9)}]
MAGIC_LENGTH = 12  # of the longest magic, WebP's


def answer(data: bytes, **options) -> str:
    """The reason of the rejection, or "readable"; any other exception fails the test."""
    try:
        decode(data, **options)
    except RejectedPicture as rejected:
        return rejected.reason.value
    return "readable"


def places(data: bytes) -> list[int]:
    """Where to cut: a few hundred places, and all of the last."""
    step = max(1, len(data) // 150)
    return sorted({*range(MAGIC_LENGTH, len(data), step), *range(len(data) - 30, len(data))})


@pytest.mark.parametrize("kind", FILES)
def test_a_picture_cut_anywhere_is_whole_or_truncated(kind):
    data = FILES[kind]
    whole = decode(data).pixels
    for place in places(data):
        answers = {answer(data[:place], **way) for way in WAYS}
        assert len(answers) == 1, f"cut at {place}: {answers}"
        if answers == {"readable"}:
            assert (decode(data[:place]).pixels == whole).all()
        else:
            assert answers == {Reason.TRUNCATED.value}


@pytest.mark.parametrize("kind", FILES)
def test_a_few_bytes_are_never_a_picture(kind):
    assert {answer(FILES[kind][:n]) for n in range(1, MAGIC_LENGTH)} <= {
        Reason.NOT_A_PICTURE.value,
        Reason.TRUNCATED.value,
    }


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_marker_is_readable(progressive):
    data = encoded(photo(), "JPEG", progressive=progressive)
    got = decode(data[:-2])
    assert got.notes == ("missing end marker",)
    assert (got.pixels == decode(data).pixels).all()
    assert answer(data[:-3]) == Reason.TRUNCATED.value


def test_a_progressive_jpeg_that_ends_between_two_scans_is_not_whole():
    data = encoded(photo(), "JPEG", progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    last = data.rindex(b"\xff\xda")
    for scan in (second, last):
        tables = data.rfind(b"\xff\xc4", 0, scan)
        assert answer(data[: max(tables, 0)]) == Reason.TRUNCATED.value


def test_a_png_without_its_end_is_readable():
    data = encoded(photo(), "PNG")
    got = decode(data[:-12])
    assert got.notes == ("missing end marker",)
    assert (got.pixels == photo()).all()


def test_a_png_that_breaks_off_in_a_text_after_its_pixels_is_readable():
    data = encoded(photo(), "PNG")[:-12] + b"\0\0\0\x64tEXtComment"
    assert (decode(data).pixels == photo()).all()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_junk_after_the_end_is_only_a_note(format):
    data = encoded(photo(), format)
    got = decode(data + b"junk" * 20)
    assert (got.pixels == decode(data).pixels).all()
    assert got.notes == (() if format == "BMP" else ("extraneous data after the end",))


def test_zeros_after_the_end_are_not_worth_a_note():
    assert decode(encoded(photo(), "JPEG") + bytes(500)).notes == ()


def test_damage_in_the_middle_is_a_note_where_all_rows_decode():
    data = bytearray(encoded(photo(96, 128), "JPEG", quality=95, restart_marker_rows=1))
    marker = data.index(b"\xff\xd1")
    data[marker:marker] = b"\x55" * 40
    got = decode(bytes(data))
    assert got.notes == ("40 extraneous bytes before marker 0xd1",)
    for way in WAYS:
        assert answer(bytes(data), **way) == "readable"


def test_an_early_end_marker_does_not_make_a_picture_whole():
    data = encoded(photo(200, 100), "JPEG")
    assert answer(data[: len(data) // 2] + b"\xff\xd9") == Reason.TRUNCATED.value
    assert answer(data[: len(data) // 2] + b"\xff\xd9" + data[len(data) // 2 :]) == "truncated"


def segment_starts(data: bytes) -> list[int]:
    """Where each segment of a JPEG's header begins, and the first scan's."""
    starts, position = [], 2
    while data[position + 1] != 0xDA:
        starts.append(position)
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return [*starts, position]


@pytest.mark.parametrize("stray", [b"\0", b"ab", b"\xff\0\xff", b"\x12" * 16])
@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "jpeg-gray", "jpeg-cmyk"])
def test_stray_bytes_between_the_segments_of_a_header_are_a_note(kind, stray):
    data = FILES[kind]
    for start in segment_starts(data):
        strayed = data[:start] + stray + data[start:]
        for way in WAYS:
            got, whole = decode(strayed, **way), decode(data, **way)
            assert (got.pixels == whole.pixels).all()
            assert "extraneous bytes before marker" in got.notes[0]
        assert answer(strayed[: len(strayed) * 3 // 4]) == "truncated"


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-cmyk"])
@pytest.mark.parametrize(
    ("segment", "note"),
    [
        (b"\xff\xe0\0\x10JFIF\0\3\1\0\0\1\0\1\0\0", "unknown JFIF revision number 3.01"),
        (b"\xff\xe2\0\x14ICC_PROFILE\0\5\1abcd", "bad ICC marker"),
    ],
)
def test_what_libjpeg_warns_about_in_a_header_is_a_note(kind, segment, note):
    data = FILES[kind]
    got = decode(data[:2] + segment + data[2:])
    assert any(note in one for one in got.notes)
    assert (got.pixels == decode(data).pixels).all()


def test_the_frame_header_stands_once():
    data = encoded(photo(160, 128), "JPEG", quality=90)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    header = data[frame : frame + 19]
    broken, end = data[: scan + (len(data) - scan) * 4 // 5], b"\xff\xd9"
    for start in (frame, scan):
        twice = data[:start] + header + data[start:]
        assert {answer(twice, **way) for way in WAYS} == {"corrupt"}
    # libjpeg fills what is missing with gray, and reads no further than these.
    for more in (data, data[2:], data[20:], header + data[2:], data[scan:], header + end):
        assert {answer(broken + more, **way) for way in WAYS} == {"truncated"}
        assert {answer(data[:-2] + more, **way) for way in WAYS} == {"readable"}


@pytest.mark.parametrize("channels", [1, 3])
def test_a_lossless_jpeg_is_read_in_colour_and_gray_at_any_size(channels):
    picture = photo()[:, :, :channels]
    data = lossless_jpeg(picture)
    shown = picture if channels == 3 else picture.repeat(3, axis=2)
    luma = np.asarray(Image.fromarray(shown).convert("L"))[:, :, None]
    for at_least in (None, (9, 9), (1, 1)):
        assert (decode(data, at_least=at_least).pixels == shown).all()
        assert (decode(data, at_least=at_least, color="gray").pixels == luma).all()
    cut = data[: len(data) // 2]
    assert {answer(cut, **way) for way in WAYS} == {"truncated"}
    assert {answer(data[:-2], **way) for way in WAYS} == {"readable"}


@pytest.mark.parametrize("share", [0.25, 0.75])
@pytest.mark.parametrize("kind", ["jpeg", "jpeg-gray", "png", "bmp", "tiff"])
def test_the_rejection_says_how_much_is_there(kind, share):
    picture = photo(640, 200)  # its header is a small part of it
    image = Image.fromarray(picture).convert("L" if kind == "jpeg-gray" else "RGB")
    data = encoded(image, kind.split("-")[0].upper())
    with pytest.raises(RejectedPicture) as caught:
        decode(data[: int(len(data) * share)])
    percent = int(caught.value.detail.split(" %")[0])
    assert 100 * share - 8 <= percent <= 100 * share + 1
    assert caught.value.detail == f"{percent} % of the rows are there"
    assert caught.value.remedy == "obtain the whole file again, or allow truncated pictures"


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "png", "gif", "bmp", "tiff"])
def test_truncated_pictures_are_read_where_they_are_allowed(kind):
    data = FILES[kind]
    whole = decode(data).pixels
    cut = data[: len(data) * 4 // 5]
    got = decode(cut, allow_truncated=True)
    assert got.pixels.shape == whole.shape
    assert any(note.startswith("truncated: ") for note in got.notes)
    first, last = (got.pixels[:8], whole[:8]), (got.pixels[-8:], whole[-8:])
    there = last if kind == "bmp" else first  # a BMP is stored from the bottom
    assert np.abs(there[0].astype(int) - there[1]).mean() < 12


def test_nothing_can_be_given_of_a_truncated_webp():
    data = FILES["webp-lossless"]
    assert answer(data[: len(data) // 2], allow_truncated=True) == "truncated"


def test_an_orientation_applies_to_a_truncated_tiff_too():
    data = encoded(photo(), "TIFF", exif=exif(6))
    got = decode(data[:-200], allow_truncated=True)
    whole = decode(data).pixels
    assert got.pixels.shape == whole.shape
    assert (got.pixels == whole).mean() > 0.9


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=120)
@given(st.binary(max_size=200))
@example(b"\xff\xd8\xff")
@example(b"\xff\xd8\xff\xff\xff")
@example(b"\x89PNG\r\n\x1a\n")
@example(b"GIF89a")
@example(b"BM")
@example(b"II*\0")
@example(b"RIFF\0\0\0\0WEBP")
def test_random_bytes_are_rejected(data):
    magics = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0\x08\0\0\0"]
    for magic in magics:
        answer(magic + data, color="gray")


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.data())
@pytest.mark.parametrize("kind", FILES)
def test_one_damaged_byte_gives_pixels_or_a_rejection(kind, data):
    damaged = bytearray(FILES[kind])
    # Most of what matters stands at the start.
    end = data.draw(st.sampled_from([min(len(damaged), 300), len(damaged)]))
    damaged[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = {answer(bytes(damaged), **way) for way in WAYS}
        answer(bytes(damaged), allow_truncated=True)
    assert len(answers) == 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pillows_warnings_stay_inside_also_from_threads(format):
    block = bytearray(exif(6))
    block[block.index(b"\x01\x0f") + 4] = 0xFF  # a value far longer than the block
    data = encoded(photo(), format, exif=bytes(block) if format != "TIFF" else b"")
    if format == "TIFF":
        data = data.replace(b"\x06\x01\x03\0\x01\0\0\0", b"\x06\x01\x03\0\x02\0\0\0")
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(answer, [data] * 40))
        assert warnings.filters == filters
    assert leaked == []


@pytest.mark.parametrize("kind", FILES)
def test_nothing_is_printed(kind, capfd):
    data = FILES[kind]
    for place in places(data)[::10]:
        answer(data[:place])
        answer(data[:place] + bytes(50) + data[place + 50 :])
    assert capfd.readouterr() == ("", "")
