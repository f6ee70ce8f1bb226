"""A resumed training equals an uninterrupted one bit for bit."""

# ruff: noqa: ARG002 (Keras names the arguments)

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from viewfinder.augment import policy
from viewfinder.augment.batches import Batches
from viewfinder.core.errors import RunError
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import ids
from viewfinder.recipe import Recipe, Steps
from viewfinder.training import fit
from viewfinder.training.checkpoint import Checkpoint, Checkpoints
from viewfinder.training.losses import loss_for
from viewfinder.training.muon import Muon

COUNT, STEPS, EPOCHS = 20, 3, 3  # the last batch of an epoch is smaller
SIDE = 16


class Noise:
    """Dark pictures and light pictures."""

    shape = (SIDE, SIDE, 3)

    def __len__(self) -> int:
        return COUNT

    def read(self, positions):
        levels = np.random.default_rng(0).integers(0, 128, (COUNT, *self.shape), dtype=np.uint8)
        pixels = levels + (np.arange(COUNT, dtype=np.uint8) % 2 * 100)[:, None, None, None]
        return pixels[positions], np.ones(len(positions), bool)


def recipe(**training) -> Recipe:
    """Dropout, batch norm, a schedule, augmentation, and a stage of smaller pictures."""
    stages = [{"size": [SIDE // 2, SIDE // 2], "epochs": 2}]
    settings = {"epochs": EPOCHS, "batch_size": 8, "augment": "course", "stages": stages}
    return Recipe().changed(
        {
            "input": {"size": [SIDE, SIDE], "color": "rgb"},
            "model": {"width": 4, "dropout": 0.4},
            "training": settings | training,
        }
    )


class Averaged:
    """Averaged weights, weight decay, kernels by Muon, and a schedule that counts steps."""

    def __call__(self):
        rate = keras.optimizers.schedules.CosineDecay(0.02, decay_steps=EPOCHS * STEPS)
        return Muon(rate, use_ema=True, ema_momentum=0.8)


class Accumulated:
    """Gradients of two steps together, clipped."""

    def __call__(self):
        return keras.optimizers.SGD(
            0.05, momentum=0.9, gradient_accumulation_steps=2, global_clipnorm=1.0
        )


def small_network(width: int) -> keras.Model:
    """Return a small network with batch norm and dropout: tests compile it dozens of times."""
    layers, initial = keras.layers, keras.initializers.GlorotUniform
    inputs = keras.Input((SIDE, SIDE, 3), name="pixels")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(width, 3, strides=2, kernel_initializer=initial(1))(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.4, seed=2)(layers.GlobalAveragePooling2D()(x))
    outputs = layers.Dense(1, activation="sigmoid", kernel_initializer=initial(3))(x)
    return keras.Model(inputs, outputs)


def trained(
    folder: Path, optimizer=Averaged, *, callbacks=(), wanted=None, resume=False, compiled=False
):
    """Train, or go on with training, in this folder; what it came to, and the model.

    Compiling the steps takes most of the time, and says nothing about resuming but once.
    """
    wanted = wanted or recipe()
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(7 if resume else 1)  # the process's seed has no effect
    model = small_network(wanted.model.width)
    model.compile(
        optimizer=optimizer()(),
        loss=loss_for(Steps(), 2),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
        run_eagerly=not compiled,
    )
    names, labels = ids(map(str, range(COUNT))), np.arange(COUNT) % 2
    plan = policy("course")
    train = Batches(Noise(), labels, names, batch_size=8, shuffle=True, plan=plan, seed=5)
    judging = Batches(Noise(), labels, names, batch_size=8)
    said = []
    progress = Progress(0)
    progress.say = lambda text, **_: said.append(text)
    result = fit(
        model,
        train,
        judging,
        wanted,
        folder,
        progress=progress,
        callbacks=callbacks,
        resume=resume,
    )
    # The models are kept without it.
    np.savez(folder / "optimizer.npz", *map(np.asarray, model.optimizer.variables))
    return result, model, said


class StopAt(keras.callbacks.Callback):
    """Raises Ctrl-C after a batch of an epoch or of its validation, all numbered from 0."""

    def __init__(self, epoch: int, batch: int, *, validating: bool = False) -> None:
        super().__init__()
        self._at, self._validating, self._epoch = (epoch, batch), validating, 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not self._validating and (self._epoch, batch) == self._at:
            raise KeyboardInterrupt

    def on_test_batch_end(self, batch, logs=None):
        if self._validating and (self._epoch, batch) == self._at:
            raise KeyboardInterrupt


def assert_equal(whole: Path, resumed: Path) -> None:
    """Assert that histories are the same bytes, and models and optimizers the same values."""
    assert (resumed / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    for name in ("last.keras", "best.keras"):
        mine, theirs = (keras.saving.load_model(place / name) for place in (whole, resumed))
        for one, other in zip(mine.variables, theirs.variables, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=one.path)
    optimizers = [np.load(place / "optimizer.npz") for place in (whole, resumed)]
    assert optimizers[0].files == optimizers[1].files != []
    for name in optimizers[0].files:
        np.testing.assert_array_equal(*(one[name] for one in optimizers), err_msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted trainings, by optimizer."""
    root = tmp_path_factory.mktemp("whole")
    made: dict[tuple[type, bool], Path] = {}

    def of(optimizer: type, compiled: bool = False) -> Path:
        key = optimizer, compiled
        if key not in made:
            made[key] = root / f"{optimizer.__name__}-{compiled}"
            trained(made[key], optimizer, compiled=compiled)
        return made[key]

    return of


@pytest.mark.parametrize(
    ("optimizer", "cut"),
    [
        pytest.param(Averaged, (0, 0), marks=pytest.mark.slow),
        pytest.param(Averaged, (0, STEPS - 1), marks=pytest.mark.slow),  # an epoch's last batch
        pytest.param(Averaged, (1, 1), marks=pytest.mark.slow),
        (Averaged, (EPOCHS - 1, STEPS - 1)),  # the very last batch
        (Accumulated, (1, 1)),  # five steps: half of a gradient is accumulated
    ],
)
def test_stopped_after_a_batch(tmp_path, whole, optimizer, cut):
    result, _, _ = trained(tmp_path, optimizer, callbacks=[StopAt(*cut)])
    assert result.interrupted
    result, _, _ = trained(tmp_path, optimizer, resume=True)
    assert (result.ended, len(result.history)) == ("finished", EPOCHS)
    assert len(result.seconds) == EPOCHS
    assert_equal(whole(optimizer), tmp_path)


@pytest.mark.parametrize("cut", [pytest.param((0, 1), marks=pytest.mark.slow), (2, 0)])
def test_stopped_where_steps_are_compiled(tmp_path, whole, cut):
    trained(tmp_path, callbacks=[StopAt(*cut)], compiled=True)
    trained(tmp_path, resume=True, compiled=True)
    assert_equal(whole(Averaged, compiled=True), tmp_path)


@pytest.mark.parametrize(
    "epoch",
    [
        1,  # the end of a stage
        pytest.param(EPOCHS - 1, marks=pytest.mark.slow),  # the end of the training
    ],
)
def test_stopped_during_validation(tmp_path, whole, epoch):
    result, _, _ = trained(tmp_path, callbacks=[StopAt(epoch, 1, validating=True)])
    assert len(result.history) == epoch
    trained(tmp_path, resume=True)
    assert_equal(whole(Averaged), tmp_path)


@pytest.mark.slow
def test_stopped_again_and_again(tmp_path, whole):
    for number, cut in enumerate([(0, 1), (0, 2), (1, 2), (2, 0)]):
        result, _, _ = trained(tmp_path, callbacks=[StopAt(*cut)], resume=number > 0)
        assert result.interrupted
    trained(tmp_path, resume=True)
    assert_equal(whole(Averaged), tmp_path)


class Kill(StopAt):
    """Ends the training without a last checkpoint."""

    def on_train_batch_begin(self, batch, logs=None):
        if (self._epoch, batch) == self._at:
            raise SystemExit

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(("minutes", "left"), [(0, 2), (60, 0)])
def test_killed(tmp_path, whole, minutes, left):
    """Resumes from the last checkpoint: of the previous batch, or of the epoch's beginning."""
    wanted = recipe(checkpoint_minutes=minutes)
    with pytest.raises(SystemExit):
        trained(tmp_path, callbacks=[Kill(2, 2)], wanted=wanted)
    assert not (tmp_path / "last.keras").exists()
    newest = Checkpoints(tmp_path / "checkpoint").newest(print)
    assert (newest.epoch, newest.batch) == ((2, left) if left else (1, STEPS))
    _, _, said = trained(tmp_path, wanted=wanted, resume=True)
    assert said[0] == f"Resuming in epoch {newest.epoch + 1}, after {newest.batch} of 3 batches."
    assert_equal(whole(Averaged), tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-9],
        pytest.param(lambda data: data[:500], marks=pytest.mark.slow),
        pytest.param(lambda _: b"", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, whole, damage):
    trained(tmp_path, callbacks=[StopAt(2, 1)])
    files = sorted((tmp_path / "checkpoint").iterdir())
    assert len(files) == 2
    files[-1].write_bytes(damage(files[-1].read_bytes()))
    _, _, said = trained(tmp_path, resume=True)
    assert f"Checkpoint {files[-1].name} is damaged" in said[0]
    assert said[1] == "Resuming in epoch 2, after 3 of 3 batches."
    assert_equal(whole(Averaged), tmp_path)


def test_a_flipped_bit_is_detected(tmp_path):
    brief = recipe(epochs=1, stages=[])
    trained(tmp_path, callbacks=[StopAt(0, 1)], wanted=brief)
    for path in (tmp_path / "checkpoint").iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    said = []
    assert Checkpoints(tmp_path / "checkpoint").newest(said.append) is None
    assert len(said) == 2
    assert said[0].endswith("resuming from the one before it.")
    assert said[1].endswith("resuming from the beginning, for lack of another.")
    result, _, said = trained(tmp_path, wanted=brief, resume=True)  # from the beginning
    assert len(result.history) == 1
    anew = "No checkpoint is left: restarting the training."
    assert anew not in said  # no epoch was done
    for path in (tmp_path / "checkpoint").iterdir():
        path.unlink()
    _, _, said = trained(tmp_path, wanted=brief, resume=True)
    assert said[0] == anew


def test_an_unreadable_checkpoint_is_not_deleted_as_damaged(tmp_path):
    brief = recipe(epochs=1, stages=[])
    trained(tmp_path, callbacks=[StopAt(0, 1)], wanted=brief)
    newest = max((tmp_path / "checkpoint").iterdir())
    aside = newest.rename(tmp_path / "aside")
    newest.mkdir()
    with pytest.raises(RunError, match="cannot be read"):
        trained(tmp_path, wanted=brief, resume=True)
    newest.rmdir()
    aside.rename(newest)
    result, _, _ = trained(tmp_path, wanted=brief, resume=True)
    assert len(result.history) == 1


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    trained(tmp_path, callbacks=[StopAt(0, 1)])
    other = recipe().changed({"model.width": 5})
    with pytest.raises(RunError, match="does not fit the model"):
        trained(tmp_path, wanted=other, resume=True)


def test_the_state_of_a_callback_is_restored(tmp_path):
    class Counting(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.batches = []

        def on_train_batch_end(self, batch, logs=None):
            self.batches.append(batch)

        def get_state(self):
            return {"batches": self.batches}

        def set_state(self, state):
            self.batches = state["batches"]

    brief = recipe(epochs=2, stages=[])
    trained(tmp_path, callbacks=[Counting(), StopAt(1, 1)], wanted=brief)
    counting = Counting()
    trained(tmp_path, callbacks=[counting], wanted=brief, resume=True)
    assert counting.batches == [0, 1, 2] * 2  # as in an uninterrupted training


def test_stages_train_small_and_save_the_full_size(tmp_path):
    """Two stages are two fits of Keras, which callbacks see as one training."""
    seen, shapes = [], []

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append("begin")

        def on_epoch_begin(self, epoch, logs=None):
            seen.append(epoch)
            shapes.append(self.model.input_shape)

        def on_train_end(self, logs=None):
            seen.append("end")

    result, _, _ = trained(tmp_path, Accumulated, callbacks=[Watch()])
    assert seen == ["begin", *range(EPOCHS), "end"]
    assert list(result.history["size"]) == ["8x8", "8x8", "16x16"]
    assert shapes == [(None, None, None, 3)] * EPOCHS
    for name in ("last.keras", "best.keras"):
        assert keras.saving.load_model(tmp_path / name).input_shape == (None, SIDE, SIDE, 3)
    # The history's last accuracy is that of the saved model at its own size.
    last = keras.saving.load_model(tmp_path / "last.keras")
    pixels, _ = Noise().read(np.arange(COUNT))
    right = (np.asarray(last([pixels]))[:, 0] > 0.5) == np.arange(COUNT) % 2
    assert right.mean() == pytest.approx(result.history["val_accuracy"].iloc[-1])


def test_pictures_of_a_stage_are_the_same_pictures_smaller():
    train = Batches(Noise(), np.zeros(COUNT, int), ids(map(str, range(COUNT))), batch_size=8)
    small = dataclasses.replace(train, size=(8, 8)).batch(1).images.astype(float)
    means = train.batch(1).images.reshape(8, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    assert np.abs(small - means).max() <= 1


def test_checkpoints_keep_the_newest_two(tmp_path):
    kept = Checkpoints(tmp_path)
    for batch in range(5):
        kept.write(Checkpoint(0, batch, {"trainable": [np.full(3, batch)]}, {"a": [batch]}))
    assert len(list(tmp_path.iterdir())) == 2
    newest = kept.newest(print)
    assert (newest.batch, newest.memory) == (4, {"a": [4]})
    np.testing.assert_array_equal(newest.arrays["trainable"][0], [4, 4, 4])
