"""Pictures unlike those of training: the distance to the nearest training features, in NumPy."""

import io
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_magic
from numpy.typing import NDArray
from pydantic import Field

from viewfinder.classifier.bundle import Bundle, unsound
from viewfinder.core.errors import RunError
from viewfinder.core.files import regular_status
from viewfinder.core.records import RunRecord, damaged

OUTLIERS, REFERENCE = "outliers.json", "outlier_features.npy"

Matrix = NDArray[np.float32]

# Rows of distances at once, so that 5,000 references take 10 MB.
_ROWS = 512
_LEAST_LENGTH = 1e-12


class OutlierSettings(RunRecord):
    """The content of `outliers.json`.

    Attributes:
        neighbors: Which nearest training picture the distance is that to, from 1.
        threshold: The distance above which a picture is an outlier.
        inside: The share of the fitting pictures at or below the threshold, as requested.
        pictures: How many pictures fitted the threshold.
        weaker: Why the share of new pictures may differ.
        model: The fingerprint of the model; None where it was not there.
    """

    neighbors: Annotated[int, Field(ge=1)]
    threshold: Annotated[float, Field(gt=0, le=2)]
    inside: Annotated[float, Field(gt=0, lt=1)]
    pictures: Annotated[int, Field(ge=1)]
    weaker: list[str]
    model: str | None


@dataclass(frozen=True, eq=False)
class Outliers:
    """A threshold of the distance to the features of training pictures.

    Attributes:
        settings: The threshold, and how it was fitted.
        reference: The training pictures' features, float32, shape (n, d), each of length 1.
    """

    settings: OutlierSettings
    reference: Matrix

    def scores(self, features: Matrix) -> NDArray[np.float64]:
        """Return each picture's distance, divided by the threshold: above 1 is an outlier.

        Args:
            features: The features of pictures, shape (n, d).
        """
        distances = nearest_distances(features, self.reference, self.settings.neighbors)
        return distances / self.settings.threshold


def unit_length(features: Matrix) -> Matrix:
    """Return the rows divided by their lengths, float32; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, _LEAST_LENGTH), np.float32)


def nearest_distances(features: Matrix, reference: Matrix, neighbors: int) -> NDArray[np.float64]:
    """Return the distance of each row to its k-th nearest reference, both at length 1.

    The score of Y. Sun, Y. Ming, X. Zhu and Y. Li, "Out-of-distribution detection with deep nearest
    neighbors", ICML 2022.

    Args:
        features: Shape (n, d), of any length.
        reference: Shape (m, d), of length 1.
        neighbors: k, from 1 to m.

    Returns:
        Euclidean distances, 0 to 2, shape (n,).
    """
    rows = unit_length(features)
    found = np.empty(len(rows))
    for start in range(0, len(rows), _ROWS):
        cosines = rows[start : start + _ROWS] @ reference.T
        nearest = np.partition(cosines, -neighbors, axis=1)[:, -neighbors]
        found[start : start + _ROWS] = np.sqrt(np.clip(2 - 2 * nearest.astype(np.float64), 0, 4))
    return found


def read_outliers(folder: Path, model: str | None) -> Outliers | None:
    """Read the threshold of a run; None where none was fitted.

    Args:
        folder: The run's folder.
        model: The fingerprint of the run's model; None where it is not there.

    Raises:
        RunError: It is that of another model, or a file is missing or damaged.
    """
    path, array = folder / OUTLIERS, folder / REFERENCE
    if not path.is_file():
        return None
    settings = OutlierSettings.read(path)
    if model is not None and settings.model != model:
        raise RunError(
            f"The outlier threshold of the run {folder} was fitted to another model.",
            expected=f"the model of {path.name}",
            remedy=f"viewfinder evaluate {shlex.quote(str(folder))} --inside {settings.inside:g}",
        )
    try:
        regular_status(array)
        reference = np.load(array, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(array, error) from error
    if fault := _fault(settings, reference):
        raise damaged(array, fault)
    return Outliers(settings, np.asarray(reference))


def outliers_in(bundle: Bundle) -> Outliers | None:
    """Read the threshold in a bundle; None where it has none.

    Raises:
        RunError: A member is missing or damaged.
    """
    if OUTLIERS not in bundle.files:
        return None
    settings = bundle.parse(OutlierSettings, OUTLIERS)
    content = bundle.files.get(REFERENCE, b"")
    stream = io.BytesIO(content)
    try:
        read_magic(stream)
        shape, _, dtype = read_array_header_1_0(stream)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
            raise ValueError("another length than its header states")
        reference = np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)
        if fault := _fault(settings, reference):
            raise ValueError(fault)
    except (ValueError, EOFError) as error:
        raise unsound(bundle.path, f"{REFERENCE}: {error}") from error
    return Outliers(settings, reference)


def _fault(settings: OutlierSettings, reference: NDArray[Any]) -> str | None:
    if reference.ndim != 2 or reference.dtype != np.float32 or not reference.size:
        return f"{reference.dtype} of shape {reference.shape}, not rows of float32"
    if len(reference) < settings.neighbors:
        return f"{len(reference)} rows for {settings.neighbors} neighbours"
    return None
