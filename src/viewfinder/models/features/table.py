"""A dataset's features as one table: extract, save, load, and evaluate for the audit."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import regular_status, written_whole
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.npz import headers_of
from viewfinder.data.store import open_store
from viewfinder.data.store.sizes import suitable_input
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.compute import features_of
from viewfinder.models.features.probe import fit_probe, fold_groups
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.recipe.transfer import Transfer

Matrix = NDArray[np.float32]

_NPZ, _PARQUET = ".npz", ".parquet"
_COLUMNS = ("locator", "label", "split", "content")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """The features of a dataset's readable pictures.

    Attributes:
        pictures: A row per picture: `locator`, `label`, `split`, `content`.
        rows: float32, shape (n, d).
    """

    pictures: pd.DataFrame
    rows: Matrix

    def __len__(self) -> int:
        return len(self.rows)

    def aligned(self, dataset: Dataset) -> Matrix:
        """Return the features of a dataset's pictures, (len(dataset), d); NaN where missing.

        Raises:
            UsageError: The features of all its pictures are missing.
        """
        index = pd.Index(self.pictures["locator"]).get_indexer(pd.Index(dataset.table["locator"]))
        if not (index >= 0).any():
            raise UsageError(
                "The features are those of other pictures.",
                expected=f"locators such as {dataset.table['locator'].iloc[0]}",
                received=str(self.pictures["locator"].iloc[0]) if len(self) else "no features",
            )
        aligned: Matrix = self.rows[index].copy()
        aligned[index < 0] = np.nan
        return aligned

    def nearest(self, count: int) -> NDArray[np.intp]:
        """Return the positions of each picture's nearest neighbours, nearest first, (n, count).

        The distance is the angle between features; a picture is not its own neighbour.
        """
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=min(count, len(self) - 1), metric="cosine")
        positions: NDArray[np.intp] = search.fit(self.rows).kneighbors(return_distance=False)
        return positions

    def map(self) -> tuple[NDArray[np.float64], tuple[float, float]]:
        """Project the features to their first two principal components (PCA).

        Returns:
            The coordinates, float64, shape (n, 2), and the explained variance of each component,
            0 to 1.
        """
        from sklearn.decomposition import PCA

        fitted = PCA(2, random_state=0)
        coordinates = np.asarray(fitted.fit_transform(self.rows), np.float64)
        first, second = fitted.explained_variance_ratio_
        return coordinates, (float(first), float(second))

    def save(self, path: Path) -> None:
        """Write an `.npz` or `.parquet` file; see docs/formats.md.

        Raises:
            UsageError: The file's name has another ending.
            OutputError: The file cannot be written.
        """
        kind = _kind(path)
        with written_whole(path) as temporary:
            if kind == _PARQUET:
                self.pictures.assign(features=list(self.rows)).to_parquet(temporary, index=False)
                return
            columns = {name: self.pictures[name].to_numpy(str) for name in _COLUMNS}
            np.savez(temporary, allow_pickle=False, features=self.rows, **columns)


def load_features(path: Path) -> FeatureTable:
    """Read a file of :meth:`FeatureTable.save`; never executes code in it.

    Raises:
        DataError: The file is missing, unsafe, or has no features.
    """
    try:
        if _kind(path) == _PARQUET:
            regular_status(path)
            read = pd.read_parquet(path)
            rows = np.stack(read["features"].to_list()).astype(np.float32)
            return _checked(FeatureTable(read[list(_COLUMNS)], rows))
        try:
            headers_of(path)  # no array is larger than its bytes
        except DataError as error:
            raise ValueError(error.fact) from error
        with np.load(path, allow_pickle=False) as file:
            pictures = pd.DataFrame({name: file[name] for name in _COLUMNS})
            return _checked(FeatureTable(pictures, np.asarray(file["features"], np.float32)))
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
        raise DataError(
            f"{path} holds no features.",
            expected="a file written by `viewfinder features`",
            received=str(error),
        ) from error


def extract(
    dataset: Dataset,
    settings: Transfer,
    *,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> FeatureTable:
    """Return the features of all readable pictures; stored ones are not computed again.

    Args:
        dataset: The pictures.
        settings: Base, width, weights, cut and pooling.
        size: (height, width) of the base's input in pixels; by default the base's own, or a
            suitable one for these pictures where the base takes any.
        progress: Shows the computation.

    Raises:
        UsageError: The base has no such width or layer, or the pictures are too small for it.
        DataError: Weights are missing, or no picture can be read.
        OutputError: The cache cannot be written.
    """
    progress = progress or Progress(0)
    takes = settings.built_on.takes()
    height, width = size or takes.size or suitable_input(dataset)[0]
    preprocessing = Preprocessing(height=height, width=width, color=takes.color)
    base = BaseExtractor.at(settings, preprocessing, progress=progress)
    store = open_store(dataset, preprocessing, progress=progress)
    described = store.describe(dataset)
    readable = described.readable
    if skipped := len(described) - len(readable):
        progress.say(f"Skipped {skipped:,} pictures that cannot be read.")
    if not len(readable):
        raise DataError("None of the pictures can be read.", expected="at least one")
    pictures = store.pictures(readable)
    rows = features_of(readable, pictures, base, preprocessing, progress=progress)
    kept = np.asarray(np.isfinite(rows).all(axis=1))
    return FeatureTable(readable.where(kept).table[list(_COLUMNS)], rows[kept])


def evidence(dataset: Dataset, origin: Path | Transfer, progress: Progress) -> dict[str, Any]:
    """Return the audit's input for doubtful labels and outliers: `features`, `probabilities`.

    Without probabilities where a class has too few pictures to check the labels.

    Args:
        dataset: The audited pictures.
        origin: A file of features, or a base to compute them.
        progress: Shows the computation, and warns where labels cannot be checked.

    Raises:
        DataError: The file holds no features, or the weights are missing.
        UsageError: The features are those of other pictures.
    """
    if isinstance(origin, Path):
        table = load_features(origin)
    else:
        table = extract(dataset, origin, progress=progress)
    rows = table.aligned(dataset)
    contents = dict(zip(table.pictures["locator"], table.pictures["content"], strict=True))
    known = dataset.with_columns(
        {"content": [contents.get(locator, "") for locator in dataset.table["locator"]]}
    )
    try:
        return {"features": rows, "probabilities": out_of_fold(known, rows, progress)}
    except DataError as error:  # too few classes or pictures
        progress.say(f"Labels cannot be checked: {error.fact}", style="yellow")
        return {"features": rows}


def out_of_fold(dataset: Dataset, features: Matrix, progress: Progress) -> NDArray[np.float64]:
    """Return each picture's probabilities from a linear probe fitted on the other folds.

    Args:
        dataset: The pictures.
        features: A row for each picture; NaN where missing.
        progress: Reports the accuracy of the probe.

    Returns:
        float64, shape (len(dataset), classes); NaN where features are missing.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    if len(dataset.classes) < 2:
        raise DataError("The dataset has fewer than two classes.")
    known = np.asarray(np.isfinite(features).all(axis=1))
    part = dataset.where(known)
    groups = fold_groups(part)
    probe = fit_probe(features[known], part.labels, part.classes, groups=groups.names)
    progress.say(probe.in_words())
    if groups.note:
        progress.say(groups.note, style="yellow")
    probabilities = np.full((len(dataset), len(dataset.classes)), np.nan)
    probabilities[known] = probe.out_of_fold
    return probabilities


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
