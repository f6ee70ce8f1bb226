"""The fit: the files in its folder, whatever ends it."""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from viewfinder.augment.batches import Batches
from viewfinder.core.randomness import ids
from viewfinder.models import build_model
from viewfinder.recipe import Recipe
from viewfinder.run_folder import best_epoch
from viewfinder.training import callbacks as kept
from viewfinder.training import compile_model, fit
from viewfinder.training.callbacks import save_model

COUNT = 24
COSINE = {"schedule": "cosine", "optimizer": {"learning_rate": 0.01}}


class Noise:
    """Dark pictures and light pictures."""

    shape = (8, 8, 1)

    def __init__(self) -> None:
        levels = np.random.default_rng(0).integers(0, 128, (COUNT, *self.shape), dtype=np.uint8)
        self._pixels = levels + (np.arange(COUNT, dtype=np.uint8) % 2 * 100)[:, None, None, None]

    def __len__(self) -> int:
        return COUNT

    def read(self, positions):
        return self._pixels[positions], np.ones(len(positions), bool)


def recipe(**training) -> Recipe:
    return Recipe().changed(
        {
            "input": {"size": [8, 8], "color": "gray"},
            "model": {"kind": "conv-stack", "filters": [4], "dense": [8], "dropout": 0.3},
            "training": {"epochs": 3, "batch_size": 8, **COSINE, **training},
        }
    )


def fitted(folder, *, callbacks=(), wanted: Recipe | None = None):
    wanted = wanted or recipe()
    folder.mkdir(exist_ok=True)
    model = build_model(wanted, 2)
    names = ids(map(str, range(COUNT)))
    options = {"batch_size": wanted.training.batch_size, "seed": wanted.seed}
    labels = np.arange(COUNT) % 2
    compile_model(model, wanted, steps=3 * wanted.training.epochs)
    plan = wanted.training.plan
    train = Batches(Noise(), labels, names, shuffle=True, plan=plan, **options)
    validation = Batches(Noise(), labels, names, **options)
    return fit(model, train, validation, wanted, folder, callbacks=callbacks), model


class StopAt(keras.callbacks.Callback):
    """Raises Ctrl-C after a batch of an epoch, both numbered from 0."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self._at = (epoch, batch)
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        if (self._epoch, batch) == self._at:
            raise KeyboardInterrupt


def weights(path):
    return keras.saving.load_model(path).get_weights()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training: its result, model and folder. Tests only read it."""
    folder = tmp_path_factory.mktemp("fits") / "whole"
    return (*fitted(folder), folder)


def test_the_last_model_has_the_trained_weights(whole):
    result, model, folder = whole
    assert not result.interrupted
    assert len(result.seconds) == 3
    for mine, kept_one in zip(model.get_weights(), weights(folder / "last.keras"), strict=True):
        np.testing.assert_array_equal(mine, kept_one)
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.keras",
        "checkpoint",
        "history.csv",
        "last.keras",
    ]


def test_the_history_has_the_documented_columns_and_repeats(whole, tmp_path):
    result, _, folder = whole
    names = ["epoch", "accuracy", "loss", "val_accuracy", "val_loss", "learning_rate", "kept"]
    assert list(result.history) == names
    keras.utils.set_random_seed(5)  # the global seed has no effect
    fitted(tmp_path / "b")
    assert (tmp_path / "b/history.csv").read_bytes() == (folder / "history.csv").read_bytes()
    other, _ = fitted(tmp_path / "c", wanted=recipe().changed({"seed": 1}))
    assert not other.history["loss"].equals(result.history["loss"])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_best_model_has_the_scores_of_its_epoch(tmp_path, precision):
    wanted = recipe(epochs=6, optimizer={"learning_rate": 0.05}, precision=precision)
    result, model = fitted(tmp_path / "a", wanted=wanted)
    assert result.best_epoch == best_epoch(result.history)
    best = keras.saving.load_model(tmp_path / "a/best.keras")
    pixels, _ = Noise().read(np.arange(COUNT))
    shares, labels = np.asarray(best.predict_on_batch(pixels), float)[:, 0], np.arange(COUNT) % 2
    right = (shares > 0.5) == labels
    row = result.history[result.history["epoch"] == result.best_epoch].iloc[0]
    assert right.mean() == pytest.approx(row["val_accuracy"])
    loss = -np.log(np.where(labels == 1, shares, 1 - shares)).mean()
    assert loss == pytest.approx(row["val_loss"], rel=1e-5)  # in bfloat16, it would be 1e-3
    computing = {layer.compute_dtype for layer in model.layers[1:-1]}
    assert computing == {precision.removeprefix("mixed_")}


