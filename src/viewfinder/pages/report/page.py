"""From a run's material to `report.html` and the plots beside it."""

from pathlib import Path
from typing import Any

from viewfinder.core.files import write_text
from viewfinder.evaluation.comparison.settings import settings
from viewfinder.pages.parts import svg as charts
from viewfinder.pages.parts import words
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.report import gallery, matrix, tables
from viewfinder.pages.report.figures import write_figures
from viewfinder.pages.report.material import ReportMaterial
from viewfinder.pages.report.verdict import verdict

_HERE = Path(__file__).parent


def write_report(material: ReportMaterial, folder: Path) -> Path:
    """Write the report of a run.

    Args:
        material: What the run left behind.
        folder: Where `report.html` and `plots/{accuracy,loss,confusion,samples,mistakes}.png` go;
            each file is written whole.

    Returns:
        The path of the page: one file that needs no network, no script and no other file.

    Raises:
        OutputError: The folder cannot be written.
        DataError: The history lacks a column.
    """
    samples = gallery.sample_rows(material)
    mistakes = gallery.worst_mistakes(material)
    write_figures(material, samples, mistakes, folder / "plots")
    page = folder / "report.html"
    write_text(page, words.drawable(_render(material, samples, mistakes)))
    return page


def _render(
    material: ReportMaterial, samples: list[gallery.SampleRow], mistakes: list[gallery.Mistake]
) -> str:
    template = page_environment(_HERE).get_template("page.html.j2")
    return template.render(samples=samples, mistakes=mistakes, **_content(material))


def _content(material: ReportMaterial) -> dict[str, Any]:
    best = material.best_epoch
    drawn = [charts.curve_chart(material.history, metric, best) for metric in ("accuracy", "loss")]
    counts = tables.class_counts(material)
    return {
        "run": material,
        "verdict": verdict(material),
        "charts": [chart for chart in drawn if chart],
        "frame": charts,
        "history": tables.history_rows(material.history),
        "epochs": tables.epoch_seconds(material),
        "timing": tables.timing_rows(material),
        "confusion": _confusion(material),
        "pairs": tables.confused_pairs(material),
        "class_scores": tables.weakest_first(material),
        "class_counts": counts,
        "splits": tables.SPLITS,
        "totals": tables.split_totals(counts),
        "sizes": tables.size_sentence(material),
        "skipped": tables.skipped(material),
        "recipe": list(settings(material.recipe)),
        "environment": list(settings(material.environment)),
    }


def _confusion(material: ReportMaterial) -> dict[str, Any]:
    if material.headline is None:
        return {"rows": [], "shades": []}
    counts = material.headline["confusion"]
    if len(material.classes) <= matrix.MOST_COUNTED:
        return {"rows": matrix.counted_rows(counts, material.classes), "shades": []}
    return {"rows": [], "shades": matrix.shades(counts)}
