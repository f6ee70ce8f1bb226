"""A dataset's features as one table: computed, written to a file, read again, and looked at."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import written_whole
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.features.base import FrozenBase
from viewfinder.features.compute import features_of
from viewfinder.features.probe import fit_probe, what_belongs_together
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.recipe.transfer import Transfer
from viewfinder.store import open_store
from viewfinder.store.sizes import suitable_input

Matrix = NDArray[np.float32]

_NPZ, _PARQUET = ".npz", ".parquet"
_COLUMNS = ("locator", "label", "split", "content")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """The features of a dataset's readable pictures.

    Attributes:
        pictures: A row a picture: `locator`, `label`, `split`, `content`.
        rows: float32, shape (n, d).
    """

    pictures: pd.DataFrame
    rows: Matrix

    def __len__(self) -> int:
        return len(self.rows)

    def aligned(self, dataset: Dataset) -> Matrix:
        """A row for each of the dataset's pictures, (len(dataset), d); NaN where there is none.

        Raises:
            UsageError: There is none for any of them.
        """
        place = pd.Index(self.pictures["locator"]).get_indexer(pd.Index(dataset.table["locator"]))
        if not (place >= 0).any():
            raise UsageError(
                "The features are of other pictures.",
                expected=f"locators such as {dataset.table['locator'].iloc[0]}",
                received=str(self.pictures["locator"].iloc[0]) if len(self) else "no features",
            )
        aligned: Matrix = self.rows[place].copy()
        aligned[place < 0] = np.nan
        return aligned

    def nearest(self, count: int) -> NDArray[np.intp]:
        """For each picture the positions of the pictures most like it, nearest first, (n, count).

        The measure is the angle between features; a picture is not its own neighbour.
        """
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=min(count, len(self) - 1), metric="cosine")
        positions: NDArray[np.intp] = search.fit(self.rows).kneighbors(return_distance=False)
        return positions

    def map(self) -> tuple[NDArray[np.float64], tuple[float, float]]:
        """The two directions in which the features vary most (PCA), and their shares of it.

        Returns:
            float64, shape (n, 2), and two numbers from 0 to 1.
        """
        from sklearn.decomposition import PCA

        fitted = PCA(2, random_state=0)
        places = np.asarray(fitted.fit_transform(self.rows), np.float64)
        first, second = fitted.explained_variance_ratio_
        return places, (float(first), float(second))

    def save(self, path: Path) -> None:
        """Write an `.npz` or `.parquet` file; see docs/formats.md.

        Raises:
            UsageError: The file's name ends in neither.
            OutputError: It cannot be written.
        """
        kind = _kind(path)
        with written_whole(path) as temporary:
            if kind == _PARQUET:
                self.pictures.assign(features=list(self.rows)).to_parquet(temporary, index=False)
                return
            columns = {name: self.pictures[name].to_numpy(str) for name in _COLUMNS}
            np.savez(temporary, allow_pickle=False, features=self.rows, **columns)


def load_features(path: Path) -> FeatureTable:
    """A table that :meth:`FeatureTable.save` has written; nothing in it is ever executed.

    Raises:
        DataError: There is no such file, or it is not such a table.
    """
    try:
        if _kind(path) == _PARQUET:
            read = pd.read_parquet(path)
            rows = np.stack(read["features"].to_list()).astype(np.float32)
            return _checked(FeatureTable(read[list(_COLUMNS)], rows))
        with np.load(path, allow_pickle=False) as file:
            pictures = pd.DataFrame({name: file[name] for name in _COLUMNS})
            return _checked(FeatureTable(pictures, np.asarray(file["features"], np.float32)))
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
        raise DataError(
            f"{path} holds no features.",
            expected="a file that `viewfinder features` has written",
            received=str(error),
        ) from error


def extract(
    dataset: Dataset,
    settings: Transfer,
    *,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> FeatureTable:
    """The features of all readable pictures; those that are known are not computed again.

    Args:
        dataset: The pictures.
        settings: Base, width, weights, cut and pooling.
        size: (height, width) in pixels of what the base sees; by default its own, or what suits
            the pictures where it takes any.
        progress: Shows how far it is.

    Raises:
        UsageError: The base has no such width or layer, or the pictures are too small for it.
        DataError: Weights are not at hand, or no picture can be read.
        OutputError: The cache cannot be written.
    """
    progress = progress or Progress(0)
    takes = settings.built_on.takes()
    height, width = size or takes.size or suitable_input(dataset)[0]
    seen_as = Preprocessing(height=height, width=width, color=takes.color)
    base = FrozenBase.at(settings, seen_as, progress=progress)
    store = open_store(dataset, base.preprocessing, progress=progress)
    seen = store.describe(dataset)
    readable = seen.where(seen.table["status"] == "ok")
    if skipped := len(seen) - len(readable):
        progress.say(f"Left out, because they cannot be read: {skipped:,} pictures")
    if not len(readable):
        raise DataError("None of the pictures can be read.", expected="at least one")
    pictures = store.pictures(readable)
    rows = features_of(readable, pictures, base.extractor, base.preprocessing, progress=progress)
    kept = np.asarray(np.isfinite(rows).all(axis=1))
    return FeatureTable(readable.where(kept).table[list(_COLUMNS)], rows[kept])


def evidence(dataset: Dataset, wanted: Path | Transfer, progress: Progress) -> dict[str, Any]:
    """What the audit takes to tell doubtful labels and outliers: `features`, `probabilities`.

    Args:
        dataset: The pictures that are audited.
        wanted: A file of features, or the base that gives them.
        progress: Shows how far it is; is told where labels cannot be judged.

    Raises:
        DataError: The file holds no features, or the weights are not at hand.
        UsageError: The features are of other pictures.
    """
    if isinstance(wanted, Path):
        table = load_features(wanted)
    else:
        table = extract(dataset, wanted, progress=progress)
    rows = table.aligned(dataset)
    contents = dict(zip(table.pictures["locator"], table.pictures["content"], strict=True))
    known = dataset.with_columns(
        {"content": [contents.get(one, "") for one in dataset.table["locator"]]}
    )
    try:
        return {"features": rows, "probabilities": out_of_fold(known, rows, progress)}
    except DataError as error:  # of classes with a picture or two
        progress.say(f"Labels cannot be judged: {error.fact}", style="yellow")
        return {"features": rows}


def out_of_fold(dataset: Dataset, features: Matrix, progress: Progress) -> NDArray[np.float64]:
    """Each picture's probabilities from a linear probe that has not seen it, for the audit.

    Args:
        dataset: The pictures.
        features: A row for each of them; NaN where there is none.
        progress: Is told what the probe came to.

    Returns:
        float64, shape (len(dataset), classes); NaN where there are no features.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    if len(dataset.classes) < 2:
        raise DataError("There are no two classes to tell apart.")
    known = np.asarray(np.isfinite(features).all(axis=1))
    part = dataset.where(known)
    belongs = what_belongs_together(part)
    probe = fit_probe(features[known], part.labels, part.classes, belongs=belongs)
    progress.say(probe.in_words())
    chances = np.full((len(dataset), len(dataset.classes)), np.nan)
    chances[known] = probe.out_of_fold
    return chances


def _kind(path: Path) -> str:
    if path.suffix not in (_NPZ, _PARQUET):
        raise UsageError(
            "Features are written as .npz or .parquet.",
            expected="a file name such as features.npz",
            received=path.name,
        )
    return path.suffix


def _checked(table: FeatureTable) -> FeatureTable:
    shape: tuple[Any, ...] = table.rows.shape
    if len(shape) != 2 or shape[0] != len(table.pictures):
        raise ValueError(f"features of shape {shape} for {len(table.pictures)} pictures")
    return replace(table, pictures=table.pictures.reset_index(drop=True))
