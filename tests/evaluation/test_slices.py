"""Slices, shortcuts and robustness on tables and pictures whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from viewfinder.audit.shortcuts import find_shortcuts
from viewfinder.evaluation.robustness import CHANGES, measure_robustness
from viewfinder.evaluation.slices import find_slices
from viewfinder.pictures.codecs.exif import shot_of


def table_of(random: np.random.Generator, count: int = 400) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "brightness": random.uniform(0, 255, count),
            "width": random.choice([64, 128, 256, 512], count),
            "folder": random.choice([f"folder{number}" for number in range(8)], count),
        }
    )


def test_a_planted_bad_slice_is_found():
    random = np.random.default_rng(0)
    table = table_of(random)
    bad = (table["folder"] == "folder3").to_numpy()
    right = random.random(len(table)) < np.where(bad, 0.5, 0.95)
    first, *others = find_slices(right, table)
    assert (first.name, first.value, first.count) == ("folder", "folder3", bad.sum())
    assert first.is_worse
    assert not any(one.is_worse for one in others)
    assert first.accuracy.low <= right[bad].mean() == first.accuracy.value <= first.accuracy.high
    assert first.others == right[~bad].mean()


def test_a_range_of_numbers_is_found():
    random = np.random.default_rng(1)
    table = table_of(random)
    dark = (table["brightness"] < table["brightness"].quantile(0.25)).to_numpy()
    first = find_slices(random.random(len(table)) < np.where(dark, 0.6, 0.97), table)[0]
    assert first.name == "brightness"
    assert first.value.startswith("≤")
    assert first.is_worse


def test_noise_yields_no_slice_beyond_the_stated_rate():
    found = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        found += find_slices(random.random(400) < 0.85, table_of(random))[0].is_worse
    # 5 % of the draws at most; 17 of 200 or more would then occur in about 3 % of the cases.
    assert found < 17


def test_p_values_are_those_of_fisher_and_intervals_hold_together():
    right = np.array([True] * 70 + [False] * 30)
    values = np.array(["a"] * 60 + ["b"] * 40)
    slices = find_slices(right, pd.DataFrame({"kind": values}))
    assert [one.value for one in slices] == ["b", "a"]
    table = [[30, 10], [0, 60]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert slices[0].p == pytest.approx(2 * expected)
    assert slices[1].p == 1
    # Clopper and Pearson's limits by their definition, at 5 % for both slices together.
    accuracy = slices[0].accuracy
    assert stats.binom.cdf(10, 40, accuracy.high) == pytest.approx(0.0125)
    assert stats.binom.sf(9, 40, accuracy.low) == pytest.approx(0.0125)
    assert slices[1].accuracy.high == 1
    assert slices[1].accuracy.low == pytest.approx(0.0125 ** (1 / 60))


def test_small_slices_and_constant_properties_are_left_out():
    table = pd.DataFrame({"width": [64] * 30, "folder": ["a"] * 21 + ["b"] * 9})
    assert find_slices(np.arange(30) < 20, table) == ()


def test_a_property_that_tells_the_label_is_found():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 300)
    properties = {
        "brightness": labels[:, None] * 40 + random.normal(0, 15, (300, 1)),
        "size": random.normal(0, 1, (300, 2)),
    }
    brightness, size = find_shortcuts(labels, properties, np.arange(300))
    assert brightness.tells
    assert brightness.accuracy.value > 0.7 > brightness.majority.value
    assert not size.tells
    assert find_shortcuts(labels * 0, properties, np.arange(300)) == ()
    assert find_shortcuts(labels[:0], {"size": properties["size"][:0]}, np.arange(0)) == ()


def test_noise_tells_no_label_beyond_the_stated_rate():
    found = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        properties = {"brightness": random.normal(0, 1, (150, 1))}
        found += find_shortcuts(random.integers(0, 2, 150), properties, np.arange(150))[0].tells
    assert found <= 3  # more would occur in 1.6 % of the cases


def test_duplicates_do_not_tell_the_label():
    """Ten random values, each in 20 duplicates: with duplicates in two folds, they tell labels."""
    groups = np.repeat(np.arange(20), 10)
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1], 10))[groups]
    one_hot = np.eye(20)[groups]
    assert not find_shortcuts(labels, {"frame": one_hot}, groups)[0].tells
    assert find_shortcuts(labels, {"frame": one_hot}, np.arange(200))[0].tells


class Given:
    """Pictures in memory."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dropped = pixels, pixels.shape[1:], {}

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, positions):
        return self.pixels[positions], np.ones(len(positions), np.bool_)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_classifier_by_brightness_fails_in_the_dark_only(channels):
    labels = np.arange(70) % 2
    pixels = np.full((70, 16, 24, channels), 60, np.uint8)
    pixels[labels == 1] = 200

    def predict(images):
        bright = images.mean(axis=(1, 2, 3)) > 130
        return np.stack([~bright, bright], axis=1).astype(float)

    found = measure_robustness(predict, Given(pixels), labels)
    assert (found.count, found.unchanged.value) == (70, 1)
    assert len(found.changed) == 25
    lost = {(one.change, one.strength): one.lost for one in found.changed if one.lost}
    # 200 × 0.6 = 120 and less are called dark.
    assert lost == {("darker", strength): 35 for strength in (2, 3, 4, 5)}
    assert found.changed[-1].accuracy.value == 0.5


@pytest.mark.parametrize("name", CHANGES)
def test_changes_grow_and_are_repeatable(name):
    random = np.random.default_rng(0)
    smooth = np.kron(random.integers(30, 220, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    change, amounts, _ = CHANGES[name]
    distances = [
        np.abs(change(smooth, amount, 3) - smooth.astype(float)).mean() for amount in amounts
    ]
    assert distances[0] > 0
    assert (np.diff(distances) > 0).all()
    assert (change(smooth, amounts[0], 3) == change(smooth, amounts[0], 3)).all()
    assert (
        abs(change(smooth, amounts[0], 3).mean(axis=(0, 1)) - smooth.mean(axis=(0, 1))).max() < 40
    )


def test_the_camera_is_read_and_damaged_metadata_have_none(tmp_path):
    from PIL import Image

    def photo(maker: str, model: str) -> bytes:
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = maker, model
        Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
        return (tmp_path / "a.jpg").read_bytes()

    assert shot_of(photo("Canon", "EOS 5")).camera == "Canon EOS 5"
    assert shot_of(photo("Canon", "Canon EOS 5")).camera == "Canon EOS 5"
    assert shot_of(photo("Canon", "EOS 5")[:40]).camera == ""
    assert shot_of(b"Exif, but no picture").camera == ""
    assert shot_of(np.zeros((8, 8, 3), np.uint8)).camera == ""
