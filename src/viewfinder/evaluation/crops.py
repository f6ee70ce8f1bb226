"""What the answers depend on: the centre of the pictures, their border, their background."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.errors import DataError, RejectedPicture
from viewfinder.core.pairs import mcnemar_p, on_one_only
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.core.shares import Figure, Jsonable, holm, share
from viewfinder.data.dataset import Dataset
from viewfinder.pictures.prepare import before_resizing
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import crop, resize

Pixels = NDArray[np.uint8]

# The kept share of both sides: of the centre crop, and of each of the crops that are averaged.
CENTRE, SEVERAL = 0.7, 0.85
# The width of the border and of the background, at each side.
BORDER, BACKGROUND = 0.15, 0.125
VIEWS = ("centre crop", "border only", "background only", "crops averaged")
# They show nothing of the centre: whether they tell the label is compared with guessing.
WITHOUT_CENTRE = VIEWS[1:3]
_MOST = 500
_BATCH = 16
_LEVEL = 0.05


@dataclass(frozen=True)
class CropView:
    """The result on a part of each picture, or on several crops of it.

    Attributes:
        name: One of `VIEWS`.
        accuracy: The share of right answers.
        lost: The number of pictures that are answered rightly only as a whole.
        gained: The number of pictures that are answered rightly only in this view.
        p: Of McNemar's exact test between both, corrected by Holm's method for all views.
        p_majority: Of the same test against the commonest class, for views without the centre, also
            corrected; None for others.
        tells: Whether a view without the centre is right more often than the commonest class, with
            `p_majority` below 0.05; None for others.
    """

    name: str
    accuracy: Figure
    lost: int
    gained: int
    p: float
    p_majority: float | None
    tells: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return {
            "view": self.name,
            "accuracy": self.accuracy.to_json(),
            "lost": self.lost,
            "gained": self.gained,
            "p": self.p,
            "p_majority": self.p_majority,
            "tells": self.tells,
        }


@dataclass(frozen=True)
class CropScores(Jsonable):
    """The accuracy on whole pictures and on each view of them.

    Attributes:
        count: The number of pictures.
        whole: The accuracy on whole pictures.
        majority: The share of the commonest class.
        views: A result for each view.
    """

    count: int
    whole: Figure
    majority: Figure
    views: tuple[CropView, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each view, the whole picture first: accuracy with its interval, and tests."""
        rows: list[tuple[object, ...]] = [("whole", *self.whole, 0, 0, None, None)]
        rows += [
            (one.name, *one.accuracy, one.lost, one.gained, one.p, one.tells) for one in self.views
        ]
        columns = ["view", "accuracy", "low", "high", "lost", "gained", "p", "tells"]
        return pd.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


