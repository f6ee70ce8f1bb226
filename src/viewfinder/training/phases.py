"""The files and the pictures of a training in two phases, the second of which fine-tunes.

fine_tuning/head/    a dense head on stored features, while it trains
fine_tuning/before/  the result of the first phase; complete once it has `fitted.json`
fine_tuning/after/   the second phase, with its checkpoints

The run's models and history are copied from these folders, from which a stopped training resumes.
`set_aside` splits off the training pictures that help to decide whether the second phase is kept.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import policy
from viewfinder.augment.batches import Batches, Pictures, Positions
from viewfinder.core.errors import DataError, RejectedPicture
from viewfinder.core.files import write_json, written_whole
from viewfinder.core.randomness import Randomness
from viewfinder.models.fitted import Fitted
from viewfinder.run_folder.files import FirstPhaseFile, read_table
from viewfinder.training.fit import BEST, LAST

FOLDER = "fine_tuning"
_HISTORY = "history.parquet"  # CSV would not restore floats to the last bit
_FITTED = "fitted.json"
_FACTS = ("seconds", "training_seconds", "best_epoch", "ended", "why")


@dataclass(frozen=True)
class Phases:
    """The folders of a training that ends in fine-tuning.

    Args:
        run: The folder of the run.
    """

    run: Path

    @property
    def head(self) -> Path:
        """The folder in which a dense head trains on features."""
        return self.run / FOLDER / "head"

    @property
    def before(self) -> Path:
        """The folder of the first phase's result."""
        return self.run / FOLDER / "before"

    @property
    def after(self) -> Path:
        """The folder of the second phase."""
        return self.run / FOLDER / "after"

    @property
    def first(self) -> Fitted | None:
        """The result of the first phase; None before it has ended."""
        if not (self.before / _FITTED).exists():
            return None
        facts = FirstPhaseFile.read(self.before / _FITTED)
        history = read_table(self.before / _HISTORY, {"text": (), "number": ("loss", "accuracy")})
        return Fitted(history, **{name: getattr(facts, name) for name in _FACTS})

    def end_first(self, fitted: Fitted) -> None:
        """Copy the result of the first phase from the run; the second phase starts from it."""
        for name in (BEST, LAST):
            _copy(self.run / name, self.before / name)
        with written_whole(self.before / _HISTORY) as temporary:
            fitted.history.to_parquet(temporary, index=False)
        facts = {name: getattr(fitted, name) for name in _FACTS}
        write_json(self.before / _FITTED, {"schema": 1, **facts})

    def take(self, phase: Path) -> None:
        """Copy the models of a phase to the run."""
        for name in (BEST, LAST):
            _copy(phase / name, self.run / name)

    def clear(self) -> None:
        """Delete the folders of both phases, once the run has ended."""
        shutil.rmtree(self.run / FOLDER, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    with written_whole(target) as temporary:
        shutil.copyfile(source, temporary)


def set_aside(train: Batches, share: float) -> tuple[Batches, Batches]:
    """Set aside the same share of each class, at least one picture, at random with the seed.

    Seed and picture ids alone determine which pictures are set aside.

    Args:
        train: Batches of training pictures.
        share: The share of each class, above 0 and below 1.

    Returns:
        The batches that train; and the batches set aside, in order and not augmented, as
        validation pictures are.

    Raises:
        DataError: No class has two pictures.
    """
    # The name of the random stream decides which pictures are set aside: another name would change
    # the results of a recipe.
    order = Randomness(train.seed).order("carved", epoch=-1, examples=train.ids)
    chosen: list[int] = []
    for label in np.unique(train.labels):
        ordered = order[train.labels[order] == label]
        chosen.extend(ordered[: min(max(1, round(share * len(ordered))), len(ordered) - 1)])
    if not chosen:
        raise DataError(
            "There are too few pictures to decide whether to keep fine-tuning.",
            expected="a class with at least two training pictures",
            received="one picture in each class",
        )
    is_aside = np.isin(np.arange(len(train.labels)), chosen)
    height, width, _ = train.image_shape
    aside = replace(
        _only(train, np.flatnonzero(is_aside)),
        plan=policy("none"),
        size=(height, width),
        mixup=0.0,
        shuffle=False,
        drop_last=False,
    )
    return _only(train, np.flatnonzero(~is_aside)), aside


def _only(batches: Batches, rows: Positions) -> Batches:
    return replace(
        batches,
        pictures=Rows(batches.pictures, rows),
        labels=batches.labels[rows],
        ids=batches.ids[rows],
        weights=None if batches.weights is None else batches.weights[rows],
    )


@dataclass(frozen=True)
class Rows:
    """A selection of pictures, with the interface of `Pictures`.

    Attributes:
        pictures: All pictures.
        rows: Positions of the selected pictures among all.
    """

    pictures: Pictures
    rows: Positions

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of a picture: (height, width, channels)."""
        return self.pictures.shape

    @property
    def dropped(self) -> Mapping[str, RejectedPicture]:
        """The reason, by locator, for each listed picture that can no longer be read."""
        return self.pictures.dropped

    def read(self, positions: Positions) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Read the pictures at these positions of the selection; see `Pictures.read`."""
        return self.pictures.read(self.rows[positions])
