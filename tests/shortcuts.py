"""What most trainings of the tests leave out: plots and exports."""

import base64
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from viewfinder.pages.report import Report

ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FgAAAABJRU5ErkJggg=="
)
EMPTY_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1" viewBox="0 0 1 1"/>'
SAVE_PNG, SAVE_SVG = Figure.savefig, FigureCanvasSVG.print_figure


def leave_out_plots(patch: pytest.MonkeyPatch, composed: bool = False) -> None:
    """Save figures as one pixel, and put those of reports together only where `composed`."""

    def save_png(figure: Figure, path: Path, **_: object) -> None:
        Path(path).write_bytes(ONE_PIXEL)

    def save_svg(canvas: FigureCanvasSVG, stream: io.BytesIO, **_: object) -> None:
        stream.write(EMPTY_SVG)

    patch.setattr(Figure, "savefig", save_png)
    patch.setattr(FigureCanvasSVG, "print_figure", save_svg)
    if "viewfinder.pages.report.page" in sys.modules and not composed:
        patch.setattr("viewfinder.pages.report.page.write_figures", write_blank_figures)


def write_blank_figures(report: "Report", _: object, __: object, folder: Path) -> dict[str, Markup]:
    """Write the files of `viewfinder.pages.report.figures.write_figures`, each with one pixel."""
    names = ["accuracy", "loss"]
    names += ["confusion"] if report.headline is not None else []
    names += ["roc", "precision-recall", "reliability"] if report.figures is not None else []
    folder.mkdir(exist_ok=True)
    for name in (*names, "samples", "mistakes"):
        (folder / f"{name}.png").write_bytes(ONE_PIXEL)
    for name in names:
        (folder / f"{name}.svg").write_bytes(EMPTY_SVG)
    return {name: Markup(EMPTY_SVG.decode()) for name in names}


def leave_out_exports(patch: pytest.MonkeyPatch) -> None:
    """Trainings write no `model.onnx`."""
    if "viewfinder.run.run" in sys.modules:
        patch.setattr("viewfinder.run.run.Run.export", lambda *_, **__: None)


@contextmanager
def short_trainings() -> Iterator[pytest.MonkeyPatch]:
    """Leave both out of the trainings of a fixture of a wider scope."""
    import viewfinder.pages.report.page
    import viewfinder.run.run  # noqa: F401

    with pytest.MonkeyPatch.context() as patch:
        leave_out_plots(patch)
        leave_out_exports(patch)
        yield patch
