"""The real pictures on which an export is checked, and those from which int8 takes its ranges."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.errors import RejectedPicture, UsageError
from viewfinder.pictures.files import bytes_of
from viewfinder.pictures.listing import files_at
from viewfinder.pictures.prepare import before_resizing, prepare
from viewfinder.pictures.preprocessing import Preprocessing

_MOST, _MOST_RANGES = 1000, 128
# No JPEG has a longer side, so none is decoded at a reduced size.
_WHOLE = (1 << 16, 1 << 16)


@dataclass(frozen=True)
class Real:
    """A picture: how to read it, and the index of its class, -1 where that is unknown."""

    read: Any = field(repr=False)
    label: int = -1

    def prepared(self, facts: Preprocessing) -> NDArray[np.uint8] | None:
        """Return its pixels as the model takes them; None where it cannot be read."""
        try:
            return prepare(self.read(), facts).pixels
        except RejectedPicture:
            return None

    def decoded(self) -> NDArray[np.uint8]:
        """Return its upright pixels in colour: uint8, shape (height, width, 3)."""
        facts = Preprocessing(height=1, width=1)
        return before_resizing(self.read(), facts, at_least=_WHOLE).pixels


def real_pictures(
    classifier: Classifier, given: Sequence[str] | None, *, ranges: bool
) -> tuple[list[Real], list[Real]]:
    """Return up to 1,000 pictures to check an export on, and up to 128 others for int8's ranges.

    They are the test and validation pictures of a run, and its training pictures; or the golden
    pictures of a bundle, and none. Of pictures that are given, every second one is for ranges.

    Raises:
        UsageError: There are none, or `given` names nothing.
        DataError: The run's data cannot be opened.
    """
    if given is not None:
        files = [Real(partial(bytes_of, Path(path))) for path in files_at(given)]
        checked, others = (files[::2], files[1::2]) if ranges else (files, [])
    elif classifier.folder is not None:
        checked, others = _of_run(classifier.folder)
    elif classifier.bundle is not None:
        bundle, classes = classifier.bundle, classifier.classes
        checked = [
            Real(partial(bundle.files.__getitem__, one.file), classes.index(one.label))
            for one in bundle.golden.pictures
        ]
        others = []
    else:
        checked, others = [], []
    if not checked:
        raise UsageError(
            "There are no pictures to check the export on.",
            expected="a run with validation or test pictures, or a bundle with golden pictures",
            remedy="give some as `pictures`",
        )
    if ranges and not others:
        raise UsageError(
            "There are no training pictures to measure the ranges of int8 on.",
            expected="a run with its training pictures",
            remedy="give some as `pictures`: every second one is used for that",
        )
    return _spread(checked, _MOST), _spread(others, _MOST_RANGES)


def _of_run(folder: Path) -> tuple[list[Real], list[Real]]:
    from viewfinder.run_folder import RunFolder

    dataset = RunFolder.open(folder).dataset
    rows = dataset.table[["locator", "label", "split"]].itertuples(index=False, name=None)
    found = [
        (split, Real(partial(dataset.source.read, locator), dataset.classes.index(label)))
        for locator, label, split in rows
    ]
    checked = [one for split, one in found if split in ("validation", "test")]
    return checked, [one for split, one in found if split == "train"]


def _spread(pictures: list[Real], most: int) -> list[Real]:
    """Return at most so many of the pictures, evenly spaced."""
    positions = np.linspace(0, len(pictures) - 1, min(most, len(pictures)))
    return [pictures[round(position)] for position in positions]


def prepared_batches(
    pictures: Iterable[Real], facts: Preprocessing, size: int
) -> Iterator[tuple[list[Real], NDArray[np.uint8]]]:
    """Yield the readable pictures in batches, with their pixels as the model takes them."""
    read = ((one, pixels) for one in pictures if (pixels := one.prepared(facts)) is not None)
    while batch := list(islice(read, size)):
        yield [one for one, _ in batch], np.stack([pixels for _, pixels in batch])
