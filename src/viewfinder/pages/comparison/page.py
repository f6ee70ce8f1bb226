"""From a comparison to its page and its PNG file."""

from datetime import datetime
from pathlib import Path

from viewfinder.core.files import require_writable, write_json, write_text
from viewfinder.evaluation.comparison.compare import Comparison
from viewfinder.pages.comparison.figures import STROKES, write_curves
from viewfinder.pages.parts import svg as charts
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.parts.svg import runs_chart
from viewfinder.pages.parts.words import drawable

_HERE = Path(__file__).parent


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write `compare.html`, `compare.json` and `curves.png` into `folder`.

    Returns:
        The page: one file that needs no network, no script and no other file.

    Raises:
        OutputError: The folder cannot be written.
    """
    require_writable(folder)
    write_curves(comparison.records, folder / "curves.png")
    write_json(folder / "compare.json", comparison.to_json())
    drawn = [runs_chart(comparison.records, metric) for metric in ("accuracy", "loss")]
    text = (
        page_environment(_HERE)
        .get_template("compare.html.j2")
        .render(
            comparison=comparison,
            created=f"{datetime.now():%Y-%m-%d %H:%M}",
            verdict=_verdict(comparison),
            charts=[chart for chart in drawn if chart],
            frame=charts,
            strokes=STROKES,
        )
    )
    page = folder / "compare.html"
    write_text(page, drawable(text))
    return page


def _verdict(comparison: Comparison) -> str:
    """The page's headline: the most independent split decides."""
    tested = next((one for one in comparison.splits if one.pairs), None)
    if tested is None:
        return "These runs have no judged pictures in common."
    if len(tested.pairs) == 1:
        return tested.pairs[0].sentence
    apart = sum(pair.is_told_apart for pair in tested.pairs)
    return f"{apart} of {len(tested.pairs)} pairs of runs can be told apart."
