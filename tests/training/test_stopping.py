"""Callbacks that end a training, in any `model.fit` and in a run; divergence and memory."""

# ruff: noqa: ARG002 (Keras names the arguments)

import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from test_resume import COUNT, STEPS, Averaged, Noise, StopAt, assert_equal, recipe, trained

from viewfinder.augment.batches import Batches
from viewfinder.core.errors import OutOfMemory, RecipeError, UsageError
from viewfinder.core.randomness import ids
from viewfinder.recipe import Recipe
from viewfinder.recipe.stages import Stage, epoch_sizes
from viewfinder.recipe.stopping import direction_of, known_metric
from viewfinder.training.memory import is_out_of_memory, out_of_memory
from viewfinder.training.stopping import (
    StopAfter,
    StopAtTarget,
    StopBefore,
    StopWithoutProgress,
)


class Weight(keras.Model):
    """A model whose only weight and whose metrics the test sets."""

    def __init__(self, rows: list[dict[str, float]]) -> None:
        super().__init__()
        self.number = self.add_weight(shape=(), initializer="zeros", name="number")
        self.rows = rows

    def call(self, images):
        return images[:, :1] * self.number


def ran(stopper, rows: list[dict[str, float]]) -> tuple[int, float]:
    """Return the epoch after which the training stops (0: never), and the final weight."""
    model = Weight(rows)
    model(np.ones((1, 1), "float32"))
    stopper.set_model(model)
    stopper.on_train_begin()
    for epoch, logs in enumerate(rows):
        model.number.assign(epoch + 1)
        model.stop_training = False
        stopper.on_epoch_end(epoch, logs)
        if model.stop_training:
            stopper.on_train_end()
            return epoch + 1, float(model.number)
    stopper.on_train_end()
    return 0, float(model.number)


def accuracies(*values: float, name: str = "val_accuracy") -> list[dict[str, float]]:
    return [{"loss": 1.0, name: value, "val_loss": 1.0} for value in values]


@pytest.mark.parametrize(
    ("hold", "values", "stopped"),
    [
        (1, (0.5, 0.9, 0.2), 2),
        (1, (0.5, 0.8999, 0.2), 0),
        (2, (0.9, 0.5, 0.95, 0.9), 4),
        (2, (0.9, 0.5, 0.9, 0.5), 0),
        (3, (0.9, 0.9, 0.9, 0.1), 3),
    ],
)
def test_a_target_is_reached_and_held(hold, values, stopped):
    end, _ = ran(StopAtTarget("val_accuracy", 0.9, hold=hold), accuracies(*values))
    assert end == stopped


def test_the_best_weights_are_restored():
    assert ran(StopAtTarget("accuracy", 0.8, hold=2), accuracies(0.1, 0.9, 0.8, name="acc")) == (
        3,
        2.0,
    )
    assert ran(StopAtTarget("acc", 0.99), accuracies(0.3, 0.2, 0.1, name="accuracy")) == (0, 1.0)
    kept = StopAtTarget("val_acc", 0.8, restore_best=False, hold=2)
    assert ran(kept, accuracies(0.9, 0.8)) == (2, 2.0)


def test_a_loss_is_reached_from_above():
    rows = [{"val_loss": value} for value in (1.0, 0.5, 0.2)]
    assert ran(StopAtTarget("val_loss", 0.5), rows) == (2, 2.0)
    assert ran(StopAtTarget("val_loss", 0.1), rows) == (0, 3.0)
    with pytest.raises(UsageError, match="Cannot tell whether larger or smaller"):
        StopAtTarget("val_wonder", 1.0)
    up = StopAtTarget("val_wonder", 1.0, direction="up")
    assert ran(up, [{"val_wonder": 1.5}]) == (1, 1.0)


def test_an_unknown_metric_is_reported_with_the_known_ones():
    with pytest.raises(UsageError, match="There is no metric 'val_accuracy'") as refused:
        ran(StopAtTarget("val_accuracy", 0.5), [{"loss": 1.0, "accuracy": 0.9}])
    assert "known: loss, accuracy" in str(refused.value)


@pytest.mark.parametrize(
    ("patience", "rows", "stopped"),
    [
        (2, [(0.5, 1.0), (0.4, 1.0), (0.4, 1.0)], 3),
        (2, [(0.5, 1.0), (0.5, 0.9), (0.5, 0.8), (0.5, 0.7)], 0),
        (2, [(0.5, 1.0), (0.5, 1.0), (0.5, 1.0)], 3),
        (1, [(0.5, 1.0), (0.6, 9.0), (0.6, 9.0)], 3),
        (3, [(0.9, 1.0), (0.5, 1.0), (0.5, 1.0), (0.91, 1.0), (0.5, 1.0), (0.5, 1.0)], 0),
    ],
)
def test_patience_counts_epochs_since_the_best(patience, rows, stopped):
    logs = [{"val_accuracy": accuracy, "val_loss": loss} for accuracy, loss in rows]
    assert ran(StopWithoutProgress(patience), logs)[0] == stopped


