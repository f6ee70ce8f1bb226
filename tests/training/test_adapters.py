"""The batches that Keras receives in a plain `model.fit`."""

import random
import threading
import time

import keras
import numpy as np
import pytest

from viewfinder.augment import make_plan
from viewfinder.augment.batches import Batches
from viewfinder.core.randomness import ids
from viewfinder.training import BatchDataset

COUNT, SIZE = 23, 5  # the last of five batches is smaller


class Numbered:
    """Pictures whose pixels all equal the picture's number."""

    shape = (6, 6, 3)

    def __init__(self, count: int = COUNT, first: int = 0, slow_s: float = 0) -> None:
        self._pixels = np.broadcast_to(
            np.arange(first, first + count, dtype=np.uint8)[:, None, None, None],
            (count, *self.shape),
        )
        self._slow_s = slow_s

    def __len__(self) -> int:
        return len(self._pixels)

    def read(self, positions):
        time.sleep(self._slow_s)
        return self._pixels[positions].copy(), np.ones(len(positions), bool)


class Watched(keras.Model):
    """A model that records the batches of training and validation, and learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.trained: list[list[np.ndarray]] = []
        self.validated: list[list[np.ndarray]] = []
        self.head = keras.layers.Dense(1)

    def call(self, images):
        return self.head(keras.ops.cast(images, "float32")[:, 0, 0, :])

    def train_step(self, *given):
        self.trained.append([np.asarray(one) for one in given[-1] if one is not None])
        return ({"loss": 0.0}, given[0]) if len(given) == 2 else {"loss": 0.0}  # JAX has a state

    def test_step(self, *given):
        self.validated.append([np.asarray(one) for one in given[-1] if one is not None])
        return ({"loss": 0.0}, given[0]) if len(given) == 2 else {"loss": 0.0}


def watched_fit(*given, **options) -> Watched:
    model = Watched()
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    model.fit(*given, verbose=0, **options)
    return model


def batches(*, count: int = COUNT, first: int = 0, slow_s: float = 0, **options) -> Batches:
    pictures = Numbered(count, first, slow_s)
    names = ids(str(number) for number in range(first, first + count))
    options = {"batch_size": SIZE, "shuffle": True, "seed": 3} | options
    return Batches(pictures, np.arange(count) % 2, names, **options)


def numbers(steps: list[list[np.ndarray]]) -> list[int]:
    """Return the numbers of the pictures in these steps, in order."""
    return [int(image[0, 0, 0]) for step in steps for image in step[0]]


def test_each_epoch_has_every_picture_once_in_a_new_order():
    seen = numbers(watched_fit(BatchDataset(batches()), epochs=3).trained)
    epochs = [seen[start : start + COUNT] for start in range(0, 3 * COUNT, COUNT)]
    assert len(seen) == 3 * COUNT
    for epoch in epochs:
        assert sorted(epoch) == list(range(COUNT))
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert seen == numbers(watched_fit(BatchDataset(batches()), epochs=3).trained)
    assert seen != numbers(watched_fit(BatchDataset(batches(seed=4)), epochs=3).trained)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_keras_receives_the_batches_bit_for_bit(workers):
    plan = make_plan({"rotation": {"degrees": 30}, "brightness": {"strength": 0.4}})
    made = batches(plan=plan, workers=workers)
    steps = watched_fit(BatchDataset(made), epochs=2).trained
    expected = [made.batch(index, epoch) for epoch in range(2) for index in range(len(made))]
    assert [len(step[0]) for step in steps] == [5, 5, 5, 5, 3] * 2
    for (images, labels), batch in zip(steps, expected, strict=True):
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, batch.images)
        np.testing.assert_array_equal(labels, batch.labels)


def test_labels_stay_with_their_pictures():
    for images, labels in watched_fit(BatchDataset(batches()), epochs=2).trained:
        np.testing.assert_array_equal(images[:, 0, 0, 0] % 2, labels)


def test_validation_is_complete_and_in_order_in_every_epoch():
    validation = batches(count=7, first=100, shuffle=False)
    model = watched_fit(BatchDataset(batches()), epochs=3, validation_data=BatchDataset(validation))
    assert numbers(model.validated) == list(range(100, 107)) * 3
    assert set(numbers(model.trained)) == set(range(COUNT))


def test_class_weights_reach_the_samples():
    model = watched_fit(BatchDataset(batches()), epochs=2, class_weight={0: 1.0, 1: 5.0})
    for _, labels, weights in model.trained:
        np.testing.assert_array_equal(weights, np.where(labels == 1, 5, 1))


def test_a_resumed_fit_gets_the_epochs_of_an_uninterrupted_one():
    whole = numbers(watched_fit(BatchDataset(batches()), epochs=4).trained)
    resumed = watched_fit(BatchDataset(batches(), first_epoch=2), initial_epoch=2, epochs=4)
    assert numbers(resumed.trained) == whole[2 * COUNT :]


def test_a_second_fit_gets_new_orders():
    dataset = BatchDataset(batches())
    whole = numbers(watched_fit(BatchDataset(batches()), epochs=3).trained)
    first = numbers(watched_fit(dataset, epochs=1).trained)
    second = numbers(watched_fit(dataset, epochs=2).trained)
    assert first + second == whole


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_per_epoch_may_be_less_than_an_epoch():
    """Keras's `steps_per_epoch` ends an epoch while its own thread draws the next batch."""
    model = watched_fit(BatchDataset(batches(slow_s=0.01)), epochs=4, steps_per_epoch=2)
    seen = numbers(model.trained)
    assert len(set(seen[: 2 * SIZE])) == 2 * SIZE
    assert len(model.trained) == 2 + 2 + 1 + 2  # Keras continues a pass in the next
    assert all(image in range(COUNT) for image in seen)


