"""What a classifier has to beat: the commonest class, and the mean colour of a picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.shares import Figure, Jsonable, share
from viewfinder.evaluation.intervals import mean_of_shares

Labels = NDArray[np.integer]


@dataclass(frozen=True)
class Baseline(Jsonable):
    """The result of a baseline on the evaluated pictures.

    Attributes:
        name: "majority class" or "mean colour".
        accuracy: The share of right answers.
        balanced_accuracy: The mean recall of the classes that have pictures.
    """

    name: str
    accuracy: Figure
    balanced_accuracy: Figure


def majority(training: Labels, labels: Labels) -> Baseline:
    """Always answer with the commonest class of the training pictures.

    Args:
        training: The classes of the training pictures, as indices.
        labels: Those of the evaluated pictures, shape `(n,)`.
    """
    commonest = int(np.bincount(training).argmax())
    return _scored("majority class", np.full(len(labels), commonest), labels)


def mean_colour(
    training: Labels, colours: NDArray[np.float64], labels: Labels, others: NDArray[np.float64]
) -> Baseline | None:
    """Answer by logistic regression on the mean red, green and blue.

    Args:
        training: The classes of training pictures, as indices, shape `(m,)`.
        colours: Their mean colours, 0 to 255, shape `(m, 3)`.
        labels: The classes of the evaluated pictures, shape `(n,)`.
        others: Their mean colours, shape `(n, 3)`.

    Returns:
        The result; None where the training pictures are of one class.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(training)) < 2:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    answers = model.fit(colours, training).predict(others)
    return _scored("mean colour", answers, labels)


def _scored(name: str, answers: Labels, labels: Labels) -> Baseline:
    right = answers == labels
    recalls = [
        share(int(right[labels == at].sum()), int((labels == at).sum())) for at in np.unique(labels)
    ]
    return Baseline(name, share(int(right.sum()), len(labels)), mean_of_shares(recalls))
