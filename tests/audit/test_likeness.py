"""Close pairs, differences and groups against brute force."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from viewfinder.audit import alignment
from viewfinder.audit.duplicates import joined
from viewfinder.audit.likeness import Pairs, close_pairs, coarse, compare


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def as_pairs(rows: list[tuple[int, int]]) -> Pairs:
    array = np.array(rows, np.int64).reshape(-1, 2)
    return Pairs(array[:, 0], array[:, 1])


@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(0, 32))
def test_close_pairs_are_all_close_pairs(seed: int, count: int, radius: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 2**63, (2, count), dtype=np.uint64)
    expected = {
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if (int(one[i]) ^ int(other[j])).bit_count() <= radius
    }
    assert as_set(close_pairs(one, other, radius)) == expected


def test_close_pairs_in_several_blocks() -> None:
    hashes = np.random.default_rng(0).integers(0, 1 << 12, 5000, dtype=np.uint64)
    found = as_set(close_pairs(hashes, hashes, 0))
    order = np.argsort(hashes, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(hashes[order])) + 1)
    expected = {(i, j) for run in runs for a, i in enumerate(run) for j in run[a + 1 :]}
    assert found == expected
    even = close_pairs(hashes, hashes, 0, keep=lambda pairs: pairs.first % 2 == 0)
    assert as_set(even) == {pair for pair in expected if pair[0] % 2 == 0}


def test_differences_of_pairs() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32), dtype=np.uint8)
    pairs = as_pairs([(0, 1), (2, 5), (3, 3)])
    found = compare(images, images, pairs)
    for place, (i, j) in enumerate([(0, 1), (2, 5), (3, 3)]):
        apart = images[i].astype(float) - images[j]
        patches = ndimage.uniform_filter(apart, 3)[1:-1, 1:-1]
        assert np.isclose(found.overall[place], np.sqrt((apart**2).mean()))
        assert np.isclose(found.local[place], np.abs(patches).max(), atol=1e-3)
        assert np.isclose(found.contrast[place], min(images[i].std(), images[j].std()))
    assert len(compare(images, images, as_pairs([])).overall) == 0


def test_coarse_fields_are_means() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    means = [
        image[0, y : y + 8, x : x + 8].mean() for y in range(0, 32, 8) for x in range(0, 32, 8)
    ]
    assert coarse(image).tolist() == [[round(float(mean)) for mean in means]]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_groups_are_connected_components(rows: list[tuple[int, int]]) -> None:
    groups, unjoined = joined(as_pairs(rows), np.zeros(len(rows)))
    graph = coo_matrix((np.ones(len(rows)), as_pairs(rows)), shape=(31, 31))
    _, labels = connected_components(graph, directed=False)
    expected = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    assert groups == sorted(group for group in expected if len(group) > 1)
    assert unjoined == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60), st.integers(2, 6))
def test_groups_are_bounded(rows: list[tuple[int, int]], largest: int) -> None:
    groups, _ = joined(as_pairs(rows), np.zeros(len(rows)), largest)
    assert all(len(group) <= largest for group in groups)


def test_the_closest_pairs_are_joined_first() -> None:
    chain = as_pairs([(0, 1), (1, 2), (2, 3)])
    assert joined(chain, np.array([1, 2, 0]), largest=2) == ([[0, 1], [2, 3]], 1)
    assert joined(chain, np.array([1, 0, 2]), largest=2) == ([[1, 2]], 2)


def test_a_crop_is_fitted_and_a_stranger_is_not() -> None:
    random = np.random.default_rng(3)
    large = ndimage.gaussian_filter(random.normal(0, 1, (320, 320)), 18)
    levels = np.interp(large, (large.min(), large.max()), (0, 255))

    def small(picture: np.ndarray) -> np.ndarray:
        side = picture.shape[0] / 32
        return ndimage.zoom(ndimage.gaussian_filter(picture, side / 2), 1 / side, order=1)

    whole, part = (small(one).round().astype(np.uint8) for one in (levels, levels[16:, 8:-8]))
    fit = alignment.fit(whole, part)
    assert fit.overall < 0.1 * whole.std()
    assert alignment.fit(whole, whole[::-1].copy()).overall > 0.3 * whole.std()
    assert alignment.fit(whole, whole) == alignment.NO_FIT  # nothing is cut off