def test_evaluate_and_predict_accept_a_batch_dataset():
    made = batches(shuffle=False)
    model = Watched()
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    model.evaluate(BatchDataset(made), verbose=0)
    assert numbers(model.validated) == list(range(COUNT))
    answers = model.predict(BatchDataset(made), verbose=0)
    assert answers.shape == (COUNT, 1)
    kernel = np.asarray(model.head.kernel)
    expected = np.repeat(np.arange(COUNT)[:, None], 3, axis=1) @ kernel
    np.testing.assert_allclose(answers, expected, rtol=1e-5)


def test_batches_are_prepared_ahead_while_keras_computes():
    class Counted(Numbered):
        reads = threading.Semaphore(0)

        def read(self, positions):
            if threading.current_thread().name.startswith("viewfinder"):
                self.reads.release()
            return super().read(positions)

    class Waiting(Watched):
        """Waits until two batches are read in the first step, and for one more in each step."""

        def train_step(self, *given):
            first = not self.trained
            for _ in range(2 if first else 1):
                assert len(self.trained) >= 19 or Counted.reads.acquire(timeout=30)
            return super().train_step(*given)

    model = Waiting()
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    names = ids(map(str, range(100)))
    made = Batches(Counted(100), np.zeros(100, int), names, batch_size=SIZE, workers=2)
    model.fit(BatchDataset(made), verbose=0)
    assert len(model.trained) == 20


def test_keras_shuffle_has_no_effect():
    plain = numbers(watched_fit(BatchDataset(batches()), epochs=2, shuffle=False).trained)
    random.seed(5)
    assert numbers(watched_fit(BatchDataset(batches()), epochs=2, shuffle=True).trained) == plain


def test_single_batches_can_be_read_outside_of_a_fit():
    made = batches()
    dataset = BatchDataset(made, first_epoch=3)
    for index in (4, 0, 2):
        images, labels = dataset[index]
        np.testing.assert_array_equal(images, made.batch(index, 3).images)
        np.testing.assert_array_equal(labels, made.batch(index, 3).labels)


def test_an_error_of_the_pictures_ends_the_fit():
    class Broken(Numbered):
        def read(self, positions):  # noqa: ARG002
            raise OSError("the disk is gone")

    made = Batches(Broken(), np.zeros(COUNT, int), ids(map(str, range(COUNT))), batch_size=SIZE)
    with pytest.raises(Exception, match="the disk is gone"):
        watched_fit(BatchDataset(made))


def test_the_length_is_the_number_of_batches():
    assert BatchDataset(batches()).num_batches == 5
    assert BatchDataset(batches(drop_last=True)).num_batches == 4


def test_class_weights_go_along_with_each_picture():
    made = batches(shuffle=False)
    weights = np.linspace(1, 2, int(made.labels.max()) + 1).astype(np.float32)
    images, labels, given = BatchDataset(made, class_weights=weights)[0]
    expected = made.batch(0)
    np.testing.assert_array_equal(images, expected.images)
    np.testing.assert_array_equal(labels, expected.labels)
    np.testing.assert_array_equal(given, weights[expected.labels])


@pytest.mark.parametrize(("reading", "computing"), [(0.02, 0.0), (0.0, 0.02)])
def test_waiting_is_the_time_in_which_the_network_has_no_batch(reading, computing):
    labels = np.zeros(20, np.int64)
    pictures = Numbered(20, slow_s=reading)
    batches = Batches(pictures, labels, ids(map(str, range(20))), batch_size=1, workers=1)
    feed = BatchDataset(batches)
    began = time.perf_counter()
    feed.on_epoch_begin()
    for index in range(len(batches)):
        feed[index]
        time.sleep(computing)
    elapsed = time.perf_counter() - began
    assert (feed.waited > elapsed / 2) == (reading > 0)
    assert (batches.stages.seconds["reading"] > elapsed / 2) == (reading > 0)
