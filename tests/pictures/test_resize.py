"""Resizing against its slow twin, and `prepare`, the one path to a model's input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from oracles import slow_resize
from photos import encoded, exif, photo
from viewfinder.core.errors import Reason, RejectedPicture, UsageError
from viewfinder.pictures.decode import decode
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import luma, resize

SIDES = st.integers(1, 60)


def to(height: int, width: int, **options) -> Preprocessing:
    return Preprocessing(height=height, width=width, **options)


@given(SIDES, SIDES, SIDES, SIDES)
@pytest.mark.parametrize("channels", [1, 3])
def test_stretching_is_averaging_where_it_shrinks_and_linear_where_it_grows(
    channels, height, width, rows, columns
):
    pixels = photo(height, width)[:, :, :channels]
    got = resize(pixels, to(rows, columns))
    assert got.shape == (rows, columns, channels)
    assert got.dtype == np.uint8
    # One level for each of the two roundings.
    assert np.abs(got - slow_resize(pixels, (rows, columns))).max() <= 2


def test_shrinking_by_a_whole_number_is_the_mean_of_each_block():
    pixels = photo(60, 90)
    expected = pixels.reshape(20, 3, 30, 3, 3).mean(axis=(1, 3))
    assert np.abs(resize(pixels, to(20, 30)) - expected).max() <= 0.5 + 1e-9


def test_shrinking_does_not_alias():
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, to(16, 16)).astype(int) - 127.5).max() <= 1


@given(SIDES, SIDES, SIDES, SIDES)
def test_cropping_keeps_the_centre_and_the_aspect_ratio(height, width, rows, columns):
    pixels = photo(height, width)
    got = resize(pixels, to(rows, columns, resize="crop"))
    scale = max(rows / height, columns / width)
    kept = [min(height, max(1, round(rows / scale))), min(width, max(1, round(columns / scale)))]
    assert kept[0] == height or kept[1] == width
    top, left = (height - kept[0]) // 2, (width - kept[1]) // 2
    part = pixels[top : top + kept[0], left : left + kept[1]]
    assert np.abs(got - slow_resize(part, (rows, columns))).max() <= 2


@given(SIDES, SIDES, SIDES, SIDES)
def test_padding_keeps_the_whole_picture_and_fills_the_rest(height, width, rows, columns):
    background = (255, 0, 7)
    pixels = photo(height, width)
    got = resize(pixels, to(rows, columns, resize="pad", background=background))
    assert got.shape == (rows, columns, 3)
    scale = min(rows / height, columns / width)
    size = min(rows, max(1, round(height * scale))), min(columns, max(1, round(width * scale)))
    assert size[0] == rows or size[1] == columns
    top, left = (rows - size[0]) // 2, (columns - size[1]) // 2
    inside = np.zeros((rows, columns), bool)
    inside[top : top + size[0], left : left + size[1]] = True
    expected = slow_resize(pixels, size).reshape(-1, 3)
    assert np.abs(got[inside] - expected).max() <= 2
    assert (got[~inside] == background).all()


def test_the_bars_of_a_gray_picture_have_the_backgrounds_luma():
    background = (200, 40, 90)
    got = resize(
        photo(10, 20)[:, :, :1], to(20, 20, color="gray", resize="pad", background=background)
    )
    assert (
        got[0, 0, 0]
        == luma(background)
        == Image.new("RGB", (1, 1), background).convert("L").getpixel((0, 0))
    )


def test_resizing_is_the_same_every_time():
    pixels = photo(301, 203)
    results = [resize(pixels, to(97, 301)) for _ in range(3)]
    assert all((result == results[0]).all() for result in results)


@pytest.mark.parametrize("policy", ["stretch", "crop", "pad"])
def test_pixels_of_the_right_size_stay_as_they_are(policy):
    assert (resize(photo(20, 30), to(20, 30, resize=policy)) == photo(20, 30)).all()


@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize("policy", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("orientation", [1, 8])
def test_prepared_pictures_have_the_models_shape(color, policy, orientation):
    preprocessing = to(40, 64, color=color, resize=policy)
    data = encoded(photo(300, 400), "JPEG", exif=exif(orientation))
    got = prepare(data, preprocessing)
    assert got.pixels.shape == preprocessing.shape
    assert got.pixels.flags.c_contiguous
    assert (got.width, got.height) == ((400, 300) if orientation == 1 else (300, 400))


@pytest.mark.parametrize("policy", ["stretch", "crop", "pad"])
def test_reduced_decoding_is_hardly_seen_after_resizing(policy):
    data = encoded(photo(768, 1024), "JPEG", quality=90)
    preprocessing = to(160, 160, resize=policy)
    full = resize(decode(data).pixels, preprocessing)
    assert np.abs(prepare(data, preprocessing).pixels.astype(int) - full).mean() <= 2


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_an_array_is_prepared_as_the_file_with_its_pixels(mode, color):
    image = Image.fromarray(photo())
    if mode == "RGBA":
        image.putalpha(Image.fromarray(photo()[:, :, 1]))
    image = image.convert(mode)
    preprocessing = to(20, 20, color=color, background=(9, 99, 199))
    from_array = prepare(np.asarray(image), preprocessing)
    assert from_array.format == "array"
    from_file = prepare(encoded(image, "PNG"), preprocessing)
    assert (from_array.pixels == from_file.pixels).all()
    assert (from_array.width, from_array.height) == (from_file.width, from_file.height)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), float),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_an_array_that_is_no_picture_is_a_usage_error(array):
    with pytest.raises(UsageError) as caught:
        prepare(array, to(8, 8))
    assert caught.value.received == f"{array.dtype} of shape {array.shape}"


def test_preparing_rejects_as_decoding_does():
    data = encoded(photo(), "JPEG")[:-60]
    with pytest.raises(RejectedPicture) as caught:
        prepare(data, to(8, 8))
    assert caught.value.reason is Reason.TRUNCATED
    assert prepare(data, to(8, 8), allow_truncated=True).pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("zoom", [1.0, 0.7, 0.25])
def test_zoom_keeps_the_centre(zoom):
    image = Image.fromarray(photo(320, 480))
    top, left = round(160 * (1 - zoom)), round(240 * (1 - zoom))
    centre = image.crop((left, top, 480 - left, 320 - top))
    form = to(40, 60, zoom=zoom)
    expected = prepare(np.asarray(centre), to(40, 60)).pixels
    assert np.array_equal(prepare(encoded(image, "PNG"), form).pixels, expected)
    # Of a JPEG, as many pixels are decoded as the centre needs.
    data = encoded(image, "JPEG", quality=95)
    assert np.abs(prepare(data, form).pixels.astype(int) - expected).mean() < 4