def test_ctrl_c_in_the_second_epoch_keeps_the_first(whole, tmp_path):
    result, model = fitted(tmp_path / "cut", callbacks=[StopAt(1, 1)])
    assert result.interrupted
    assert (result.best_epoch, len(result.history)) == (1, 1)
    table = pd.read_csv(tmp_path / "cut/history.csv")
    pd.testing.assert_frame_equal(table, result.history)
    assert table["loss"][0] == whole[0].history["loss"][0]
    last, best = weights(tmp_path / "cut/last.keras"), weights(tmp_path / "cut/best.keras")
    for mine, kept_one in zip(model.get_weights(), last, strict=True):
        np.testing.assert_array_equal(mine, kept_one)
    assert any(not np.array_equal(a, b) for a, b in zip(last, best, strict=True))


def test_ctrl_c_in_the_first_epoch_saves_a_model_that_predicts(tmp_path):
    result, _ = fitted(tmp_path / "cut", callbacks=[StopAt(0, 1)])
    assert result.interrupted
    assert result.best_epoch is None
    assert result.history.empty
    for name in ("last.keras", "best.keras"):
        answers = keras.saving.load_model(tmp_path / "cut" / name).predict_on_batch(
            np.zeros((2, 8, 8, 1), np.uint8)
        )
        assert np.isfinite(np.asarray(answers)).all()


@pytest.mark.parametrize("stopped", ["save_model", "written_whole"])
def test_ctrl_c_while_an_epoch_is_saved_saves_it(tmp_path, monkeypatch, stopped):
    """Best model and history agree on the epochs, whenever Ctrl-C comes."""
    original, calls = getattr(kept, stopped), []

    def interrupting(*given):
        calls.append(given)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return original(*given)

    monkeypatch.setattr(kept, stopped, interrupting)
    result, model = fitted(tmp_path / "cut")
    assert result.interrupted
    assert len(pd.read_csv(tmp_path / "cut/history.csv")) == 1
    assert result.best_epoch == best_epoch(result.history) == 1
    for mine, kept_one in zip(
        model.get_weights(), weights(tmp_path / "cut/best.keras"), strict=True
    ):
        np.testing.assert_array_equal(mine, kept_one)


class PressCtrlC(keras.callbacks.Callback):
    """Sends a real signal where Python would lose the exception."""

    def __init__(self, press, times: int = 1) -> None:
        super().__init__()
        self._press, self._times = press, times

    def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002
        if batch == 1:
            for _ in range(self._times):
                self._press()


def in_a_destructor():
    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    Dying()


@pytest.mark.parametrize("press", [in_a_destructor, lambda: signal.raise_signal(signal.SIGINT)])
def test_a_real_ctrl_c_ends_the_training_wherever_it_comes(tmp_path, press):
    before = signal.getsignal(signal.SIGINT)
    result, _ = fitted(tmp_path / "cut", callbacks=[PressCtrlC(press)])
    assert result.interrupted
    assert result.history.empty
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_ctrl_c_ends_it_at_once(tmp_path):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
            seen.append(batch)

    press = PressCtrlC(lambda: signal.raise_signal(signal.SIGINT), times=2)
    result, _ = fitted(tmp_path / "cut", callbacks=[Watch(), press])
    assert result.interrupted
    assert seen == [0]


def test_a_handler_of_ones_own_is_left_alone(tmp_path):
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
    try:
        press = PressCtrlC(lambda: signal.raise_signal(signal.SIGINT))
        result, _ = fitted(tmp_path / "a", callbacks=[press], wanted=recipe(epochs=1))
    finally:
        signal.signal(signal.SIGINT, before)
    assert not result.interrupted
    assert len(pressed) == 1


def test_a_fit_in_another_thread_works(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        fit_there = pool.submit(fitted, tmp_path / "there", wanted=recipe(epochs=1))
        result, _ = fit_there.result()
    assert not result.interrupted


def test_a_model_file_is_replaced_atomically(whole, tmp_path, monkeypatch):
    _, model, folder = whole
    path = Path(shutil.copy(folder / "last.keras", tmp_path))
    before = path.read_bytes()

    def failing(path):
        path.write_bytes(b"half a mod")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "save", lambda _, path: failing(path))
    with pytest.raises(KeyboardInterrupt):
        save_model(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_cosine_shows_in_the_history(whole):
    rates = list(whole[0].history["learning_rate"])
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.0001, rel=1e-3)


def test_the_norms_of_averaged_weights_are_measured_without_augmentation(tmp_path):
    # A white box over most of every picture: training and validation pictures differ widely.
    hidden = {"erase": {"probability": 1.0, "area": [0.9, 0.9], "level": 255}}
    settings = {"model.kind": "compact", "model.width": 4}
    wanted = recipe(augment=hidden, average_epochs=1.0).changed(settings)
    _, model = fitted(tmp_path / "run", wanted=wanted)
    seen = keras.Model(model.inputs, model.get_layer("stem_conv").output)
    maps = seen.predict_on_batch(Noise().read(np.arange(COUNT))[0])
    norm = model.get_layer("stem_norm")
    np.testing.assert_allclose(norm.moving_mean, maps.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, maps.var(axis=(0, 1, 2)), rtol=0.05)
