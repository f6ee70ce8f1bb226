"""The files of a fine-tuning, from which it goes on wherever it was stopped.

fine_tuning/head/    a dense head on stored features, while it trains
fine_tuning/before/  what the first phase has come to; whole once `fitted.json` is in it
fine_tuning/after/   the second phase, with its checkpoints

The run's own models and history are made from these, and may be made from them again.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.augment import policy
from viewfinder.batches.pictures import Batches, Pictures, Positions
from viewfinder.core.errors import DataError, RejectedPicture
from viewfinder.core.files import write_json, written_whole
from viewfinder.core.randomness import Randomness
from viewfinder.training.fit import BEST, LAST, Fitted

FOLDER = "fine_tuning"
# Not as text: a number that is read again is the same to the last bit.
_HISTORY = "history.parquet"
_FITTED = "fitted.json"


@dataclass(frozen=True)
class Phases:
    """The phases of a training that ends in fine-tuning.

    Args:
        run: The folder of the run.
    """

    run: Path

    @property
    def head(self) -> Path:
        """Where a dense head on features is trained."""
        return self.run / FOLDER / "head"

    @property
    def before(self) -> Path:
        """What the first phase has come to."""
        return self.run / FOLDER / "before"

    @property
    def after(self) -> Path:
        """Where the second phase is trained."""
        return self.run / FOLDER / "after"

    @property
    def first(self) -> Fitted | None:
        """What the first phase has come to; None before it has ended."""
        if not (self.before / _FITTED).exists():
            return None
        facts = json.loads((self.before / _FITTED).read_text(encoding="utf-8"))
        facts.pop("schema")
        return Fitted(pd.read_parquet(self.before / _HISTORY), **facts)

    def end_first(self, fitted: Fitted) -> None:
        """Keep what the first phase has left in the run's folder: from here the second begins."""
        for name in (BEST, LAST):
            _copy(self.run / name, self.before / name)
        with written_whole(self.before / _HISTORY) as temporary:
            fitted.history.to_parquet(temporary, index=False)
        facts = {one.name: getattr(fitted, one.name) for one in fields(fitted)}
        del facts["history"]
        write_json(self.before / _FITTED, {"schema": 1, **facts})

    def take(self, phase: Path) -> None:
        """Make the models of a phase those of the run."""
        for name in (BEST, LAST):
            _copy(phase / name, self.run / name)

    def clear(self) -> None:
        """Take everything away: the run has ended."""
        shutil.rmtree(self.run / FOLDER, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    with written_whole(target) as temporary:
        shutil.copyfile(source, temporary)


@dataclass(frozen=True)
class Rows:
    """Some of the pictures, as pictures of their own.

    Attributes:
        pictures: All of them.
        rows: Which, as positions among all.
    """

    pictures: Pictures
    rows: Positions

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture: (height, width, channels)."""
        return self.pictures.shape

    @property
    def dropped(self) -> Mapping[str, RejectedPicture]:
        """Pictures that have turned bad since they were listed: by locator, and why."""
        return self.pictures.dropped

    def read(self, positions: Positions) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Pictures, and which of the positions they are of; see `Pictures.read`."""
        return self.pictures.read(self.rows[positions])


def carve(train: Batches, share: float) -> tuple[Batches, Batches]:
    """What still trains, and what is set aside: of each class the same share, at least one.

    The set aside come in their order and unvaried, as validation pictures do. Which they are
    depends on the seed and the pictures' ids alone.

    Args:
        train: Batches of training pictures.
        share: Of each class, above 0 and below 1.

    Raises:
        DataError: No class has two pictures.
    """
    order = Randomness(train.seed).order("carved", epoch=-1, examples=train.ids)
    aside: list[int] = []
    for label in np.unique(train.labels):
        ordered = order[train.labels[order] == label]
        aside.extend(ordered[: min(max(1, round(share * len(ordered))), len(ordered) - 1)])
    if not aside:
        raise DataError(
            "There are too few pictures to decide whether fine-tuning is of use.",
            expected="at least two training pictures of a class",
            received="one of each",
        )
    is_aside = np.isin(np.arange(len(train.labels)), aside)
    height, width, _ = train.image_shape
    carved = _only(train, np.flatnonzero(is_aside))
    carved = replace(
        carved,
        plan=policy("none"),
        size=(height, width),
        mixup=0.0,
        shuffle=False,
        drop_last=False,
    )
    return _only(train, np.flatnonzero(~is_aside)), carved


def _only(batches: Batches, rows: Positions) -> Batches:
    return replace(
        batches,
        pictures=Rows(batches.pictures, rows),
        labels=batches.labels[rows],
        ids=batches.ids[rows],
        weights=None if batches.weights is None else batches.weights[rows],
    )
