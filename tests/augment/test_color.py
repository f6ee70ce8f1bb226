"""Colours, blur and erasing: composed maps, one-channel pictures, what is left alone."""

import numpy as np
import pytest

from oracles import slow_color
from viewfinder.augment import (
    Blur,
    Brightness,
    ChannelMix,
    ChannelShift,
    Contrast,
    Erase,
    Grayscale,
    Hue,
    Plan,
    Saturation,
)
from viewfinder.core.randomness import Randomness

IDS = np.arange(60, dtype=np.uint64)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_all_colours_together_equal_the_oracle(channels: int) -> None:
    plan = Plan(
        brightness=Brightness(strength=0.3),
        contrast=Contrast(strength=0.3),
        saturation=Saturation(strength=0.5),
        hue=Hue(degrees=30),
        channel_mix=ChannelMix(probability=0.5),
        channel_shift=ChannelShift(levels=20),
        grayscale=Grayscale(probability=0.3),
    )
    pixels = noise(len(IDS), 16, 16, channels)
    samples = plan.sample(Randomness(2), 0, IDS)
    for i, changed in enumerate(plan.apply(pixels, samples)):
        row = dict(zip(samples.columns, samples.values[i], strict=True))
        slow = np.clip(slow_color(pixels[i], row), 0, 255)
        # OpenCV rounds the map's numbers to 1/1024: one level, and a half for the last rounding.
        assert np.abs(changed - slow).max() <= 2
        assert np.abs(changed - slow).mean() < 0.5


@pytest.mark.parametrize(
    "colors",
    [{"saturation": Saturation(strength=1)}, {"hue": Hue(degrees=180)},
     {"channel_mix": ChannelMix(probability=1)}, {"grayscale": Grayscale(probability=1)}],
)  # fmt: skip
def test_grays_stay_gray(colors: dict) -> None:
    plan = Plan(**colors)
    gray = np.repeat(noise(len(IDS), 8, 8, 1), 3, axis=-1)
    changed = plan.apply(gray, plan.sample(Randomness(0), 0, IDS))
    assert np.abs(changed.astype(int) - gray).max() <= 1
    one = plan.apply(gray[..., :1], plan.sample(Randomness(0), 0, IDS))
    assert np.abs(one.astype(int) - gray[..., :1]).max() <= 1


def test_levels_are_cut_at_both_ends_not_wrapped() -> None:
    plan = Plan(channel_shift=ChannelShift(levels=255, per_channel=False))
    pixels = noise(len(IDS), 8, 8, 3)
    samples = plan.sample(Randomness(0), 0, IDS)
    shifts = samples.column("channel_shift.red")[:, None, None, None]
    expected = np.clip(pixels + shifts, 0, 255)
    assert np.abs(plan.apply(pixels, samples) - expected).max() <= 1


def test_the_shares_of_mixed_gray_blurred_and_erased_pictures_are_as_asked() -> None:
    plan = Plan(
        channel_mix=ChannelMix(probability=0.4),
        grayscale=Grayscale(probability=0.1),
        blur=Blur(sigma=0.01, probability=0.2),
        erase=Erase(probability=0.3),
    )
    samples = plan.sample(Randomness(0), 0, np.arange(20_000, dtype=np.uint64))
    names = ("channel_mix.share", "grayscale.on", "blur.sigma")
    shares = [(samples.column(name) > 0).mean() for name in names]
    np.testing.assert_allclose(shares, [0.4, 0.1, 0.2], atol=0.01)
    assert 0.0099 < samples.column("blur.sigma").max() <= 0.01
    np.testing.assert_allclose(samples.column("erase.width").astype(bool).mean(), 0.3, atol=0.01)


def test_erasing_hides_one_box_of_the_documented_area() -> None:
    plan = Plan(erase=Erase(probability=1, area=(0.1, 0.2), ratio=(0.5, 2), level=9))
    pixels = np.full((len(IDS), 100, 120, 3), 77, np.uint8)
    changed = plan.apply(pixels, plan.sample(Randomness(0), 0, IDS))
    hidden = (changed == 9).all(axis=-1)
    assert (changed[~hidden] == 77).all()
    for mask in hidden:
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        assert mask.sum() == rows.sum() * columns.sum()
        assert 0.09 < mask.mean() < 0.21
