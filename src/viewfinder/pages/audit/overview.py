"""The part of an audit's page that shows the dataset: counts, sizes, means and samples."""

from dataclasses import dataclass

from markupsafe import Markup

from viewfinder.audit import Audit
from viewfinder.audit.overview import aspects, sample, sides, sizes_in_words
from viewfinder.data.dataset import Dataset
from viewfinder.pages import plots
from viewfinder.pages.audit.pictures import class_means, thumbnails
from viewfinder.pages.parts.thumbnails import Thumbnail
from viewfinder.pages.parts.words import number

# A mean of more pictures looks the same; with many classes, fewer of each are read or shown.
_MOST_IN_MEAN, _MOST_READ = 300, 6000
_MOST_IN_SAMPLE, _MOST_SHOWN = 16, 960
_MOST_CLASSES = 60


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class on the page.

    Attributes:
        name: The class.
        counts: Readable pictures in each split.
        mean: Their mean picture.
        in_mean: The number of pictures in it.
        sample: Some of the pictures with their locators, drawn at random.
    """

    name: str
    counts: tuple[str, ...]
    mean: Thumbnail
    in_mean: int
    sample: tuple[tuple[Thumbnail, str], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows of the dataset.

    Attributes:
        headings: The splits that `ClassRow.counts` is of.
        classes: The first 60 classes.
        count: The number of all classes.
        sizes: The sizes in a few words; "" where no picture can be read.
        histograms: Of sizes and aspect ratios; none where all pictures have one size.
    """

    headings: tuple[str, ...]
    classes: tuple[ClassRow, ...]
    count: int
    sizes: str
    histograms: tuple[Markup, ...]


def overview_of(audit: Audit) -> Overview:
    """What the page shows of the audited dataset; reads a sample of its pictures."""
    dataset = audit.readable
    counts = dataset.counts()
    headings = tuple(map(str, counts.columns))
    names = dataset.classes[:_MOST_CLASSES]
    in_mean = min(_MOST_IN_MEAN, max(1, _MOST_READ // max(1, len(names))))
    each = min(_MOST_IN_SAMPLE, max(1, _MOST_SHOWN // max(1, len(names))))
    drawn = {name: locators for name, locators in sample(dataset, in_mean).items() if name in names}
    means = class_means(dataset, drawn)
    samples = {name: locators[:each] for name, locators in drawn.items()}
    images = thumbnails(dataset, [one for locators in samples.values() for one in locators])
    rows = [
        ClassRow(
            name,
            tuple(number(int(count)) for count in counts.loc[name].to_numpy()),
            means[name],
            len(drawn[name]),
            tuple((images[locator], locator) for locator in samples[name]),
        )
        for name in names
    ]
    sizes = sizes_in_words(dataset) if len(dataset) else ""
    return Overview(headings, tuple(rows), len(dataset.classes), sizes, _histograms(dataset))


def _histograms(dataset: Dataset) -> tuple[Markup, ...]:
    if len(dataset.table[["width", "height"]].drop_duplicates()) < 2:
        return ()
    sizes = plots.histogram("Size, as the side of a square", sides(dataset), " pixels", 0)
    shapes = plots.histogram("Width over height", aspects(dataset), "", 2)
    return plots.embed(sizes), plots.embed(shapes)
