"""The figures of reports, comparisons and audits: one function each, as a Matplotlib `Figure`.

`save` writes a figure as PNG; `save_and_embed` writes PNG and SVG, and returns an element for a
page that follows its light or dark theme. No function uses pyplot, so they work in threads and
without a screen. One accent colour carries the meaning and the rest is grey, so that the figures
read the same to colour-blind eyes and on a black-and-white printer.
"""

from viewfinder.pages.plots.counts import bin_edges, confusion_matrix, histogram
from viewfinder.pages.plots.curves import curves, curves_of_runs, rate_curve
from viewfinder.pages.plots.grid import picture_grid
from viewfinder.pages.plots.svg import embed, save, save_and_embed

__all__ = [
    "bin_edges",
    "confusion_matrix",
    "curves",
    "curves_of_runs",
    "embed",
    "histogram",
    "picture_grid",
    "rate_curve",
    "save",
    "save_and_embed",
]
