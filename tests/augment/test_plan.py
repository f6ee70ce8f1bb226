"""The plan: its words, its refusals, and the ways in which a batch may be handed over."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from viewfinder.augment import (
    POLICIES,
    Erase,
    Flip,
    Plan,
    RandomResizedCrop,
    Rotation,
    Zoom,
    make_plan,
    policy,
)
from viewfinder.core.errors import RecipeError, UsageError
from viewfinder.core.randomness import Randomness

IDS = np.arange(12, dtype=np.uint64)
GOLDEN = Path(__file__).parents[1] / "goldens" / "augment_samples.json"


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_threads_may_share_a_batch_by_its_slices() -> None:
    plan, pixels = policy("strong"), noise(12, 40, 40, 3)
    samples = plan.sample(Randomness(0), 0, IDS)
    out = np.empty((12, 32, 32, 3), np.uint8)

    def work(start: int) -> None:
        part = slice(start, start + 3)
        plan.apply(pixels[part], samples[part], (32, 32), out=out[part])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(0, 12, 3)))
    np.testing.assert_array_equal(out, plan.apply(pixels, samples, (32, 32)))


def test_pictures_of_several_sizes_make_one_batch() -> None:
    plan = policy("course")
    pictures = [noise(30, 40, 3), noise(50, 20, 3)]
    samples = plan.sample(Randomness(0), 0, IDS[:2])
    batch = plan.apply(pictures, samples, (24, 24))
    for i, picture in enumerate(pictures):
        alone = plan.apply(picture[None], samples[i : i + 1], (24, 24))
        np.testing.assert_array_equal(batch[i], alone[0])


def test_a_store_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    pixels = noise(3, 20, 20, 3)
    pixels.tofile(tmp_path / "store")
    stored = np.memmap(tmp_path / "store", np.uint8, mode="r", shape=pixels.shape)
    plan = policy("strong")
    samples = plan.sample(Randomness(0), 0, IDS[:3])
    np.testing.assert_array_equal(plan.apply(stored, samples), plan.apply(pixels, samples))


def test_an_empty_batch_stays_empty() -> None:
    plan = policy("strong")
    samples = plan.sample(Randomness(0), 0, IDS[:0])
    assert plan.apply(noise(0, 20, 20, 3), samples, (10, 12)).shape == (0, 10, 12, 3)


def test_the_result_is_written_where_it_is_asked_to_be() -> None:
    plan, pixels, out = policy("course"), noise(3, 20, 20, 1), np.zeros((3, 20, 20, 1), np.uint8)
    samples = plan.sample(Randomness(0), 0, IDS[:3])
    assert plan.apply(pixels, samples, out=out) is out
    np.testing.assert_array_equal(out, plan.apply(pixels, samples))


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"out": np.empty((3, 20, 40, 3), np.uint8)[:, :, ::2]}, "not contiguous"),
        ({"out": np.empty((3, 20, 21, 3), np.uint8)}, "shape (3, 20, 21, 3)"),
        ({"out": np.empty((3, 20, 20, 3), np.float32)}, "float32"),
        ({"pixels": np.zeros((3, 20, 20, 3), np.float32)}, "float32, shape (3, 20, 20, 3)"),
        ({"pixels": np.zeros((3, 20, 20), np.uint8)}, "uint8, shape (3, 20, 20)"),
        ({"pixels": np.zeros((3, 20, 20, 4), np.uint8)}, "uint8, shape (3, 20, 20, 4)"),
        ({"pixels": [noise(4, 4, 3), noise(4, 4, 3), noise(4, 4, 1)]}, "1 and 3 channels"),
        ({"pixels": np.zeros((2, 20, 20, 3), np.uint8)}, "3 rows"),
        ({"samples": policy("none").sample(Randomness(0), 0, IDS[:3])}, "no parameters"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], received: str) -> None:
    plan = policy("course")
    arguments = {
        "pixels": noise(3, 20, 20, 3),
        "samples": plan.sample(Randomness(0), 0, IDS[:3]),
    } | change
    with pytest.raises(UsageError) as refusal:
        plan.apply(**arguments)
    assert received in refusal.value.received


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rotation": {"degrees": -1}},
         "Rotation has an invalid 'degrees'.\n"
         "  Expected: the largest turn in degrees, from 0 to 180\n"
         "  Received: -1\n"
         "  Remedy: give the largest change as one positive number; both directions are drawn"),
        ({"rotation": {"degrees": float("nan")}}, "Received: nan"),
        ({"rotation": {"degrees": "40"}}, "Received: '40'"),
        ({"rotation": {"degrees": True}}, "Received: True"),
        ({"rotation": {}}, "Rotation needs 'degrees'."),
        ({"rotation": 40}, "Plan has an invalid 'rotation'."),
        ({"rotate": {"degrees": 4}}, "Plan has no setting 'rotate'.\n  Received: rotate\n"
         "  Remedy: did you mean 'rotation'?"),
        ({"rotation": {"degree": 4}}, "Remedy: did you mean 'degrees'?"),
        ({"shift": {"width": 1.5}}, "Expected: a fraction of the picture's width, from 0 to 1"),
        ({"shift": {"height": -0.1}}, "Expected: a fraction of the picture's height, from 0 to 1"),
        ({"shear": {"degrees": 90}}, "Expected: the largest slant in degrees, from 0 to 60"),
        ({"zoom": {"low": 1.2, "high": 0.8}},
         "Zoom's range is reversed.\n"
         "  Expected: low at most as large as high\n"
         "  Received: low=1.2, high=0.8\n"
         "  Remedy: low=0.8, high=1.2"),
        ({"zoom": {"low": 0, "high": 1}}, "Expected: a factor from 0.1 to 10, below 1 to enlarge"),
        ({"flip": {"horizontal": "sideways"}}, "Expected: true or false\n  Received: 'sideways'"),
        ({"crop": {"scale": [0.9, 0.2]}},
         "Expected: two fractions of the area from 0.01 to 1, as (0.5, 1)\n"
         "  Received: [0.9, 0.2]\n"
         "  Remedy: write the smaller number first, both within the limits"),
        ({"crop": {"scale": [0.2, 1.1]}}, "Received: [0.2, 1.1]"),
        ({"crop": {"scale": [0.2]}}, "Received: [0.2]"),
        ({"brightness": {"strength": 1.2}}, "the largest change as a fraction, from 0 to 1"),
        ({"contrast": {"strength": -1}}, "Received: -1"),
        ({"saturation": {"strength": 2}}, "Received: 2"),
        ({"hue": {"degrees": 181}}, "Received: 181"),
        ({"channel_shift": {"levels": 256}}, "the largest shift in levels, from 0 to 255"),
        ({"grayscale": {"probability": 1.01}}, "Expected: a probability from 0 to 1"),
        ({"blur": {"sigma": 2}}, "Expected: a fraction of the shorter side, from 0 to 0.1"),
        ({"erase": {"area": [0.4, 0.1]}}, "Received: [0.4, 0.1]"),
        ({"erase": {"level": 300}}, "Expected: a whole number from 0 to 255"),
        ({"fill": "mirror"}, "Expected: nearest, reflect, wrap or constant\n"
         "  Received: 'mirror'"),
        ({"fill_level": -1}, "Received: -1"),
        ("course", "Plan takes settings by name."),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_words(settings: Any, words: str) -> None:
    with pytest.raises(RecipeError) as refusal:
        make_plan(settings)
    assert words in str(refusal.value)


def test_a_record_made_by_hand_refuses_the_same() -> None:
    with pytest.raises(RecipeError, match="Zoom's range is reversed"):
        Zoom(low=2, high=1)
    with pytest.raises(RecipeError, match="Rotation has an invalid 'degrees'"):
        Rotation(degrees=400)


def test_course_says_what_it_does() -> None:
    assert str(policy("course")).splitlines() == [
        "turns by up to 40 degrees either way",
        "shifts by up to 20 % of the width and 20 % of the height either way",
        "shears by up to 0.2 degrees either way (next to nothing)",
        "zooms each axis on its own, from 1.25 times larger to 1.2 times smaller",
        "mirrors left to right half of the time",
        "fills the area beyond the edges with the nearest edge pixel",
    ]


def test_none_says_that_it_does_nothing() -> None:
    assert policy("none").describe() == ["changes nothing"]


def test_every_operation_has_a_line() -> None:
    for plan in POLICIES.values():
        lines = len(plan.operations) + plan.moves_pixels
        assert len(plan.describe()) == max(lines, 1)


@pytest.mark.parametrize(
    ("plan", "moves"),
    [
        (Plan(), False),
        (Plan(flip=Flip(horizontal=True)), False),
        (Plan(erase=Erase()), False),
        (Plan(rotation=Rotation(degrees=0)), False),
        (Plan(rotation=Rotation(degrees=1)), True),
        (Plan(crop=RandomResizedCrop(scale=(0.5, 1))), True),
    ],
)
def test_a_plan_knows_whether_it_resamples(plan: Plan, moves: bool) -> None:
    assert plan.moves_pixels is moves


def test_parameters_have_nothing_to_do_with_each_other() -> None:
    samples = policy("course").sample(Randomness(0), 0, np.arange(20_000, dtype=np.uint64))
    correlations = np.corrcoef(samples.values[:, :7].T)
    assert np.abs(correlations - np.eye(7)).max() < 0.03


def test_the_numbers_are_those_of_earlier_versions() -> None:
    """Golden, because a killed run must go on with the same augmentations after an upgrade.

    The sampled parameters are kept and not the pixels: they follow from integer arithmetic and a
    few float operations, while a pixel's last level may differ by OpenCV's version and the
    processor's instructions.
    """
    golden = json.loads(GOLDEN.read_text())
    plan = make_plan(golden["plan"])
    ids = np.array(golden["examples"], np.uint64)
    samples = plan.sample(Randomness(golden["seed"]), golden["epoch"], ids)
    assert set(samples.columns) == set(golden["parameters"])
    for name, values in golden["parameters"].items():
        # Logarithm and exponential may differ in the last place from one C library to another.
        np.testing.assert_allclose(samples.column(name), values, rtol=1e-12, atol=1e-13)
