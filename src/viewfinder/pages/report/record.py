"""`report.json`: the numbers of the report."""

from pathlib import Path
from typing import Any

from viewfinder.core.files import write_json
from viewfinder.pages.report.gallery import MISTAKES
from viewfinder.pages.report.report import Report


def write_record(report: Report) -> Path:
    """Write `report.json` into the run's folder; docs/formats.md names its keys.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = report.folder / "report.json"
    write_json(path, {"schema": 1, **record(report)})
    return path


def record(report: Report) -> dict[str, Any]:
    """The content of `report.json`."""
    further, found = report.further, report.figures
    return {
        "run": report.name,
        "created": report.environment["created"],
        "classes": list(report.classes),
        "split": report.headline_split,
        "best_epoch": report.best_epoch,
        "figures": found and found.to_json(),
        "temperature": report.temperature,
        "baselines": [one.to_json() for one in report.baselines],
        "slices": [one.to_json() for one in further.slices],
        "doctor": [one.to_json() for one in report.diagnosis.verdicts],
        "mistakes": {"count": len(report.mistakes), "surest": _surest(report)},
        "time": report.timing,
    }


def _surest(report: Report) -> list[dict[str, Any]]:
    looks = report.further.looks
    rows = report.mistakes.head(MISTAKES)[["locator", "label", "predicted", "confidence"]]
    return [
        {
            **{str(key): value for key, value in row.items()},
            "nearest": look.nearest if (look := looks.get(row["locator"])) else None,
        }
        for row in rows.to_dict("records")
    ]
