"""A figure as a PNG file, an SVG file and an element of a page."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from viewfinder.core.files import write_text, written_whole
from viewfinder.pages.plots.style import VARIABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# zlib's default, 6, takes twice the time to make pictures a tenth smaller.
_COMPRESSION = 3
_NAMESPACE = "http://www.w3.org/2000/svg"
_NUMBER = re.compile(r"-?\d+\.\d+")
_STYLE = re.compile(r' style="[^"]*"')
_FONT = re.compile(r"font-family: [^;]*(; |$)")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as a PNG file, whole.

    Raises:
        OutputError: The folder cannot be written.
    """
    with written_whole(path) as temporary, _any_script():
        figure.savefig(temporary, format="png", pil_kwargs={"compress_level": _COMPRESSION})


def save_and_embed(figure: "Figure", path: Path) -> Markup:
    """Write a figure as `path` + `.png` and `.svg`, and return it as :func:`embed` does.

    Raises:
        OutputError: The folder cannot be written.
    """
    save(figure, path.with_suffix(".png"))
    figure.set_layout_engine("none")  # the SVG has the layout of the PNG
    root = _element(figure)
    embedded = _in_page(root)
    root.set("xmlns", _NAMESPACE)
    write_text(path.with_suffix(".svg"), ElementTree.tostring(root, encoding="unicode") + "\n")
    return embedded


def embed(figure: "Figure") -> Markup:
    """Return a figure as an element of a page.

    Colours of the palette are variables of `page.css`, so that they follow the theme. Texts stay
    texts, in the page's font. The figure's label is its accessible name.
    """
    return _in_page(_element(figure))


def _in_page(root: ElementTree.Element) -> Markup:
    return Markup(_STYLE.sub(_with_variables, ElementTree.tostring(root, encoding="unicode")))


def _with_variables(style: re.Match[str]) -> str:
    return re.sub("#[0-9a-f]{6}", lambda one: VARIABLES.get(one[0], one[0]), style[0])


def _element(figure: "Figure") -> ElementTree.Element:
    """Return Matplotlib's SVG without what a page has no use for; equal figures give equal SVG."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    label = str(figure.get_label())
    stream = io.BytesIO()
    # Matplotlib takes both from its settings only; the salt makes the elements' ids repeatable.
    settings = rc_context({"svg.fonttype": "none", "svg.hashsalt": label})
    with settings, _any_script():
        FigureCanvasSVG(figure).print_figure(stream, format="svg", facecolor="none")
    drawn = ElementTree.fromstring(stream.getvalue())
    used = set(re.findall(rb'[("]#(\w+)', stream.getvalue()))
    root = ElementTree.Element("svg")
    root.attrib = {name: _rounded(drawn.attrib[name]) for name in ("width", "height", "viewBox")}
    root.attrib |= {"role": "img", "aria-label": label, "font-family": "sans-serif"}
    root.set("stroke-linejoin", "round")
    root.extend(part for child in drawn for part in _kept(child, used))
    return root


def _kept(element: ElementTree.Element, used: set[bytes]) -> Iterator[ElementTree.Element]:
    """Yield what is visible or referred to of an element: groups that only carry an id dissolve."""
    tag = element.tag.rpartition("}")[2]
    children = [part for child in element for part in _kept(child, used)]
    attributes = {
        name.rpartition("}")[2]: _tidy(name, value)
        for name, value in element.attrib.items()
        if not value.startswith("rotate(-0 ")
    }
    if attributes.get("id", "").encode() not in used:
        attributes.pop("id", None)
    if tag in ("metadata", "style") or attributes.get("style") == "fill: none":
        return
    if tag == "g" and not attributes:
        yield from children
    elif children or tag not in ("g", "defs"):
        small = ElementTree.Element(tag, attributes)
        small.text = element.text if tag == "text" else None
        small.extend(children)
        yield small


def _tidy(name: str, value: str) -> str:
    if name.endswith("href"):
        return value.replace(" ", "")  # a line break in the data of an image
    if name == "d":
        value = re.sub(r"\s*([A-Za-z])\s*", r"\1", value)
    return _rounded(_FONT.sub("", value))


def _rounded(numbers: str) -> str:
    """Round to four digits: a tenth of a point on a chart, more for the scale of an image."""
    return _NUMBER.sub(lambda number: f"{float(number[0]):.4g}", numbers)


@contextmanager
def _any_script() -> Iterator[None]:
    """Silence the warning that a name's script is drawn as boxes in a PNG; pages have it right."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