def measure_crops(
    classifier: Classifier, pictures: Dataset, progress: Progress | None = None
) -> CropScores:
    """Evaluate a classifier on parts of pictures: centre, border, background, several crops.

    At most 500 evenly spaced pictures are used. Crops are those of the original picture; border and
    background are those of the model's input, with the inside filled from it.

    Args:
        classifier: The model.
        pictures: Labelled pictures.
        progress: Shows the evaluation.

    Raises:
        DataError: No picture can be read.
    """
    rows = np.arange(len(pictures))[:: max(1, -(-len(pictures) // _MOST))]
    labels = pictures.labels
    names = pictures.table["locator"].to_numpy(object)

    def read(row: int) -> tuple[int, list[Pixels]] | None:
        try:
            return int(labels[row]), views_of(
                pictures.source.read(names[row]), classifier.preprocessing
            )
        except RejectedPicture:
            return None

    tracked = (progress or Progress(0)).track(
        map_ahead(read, rows.tolist(), workers=cores()), "Evaluating parts of pictures", len(rows)
    )
    known = (one for one in tracked if one is not None)
    truth: list[int] = []
    answers: list[NDArray[np.intp]] = []
    while block := list(islice(known, _BATCH)):
        truth += [label for label, _ in block]
        shares = classifier.probabilities(np.stack([view for _, all_ in block for view in all_]))
        by_view = shares.reshape(len(block), -1, shares.shape[1])
        whole, centre, border, background = by_view[:, :4].swapaxes(0, 1)
        averaged = by_view[:, [0, *range(4, by_view.shape[1])]].mean(axis=1)
        answers.append(
            np.stack([one.argmax(axis=1) for one in (whole, centre, border, background, averaged)])
        )
    if not truth:
        raise DataError(
            "None of the pictures can be read.",
            expected=f"the evaluated pictures in {pictures.source}",
        )
    return scores_of(np.array(truth), np.concatenate(answers, axis=1))


def scores_of(labels: NDArray[np.integer], answers: NDArray[np.integer]) -> CropScores:
    """Score the answers for whole pictures and for each of `VIEWS`.

    Args:
        labels: The classes as indices, shape `(n,)`.
        answers: The answers as indices, shape `(5, n)`: for whole pictures, then for each view.
    """
    count = len(labels)
    whole, *views = answers == labels
    common = labels == np.bincount(labels).argmax()
    p_values = holm([mcnemar_p(*on_one_only(whole, view)) for view in views])
    without = [view for name, view in zip(VIEWS, views, strict=True) if name in WITHOUT_CENTRE]
    beside_common = holm([mcnemar_p(*on_one_only(common, view)) for view in without])
    p_majority = dict(zip(WITHOUT_CENTRE, beside_common, strict=True))
    scored = []
    for name, view, p in zip(VIEWS, views, p_values, strict=True):
        by_chance = p_majority.get(name)
        tells = None
        if by_chance is not None:
            tells = by_chance < _LEVEL and int(view.sum()) > int(common.sum())
        lost, gained = on_one_only(whole, view)
        scored.append(
            CropView(name, share(int(view.sum()), count), lost, gained, p, by_chance, tells)
        )
    return CropScores(
        count, share(int(whole.sum()), count), share(int(common.sum()), count), tuple(scored)
    )


def views_of(source: bytes | Pixels, preprocessing: Preprocessing) -> list[Pixels]:
    """Return a picture as a model's inputs: whole, its centre, border, background, five crops.

    Raises:
        RejectedPicture: The picture cannot be read.
    """
    height, width = preprocessing.height, preprocessing.width
    # Decoding may shrink large photos; a crop still needs no enlarging.
    enough = round(height / CENTRE) + 1, round(width / CENTRE) + 1
    pixels = before_resizing(source, preprocessing, at_least=enough).pixels
    whole = resize(pixels, preprocessing)

    def cropped(kept: float, top: float, left: float) -> Pixels:
        return resize(crop(pixels, kept, top, left), preprocessing)

    corners = [(0.5, 0.5), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    return [
        whole,
        cropped(CENTRE, 0.5, 0.5),
        border_only(whole),
        background_only(whole),
        *(cropped(SEVERAL, *at) for at in corners),
    ]


def border_only(pixels: Pixels) -> Pixels:
    """Return a picture with its inside in the mean colour of its border."""
    rows, columns = _inside(pixels.shape[:2], BORDER)
    mask = np.ones(pixels.shape[:2], np.bool_)
    mask[rows, columns] = False
    filled = pixels.copy()
    filled[rows, columns] = np.rint(pixels[mask].mean(axis=0)).astype(np.uint8)
    return filled


def background_only(pixels: Pixels) -> Pixels:
    """Return a picture whose inside continues its four edges smoothly (a Coons patch)."""
    rows, columns = _inside(pixels.shape[:2], BACKGROUND)
    # The inside with the pixels next to it, which are kept.
    rows = slice(max(rows.start - 1, 0), min(rows.stop + 1, pixels.shape[0]))
    columns = slice(max(columns.start - 1, 0), min(columns.stop + 1, pixels.shape[1]))
    inside = pixels[rows, columns].astype(np.float32)
    down = np.linspace(0, 1, inside.shape[0], dtype=np.float32)[:, None, None]
    right = np.linspace(0, 1, inside.shape[1], dtype=np.float32)[None, :, None]
    upper, lower, first, last = inside[:1], inside[-1:], inside[:, :1], inside[:, -1:]
    corners = _between(
        _between(upper[:, :1], upper[:, -1:], right),
        _between(lower[:, :1], lower[:, -1:], right),
        down,
    )
    patch = _between(upper, lower, down) + _between(first, last, right) - corners
    filled = pixels.copy()
    filled[rows, columns] = np.clip(np.rint(patch), 0, 255).astype(np.uint8)
    return filled


def _between(
    first: NDArray[np.float32], last: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    return (1 - share) * first + share * last


def _inside(sides: Sequence[int], edge: float) -> tuple[slice, slice]:
    edges = [max(1, round(edge * side)) for side in sides]
    rows, columns = (slice(at, side - at) for at, side in zip(edges, sides, strict=True))
    return rows, columns
