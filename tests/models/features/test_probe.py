"""The linear probe, held against scikit-learn's own pipeline, and its folds against counting."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from folders import table_only
from models.features.made import clouds
from viewfinder.core.errors import DataError
from viewfinder.models.features.probe import STRENGTHS, fit_probe, fold_groups, fold_numbers

NAMES = ["a", "b", "c"]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_is_scikit_learns_pipeline_folded_into_one_layer(classes):
    features, labels = clouds(300, 12, classes)
    probe = fit_probe(features, labels, NAMES[:classes], strengths=[0.1])
    assert probe.head.weights.shape == (12, 1 if classes == 2 else classes)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-8, max_iter=1000))
    right = pipeline.fit(features.astype(float), labels).predict_proba(features.astype(float))
    np.testing.assert_allclose(probe.head.probabilities(features), right, atol=2e-3)


def test_a_constant_column_has_no_effect():
    features, labels = clouds(100, 4, 2)
    constant = np.hstack([features, np.full((100, 1), 7, np.float32)])
    heads = [fit_probe(rows, labels, NAMES[:2]).head for rows in (features, constant)]
    assert heads[1].weights[-1] == 0
    np.testing.assert_allclose(
        heads[0].probabilities(features), heads[1].probabilities(constant), atol=1e-4
    )


def test_features_that_do_not_vary_tell_the_shares_of_the_classes():
    labels = np.array([0] * 30 + [1] * 10)
    probe = fit_probe(np.full((40, 4), 7, np.float32), labels, NAMES[:2])
    assert np.isfinite([tried.loss for tried in probe.tried]).all()
    np.testing.assert_allclose(
        probe.head.probabilities(np.zeros((1, 4)))[0], [0.75, 0.25], atol=0.01
    )


def test_out_of_fold_probabilities_are_of_heads_fitted_on_other_folds():
    # Random labels: a head is right on its own training pictures, and at chance on others.
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 200)).astype(np.float32)
    labels = random.integers(0, 2, 60)
    probe = fit_probe(features, labels, NAMES[:2], strengths=[1.0])
    assert (probe.head.probabilities(features).argmax(axis=1) == labels).mean() == 1
    assert 0.2 < (probe.out_of_fold.argmax(axis=1) == labels).mean() < 0.8
    np.testing.assert_allclose(probe.out_of_fold.sum(axis=1), 1)


def test_the_strength_with_the_best_folds_is_chosen():
    features, labels = clouds(120, 40, 3)
    probe = fit_probe(features, labels, NAMES)
    assert [one.strength for one in probe.tried] == list(STRENGTHS)
    assert probe.best.accuracy == max(one.accuracy for one in probe.tried)
    right = probe.out_of_fold.argmax(axis=1) == labels
    assert probe.best.accuracy == pytest.approx(right.mean(), abs=0.02)
    given = probe.out_of_fold[np.arange(120), labels]
    assert probe.best.loss == pytest.approx(-np.log(given).mean())


def test_views_of_a_picture_count_as_one_picture():
    features, labels = clouds(200, 6, 2)
    twice = np.stack([features, features], axis=1)
    one, two = (fit_probe(rows, labels, NAMES[:2], strengths=[0.01]) for rows in (features, twice))
    np.testing.assert_allclose(two.head.weights, one.head.weights, rtol=0.05, atol=1e-4)
    np.testing.assert_allclose(two.out_of_fold, one.out_of_fold, atol=5e-3)


def test_folds_have_equal_sizes_every_class_and_whole_groups():
    labels = np.repeat([0, 1, 2], [40, 23, 17])
    names = [str(row // 2) if row < 20 else f"alone {row}" for row in range(80)]
    folds = fold_numbers(labels, names, NAMES, seed=3)
    assert set(folds) == set(range(5))
    for fold in range(5):
        counts = np.bincount(labels[folds == fold], minlength=3)
        np.testing.assert_allclose(counts, np.array([40, 23, 17]) / 5, atol=2.1)
    assert (folds[0:20:2] == folds[1:20:2]).all()
    order = np.random.default_rng(0).permutation(80)
    shuffled = fold_numbers(labels[order], [names[row] for row in order], NAMES, seed=3)
    np.testing.assert_array_equal(shuffled, folds[order])
    assert (fold_numbers(labels, names, NAMES, seed=4) != folds).any()


def test_a_class_with_one_picture_is_named():
    with pytest.raises(DataError, match="too few pictures of b"):
        fold_numbers(np.array([0, 0, 1, 1]), ["x", "y", "z", "z"], NAMES[:2], seed=0)


def test_duplicates_of_a_groups_picture_belong_to_the_group():
    dataset = table_only({"a": 4}).with_columns(
        {"content": ["h1", "h1", "", "h2"], "group": ["", "g", None, "g"]}
    )
    groups = fold_groups(dataset).names
    assert groups == ["g", "g", dataset.table["locator"].iloc[2], "g"]


def hands(pairs: str) -> tuple[np.ndarray, list[str]]:
    """The labels and groups of pictures such as `a1`: class a, hand 1."""
    return np.array(["abc".index(pair[0]) for pair in pairs.split()]), [
        pair[1] for pair in pairs.split()
    ]


def test_folds_keep_groups_of_several_classes_whole():
    labels, groups = hands(" ".join(f"{name}{hand} " * 4 for name in "abc" for hand in range(5)))
    folds = fold_numbers(labels, groups, NAMES, seed=0)
    assert len(set(zip(groups, folds, strict=True))) == len(set(folds)) == 5
    features = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    assert len(fit_probe(features, labels, NAMES, groups=groups).best.accuracies) == 5


def test_no_class_lies_in_a_single_fold():
    # In two folds, two of the three groups share one, and with it all of a class.
    labels, groups = hands("a1 a1 b1 b1 b2 b2 c2 c2 c3 c3 a3 a3")
    folds = fold_numbers(labels, groups, NAMES, seed=0)
    for label in range(3):
        assert len(set(folds[labels == label])) == 2


def test_a_class_within_one_group_divides_the_groups_and_a_note_says_so():
    labels, groups = hands("a1 a1 a2 b1 b1 c1 c2")
    dataset = table_only({"a": 3, "b": 2, "c": 2}).with_columns(
        {"content": list("ABCDEFG"), "group": groups}
    )
    found = fold_groups(dataset)
    assert found.names == list("ABCDEFG")
    assert found.note.startswith("All training pictures of b are in one group")
    assert fold_groups(dataset.where(labels != 1)).note == ""


def test_many_classes_of_few_pictures_print_no_warnings():
    """Two pictures of each are left in training where a third validates."""
    labels = np.repeat(np.arange(30), 2)
    rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_probe(rows, labels, [str(label) for label in range(30)], strengths=(0.01,))
