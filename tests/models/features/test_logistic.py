"""Fits of several subsets at once, held against scikit-learn's fit of each subset alone."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.features.made import clouds
from viewfinder.models.features.logistic import Rows, Subsets


@pytest.mark.parametrize("strength", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_each_subset_is_fitted_as_alone(classes, strength):
    features, labels = clouds(240, 30, classes)
    features = features * np.linspace(0.01, 50, 30, dtype=np.float32) + 100
    folds = np.arange(240) % 3
    features[folds != 2, 5] = 7  # varies in one fold only, so it is constant without that fold
    subsets = Subsets(Rows.of(features, labels, classes), folds[:, None] != np.arange(3))
    heads = subsets.classifiers(subsets.fitted(strength, 1e-5))
    for fold, head in enumerate(heads):
        others = folds != fold
        alone = make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, tol=1e-8, max_iter=5000)
        ).fit(features[others].astype(float), labels[others])
        expected = alone.predict_proba(features[others].astype(float))
        np.testing.assert_allclose(head.probabilities(features[others]), expected, atol=2e-3)


def test_a_start_changes_the_time_and_not_the_result():
    features, labels = clouds(200, 20, 3)
    subsets = Subsets(Rows.of(features, labels, 3), np.ones((200, 1), bool))
    before = subsets.fitted(0.01, 1e-5)
    cold, warm = subsets.fitted(0.1, 1e-5), subsets.fitted(0.1, 1e-5, before)
    np.testing.assert_allclose(warm, cold, atol=5e-3)