def test_patience_restores_the_best_weights_whatever_ends_the_training():
    rows = accuracies(0.5, 0.9, 0.7, 0.6)
    assert ran(StopWithoutProgress(2), rows) == (4, 2.0)
    assert ran(StopWithoutProgress(9), rows) == (0, 2.0)
    assert ran(StopWithoutProgress(2, restore_best=False), rows) == (4, 4.0)


def test_epochs_without_validation_are_ignored():
    unjudged = {"loss": 1.0, "accuracy": 0.9}
    rows = [unjudged, *accuracies(0.9), unjudged, *accuracies(0.9)]
    assert ran(StopAtTarget("val_accuracy", 0.9, hold=2, validation_freq=2), rows)[0] == 4
    with pytest.raises(UsageError, match="There is no metric 'val_accuracy'"):
        ran(StopAtTarget("val_accuracy", 0.9, validation_freq=3), rows)
    with pytest.raises(UsageError, match="at least 1"):
        StopWithoutProgress(2, validation_freq=0)


@pytest.mark.parametrize(
    "make", [lambda: StopWithoutProgress(2), lambda: StopAtTarget("val_acc", 0.9, hold=2)]
)
def test_a_callback_resets_for_the_next_model(make):
    stopper = make()
    assert ran(stopper, accuracies(0.9, 0.95, 0.9, 0.9)) == ran(
        make(), accuracies(0.9, 0.95, 0.9, 0.9)
    )
    rows = accuracies(0.5, 0.6, 0.4, 0.3)
    assert ran(stopper, rows) == ran(make(), rows)


def test_in_a_run_the_last_model_is_that_of_the_last_epoch(tmp_path, whole):
    trained(tmp_path, callbacks=[StopWithoutProgress(99), StopAtTarget("accuracy", 1.1)])
    assert_equal(whole[1], tmp_path)


def test_the_state_resumes():
    rows = accuracies(0.9, 0.9, 0.9, 0.9)
    for make in (lambda: StopAtTarget("val_acc", 0.5, hold=4), lambda: StopWithoutProgress(3)):
        whole, first, second = make(), make(), make()
        assert ran(whole, rows)[0] == 4
        assert ran(first, rows[:2])[0] == 0
        second.set_state(first.get_state())
        assert ran(second, rows[2:])[0] == 2


def test_the_callbacks_work_in_a_plain_fit():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    x, y = np.zeros((8, 1), "float32"), np.zeros((8, 1), "float32")
    history = model.fit(x, y, epochs=9, verbose=0, callbacks=[StopAtTarget("acc", 1.0, hold=3)])
    assert len(history.history["loss"]) == 3
    seldom = StopWithoutProgress(3, validation_freq=2)
    history = model.fit(
        x, y, epochs=9, verbose=0, validation_data=(x, 1 - y), validation_freq=2, callbacks=[seldom]
    )
    assert (len(history.history["loss"]), seldom.reason) == (6, "patience")
    times = iter(range(100))
    after = StopAfter(5, clock=lambda: next(times))
    model.fit(x, y, batch_size=1, epochs=9, verbose=0, callbacks=[after])
    assert after.reason == "time"


@pytest.mark.parametrize(
    ("batches", "spare", "done"),
    [
        (0, 0, 100),  # the deadline itself
        (0, 30, 70),
        (40, 0, 80),  # 40 batches without a backward pass take as long as 20 steps
        (40, 30, 50),
        (1000, 0, 2),  # as soon as a step has been measured
    ],
)
def test_a_training_ends_in_time_for_what_follows(batches, spare, done):
    seconds = iter(range(1, 1000))
    stopper = StopBefore(100, batches=batches, spare=spare, clock=lambda: float(next(seconds)))
    stopper.set_model(Weight([]))
    stopper.on_epoch_begin(0)
    steps = 0
    while stopper.reason is None:
        stopper.on_train_batch_end(steps)
        steps += 1
    assert (steps, stopper.reason) == (done, "time")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("acc", "accuracy"), ("val_acc", "val_accuracy"), ("val_loss", "val_loss")],
)
def test_short_names_are_accepted(name, meant):
    assert known_metric(name, ["loss", "accuracy", "val_loss", "val_accuracy"]) == meant


