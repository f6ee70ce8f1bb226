"""Subjects that are known to be there, cut out of scenes that are known, too."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photos import encoded
from shared_data import SHARED
from viewfinder.pictures.decode import decode
from viewfinder.pictures.isolate import isolate
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import resize
from viewfinder.recipe import Recipe

FIGURES = SHARED / "horse_or_human"
WHITE = (255, 255, 255)
SAND, SKY, COAT = (200, 170, 120), (90, 140, 220), (90, 40, 30)


def scene(height: int, width: int) -> np.ndarray:
    """Sky above sand, grainy: uint8, (height, width, 3)."""
    pixels = np.empty((height, width, 3))
    pixels[: height // 2], pixels[height // 2 :] = SKY, SAND
    return grainy(pixels)


def grainy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def subject(height: int, width: int, *, middle=(0.5, 0.5), radii=(0.3, 0.18)) -> np.ndarray:
    """An ellipse, as shares of the sides: bool, (height, width)."""
    rows, columns = np.mgrid[:height, :width]
    down, across = (rows / height - middle[0]) / radii[0], (columns / width - middle[1]) / radii[1]
    return down**2 + across**2 < 1


def pictured(height: int, width: int, **place) -> tuple[np.ndarray, np.ndarray]:
    """A dark subject in the scene, and where it is."""
    there = subject(height, width, **place)
    pixels = scene(height, width)
    pixels[there] = grainy(np.full(pixels.shape, COAT, float))[there]
    return pixels, there


@pytest.mark.parametrize("size", [(300, 300), (150, 200), (400, 260), (64, 64), (28, 28)])
@pytest.mark.parametrize("middle", [(0.5, 0.5), (0.55, 0.4)])
def test_the_scene_gives_way_and_the_subject_stays(size, middle):
    pixels, there = pictured(*size, middle=middle)
    got = isolate(pixels, WHITE)
    assert got.shape == pixels.shape
    assert got.dtype == np.uint8
    stays = (got < 200).all(axis=2)  # neither sky nor sand nor white is so dark
    overlap = (stays & there).sum() / (stays | there).sum()
    assert overlap > 0.9
    inside = cv2.erode(there.astype(np.uint8), np.ones((9, 9))) > 0
    if inside.any():
        assert np.array_equal(got[inside], pixels[inside])
    assert (got[:2] == 255).all()
    # Each pixel is of the picture, of the background, or between the two.
    assert (got.astype(int) >= pixels).all()


def test_the_same_figure_before_two_scenes_comes_out_alike():
    there = subject(200, 200)
    coat = grainy(np.full((200, 200, 3), COAT, float))
    beach = np.where(there[..., None], coat, scene(200, 200))
    studio = np.where(there[..., None], coat, np.uint8(255))
    difference = np.abs(isolate(beach, WHITE).astype(int) - isolate(studio, WHITE))
    assert np.abs(beach.astype(int) - studio).mean() > 50
    assert difference.mean() < 3


def test_a_background_of_ones_own_and_pictures_in_gray():
    pixels, there = pictured(120, 120)
    assert (isolate(pixels, (10, 20, 30))[0, 0] == (10, 20, 30)).all()
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None]
    got = isolate(gray, WHITE)
    assert got.shape == (120, 120, 1)
    assert ((got[:, :, 0] < 100) & there).sum() > 0.9 * there.sum()
    assert got[0, 0] == 255


@pytest.mark.parametrize("channels", [1, 3])
def test_what_stands_before_the_background_already_loses_nothing(channels):
    """GrabCut takes a white horse for a part of white paper."""
    there = subject(150, 150)
    pixels = np.full((150, 150, 3), 255, np.uint8)
    pixels[there] = grainy(np.full((150, 150, 3), 240.0))[there]
    pixels = pixels[:, :, :channels]
    as_jpeg = np.clip(pixels.astype(int) - np.indices(pixels.shape).sum(0) % 6, 0, 255)
    as_jpeg = as_jpeg.astype(np.uint8)
    assert isolate(as_jpeg, WHITE) is as_jpeg
    assert isolate(as_jpeg, (0, 0, 0)) is not as_jpeg


@pytest.mark.parametrize("pixels", [np.full((90, 60, 3), 130, np.uint8), scene(90, 60)])
def test_where_there_is_no_subject_the_picture_stays(pixels):
    assert isolate(pixels, WHITE) is pixels


def test_what_is_cut_out_depends_on_the_pixels_alone():
    pictures = [pictured(100, 90, middle=(0.5, place))[0] for place in (0.4, 0.5, 0.6)]
    alone = [isolate(one, WHITE) for one in pictures]

    def after_other_draws(number: int) -> np.ndarray:
        cv2.setRNGSeed(number)
        return isolate(pictures[number % 3], WHITE)

    with ThreadPoolExecutor(4) as threads:
        for number, got in enumerate(threads.map(after_other_draws, range(24))):
            assert np.array_equal(got, alone[number % 3])


@settings(max_examples=20)
@given(st.integers(1, 120), st.integers(1, 120), st.sampled_from([1, 3]), st.integers(0, 9))
def test_any_picture_can_be_asked_for_its_subject(height, width, channels, seed):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, channels), np.uint8)
    if seed % 2:
        pixels[:] = pixels[0, 0]
    got = isolate(pixels, WHITE)
    assert got.shape == pixels.shape
    assert got.dtype == np.uint8


def test_a_model_s_input_is_cut_out_before_it_is_resized():
    way = Preprocessing(height=40, width=30, resize="pad", isolate=True)
    pixels, _ = pictured(160, 120)
    expected = resize(isolate(pixels, WHITE), way)
    assert np.array_equal(prepare(pixels, way).pixels, expected)
    assert not np.array_equal(prepare(pixels, way.model_copy(update={"isolate": False})), expected)
    data = encoded(pixels, "PNG")
    from_file = decode(data, color="rgb", at_least=(40, 30)).pixels
    assert np.array_equal(prepare(data, way).pixels, resize(isolate(from_file, WHITE), way))


def test_training_and_judging_cut_out_alike():
    recipe = Recipe().changed({"input.isolate": True, "input.size": [32, 32], "input.color": "rgb"})
    assert recipe.preprocessing.isolate
    assert recipe.training_preprocessing.isolate
    assert not Recipe().resolved((32, 32), "rgb").preprocessing.isolate


@pytest.mark.slow
@pytest.mark.skipif(not FIGURES.is_dir(), reason=f"{FIGURES} is not here")
def test_nearly_every_rendered_figure_is_found_before_its_scene():
    files = sorted(FIGURES.glob("train/*/*.jpg"))[::8]
    isolated = [isolate(decode(file.read_bytes()).pixels, WHITE) for file in files]
    # A figure is found where the scene at the upper corners has gone.
    found = [(one[:20, :20] == 255).all() and (one[:20, -20:] == 255).all() for one in isolated]
    assert len(found) > 100
    assert np.mean(found) > 0.9
