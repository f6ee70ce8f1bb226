"""A curve on a line: heights, bounds, width."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewfinder.training.display import sparkline


def test_heights():
    assert sparkline(range(8), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(range(8), 8, plain=True) == "_.-:=+*#"
    assert sparkline([0.5, 0.5], 8) == "▁▁"
    assert sparkline([0, 1], 8, (0, 2)) == "▁▅"
    assert sparkline([-5, 9], 8, (0, 1)) == "▁█"


def test_nan_is_marked():
    assert sparkline([0, math.nan, 1], 8) == "▁!█"
    assert sparkline([math.nan], 8) == "!"
    assert sparkline([], 8) == ""


@given(st.lists(st.floats(allow_nan=True), max_size=80), st.integers(0, 30))
def test_a_line_is_never_longer_than_the_width(values, width):
    with np.errstate(all="ignore"):
        assert len(sparkline(values, width)) == min(len(values), width)


@pytest.mark.parametrize("count", [16, 80, 1000])
def test_a_long_curve_is_averaged(count):
    assert sparkline(np.arange(count), 8) == "▁▂▃▄▅▆▇█"
