"""The outlier threshold of a run: fitted on validation pictures, kept in its folder, measured."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment.batches import Batches
from viewfinder.classifier import Classifier
from viewfinder.classifier.outliers import Outliers, OutlierSettings
from viewfinder.core.errors import DataError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.store import open_store
from viewfinder.evaluation.outliers import (
    NEIGHBORS,
    OutlierFigures,
    fit_threshold,
    measure_outliers,
    references,
)
from viewfinder.run.calibrating import calibrating
from viewfinder.run.run import Run

_BATCH = 64
# References, and other pictures that are measured.
_MOST = 2000


@dataclass(frozen=True, eq=False)
class OutlierEvaluation:
    """A run's outlier threshold, and its figures on the evaluated pictures.

    Attributes:
        outliers: What was fitted and written to the run's folder.
        of: The pictures that fitted it: "validation" or "out-of-fold".
        figures: None where the evaluated pictures are those of training.
        scores: By locator, the distances of the evaluated pictures divided by the threshold.
        notes: What the reader should know.
    """

    outliers: Outliers
    of: str
    figures: OutlierFigures | None
    scores: Mapping[str, float]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Outlier threshold with {self.outliers.settings.inside:g} inside, of {self.of}>"

    def _repr_html_(self) -> str:
        table = self.figures.table.to_html() if self.figures else ""
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{table}"

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return {
            **self.outliers.settings.content,
            "figures": self.figures and self.figures.to_json(),
        }


def evaluate_outliers(
    run: Run, inside: float, shown: Dataset | None, others: Dataset | None, progress: Progress
) -> OutlierEvaluation:
    """Fit the outlier threshold of a run, write it to its folder, and measure it.

    References are at most 2,000 evenly spaced training pictures. Where out-of-fold answers replace
    validation pictures, every second training picture is a reference and the others fit.

    Args:
        run: An evaluated run.
        inside: The share of new pictures of the same kind that are no outliers.
        shown: The evaluated pictures; None where these trained the model.
        others: Pictures of none of the classes, without labels; at most 2,000 evenly spaced ones
            are used.
        progress: Shows the reading.

    Raises:
        DataError: There are too few pictures, or none of one kind can be read.
    """
    on = calibrating(run, progress)
    if run.classifier.starts_at_once and not run.classifier.exports_features:
        run.export(progress=progress)  # that of an older version
    dataset, classifier = run.dataset, run.classifier
    fitting = dataset.where(dataset.table["locator"].isin(on.rows["locator"]))
    if on.of == "validation":
        trained = dataset.only("train")
    else:
        is_even = np.arange(len(fitting)) % 2 == 0
        trained, fitting = fitting.where(is_even), fitting.where(~is_even)
    trained = trained.where(_thinned(len(trained)))
    reference = references(_features(classifier, trained, progress)[1])
    features = _features(classifier, fitting, progress)[1]
    settings = OutlierSettings(
        neighbors=NEIGHBORS,
        threshold=fit_threshold(features, reference, inside),
        inside=inside,
        pictures=len(features),
        weaker=list(on.weaker),
        model=run.classifier.model_name if run.has_model else None,
    )
    outliers = Outliers(settings, reference)
    run.write_outliers(settings, reference)
    vars(classifier).pop("outliers", None)  # as read before
    figures, scores = None, dict[str, float]()
    if shown is not None:
        locators, features = _features(classifier, shown, progress)
        found, of_others = outliers.scores(features), None
        if others is not None:
            some = others.where(_thinned(len(others)))
            of_others = outliers.scores(_features(classifier, some, progress)[1])
        figures = measure_outliers(found, of_others)
        scores = dict(zip(locators, found.tolist(), strict=True))
    notes = (*on.notes, *on.cautions(f"{inside:g} of new pictures are below the outlier threshold"))
    return OutlierEvaluation(outliers, on.of, figures, scores, notes)


def _thinned(count: int) -> NDArray[np.bool_]:
    """Return a mask of evenly spaced rows, at most 2,000."""
    return np.asarray(np.arange(count) % max(1, -(-count // _MOST)) == 0)


def _features(
    classifier: Classifier, part: Dataset, progress: Progress
) -> tuple[Sequence[str], NDArray[np.float32]]:
    """Return the locators of the readable pictures, and their features."""
    store = open_store(part, classifier.preprocessing, progress=progress)
    described = store.describe(part)
    part = described.readable
    if not len(part):
        raise DataError(
            "None of the pictures can be read for the outlier score.",
            expected=f"pictures in {described.source}",
        )
    # Labels are of no use here, and pictures of none of the classes have none.
    none = np.zeros(len(part), np.int64)
    batches = Batches(store.pictures(part), none, part.ids, batch_size=_BATCH)
    positions, rows = [], []
    for batch in progress.track(batches.epoch(), "Computing features (batches)", len(batches)):
        positions.append(batch.positions)
        rows.append(classifier.with_features(batch.images)[1])
    locators = part.table["locator"].iloc[np.concatenate(positions)]
    return list(locators), np.concatenate(rows)
