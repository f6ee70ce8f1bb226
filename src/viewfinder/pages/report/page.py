"""From a run's folder to its `report.html` and the figures beside it."""

from pathlib import Path
from typing import Any

from viewfinder.core.files import write_text
from viewfinder.core.stages import limit_in_words
from viewfinder.evaluation.comparison.compare import settings
from viewfinder.pages.parts import words
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.report import gallery, scores, tables
from viewfinder.pages.report.card import write_card
from viewfinder.pages.report.figures import write_figures
from viewfinder.pages.report.record import write_record
from viewfinder.pages.report.report import Report
from viewfinder.pages.report.verdict import verdict

_HERE = Path(__file__).parent
_SCORED = (
    ("figures", "Figures"),
    ("confusion", "Confusion"),
    ("mistakes", "Mistakes"),
    ("classes", "Classes"),
)


def write_report(report: Report) -> Path:
    """Write `report.html`, `report.json`, `model-card.md` and `plots/` into the run's folder.

    Returns:
        The path of the page: one file that needs no network, no script and no other file.

    Raises:
        OutputError: The folder cannot be written.
        DataError: The history lacks a column.
    """
    samples = gallery.sample_rows(report)
    mistakes, cells = gallery.mistakes_and_cells(report)
    charts = write_figures(report, samples, mistakes, report.folder / "plots")
    template = page_environment(_HERE).get_template("page.html.j2")
    seen = {"samples": samples, "mistakes": mistakes, "cells": cells, "charts": charts}
    seen |= {"rows": scores.matrix_rows(report, cells), "places": {cell.place for cell in cells}}
    page = report.folder / "report.html"
    content = _content(report)
    write_text(page, words.drawable(template.render(**seen, **content)))
    write_record(report)
    write_card(report, content)
    return page


def _sections(report: Report) -> list[tuple[str, str]]:
    """The address and the name of each section."""
    return [
        *([("doctor", "Doctor")] if report.diagnosis else []),
        *([("choice", "Choice")] if report.trials else []),
        ("training", "Training"),
        *(_SCORED if report.headline else []),
        *([("slices", "Slices")] if report.headline and report.further.slices else []),
        ("samples", "Samples"),
        ("data", "Data"),
        ("making", "How it was made"),
    ]


def _content(report: Report) -> dict[str, Any]:
    counts = tables.class_counts(report)
    return {
        "run": report,
        "verdict": verdict(report),
        "history": tables.history_rows(report.history),
        "epochs": tables.epoch_seconds(report),
        "limit": limit_in_words(report.timing.get("stages_s") or {}),
        "timing": tables.timing_rows(report),
        "pairs": tables.confused_pairs(report),
        "sections": _sections(report),
        "scores": scores.figure_rows(report),
        "class_scores": scores.weakest_first(report),
        "range_of": scores.range_of,
        "zip": zip,
        "class_counts": counts,
        "splits": tables.SPLITS,
        "totals": tables.split_totals(counts),
        "sizes": tables.size_sentence(report),
        "skipped": tables.skipped(report),
        "recipe": list(settings(report.recipe.model_dump(mode="json"))),
        "environment": list(settings(report.environment)),
    }
