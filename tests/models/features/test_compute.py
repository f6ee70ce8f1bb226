"""Features of a dataset: correct, computed once, and resumed after a kill."""

import shutil

import numpy as np
import pytest

from models.features.made import SMALL, Means, MeansExtractor, pictures
from viewfinder.augment import policy
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.core.randomness import Randomness, ids
from viewfinder.models.features.compute import Matrix, View, features_of


def right(pictures) -> Matrix:
    images, _ = pictures.read(np.arange(len(pictures)))
    return images.mean(axis=(1, 2))


@pytest.mark.parametrize("in_threads", [False, True])
def test_each_picture_gets_its_own_features(tmp_path, in_threads):
    dataset, pixels = pictures(tmp_path)
    extractor = MeansExtractor(runner=Means(in_threads=in_threads))
    found = features_of(dataset, pixels, extractor, SMALL)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, right(pixels), rtol=1e-6)


def test_stored_features_are_not_computed_again(tmp_path):
    dataset, pixels = pictures(tmp_path)
    extractor = MeansExtractor()
    first = features_of(dataset, pixels, extractor, SMALL)
    again = MeansExtractor()
    np.testing.assert_array_equal(features_of(dataset, pixels, again, SMALL), first)
    assert (extractor.runner.seen, again.runner.seen) == (11, 0)


def test_a_duplicate_picture_is_computed_once(tmp_path):
    dataset, pixels = pictures(tmp_path / "one")
    features_of(dataset, pixels, MeansExtractor(), SMALL)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    shutil.copy(tmp_path / "two" / "a" / "0.png", tmp_path / "two" / "b" / "copy.png")
    copied, their_pixels = pictures(tmp_path / "two", {"a": 0, "c": 1})
    extractor = MeansExtractor()
    found = features_of(copied, their_pixels, extractor, SMALL)
    # Only the first picture of `c`: and that has the pixels of `a/0.png`.
    assert extractor.runner.seen == 0
    np.testing.assert_allclose(found, right(their_pixels), rtol=1e-6)


def test_an_interrupted_computation_resumes(tmp_path):
    dataset, pixels = pictures(tmp_path)
    broken = MeansExtractor(runner=Means(fails_after=8))
    with pytest.raises(KeyboardInterrupt):
        features_of(dataset, pixels, broken, SMALL)
    after = MeansExtractor()
    found = features_of(dataset, pixels, after, SMALL)
    assert (broken.runner.seen, after.runner.seen) == (8, 3)
    np.testing.assert_allclose(found, right(pixels), rtol=1e-6)


class Vanishing:
    """Pictures of which one can no longer be read."""

    def __init__(self, pictures, gone):
        self.pictures, self.gone, self.shape = pictures, gone, pictures.shape
        self.dropped = {"gone": RejectedPicture(Reason.MISSING, "it is gone")}

    def __len__(self):
        return len(self.pictures)

    def read(self, positions):
        there = np.asarray(positions) != self.gone
        return self.pictures.read(positions[there])[0], there


@pytest.mark.parametrize("views", [None, View(policy("standard"), 0, 3)])
def test_a_missing_picture_has_nan_and_the_others_keep_their_rows(tmp_path, views):
    dataset, pixels = pictures(tmp_path)
    found = features_of(dataset, Vanishing(pixels, 4), MeansExtractor(), SMALL, views=views)
    bad = ~np.isfinite(found).reshape(len(found), -1).all(axis=1)
    assert np.flatnonzero(bad).tolist() == [4]
    whole = features_of(dataset, pixels, MeansExtractor(), SMALL, views=views)
    np.testing.assert_array_equal(found[~bad], whole[~bad])


def test_a_view_is_the_plan_at_that_epoch_addressed_by_content(tmp_path):
    dataset, pixels = pictures(tmp_path)
    plan = policy("standard")
    found = features_of(dataset, pixels, MeansExtractor(), SMALL, views=View(plan, 7, 3))
    assert found.shape == (11, 3, 3)
    images, _ = pixels.read(np.arange(11))
    for view in range(3):
        samples = plan.sample(Randomness(7), view, ids(dataset.table["content"]))
        wanted = plan.apply(images, samples, (8, 8)).mean(axis=(1, 2))
        np.testing.assert_allclose(found[:, view], wanted, rtol=1e-5)
    assert not np.allclose(found[:, 0], found[:, 1])


def test_further_views_are_added_to_the_stored_ones(tmp_path):
    dataset, pixels = pictures(tmp_path)
    two = features_of(
        dataset, pixels, MeansExtractor(), SMALL, views=View(policy("standard"), 0, 2)
    )
    extractor = MeansExtractor()
    views = View(policy("standard"), 0, 3)
    three = features_of(dataset, pixels, extractor, SMALL, views=views)
    assert extractor.runner.seen == 11
    np.testing.assert_array_equal(three[:, :2], two)


def test_views_of_another_plan_are_computed_again(tmp_path):
    dataset, pixels = pictures(tmp_path)
    features_of(dataset, pixels, MeansExtractor(), SMALL, views=View(policy("standard"), 0, 1))
    for views in (View(policy("standard"), 1, 1), View(policy("strong"), 0, 1), None):
        extractor = MeansExtractor()
        features_of(dataset, pixels, extractor, SMALL, views=views)
        assert extractor.runner.seen == 11
