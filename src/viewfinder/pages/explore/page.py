"""From an exploration to its page and its PNG files."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from viewfinder.core.files import require_writable, write_text
from viewfinder.pages.explore.figures import write_figures
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.parts.svg import HEIGHT, WIDTH, histogram
from viewfinder.pages.parts.thumbnails import Thumbnail, thumbnail
from viewfinder.pages.parts.words import drawable
from viewfinder.store.explore import ClassLooks, Exploration

_HERE = Path(__file__).parent
_MOST_PICTURES = 960
_SIDE = 128


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class on the page: its mean and its sample."""

    looks: ClassLooks
    share: float
    mean: Thumbnail
    sample: tuple[tuple[Thumbnail, str], ...]


def write_exploration(explored: Exploration, folder: Path) -> Path:
    """Write `explore.html` and the PNG files beside it.

    Args:
        explored: What the dataset looks like.
        folder: Made if it is not there; files of the same names are replaced.

    Returns:
        The page: one file that needs no network, no script and no other file.

    Raises:
        OutputError: The folder cannot be written.
    """
    require_writable(folder)
    write_figures(explored, folder)
    template = page_environment(_HERE).get_template("explore.html.j2")
    text = template.render(
        name=Path(str(explored.dataset.source)).name or str(explored.dataset.source),
        created=f"{datetime.now():%Y-%m-%d %H:%M}",
        explored=explored,
        rows=_rows(explored),
        histograms=[
            histogram("Size, as the side of a square", explored.sizes, " pixels", 0),
            histogram("Width over height", explored.aspects, "", 2),
        ],
        frame={"width": WIDTH, "height": HEIGHT},
        splits=explored.dataset.split_sizes(),
    )
    page = folder / "explore.html"
    write_text(page, drawable(text))
    return page


def _rows(explored: Exploration) -> list[ClassRow]:
    largest = max(one.count for one in explored.classes)
    # With many classes there are fewer pictures of each, so that the page stays small.
    each = max(1, min(16, _MOST_PICTURES // len(explored.classes)))
    return [
        ClassRow(
            one,
            one.count / largest,
            thumbnail(one.mean, _SIDE),
            tuple(
                (thumbnail(pixels, _SIDE), locator)
                for pixels, locator in list(zip(one.sample, one.locators, strict=False))[:each]
            ),
        )
        for one in explored.classes
    ]
