"""The outlier score and its threshold: against scikit-learn, in simulation, and from files."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from viewfinder.classifier.outliers import (
    Outliers,
    OutlierSettings,
    nearest_distances,
    read_outliers,
    unit_length,
)
from viewfinder.core.errors import DataError, RunError, UsageError
from viewfinder.evaluation.outliers import fit_threshold, measure_outliers, references
from viewfinder.run_folder import RunFolder


def drawn(count: int, seed: int, center: float = 3.0) -> NDArray[np.float32]:
    """Features about one direction, of different lengths."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 12)) + np.r_[center, np.zeros(11)]
    return (rows * random.uniform(0.1, 9, (count, 1))).astype(np.float32)


def outliers(threshold: float = 0.5, neighbors: int = 3, model: str | None = None) -> Outliers:
    settings = OutlierSettings(
        neighbors=neighbors, threshold=threshold, inside=0.9, pictures=99, weaker=[], model=model
    )
    return Outliers(settings, references(drawn(40, 0)))


@pytest.mark.parametrize("neighbors", [1, 4, 40])
def test_distances_are_those_of_scikit_learn(neighbors: int) -> None:
    reference = unit_length(drawn(40, 0))
    features = drawn(700, 1, center=0)
    oracle = NearestNeighbors(n_neighbors=neighbors).fit(reference.astype(np.float64))
    rows = features / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    expected = oracle.kneighbors(rows)[0][:, -1]
    found = nearest_distances(features, reference, neighbors)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    scores = Outliers(outliers(0.25, neighbors).settings, reference).scores(features)
    np.testing.assert_allclose(scores, expected / 0.25, atol=1e-3)


def test_the_requested_share_of_new_pictures_is_inside() -> None:
    reference = references(drawn(200, 0))
    inside = []
    for seed in range(1, 60):
        threshold = fit_threshold(drawn(100, seed), reference, 0.9)
        inside.append(
            (nearest_distances(drawn(500, 900 + seed), reference, 10) <= threshold).mean()
        )
    assert 0.89 < np.mean(inside) < 0.92


def test_the_figures_of_outliers() -> None:
    scores, others = np.array([0.2, 0.5, 1.0, 1.1]), np.array([0.4, 1.5, 3.0])
    found = measure_outliers(scores, others)
    assert (found.unknown.value, found.others and found.others.value) == (1 / 4, 2 / 3)
    assert found.auroc is not None
    truth = [0] * 4 + [1] * 3
    assert found.auroc.value == pytest.approx(roc_auc_score(truth, [*scores, *others]))
    assert measure_outliers(scores).auroc is None


def test_what_cannot_be_fitted_is_reported() -> None:
    reference = references(drawn(30, 0))
    with pytest.raises(DataError, match="too few training pictures"):
        references(drawn(9, 0))
    assert fit_threshold(drawn(19, 1), reference, 0.95) > 0
    with pytest.raises(DataError, match="at least 19"):
        fit_threshold(drawn(18, 1), reference, 0.95)
    with pytest.raises(UsageError, match="`inside=1`"):
        fit_threshold(drawn(19, 1), reference, 1)
    same = np.repeat(reference[:1], 30, axis=0)
    assert fit_threshold(same, references(same), 0.9) > 0  # a distance of 0 divides by it


def test_the_files_of_a_run_are_checked(tmp_path: Path) -> None:
    assert read_outliers(tmp_path, "m") is None
    written = outliers(model="m")
    RunFolder(tmp_path).write_outliers(written.settings, written.reference)
    found = read_outliers(tmp_path, "m")
    assert found is not None
    features = drawn(5, 3)
    np.testing.assert_array_equal(found.scores(features), written.scores(features))
    with pytest.raises(RunError, match=r"another model(.|\n)*--inside 0\.9"):
        read_outliers(tmp_path, "other")
    array, record = tmp_path / "outlier_features.npy", tmp_path / "outliers.json"
    damaged = [np.zeros((2, 12), np.float32), np.zeros(9, np.float32), np.zeros((9, 2))]
    for rows in (*damaged, np.array([{}], object)):
        np.save(array, rows, allow_pickle=True)
        with pytest.raises(RunError, match=r"outlier_features\.npy is damaged"):
            read_outliers(tmp_path, "m")
    array.unlink()
    with pytest.raises(RunError, match=r"no outlier_features\.npy"):
        read_outliers(tmp_path, None)
    record.write_text(json.dumps({"schema": 1, **written.settings.content, "threshold": 0}))
    with pytest.raises(RunError, match=r"outliers\.json is damaged"):
        read_outliers(tmp_path, "m")
