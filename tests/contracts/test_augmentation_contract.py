"""What every augmentation operation keeps, whatever its settings, held by property."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import COLORS, slow_augment, smooth_pictures
from viewfinder.augment import (
    Blur,
    Brightness,
    ChannelMix,
    ChannelShift,
    Contrast,
    Erase,
    Flip,
    Grayscale,
    Hue,
    Operation,
    Plan,
    RandomResizedCrop,
    Rotation,
    Samples,
    Saturation,
    Shear,
    Shift,
    Zoom,
)
from viewfinder.core.randomness import Randomness

FILLS = ("nearest", "reflect", "wrap", "constant")


def up_to(high: float) -> st.SearchStrategy[float]:
    return st.floats(high / 1000, high)


def ordered(low: float, high: float) -> st.SearchStrategy[tuple[float, float]]:
    pair = st.tuples(st.floats(low, high), st.floats(low, high))
    return pair.map(lambda ends: (min(ends), max(ends)))


@dataclass(frozen=True)
class Case:
    """An operation: any settings, settings that do nothing, one setting and its sampled ranges."""

    kind: type[Operation]
    any_settings: dict[str, st.SearchStrategy[Any]]
    zero: dict[str, Any]
    example: dict[str, Any]
    ranges: dict[str, tuple[float, float]]
    neutral: float = 0.0
    tolerance: float = 1.0
    neutral_row: dict[str, float] = field(default_factory=dict)


CASES = [
    Case(Rotation, {"degrees": up_to(180)}, {"degrees": 0}, {"degrees": 40},
         {"rotation.degrees": (-40, 40)}),
    Case(Shift, {"width": up_to(1), "height": up_to(1)}, {}, {"width": 0.2, "height": 0.1},
         {"shift.x": (-0.2, 0.2), "shift.y": (-0.1, 0.1)}),
    Case(Shear, {"degrees": up_to(60)}, {"degrees": 0}, {"degrees": 0.2},
         {"shear.degrees": (-0.2, 0.2)}),
    Case(Zoom, {"low": st.floats(0.2, 1), "high": st.floats(1, 4), "per_axis": st.booleans()},
         {"low": 1, "high": 1}, {"low": 0.8, "high": 1.2},
         {"zoom.x": (0.8, 1.2), "zoom.y": (0.8, 1.2)}, neutral=1),
    Case(Flip, {"horizontal": st.booleans(), "vertical": st.booleans()}, {},
         {"horizontal": True, "vertical": True},
         {"flip.horizontal": (0, 1), "flip.vertical": (0, 1)}),
    Case(RandomResizedCrop, {"scale": ordered(0.1, 1), "ratio": ordered(0.3, 3)},
         {"scale": (1, 1)}, {"scale": (0.25, 0.25), "ratio": (1, 1)},
         {"crop.left": (0, 0.5), "crop.top": (0, 0.5), "crop.width": (0.5, 0.5),
          "crop.height": (0.5, 0.5)},
         neutral_row={"crop.width": 1, "crop.height": 1}),
    Case(Brightness, {"strength": up_to(1)}, {"strength": 0}, {"strength": 0.3},
         {"brightness.factor": (0.7, 1.3)}, neutral=1),
    Case(Contrast, {"strength": up_to(1)}, {"strength": 0}, {"strength": 0.3},
         {"contrast.factor": (0.7, 1.3)}, neutral=1),
    Case(Saturation, {"strength": up_to(1)}, {"strength": 0}, {"strength": 0.3},
         {"saturation.factor": (0.7, 1.3)}, neutral=1),
    Case(Hue, {"degrees": up_to(180)}, {"degrees": 0}, {"degrees": 20}, {"hue.degrees": (-20, 20)},
         tolerance=1.5),
    Case(ChannelMix, {"probability": up_to(1)}, {"probability": 0}, {"probability": 1},
         {"channel_mix.share": (0, 1),
          **{f"channel_mix.{source}_in_{mix}": (-1, 1) for mix in COLORS for source in COLORS}}),
    Case(ChannelShift, {"levels": up_to(255), "per_channel": st.booleans()}, {"levels": 0},
         {"levels": 30},
         {f"channel_shift.{color}": (-30, 30) for color in COLORS}),
    Case(Grayscale, {"probability": up_to(1)}, {"probability": 0}, {"probability": 0.5},
         {"grayscale.on": (0, 1)}),
    Case(Blur, {"sigma": up_to(0.1), "probability": up_to(1)}, {"sigma": 0}, {"sigma": 0.02},
         {"blur.sigma": (0, 0.02)}, tolerance=2),
    Case(Erase, {"probability": up_to(1), "area": ordered(0.01, 1), "ratio": ordered(0.3, 3),
                 "level": st.integers(0, 255)},
         {"probability": 0}, {"probability": 1, "area": (0.04, 0.04), "ratio": (1, 1)},
         {"erase.left": (0, 0.8), "erase.top": (0, 0.8), "erase.width": (0.2, 0.2),
          "erase.height": (0.2, 0.2)}),
]  # fmt: skip

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.name)
quick = settings(max_examples=25)


@st.composite
def batches(draw: st.DrawFn, case: Case) -> tuple[Plan, np.ndarray, np.ndarray, Randomness, int]:
    """A plan of the one operation, pictures, their ids, a seed and an epoch."""
    operation = case.kind(**{key: draw(values) for key, values in case.any_settings.items()})
    fill, level = draw(st.sampled_from(FILLS)), draw(st.integers(0, 255))
    plan = Plan(**{case.kind.name: operation, "fill": fill, "fill_level": level})
    count, channels = draw(st.integers(1, 4)), draw(st.sampled_from([1, 3]))
    height, width = draw(st.integers(12, 40)), draw(st.integers(12, 40))
    pixels = smooth_pictures(count, height, width, channels)
    ids = draw(st.lists(st.integers(0, 2**64 - 1), min_size=count, max_size=count, unique=True))
    seed, epoch = draw(st.integers(0, 2**63)), draw(st.integers(0, 1000))
    return plan, pixels, np.array(ids, np.uint64), Randomness(seed), epoch


@every_case
@quick
@given(data=st.data())
def test_is_deterministic_and_keeps_type_shape_and_input(case: Case, data: st.DataObject) -> None:
    plan, pixels, ids, randomness, epoch = data.draw(batches(case))
    before = pixels.copy()
    size = data.draw(st.sampled_from([None, (10, 17), pixels.shape[1:3]]))
    results = [plan.apply(pixels, plan.sample(randomness, epoch, ids), size) for _ in range(2)]
    assert results[0].dtype == np.uint8
    assert results[0].shape == (len(ids), *(size or pixels.shape[1:3]), pixels.shape[-1])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(pixels, before)


@every_case
@quick
@given(data=st.data())
def test_a_batch_equals_its_pictures_one_by_one_in_any_order(
    case: Case, data: st.DataObject
) -> None:
    plan, pixels, ids, randomness, epoch = data.draw(batches(case))
    whole = plan.apply(pixels, plan.sample(randomness, epoch, ids))
    for i in data.draw(st.permutations(range(len(ids)))):
        alone = plan.apply(pixels[i : i + 1], plan.sample(randomness, epoch, ids[i : i + 1]))
        np.testing.assert_array_equal(alone[0], whole[i])


@every_case
@quick
@given(data=st.data())
def test_equals_the_slow_oracle(case: Case, data: st.DataObject) -> None:
    plan, pixels, ids, randomness, epoch = data.draw(batches(case))
    # Colours multiply the rounding of a resampling, so they are held without one.
    other_sizes = [(20, 20), (31, 18)] if plan.moves_pixels else []
    size = data.draw(st.sampled_from([pixels.shape[1:3], *other_sizes]))
    samples = plan.sample(randomness, epoch, ids)
    level = plan.erase.level if plan.erase else 0
    for i, changed in enumerate(plan.apply(pixels, samples, size)):
        row = dict(zip(samples.columns, samples.values[i], strict=True))
        slow = slow_augment(
            pixels[i], row, size, fill=plan.fill, fill_level=plan.fill_level, erase_level=level
        )
        assert np.abs(changed - slow).max() <= case.tolerance + 1e-6


@every_case
@pytest.mark.parametrize("channels", [1, 3])
def test_zero_strength_is_the_identity(case: Case, channels: int) -> None:
    plan = Plan(**{case.kind.name: case.kind(**case.zero)})
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 14, channels), np.uint8)
    changed = plan.apply(pixels, plan.sample(Randomness(1), 0, np.arange(3, dtype=np.uint64)))
    np.testing.assert_array_equal(changed, pixels)
    assert plan.operations == ()
    assert not plan.moves_pixels


@every_case
@pytest.mark.parametrize("channels", [1, 3])
def test_neutral_parameters_copy_the_picture_exactly(case: Case, channels: int) -> None:
    plan = Plan(**{case.kind.name: case.kind(**case.example)})
    row = [case.neutral_row.get(column, case.neutral) for column in case.kind.columns]
    samples = Samples(np.zeros(2, np.uint64), plan.columns, np.array([row, row], np.float64))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 9, 14, channels), np.uint8)
    np.testing.assert_array_equal(plan.apply(pixels, samples), pixels)


@every_case
def test_samples_cover_the_documented_range_and_no_more(case: Case) -> None:
    plan = Plan(**{case.kind.name: case.kind(**case.example)})
    samples = plan.sample(Randomness(5), 2, np.arange(20_000, dtype=np.uint64))
    assert set(samples.columns) == set(case.ranges)
    for name, (low, high) in case.ranges.items():
        values, margin = samples.column(name), (high - low) / 1000
        assert low - 1e-12 <= values.min() <= low + margin + 1e-12, name
        assert high - margin - 1e-12 <= values.max() <= high + 1e-12, name
        assert abs(values.mean() - (low + high) / 2) <= 20 * margin + 1e-12, name


@every_case
@quick
@given(data=st.data())
def test_a_plan_comes_back_from_json(case: Case, data: st.DataObject) -> None:
    plan = data.draw(batches(case))[0]
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert Plan.model_validate_json(plan.model_dump_json(exclude_none=True)) == plan


@every_case
def test_its_numbers_do_not_depend_on_other_operations(case: Case) -> None:
    operation = case.kind(**case.example)
    alone = Plan(**{case.kind.name: operation})
    others = {it.kind.name: it.kind(**it.example) for it in CASES}
    ids = np.arange(5, dtype=np.uint64)
    together = Plan(**others).sample(Randomness(3), 1, ids)
    for column in alone.columns:
        values = alone.sample(Randomness(3), 1, ids).column(column)
        np.testing.assert_array_equal(values, together.column(column))


def test_every_operation_of_a_plan_is_held_by_this_contract() -> None:
    kinds = {case.kind.name for case in CASES}
    assert kinds == set(Plan.model_fields) - {"fill", "fill_level"}
