"""From a run's folder to its `report.html` and the figures beside it."""

from pathlib import Path
from typing import Any

from viewfinder.core.files import write_text
from viewfinder.evaluation.comparison.settings import settings
from viewfinder.pages.parts import words
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.report import gallery, tables
from viewfinder.pages.report.figures import write_figures
from viewfinder.pages.report.report import Report
from viewfinder.pages.report.verdict import verdict

_HERE = Path(__file__).parent


def write_report(report: Report) -> Path:
    """Write `report.html` and `plots/` into the run's folder, each file whole.

    Returns:
        The path of the page: one file that needs no network, no script and no other file.

    Raises:
        OutputError: The folder cannot be written.
        DataError: The history lacks a column.
    """
    samples = gallery.sample_rows(report)
    mistakes = gallery.worst_mistakes(report)
    figures = write_figures(report, samples, mistakes, report.folder / "plots")
    template = page_environment(_HERE).get_template("page.html.j2")
    text = template.render(samples=samples, mistakes=mistakes, figures=figures, **_content(report))
    page = report.folder / "report.html"
    write_text(page, words.drawable(text))
    return page


def _content(report: Report) -> dict[str, Any]:
    counts = tables.class_counts(report)
    return {
        "run": report,
        "verdict": verdict(report),
        "history": tables.history_rows(report.history),
        "epochs": tables.epoch_seconds(report),
        "timing": tables.timing_rows(report),
        "pairs": tables.confused_pairs(report),
        "class_scores": tables.weakest_first(report),
        "class_counts": counts,
        "splits": tables.SPLITS,
        "totals": tables.split_totals(counts),
        "sizes": tables.size_sentence(report),
        "skipped": tables.skipped(report),
        "recipe": list(settings(report.recipe.model_dump(mode="json"))),
        "environment": list(settings(report.environment)),
    }
