"""The crop map: what a model answers for crops of one picture, and whether a flip is evidence."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.randomness import Randomness
from viewfinder.data.dataset import Dataset
from viewfinder.explain.reading import Pixels, input_pixels, whole_pixels
from viewfinder.pictures.given import Picture, name_of
from viewfinder.pictures.resize import resize

# Kept shares of both sides; with the whole picture, 197 crops.
ZOOMS = (0.85, 0.7, 0.55, 0.4)
GRID = 7
# An answer is decided if its probability leads the next by so much.
_LEAD = 0.2
_CONTROLS = 19
_MOST_LOOKED_AT = 8  # pictures looked at for each control
_BATCH = 50


@dataclass(frozen=True)
class Crop:
    """A crop and its answer.

    Attributes:
        top, left, bottom, right: In pixels of the upright picture, the ends not included.
        zoom: The kept share of both sides; 1 for the whole picture.
        label: The most probable class.
        probability: Its probability.
        of_answer: The probability of the whole picture's answer.
        is_decided: Whether the label leads the next by at least 0.2.
    """

    top: int
    left: int
    bottom: int
    right: int
    zoom: float
    label: str
    probability: float
    of_answer: float
    is_decided: bool


@dataclass(frozen=True)
class Controls:
    """The crops at the mildest flip's zoom, made of other pictures with the same answer.

    Attributes:
        pictures: How many.
        flipped: How many of them flip, decided, for any of these crops.
        p: The share of pictures that flip, this one included: 0.05 where none of 19 does.
    """

    pictures: int
    flipped: int
    p: float

    @property
    def is_evidence(self) -> bool:
        """Whether crops at this zoom rarely flip the answer: p of at most 0.05."""
        return self.p <= 0.05

    @property
    def sentence(self) -> str:
        """What they say of the flip."""
        verdict = "evidence" if self.is_evidence else "no evidence"
        return (
            f"At this zoom, crops change the answer of {self.flipped} of {self.pictures} other "
            f"pictures (p = {self.p:.2f}): the flip is {verdict} about this picture."
        )


@dataclass(frozen=True, eq=False)
class CropMap:
    """The answers for a grid of crops of one picture.

    Attributes:
        picture: The path, or "#0" for a picture given as bytes or pixels.
        pixels: The upright picture, uint8, (height, width, channels).
        whole: The whole picture's answer.
        crops: The crops, the largest first, row by row.
        controls: What the mildest flip's crop does to other pictures; None without a flip or
            control pictures.
    """

    picture: str
    pixels: Pixels
    whole: Crop
    crops: tuple[Crop, ...]
    controls: Controls | None = None

    def __repr__(self) -> str:
        flips = f"{len(self.flips)} of {len(self.crops)} crops flip"
        return f"<CropMap of {self.picture}: {self.whole.label!r}, {flips}>"

    @property
    def table(self) -> pd.DataFrame:
        """A row for each crop, the columns of :class:`Crop`; the whole picture comes first."""
        return pd.DataFrame([asdict(one) for one in (self.whole, *self.crops)])

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.table.to_html(max_rows=12)}"

    @property
    def flips(self) -> list[Crop]:
        """The decided crops with another answer; none where the whole picture is undecided."""
        if not self.whole.is_decided:
            return []
        return [one for one in self.crops if one.is_decided and one.label != self.whole.label]

    @property
    def mildest(self) -> Crop | None:
        """The flip that keeps most of the picture; of several, the surest."""
        return max(self.flips, key=lambda one: (one.zoom, one.probability), default=None)

    @property
    def smallest(self) -> Crop | None:
        """The flip that keeps least of the picture; of several, the surest."""
        return max(self.flips, key=lambda one: (-one.zoom, one.probability), default=None)


def crop_map(
    classifier: Classifier,
    picture: Picture,
    *,
    controls: Dataset | None = None,
    zooms: Sequence[float] = ZOOMS,
    grid: int = GRID,
    seed: int = 0,
) -> CropMap:
    """Classify crops of one picture on a grid, at several zooms.

    Args:
        classifier: The model; each crop is resized as the picture is.
        picture: A path, encoded bytes or pixels.
        controls: Pictures to compare a flip with: 19 of the same, decided answer are chosen at
            random. Best are pictures that the model was not trained on.
        zooms: The kept shares of both sides, above 0 and below 1.
        grid: How many crops along each side, at each zoom.
        seed: Chooses the controls.

    Raises:
        DataError: The picture cannot be read.
        UsageError: A zoom or the grid is out of range.
    """
    if grid < 1 or not zooms or not all(0 < zoom < 1 for zoom in zooms):
        raise UsageError(
            "These are no crops.",
            expected="`zooms` above 0 and below 1, and a `grid` of at least 1",
            received=f"zooms {', '.join(map(str, zooms)) or 'none'}, grid {grid}",
        )
    boxes: list[_Box] = []
    for zoom in sorted(zooms, reverse=True):
        starts = np.linspace(0, 1 - zoom, grid) if grid > 1 else [(1 - zoom) / 2]
        boxes += [(zoom, float(top), float(left)) for top in starts for left in starts]
    pixels = whole_pixels(picture, classifier.preprocessing)
    whole, *crops = _classified(classifier, picture, pixels, boxes)
    found = CropMap(name_of(picture), pixels, whole, tuple(crops))
    mildest = found.mildest
    if mildest is None or controls is None:
        return found
    same = [box for box in boxes if box[0] == mildest.zoom]
    flipped = list(islice(_controls(classifier, controls, whole.label, same, seed), _CONTROLS))
    if not flipped:
        return found
    share = (1 + sum(flipped)) / (1 + len(flipped))
    return replace(found, controls=Controls(len(flipped), sum(flipped), share))


_Box = tuple[float, float, float]  # kept share, top, left, as shares of the sides


def _classified(
    classifier: Classifier, picture: Picture, pixels: Pixels, boxes: Sequence[_Box]
) -> list[Crop]:
    """Classify the whole picture, as `predict` does, and crops of it."""
    height, width = pixels.shape[:2]
    places = [(0, 0, height, width)]
    for zoom, top, left in boxes:
        first = int(top * height), int(left * width)
        size = max(1, round(zoom * height)), max(1, round(zoom * width))
        places.append((*first, min(height, first[0] + size[0]), min(width, first[1] + size[1])))
    inputs = [input_pixels(picture, classifier.preprocessing)]
    inputs += [
        resize(np.ascontiguousarray(pixels[top:bottom, left:right]), classifier.preprocessing)
        for top, left, bottom, right in places[1:]
    ]
    rows = np.concatenate(
        [
            classifier.probabilities(np.stack(inputs[start : start + _BATCH]))
            for start in range(0, len(inputs), _BATCH)
        ]
    )
    answer = int(rows[0].argmax())
    return [
        _crop(classifier, place, zoom, row, answer)
        for place, zoom, row in zip(places, [1.0, *(box[0] for box in boxes)], rows, strict=True)
    ]


def _crop(
    classifier: Classifier,
    place: tuple[int, int, int, int],
    zoom: float,
    row: NDArray[np.float64],
    answer: int,
) -> Crop:
    second, first = np.sort(row)[-2:]
    label = classifier.classes[int(row.argmax())]
    decided = bool(first - second >= _LEAD)
    return Crop(*place, zoom, label, float(first), float(row[answer]), decided)


def _controls(
    classifier: Classifier, dataset: Dataset, label: str, boxes: Sequence[_Box], seed: int
) -> Iterator[bool]:
    """Yield of other pictures of this answer, in random order, whether a crop flips it."""
    order = Randomness(seed).order("controls", epoch=-1, examples=dataset.ids)
    for row in order[: _MOST_LOOKED_AT * _CONTROLS]:
        try:
            source = dataset.source.read(dataset.table["locator"].iloc[row])
            pixels = whole_pixels(source, classifier.preprocessing)
        except DataError:
            continue
        (whole,) = _classified(classifier, source, pixels, [])
        if whole.is_decided and whole.label == label:
            _, *crops = _classified(classifier, source, pixels, boxes)
            yield any(one.is_decided and one.label != label for one in crops)
