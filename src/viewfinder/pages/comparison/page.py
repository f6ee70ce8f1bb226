"""From a comparison to its page and the figures beside it."""

from datetime import datetime
from pathlib import Path

from viewfinder.core.files import require_writable, write_json, write_text
from viewfinder.evaluation.comparison.compare import Comparison
from viewfinder.pages import plots
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.parts.words import drawable

_HERE = Path(__file__).parent


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write `compare.html`, `compare.json`, and `accuracy` and `loss` as PNG and SVG.

    Args:
        comparison: The runs side by side.
        folder: Made if it is not there; files of the same names are replaced.

    Returns:
        The page: one file that needs no network, no script and no other file.

    Raises:
        OutputError: The folder cannot be written.
    """
    require_writable(folder)
    write_json(folder / "compare.json", comparison.to_json())
    histories = [run.history for run in comparison.runs]
    figures = [
        plots.save_and_embed(
            plots.curves_of_runs(comparison.names, histories, metric), folder / metric
        )
        for metric in ("accuracy", "loss")
    ]
    text = (
        page_environment(_HERE)
        .get_template("compare.html.j2")
        .render(
            comparison=comparison,
            created=f"{datetime.now():%Y-%m-%d %H:%M}",
            verdict=_verdict(comparison),
            figures=figures,
        )
    )
    page = folder / "compare.html"
    write_text(page, drawable(text))
    return page


def _verdict(comparison: Comparison) -> str:
    """The page's headline: the most independent split decides."""
    tested = next((one for one in comparison.splits if one.pairs), None)
    if tested is None:
        return "These runs were not evaluated on any picture in common."
    if len(tested.pairs) == 1:
        return tested.pairs[0].sentence
    apart = sum(pair.is_told_apart for pair in tested.pairs)
    return f"{apart} of {len(tested.pairs)} pairs of runs can be told apart."
