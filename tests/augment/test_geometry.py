"""Places: exact mirroring, the last resize, pictures that are not square, every fill mode."""

import cv2
import numpy as np
import pytest

from oracles import slow_augment, smooth_pictures
from viewfinder.augment import Flip, Plan, RandomResizedCrop, Rotation, Samples, Shift, Zoom
from viewfinder.core.randomness import Randomness

IDS = np.arange(40, dtype=np.uint64)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("horizontal", "vertical"), [(1, 0), (0, 1), (1, 1)])
def test_a_flip_alone_is_exact(horizontal: int, vertical: int, channels: int) -> None:
    pixels = noise(2, 15, 22, channels)
    plan = Plan(flip=Flip(horizontal=True, vertical=True))
    row = [float(horizontal), float(vertical)]
    changed = plan.apply(pixels, Samples(IDS[:2], plan.columns, np.array([row, row])))
    expected = pixels[:, ::-1] if vertical else pixels
    np.testing.assert_array_equal(changed, expected[:, :, ::-1] if horizontal else expected)


def test_flips_happen_to_half_of_the_pictures() -> None:
    pixels = np.repeat(noise(1, 4, 6, 3), 2000, axis=0)
    plan = Plan(flip=Flip(horizontal=True))
    ids = np.arange(2000, dtype=np.uint64)
    changed = plan.apply(pixels, plan.sample(Randomness(0), 0, ids))
    mirrored = (changed == pixels[:, :, ::-1]).all(axis=(1, 2, 3))
    untouched = (changed == pixels).all(axis=(1, 2, 3))
    assert (mirrored ^ untouched).all()
    assert 900 < mirrored.sum() < 1100


@pytest.mark.parametrize("size", [(160, 160), (192, 192), (100, 130)])
def test_the_last_resize_is_cv2s_bilinear_resize(size: tuple[int, int]) -> None:
    pixels = noise(3, 192, 192, 3)
    changed = Plan().apply(pixels, Plan().sample(Randomness(0), 0, IDS[:3]), size)
    for picture, result in zip(pixels, changed, strict=True):
        resized = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR)
        # cv2 rounds the weights to 1/2048, which on noise can show as one level.
        assert np.abs(result.astype(int) - resized).max() <= 1


def test_a_flip_and_a_resize_are_the_resize_and_the_flip() -> None:
    pixels = noise(1, 50, 60, 3)
    plan = Plan(flip=Flip(horizontal=True))
    samples = Samples(IDS[:1], plan.columns, np.array([[1.0, 0.0]]))
    flipped = plan.apply(pixels, samples, (40, 44))
    plain = Plan().apply(pixels, Plan().sample(Randomness(0), 0, IDS[:1]), (40, 44))
    assert np.abs(flipped.astype(int) - plain[:, :, ::-1]).max() <= 1


@pytest.mark.parametrize("fill", ["nearest", "reflect", "wrap", "constant"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("stored", "size"), [((48, 48), (48, 48)), ((60, 90), (48, 72))])
def test_all_motions_together_equal_the_oracle(
    fill: str, channels: int, stored: tuple[int, int], size: tuple[int, int]
) -> None:
    plan = Plan(
        crop=RandomResizedCrop(scale=(0.3, 1)),
        rotation=Rotation(degrees=180),
        shift=Shift(width=0.5, height=0.5),
        zoom=Zoom(low=0.5, high=2.5),
        flip=Flip(horizontal=True, vertical=True),
        fill=fill,
        fill_level=200,
    )
    pixels = smooth_pictures(len(IDS), *stored, channels)
    samples = plan.sample(Randomness(4), 0, IDS)
    for i, changed in enumerate(plan.apply(pixels, samples, size)):
        row = dict(zip(samples.columns, samples.values[i], strict=True))
        slow = slow_augment(pixels[i], row, size, fill=fill, fill_level=200)
        assert np.abs(changed - slow).max() <= 1


def test_a_quarter_turn_is_numpys() -> None:
    pixels = noise(1, 21, 21, 3)
    plan = Plan(rotation=Rotation(degrees=90))
    turned = plan.apply(pixels, Samples(IDS[:1], plan.columns, np.array([[90.0]])))
    assert np.abs(turned[0].astype(int) - np.rot90(pixels[0])).max() <= 1


def test_a_shift_is_measured_by_its_own_side() -> None:
    pixels = noise(1, 20, 50, 3)
    plan = Plan(shift=Shift(width=0.2, height=0.1))
    shifted = plan.apply(pixels, Samples(IDS[:1], plan.columns, np.array([[0.2, 0.1]])))
    np.testing.assert_array_equal(shifted[0, :-2, :-10], pixels[0, 2:, 10:])


def test_zoom_of_both_axes_alike_draws_one_factor() -> None:
    plan = Plan(zoom=Zoom(low=0.5, high=2, per_axis=False))
    samples = plan.sample(Randomness(0), 0, IDS)
    np.testing.assert_array_equal(samples.column("zoom.x"), samples.column("zoom.y"))


def test_crops_keep_their_area_and_ratio_and_stay_inside() -> None:
    plan = Plan(crop=RandomResizedCrop(scale=(0.2, 0.7), ratio=(3 / 4, 4 / 3)))
    samples = plan.sample(Randomness(0), 0, np.arange(20_000, dtype=np.uint64))
    left, top, width, height = samples.values.T
    for values, low, high in (
        (width * height, 0.2, 0.7),
        (width / height, 3 / 4, 4 / 3),
    ):
        assert low - 1e-9 <= values.min() < low + 1e-3
        assert high - 1e-3 < values.max() <= high + 1e-9
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-12
    assert abs(np.corrcoef(left / (1 - width), top / (1 - height))[0, 1]) < 0.03


def test_a_crop_that_cannot_have_its_ratio_takes_the_nearest_that_fits() -> None:
    plan = Plan(crop=RandomResizedCrop(scale=(0.9, 0.9), ratio=(2, 3)))
    _, _, width, height = plan.sample(Randomness(0), 0, IDS).values.T
    np.testing.assert_allclose(width, 1)
    np.testing.assert_allclose(height, 0.9)
