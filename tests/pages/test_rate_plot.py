"""The plot of a range test draws what was seen, and marks what is suggested."""

import numpy as np

from viewfinder.pages.rate_plot import rate_curve


def test_losses_average_and_suggestion_are_drawn_over_a_logarithmic_axis():
    rates = np.geomspace(1e-5, 1, 30)
    losses = np.linspace(2, 1, 30)
    losses[-1] = 500  # diverged
    smoothed = np.minimum(losses, 2)
    (axes,) = rate_curve(rates, losses, smoothed, 0.003).axes
    assert axes.get_xscale() == "log"
    raw, average, mark = axes.lines
    np.testing.assert_array_equal(raw.get_ydata(), losses)
    np.testing.assert_array_equal(average.get_xdata(), rates)
    np.testing.assert_array_equal(average.get_ydata(), smoothed)
    assert list(mark.get_xdata()) == [0.003, 0.003]
    assert [text.get_text() for text in axes.texts] == ["suggested: 0.003"]
    low, high = axes.get_ylim()
    assert low < 1 < 2 < high < 10  # what diverged does not press the rest flat
