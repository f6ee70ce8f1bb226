"""Mixup, held against what NumPy makes of the same weights."""

import numpy as np
import pytest

from viewfinder.augment import Mixing
from viewfinder.augment.batches import Batches
from viewfinder.core.randomness import Randomness, ids

COUNT, CLASSES = 400, 3
LABELS = np.arange(COUNT) % CLASSES
NAMES = ids(map(str, range(COUNT)))


def pixels(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 6, 5, channels), dtype=np.uint8)


class Memory:
    shape = (6, 5, 3)

    def __len__(self) -> int:
        return COUNT

    def read(self, positions):
        return pixels()[positions], np.ones(len(positions), bool)


def drawn(share: float, epoch: int = 0) -> Mixing:
    return Mixing.drawn(share, Randomness(3), epoch, NAMES)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_and_labels_are_blended_alike(channels):
    mixing, images = drawn(0.5), pixels(channels)
    before = images.copy()
    weights = mixing.weights[:, None, None, None]
    wanted = weights * images + (1 - weights) * images[mixing.partners]
    assert np.abs(mixing.images(images) - wanted).max() <= 0.5 + 1e-6
    np.testing.assert_array_equal(images, before)
    shares = mixing.shares(LABELS, CLASSES)
    assert shares.dtype == np.float32
    for place in range(COUNT):
        row = np.zeros(CLASSES)
        row[LABELS[place]] += mixing.weights[place]
        row[LABELS[mixing.partners[place]]] += 1 - mixing.weights[place]
        np.testing.assert_allclose(shares[place], row, atol=1e-6)
    np.testing.assert_array_equal(shares.argmax(axis=1), LABELS)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_so_many_are_blended_with_even_weights(share):
    weights = drawn(share).weights
    is_blended = weights < 1
    assert is_blended.mean() == pytest.approx(share, abs=0.08)
    assert weights.min() >= 0.5
    if share == 1:
        assert weights.mean() == pytest.approx(0.75, abs=0.02)
        assert weights.std() == pytest.approx(0.5 / np.sqrt(12), abs=0.01)
    assert sorted(drawn(share).partners) == list(range(COUNT))
    assert not np.array_equal(drawn(0.5).weights, drawn(0.5, epoch=1).weights)


def test_a_batch_is_the_same_whoever_makes_it_and_whenever():
    made = [
        Batches(
            Memory(), LABELS, NAMES, batch_size=32, mixup=0.5, shuffle=True, seed=1, workers=workers
        )
        for workers in (0, 3)
    ]
    for index, batch in enumerate(made[1].epoch(2)):
        alone = made[0].batch(index, 2)
        np.testing.assert_array_equal(batch.images, alone.images)
        np.testing.assert_array_equal(batch.targets, alone.targets)
        np.testing.assert_array_equal(batch.labels, LABELS[batch.positions])
        assert batch.targets.shape == (len(batch.labels), CLASSES)
    plain = Batches(Memory(), LABELS, NAMES, batch_size=32).batch(0)
    assert plain.shares is None
    assert plain.targets is plain.labels
