"""Batches depend on their address alone, and hold what the order says."""

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folders import table_only, write_classes
from viewfinder.augment import make_plan, policy
from viewfinder.augment.batches import Batch, Batches, balanced_weights
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.randomness import Randomness, ids
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.pictures.preprocessing import Preprocessing

SHAPE = (6, 8, 3)


@dataclass(frozen=True)
class Made:
    """Pictures that show their position: every pixel of picture n has the levels of n.

    Attributes:
        count: How many there are.
        gone: The positions that cannot be read any more.
    """

    count: int
    gone: frozenset[int] = frozenset()
    asked: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    @property
    def shape(self) -> tuple[int, int, int]:
        return SHAPE

    def read(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.asked.extend(positions.tolist())
        kept = np.array([position not in self.gone for position in positions], bool)
        levels = np.stack([positions % 256, positions // 256, positions % 7], axis=-1)
        pixels = np.broadcast_to(levels[kept, None, None, :], (kept.sum(), *SHAPE))
        return pixels.astype(np.uint8), kept


def made(count: int = 23, *, gone: frozenset[int] = frozenset(), **settings: Any) -> Batches:
    names = [f"{number}.jpg" for number in range(count)]
    settings = {"batch_size": 5, "workers": 0, **settings}
    return Batches(Made(count, gone), np.arange(count) % 4, ids(names), **settings)


def shown(batch: Batch) -> list[int]:
    """Which pictures the images of a batch without variation show."""
    levels = batch.images[:, 0, 0].astype(int)
    return (levels[:, 0] + 256 * levels[:, 1]).tolist()


def sha(batches: Batches, epochs: int = 2) -> str:
    """SHA-256 of order, images and labels of some epochs."""
    digest = hashlib.sha256()
    for epoch in range(epochs):
        digest.update(batches.order(epoch).tobytes())
        for images, labels, positions, _ in batches.epoch(epoch):
            digest.update(str((images.shape, images.dtype, labels.dtype)).encode())
            for array in (images, labels, positions):
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class TestContents:
    @settings(max_examples=60)
    @given(
        count=st.integers(0, 40),
        batch_size=st.integers(1, 45),
        drop_last=st.booleans(),
        shuffle=st.booleans(),
        epoch=st.integers(0, 3),
    )
    def test_an_epoch_is_its_order_cut_into_batches(
        self, count: int, batch_size: int, drop_last: bool, shuffle: bool, epoch: int
    ) -> None:
        if drop_last and 0 < count < batch_size:
            with pytest.raises(UsageError, match="no batch at all"):
                made(count, batch_size=batch_size, drop_last=True)
            return
        batches = made(count, batch_size=batch_size, drop_last=drop_last, shuffle=shuffle)
        order = batches.order(epoch).tolist()
        assert sorted(order) == list(range(count))
        expected = [order[start : start + batch_size] for start in range(0, count, batch_size)]
        if drop_last and expected and len(expected[-1]) < batch_size:
            expected.pop()
        found = list(batches.epoch(epoch))
        assert len(batches) == len(expected)
        assert [batch.positions.tolist() for batch in found] == expected
        assert [shown(batch) for batch in found] == expected
        for batch in found:
            assert batch.labels.tolist() == [position % 4 for position in batch.positions]

    def test_types_and_shapes_are_known_before(self) -> None:
        for size, shape in [(None, SHAPE), ((3, 5), (3, 5, 3))]:
            batches = made(size=size)
            images, labels, positions, _ = batches.batch(0)
            assert batches.image_shape == shape
            assert (images.dtype, images.shape) == (np.uint8, (5, *shape))
            assert (labels.dtype, positions.dtype) == (np.int64, np.intp)

    def test_without_shuffling_pictures_come_as_they_stand(self) -> None:
        assert made().order(epoch=7).tolist() == list(range(23))

    def test_the_last_batch_is_smaller(self) -> None:
        assert [len(batch.labels) for batch in made().epoch()] == [5, 5, 5, 5, 3]
        assert [len(batch.labels) for batch in made(drop_last=True).epoch()] == [5, 5, 5, 5]


class TestAddresses:
    @pytest.mark.parametrize("weights", [None, np.linspace(0, 1, 23)], ids=["even", "weighted"])
    @pytest.mark.parametrize("name", ["none", "course", "strong"])
    def test_asked_for_or_iterated_batches_are_the_same(
        self, name: str, weights: np.ndarray | None
    ) -> None:
        batches = made(plan=policy(name), shuffle=True, weights=weights, size=(5, 5), workers=2)
        for epoch in (0, 3):
            for index, batch in reversed(list(enumerate(batches.epoch(epoch)))):
                for ours, theirs in zip(batches.batch(index, epoch), batch, strict=True):
                    assert np.array_equal(ours, theirs)

    def test_negative_indices_count_from_the_end(self) -> None:
        assert shown(made().batch(-1)) == shown(made().batch(4)) == [20, 21, 22]

    @pytest.mark.parametrize("index", [5, -6, 100])
    def test_beyond_the_end_is_an_index_error(self, index: int) -> None:
        with pytest.raises(IndexError, match=f"batch {index} of 5"):
            made().batch(index)

    def test_an_epoch_goes_on_from_any_batch(self) -> None:
        batches = made(plan=policy("course"), shuffle=True)
        whole = list(batches.epoch(2))
        for first in range(len(whole) + 1):
            rest = list(batches.epoch(2, first=first))
            assert len(rest) == len(whole) - first
            for ours, theirs in zip(rest, whole[first:], strict=True):
                assert np.array_equal(ours.images, theirs.images)
                assert np.array_equal(ours.positions, theirs.positions)

    @pytest.mark.parametrize("weights", [None, np.linspace(0, 1, 60)], ids=["even", "weighted"])
    @pytest.mark.parametrize("budget", [10**9, 0], ids=["stored", "live"])
    def test_one_hash_for_any_number_of_workers(
        self, tmp_path: Path, budget: int, weights: np.ndarray | None
    ) -> None:
        dataset = open_dataset(write_classes(tmp_path, {"a": 31, "b": 29}))
        store = open_store(dataset, Preprocessing(height=9, width=12), budget=budget)
        batches = Batches(
            store.pictures(dataset),
            dataset.labels,
            dataset.ids,
            batch_size=7,
            plan=policy("strong"),
            size=(8, 8),
            seed=11,
            shuffle=True,
            weights=weights,
        )
        hashes = {sha(replace(batches, workers=workers)) for workers in (0, 1, 2, 4)}
        assert len(hashes) == 1
        assert hashes != {sha(replace(batches, seed=12, workers=0))}

    def test_a_picture_is_varied_alike_whatever_is_beside_it(self) -> None:
        """The batch size, the order and other pictures play no part."""
        count, plan = 23, policy("strong")
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (count, *SHAPE), dtype=np.uint8)

        @dataclass
        class Some:
            rows: np.ndarray

            def __len__(self) -> int:
                return len(self.rows)

            shape = SHAPE

            def read(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                return pixels[self.rows[positions]], np.ones(len(positions), bool)

        def images(rows: np.ndarray, **settings: Any) -> dict[int, bytes]:
            batches = Batches(
                Some(rows), rows, ids(map(str, rows)), plan=plan, seed=5, workers=0, **settings
            )
            return {
                int(rows[position]): image.tobytes()
                for batch in batches.epoch(epoch=3)
                for position, image in zip(batch.positions, batch.images, strict=True)
            }

        whole = images(np.arange(count), batch_size=23)
        assert images(np.arange(count), batch_size=4, shuffle=True) == whole
        some = np.array([20, 3, 7])
        assert images(some, batch_size=2) == {row: whole[row] for row in some}

    def test_seeds_and_epochs_have_orders_of_their_own(self) -> None:
        orders = {
            tuple(made(seed=seed, shuffle=True).order(epoch))
            for seed in range(10)
            for epoch in range(10)
        }
        assert len(orders) == 100

    def test_epochs_are_varied_differently(self) -> None:
        varied = made(plan=make_plan({"brightness": {"strength": 0.5}}))
        images = [varied.batch(2, epoch).images for epoch in (0, 1)]
        assert not np.array_equal(*images)
        assert np.array_equal(images[0], varied.batch(2, 0).images)


class TestResampling:
    def test_another_size_is_made_by_the_plans_own_map(self) -> None:
        """Even where the plan changes nothing else."""
        rng = np.random.default_rng(1)
        pixels = rng.integers(0, 256, (4, *SHAPE), dtype=np.uint8)

        class Noise(Made):
            def read(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                return pixels[positions], np.ones(len(positions), bool)

        for name in ("none", "course"):
            batches = Batches(
                Noise(4), np.arange(4), ids("abcd"), 4, policy(name), size=(3, 4), seed=2, workers=0
            )
            samples = policy(name).sample(Randomness(2), 1, ids("abcd"))
            expected = policy(name).apply(pixels, samples, (3, 4))
            assert np.array_equal(batches.batch(0, epoch=1).images, expected)

    def test_even_pictures_stay_even(self) -> None:
        assert shown(made(size=(11, 4)).batch(1)) == [5, 6, 7, 8, 9]


class TestGone:
    GONE = frozenset({0, 6, 7, 13})

    @pytest.mark.parametrize("size", [None, (4, 4)])
    @pytest.mark.parametrize("shuffle", [False, True])
    def test_what_is_gone_leaves_a_smaller_batch_with_its_own_labels(
        self, size: tuple[int, int] | None, shuffle: bool
    ) -> None:
        batches = made(gone=self.GONE, size=size, shuffle=shuffle)
        order = batches.order()
        for index, batch in enumerate(batches.epoch()):
            expected = [p for p in order[index * 5 : index * 5 + 5] if p not in self.GONE]
            assert shown(batch) == batch.positions.tolist() == expected
            assert batch.labels.tolist() == [position % 4 for position in expected]

    def test_the_others_are_varied_as_before(self) -> None:
        plan = make_plan({"brightness": {"strength": 0.5}})
        whole = made(plan=plan).batch(1)
        part = made(plan=plan, gone=self.GONE).batch(1)
        kept = [position not in self.GONE for position in whole.positions]
        assert np.array_equal(part.images, whole.images[kept])

    def test_a_whole_batch_that_is_gone_is_an_error(self) -> None:
        batches = made(10, gone=frozenset(range(5)), plan=policy("course"), size=(4, 4))
        with pytest.raises(DataError, match="None of a batch's pictures can be read"):
            batches.batch(0)
        assert len(batches.batch(1).labels) == 5


WEIGHTS = st.lists(
    st.floats(0.001, 1000) | st.integers(0, 5).map(float), min_size=1, max_size=40
).filter(any)


class TestWeights:
    @settings(deadline=None)
    @given(WEIGHTS, st.integers(0, 2**32), st.integers(0, 5))
    def test_each_picture_comes_n_times_its_share_rounded_up_or_down(
        self, weights: list[float], seed: int, epoch: int
    ) -> None:
        count = len(weights)
        order = made(count, weights=np.array(weights), seed=seed).order(epoch)
        assert len(order) == count
        times = np.bincount(order, minlength=count)
        due = count * np.array(weights) / sum(weights)
        assert (times >= np.floor(due - 1e-9)).all()
        assert (times <= np.ceil(due + 1e-9)).all()

    def test_even_weights_take_each_picture_once(self) -> None:
        for scale in (1.0, 0.1, 1e-300, 1e300):
            order = made(weights=np.full(23, scale)).order(4)
            assert sorted(order) == list(range(23))
            assert sorted(order) != list(order)

    def test_over_many_epochs_the_shares_are_exact(self) -> None:
        weights = np.array([0.0, 1, 1, 2, 3.5, 0.5, 7])
        batches = made(7, weights=weights)
        counts = sum(np.bincount(batches.order(epoch), minlength=7) for epoch in range(2000))
        due = 2000 * 7 * weights / weights.sum()
        # Each epoch adds floor or ceil of the share: at most half a picture of deviation.
        assert np.abs(counts - due).max() < 4.5 * 0.5 * np.sqrt(2000)
        assert counts[0] == 0

    def test_repetitions_are_spread_over_the_epoch(self) -> None:
        """A picture that makes up half of an epoch does not come all at once."""
        order = made(100, weights=np.r_[99.0, np.ones(99)]).order()
        places = np.flatnonzero(order == 0)
        assert 45 <= len(places) <= 55
        assert 40 < places.mean() < 60
        assert places.std() > 20

    def test_repetitions_of_a_picture_are_varied_in_different_ways(self) -> None:
        plan = make_plan({"brightness": {"strength": 0.9}})
        weights = np.zeros(300)
        weights[200] = 1
        images = [batch.images for batch in made(300, weights=weights, plan=plan).epoch()]
        levels = Counter(np.concatenate(images)[:, 0, 0, 0].tolist())
        assert len(levels) > 100

    @given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
    def test_balanced_weights_give_each_class_the_same(self, labels: list[int]) -> None:
        weights = balanced_weights(np.array(labels))
        sums = np.bincount(labels, weights)
        assert np.allclose(sums[np.unique(labels)], 1)

    def test_balanced_batches(self) -> None:
        dataset = table_only({"a": 90, "b": 9, "c": 1})
        batches = replace(
            made(100), labels=dataset.labels, weights=balanced_weights(dataset.labels)
        )
        counts = Counter(label for batch in batches.epoch() for label in batch.labels.tolist())
        assert all(32 <= counts[label] <= 35 for label in range(3)), counts


class TestThreads:
    @pytest.fixture(autouse=True)
    def threads_before(self) -> None:
        """What other tests have left behind is none of these tests' business."""
        self.before = threading.enumerate()

    def alive(self) -> int:
        return sum(
            one.name.startswith("viewfinder")
            for one in threading.enumerate()
            if one not in self.before
        )

    def test_closing_early_leaves_no_threads(self) -> None:
        batches = made(500, workers=3)
        epoch: Any = batches.epoch()
        assert shown(next(epoch)) == [0, 1, 2, 3, 4]
        assert self.alive() > 0
        epoch.close()
        assert self.alive() == 0
        assert isinstance(batches.pictures, Made)
        assert len(batches.pictures.asked) <= 5 * (1 + 2 * 3)

    def test_an_epoch_that_nobody_reads_costs_nothing(self) -> None:
        batches = made(workers=3)
        batches.epoch()
        assert self.alive() == 0
        assert isinstance(batches.pictures, Made)
        assert batches.pictures.asked == []

    def test_an_epoch_read_to_its_end_leaves_no_threads(self) -> None:
        assert len(list(made(workers=3).epoch())) == 5
        assert self.alive() == 0


class TestRefusals:
    @pytest.mark.parametrize("size", [0, -1])
    def test_empty_batches(self, size: int) -> None:
        with pytest.raises(UsageError) as caught:
            made(batch_size=size)
        assert str(caught.value) == f"A batch needs at least one picture.\n  Received: {size}"

    @pytest.mark.parametrize(
        ("settings", "received"),
        [
            ({"labels": np.zeros(4, int)}, "4, 5"),
            ({"ids": np.zeros(6, np.uint64)}, "5, 6"),
            ({"weights": np.ones(7)}, "5, 7"),
            ({"labels": np.zeros(4, int), "weights": np.ones(3)}, "3, 4, 5"),
        ],
    )
    def test_lengths_that_do_not_fit(self, settings: dict[str, Any], received: str) -> None:
        with pytest.raises(UsageError) as caught:
            replace(made(5), **settings)
        assert caught.value.fact == "Pictures, labels, ids and weights must have equal lengths."
        assert caught.value.received == received

    @pytest.mark.filterwarnings("ignore:overflow")
    @pytest.mark.parametrize(
        "weights", [[-1, 2], [0, 0], [np.nan, 1], [np.inf, 1], [1e308, 1e308]], ids=str
    )
    def test_weights_that_are_no_shares(self, weights: list[float]) -> None:
        with pytest.raises(UsageError, match="finite, at least 0, and not all 0"):
            made(2, weights=np.array(weights))
