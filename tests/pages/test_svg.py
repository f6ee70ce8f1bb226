"""A figure in a page is the figure of its PNG: the same values, in words, in light and in dark."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pages.made import history
from viewfinder.pages import plots
from viewfinder.pages.plots import style

pytestmark = pytest.mark.usefixtures("svg_plots")
SVG = "{http://www.w3.org/2000/svg}"
CSS = (Path(plots.__file__).parents[1] / "parts" / "page.css").read_text(encoding="utf-8")
NAMES = ["cat", "</text><script>", "a & b"]
COUNTS = np.array([[7, 2, 1], [0, 30, 0], [4, 0, 5]])


def figures() -> dict[str, Figure]:
    values = np.random.default_rng(0).uniform(3, 900, 500)
    return {
        "curves": plots.curves(history(8), "accuracy", 5),
        "runs": plots.curves_of_runs(NAMES, [history(n) for n in (3, 5, 8)], "loss"),
        "confusion": plots.confusion_matrix(COUNTS, NAMES),
        "histogram": plots.histogram("Size", values, " pixels", 0),
    }


@pytest.mark.usefixtures("whole_plots")
@pytest.mark.parametrize("name", ["curves", "runs", "confusion", "histogram"])
def test_png_svg_and_page_hold_one_figure(name: str, tmp_path: Path) -> None:
    figure = figures()[name]
    embedded = ElementTree.fromstring(plots.save_and_embed(figure, tmp_path / "figure"))
    saved = ElementTree.parse(tmp_path / "figure.svg").getroot()
    assert saved.tag == f"{SVG}svg"
    with Image.open(tmp_path / "figure.png") as image:
        width, height = (float(length) for length in embedded.attrib["viewBox"].split()[2:])
        assert image.width / image.height == pytest.approx(width / height, rel=0.01)
    texts = [element.text for element in embedded.iter("text")]
    assert texts == [element.text for element in saved.iter(f"{SVG}text")]
    shown = [text.get_text() for text in figure.findobj() if hasattr(text, "get_text")]
    assert set(texts) <= {line for text in shown for line in text.split("\n")}
    assert embedded.attrib["role"] == saved.attrib["role"] == "img"
    assert embedded.attrib["aria-label"] == figure.get_label() != ""


def test_a_figure_is_the_same_svg_whenever_it_is_drawn(tmp_path: Path) -> None:
    first = {name: plots.save_and_embed(one, tmp_path / name) for name, one in figures().items()}
    again = {name: plots.save_and_embed(one, tmp_path / name) for name, one in figures().items()}
    assert first == again


def test_colours_follow_the_page_and_ids_are_unique(tmp_path: Path) -> None:
    page = "".join(plots.save_and_embed(one, tmp_path / name) for name, one in figures().items())
    fixed = set(re.findall(r"#[0-9a-f]{6}", re.sub(r'href="[^"]*"', "", page)))
    assert fixed == {"#ffffff"}  # on deep cells, in either theme
    variables = set(re.findall(r"var\((--\w+)\)", page))
    for theme in re.findall(r"\{\n((?: +[a-z-]+: [^\n]+;\n)+)", CSS)[:2]:
        assert variables <= set(re.findall(r"(--[\w-]+):", theme))
    identifiers = re.findall(r' id="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert "<style" not in page
    assert "http" not in page


def test_the_palette_is_that_of_the_light_page() -> None:
    for colour, variable in style.VARIABLES.items():
        name = variable.removeprefix("var(").removesuffix(")")
        assert re.search(rf"{name}: ([^;]+);", CSS)[1] == colour


def test_curves_run_through_every_value(tmp_path: Path) -> None:
    """The path's points are an affine map of the history, and rise where it rises."""
    table = history(8)
    root = ElementTree.fromstring(plots.save_and_embed(plots.curves(table, "loss"), tmp_path / "x"))
    (path,) = [
        one.attrib["d"]
        for one in root.iter("path")
        if "var(--accent)" in one.attrib["style"] and one.attrib["d"].count("L") == 7
    ]
    across, up = np.array([pair.split() for pair in re.split("[ML]", path)[1:]], float).T
    assert np.corrcoef(across, table["epoch"])[0, 1] == pytest.approx(1, abs=1e-4)
    assert np.corrcoef(up, table["val_loss"])[0, 1] == pytest.approx(-1, abs=1e-4)


def luminance(colour: np.ndarray) -> float:
    """Relative luminance of sRGB, 0 to 1, by WCAG 2.2."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])


@pytest.mark.parametrize("theme", [0, 1])
def test_counts_can_be_read_on_cells_of_any_depth(theme: int) -> None:
    ink, raised = (
        rgb(re.findall(rf"{name}: (#\w+);", CSS)[theme]) for name in ("--ink", "--raised")
    )
    for share in range(1, 101):
        axes = plots.confusion_matrix([[share, 100 - share], [0, 1]], ["a", "b"]).axes[0]
        image, text = axes.images[0], axes.texts[0]
        *cell, depth = image.cmap(image.norm(share / 100))
        background = luminance(depth * np.array(cell) + (1 - depth) * raised)
        written = luminance(rgb("#ffffff") if text.get_color() == "#ffffff" else ink)
        low, high = sorted([background, written])
        assert (high + 0.05) / (low + 0.05) > 3.5  # WCAG asks for 3 in large text and in graphics