def test_directions():
    assert {direction_of(name) for name in ("acc", "val_auc", "f1_score")} == {"up"}
    assert {direction_of(name) for name in ("loss", "val_mean_absolute_error")} == {"down"}


# --- The settings ---------------------------------------------------------------------------------


def test_targets_and_times_in_a_recipe():
    stop = (
        Recipe()
        .changed({"training.stop": {"target": "val_acc=95%", "hold": 2, "max_time": "1h 30m"}})
        .training.stop
    )
    assert (stop.target, stop.hold, stop.max_time) == ("val_accuracy=0.95", 2, 5400.0)
    for text, seconds in (("90s", 90), ("1.5m", 90), ("2h", 7200), (30, 30), ("1h1s", 3601)):
        assert Recipe().changed({"training.stop.max_time": text}).training.stop.max_time == seconds


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"target": "val_acuracy=0.9"}, "did you mean 'val_accuracy'"),
        ({"target": "auc=0.9"}, "known: accuracy, loss, val_accuracy, val_loss"),
        ({"target": "val_accuracy"}, "METRIC=VALUE"),
        ({"target": "val_accuracy=95"}, "from 0 to 1"),
        ({"target": "loss=nan"}, "METRIC=VALUE"),
        ({"hold": 0}, "greater than or equal to 1"),
        ({"hold": 2}, "no effect without a target"),
        ({"target": "acc=0.9", "hold": 11}, "could not hold for so many epochs"),
        ({"max_time": "soon"}, "10m, 90s or 1h30m"),
        ({"max_time": 0}, "greater than 0"),
    ],
)
def test_invalid_settings_are_refused_before_any_picture_is_read(setting, said):
    with pytest.raises(RecipeError) as refused:
        Recipe().changed({"training.stop": setting})
    assert said in str(refused.value)


def test_stages_in_a_recipe():
    stages = [{"size": 0.5, "epochs": 0.4}, {"size": [24, 28], "epochs": 2}]
    wanted = Recipe().changed(
        {"input": {"size": [64, 96], "color": "rgb"}, "training": {"epochs": 10, "stages": stages}}
    )
    assert wanted.epoch_sizes == [(32, 48)] * 4 + [(24, 28)] * 2 + [(64, 96)] * 4
    # However few the epochs, the last is at full size; small pictures keep their size.
    shares = [Stage(size=0.5, epochs=0.5), Stage(size=0.75, epochs=0.29)]
    assert epoch_sizes(shares, 2, (64, 64)) == [(32, 32), (64, 64)]
    assert epoch_sizes(shares, 100, (64, 64)).count((48, 48)) == 29
    assert epoch_sizes(shares, 4, (28, 40)) == [(28, 40)] * 4
    with pytest.raises(RecipeError, match="leave no epoch"):
        wanted.changed({"training.epochs": 3})


# --- A run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training: its result, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return trained(folder)[0], folder


def test_the_reason_is_reported(tmp_path, whole):
    reached = {"target": "val_loss=100", "hold": 2}
    result, _, _ = trained(tmp_path / "a", wanted=recipe(stop=reached))
    assert (result.ended, len(result.history)) == ("target", 2)
    assert result.why.startswith("val_loss has reached its target of 100 in epoch 2")
    assert whole[0].ended == "finished"

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    result, _, _ = trained(tmp_path / "c", callbacks=[Stop()])
    assert (result.ended, result.interrupted, len(result.history)) == ("callback", False, 1)


def test_a_time_limit_ends_the_training_after_the_batch(tmp_path, whole):
    class Clock:
        def __init__(self):
            self.looks = 0

        def __call__(self):
            self.looks += 1
            return self.looks

    batches = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)

    after = StopAfter(STEPS + 1 + 2, clock=Clock())  # called after batches and after epochs
    result, _, _ = trained(tmp_path / "cut", callbacks=[Watch(), after])
    assert result.ended == "time"
    assert batches == [0, 1, 2, 0, 1]
    assert (len(result.history), result.best_epoch) == (1, 1)
    trained(tmp_path / "cut", resume=True)
    assert_equal(whole[1], tmp_path / "cut")


