"""A classifier's predictions for the pictures of a dataset, as a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.augment.batches import Batches, Pictures
from viewfinder.classifier import Classifier
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset

_BATCH = 64


def answer(
    classifier: Classifier,
    part: Dataset,
    pictures: Pictures,
    progress: Progress,
    *,
    flips: bool = False,
) -> pd.DataFrame:
    """Predict all pictures of one split.

    Args:
        classifier: Predicts the probabilities.
        part: The pictures of one split.
        pictures: Their pixels, prepared as the classifier takes them.
        progress: Shows a bar.
        flips: Whether to average the probabilities of each picture and its mirror image.

    Returns:
        A row per picture: `locator`, `split`, `label`, `predicted` (names), `confidence` and
        `probabilities` (a list in the order of the classes). Pictures that have become unreadable
        since the dataset was opened have no row.
    """
    batches = Batches(pictures, part.labels, part.ids, batch_size=_BATCH)
    twice = ", flipped" if flips else ""
    name = part.table["split"].iloc[0] or "pictures"
    description = f"Evaluating {name}{twice} (batches)"
    positions, shares = [], []
    for batch in progress.track(batches.epoch(), description, len(batches)):
        positions.append(batch.positions)
        answers = classifier.probabilities(batch.images)
        if flips:
            answers = (answers + classifier.probabilities(batch.images[:, :, ::-1])) / 2
        shares.append(answers)
    rows = part.table.iloc[np.concatenate(positions)]
    return answer_table(rows, part.classes, np.concatenate(shares))


def arrays_of(
    rows: pd.DataFrame, classes: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the labels as indices, shape (n,), and the probabilities, shape (n, classes)."""
    labels = pd.Index(classes).get_indexer(pd.Index(rows["label"]))
    return labels, np.stack(list(rows["probabilities"])).astype(np.float64)


def answer_table(
    rows: pd.DataFrame, classes: Sequence[str], probabilities: NDArray[np.float64]
) -> pd.DataFrame:
    """Return predictions as the table that :func:`answer` returns.

    Args:
        rows: The pictures' rows of the dataset's table.
        classes: The class names, in the order of the columns.
        probabilities: Shape (n, classes), a row per picture.
    """
    best = probabilities.argmax(axis=1)
    return pd.DataFrame(
        {
            "locator": rows["locator"].array,
            "split": rows["split"].array,
            "label": rows["label"].array,
            "predicted": np.asarray(classes, object)[best],
            "confidence": probabilities[np.arange(len(best)), best],
            "probabilities": list(probabilities),
        }
    )