class Poison(keras.callbacks.Callback):
    """Weights that are NaN, from a batch of an epoch on."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self._at, self._epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self._epoch, batch) == self._at:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            kernel = self.model.trainable_variables[0]
            kernel.assign(np.full(kernel.shape, np.nan))


@pytest.mark.parametrize(
    "at",
    [
        (0, 0),
        pytest.param((0, 1), marks=pytest.mark.slow),
        pytest.param((2, 1), marks=pytest.mark.slow),
        (1, STEPS - 1),
    ],
)
def test_a_diverged_training_restores_the_last_finite_weights(tmp_path, at):
    result, _, _ = trained(tmp_path, callbacks=[Poison(*at)])
    assert result.ended == "diverged"
    assert f"epoch {at[0] + 1}, batch {at[1] + 1}" in result.why
    assert len(result.history) == at[0]
    for name in ("last.keras", "best.keras"):
        for weight in keras.saving.load_model(tmp_path / name).get_weights():
            assert np.isfinite(weight).all()


@pytest.mark.parametrize(
    "message",
    [
        "RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes",
        pytest.param("", marks=pytest.mark.slow),
    ],
)
def test_out_of_memory_names_a_batch_size_that_fits(tmp_path, whole, message):
    class Full(StopAt):
        def on_train_batch_begin(self, batch, logs=None):
            if (self._epoch, batch) == self._at:
                raise RuntimeError(message) if message else MemoryError

    with pytest.raises(OutOfMemory, match=r"batch of 8 pictures of 16 × 16 × 3") as refused:
        trained(tmp_path, callbacks=[Full(1, 2)])
    assert "training.batch_size=4" in refused.value.remedy
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 2
    assert keras.saving.load_model(tmp_path / "best.keras").count_params() > 0
    trained(tmp_path, resume=True)
    assert_equal(whole[1], tmp_path)


@pytest.mark.parametrize(
    ("room", "named"),
    [(7, "training.batch_size=4"), (3, "training.batch_size=2"), (0, ""), (4, "")],
)
def test_the_named_batch_size_was_tried(room, named):
    class Tight(keras.Model):
        def make_train_function(self, force=False):
            assert force

        def train_on_batch(self, images, labels):
            assert len(images) == len(labels)
            if len(images) > room:
                raise MemoryError
            assert room != 4, "a backend that is of no more use"

    batches = Batches(Noise(), np.zeros(COUNT, int), ids(map(str, range(COUNT))), batch_size=16)
    error = out_of_memory(Tight(), batches, lambda _: None)
    assert "batch of 16 pictures of 16 × 16 × 3" in error.fact
    assert (named or "a smaller input.size") in error.remedy
    assert ("training.batch_size" in error.remedy) == bool(named)


LIMITED = """
import pathlib, resource, sys
import numpy as np
from viewfinder.augment.batches import Batches
from viewfinder.core.errors import OutOfMemory
from viewfinder.models import build_model
from viewfinder.core.randomness import ids
from viewfinder.recipe import Recipe
from viewfinder.training import compile_model, fit

COUNT = 4096

class Black:
    shape = (256, 256, 3)
    def __len__(self):
        return COUNT
    def read(self, positions):
        return np.zeros((len(positions), *self.shape), np.uint8), np.ones(len(positions), bool)

# As floats, such a batch takes 3.2 GB. Not a convolution: without memory, TensorFlow's crashes.
recipe = Recipe().changed({
    "input": {"size": Black.shape[:2], "color": "rgb"},
    "model": {"kind": "dense", "dense": [2]},
    "training": {"epochs": 1, "batch_size": COUNT, "optimizer": "sgd"},
})
model = build_model(recipe, 2)
compile_model(model, recipe, steps=1)
batches = Batches(Black(), np.arange(COUNT) % 2, ids(map(str, range(COUNT))), batch_size=COUNT)
used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**30,) * 2)
try:
    fit(model, batches, batches, recipe, pathlib.Path(sys.argv[1]))
except OutOfMemory as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or keras.backend.backend() != "tensorflow",
    reason="limits the memory of a process as Linux and TensorFlow know it",
)
def test_a_process_out_of_memory_names_a_batch_size_that_fits(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "too small for a batch of 4096" in done.stdout, done.stderr[-2000:]
    assert 256 <= int(re.search(r"training.batch_size=(\d+)", done.stdout)[1]) <= 2048
    assert (tmp_path / "last.keras").exists()


def test_other_errors_are_not_out_of_memory(tmp_path):
    assert not is_out_of_memory(ValueError("memory of an elephant"))

    class Broken(StopAt):
        def on_train_batch_begin(self, batch, logs=None):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        trained(tmp_path, Averaged, callbacks=[Broken(0, 0)])


def test_stages_are_refused_for_a_network_of_one_size():
    from viewfinder.training.step import elastic

    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    with pytest.raises(RecipeError, match="does not take the sizes"):
        elastic(model, [(4, 4)])
