"""The fit: what it leaves in its folder, however it ends."""

import signal
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pandas as pd
import pytest

from viewfinder.batches.pictures import Batches
from viewfinder.core.randomness import ids
from viewfinder.models import build_model
from viewfinder.recipe import Recipe
from viewfinder.run import best_epoch
from viewfinder.training import callbacks as kept
from viewfinder.training import compile_model, fit
from viewfinder.training.callbacks import save_model

COUNT = 24


class Noise:
    """Dark pictures and light ones."""

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
            "training": {"epochs": 3, "batch_size": 8, **training},
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
    """Ctrl-C after a batch of an epoch, both counted from 0."""

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


def test_the_last_model_is_what_training_came_to(tmp_path):
    result, model = fitted(tmp_path / "a")
    assert not result.interrupted
    assert len(result.seconds) == 3
    for mine, kept_one in zip(model.get_weights(), weights(tmp_path / "a/last.keras"), strict=True):
        np.testing.assert_array_equal(mine, kept_one)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "best.keras",
        "checkpoint",
        "history.csv",
        "last.keras",
    ]


def test_the_history_has_the_documented_columns_and_repeats(tmp_path):
    result, _ = fitted(tmp_path / "a")
    names = ["epoch", "accuracy", "loss", "val_accuracy", "val_loss", "learning_rate", "kept"]
    assert list(result.history) == names
    keras.utils.set_random_seed(5)  # what others do to the global numbers changes nothing
    fitted(tmp_path / "b")
    first, second = ((tmp_path / run / "history.csv").read_bytes() for run in "ab")
    assert first == second
    other, _ = fitted(tmp_path / "c", wanted=recipe().changed({"seed": 1}))
    assert not other.history["loss"].equals(result.history["loss"])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_best_model_scores_what_the_history_says_of_its_epoch(tmp_path, precision):
    wanted = recipe(epochs=6, learning_rate=0.05, precision=precision)
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
    assert computing == {precision.removeprefix("mixed_")}  # it is trained as it was asked


def test_ctrl_c_in_the_second_epoch_keeps_the_first(tmp_path):
    whole, _ = fitted(tmp_path / "whole")
    result, model = fitted(tmp_path / "cut", callbacks=[StopAt(1, 1)])
    assert result.interrupted
    assert (result.best_epoch, len(result.history)) == (1, 1)
    table = pd.read_csv(tmp_path / "cut/history.csv")
    pd.testing.assert_frame_equal(table, result.history)
    assert table["loss"][0] == whole.history["loss"][0]
    last, best = weights(tmp_path / "cut/last.keras"), weights(tmp_path / "cut/best.keras")
    for mine, kept_one in zip(model.get_weights(), last, strict=True):
        np.testing.assert_array_equal(mine, kept_one)
    assert any(not np.array_equal(a, b) for a, b in zip(last, best, strict=True))


def test_ctrl_c_in_the_first_epoch_leaves_a_model_that_answers(tmp_path):
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
def test_ctrl_c_while_an_epoch_is_being_kept_keeps_it(tmp_path, monkeypatch, stopped):
    """Best model and history speak of the same epochs, whenever the interruption comes."""
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
    """A real signal, in a place where Python's own exception would be lost."""

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
        result, _ = fitted(tmp_path / "whole", callbacks=[press])
    finally:
        signal.signal(signal.SIGINT, before)
    assert not result.interrupted
    assert len(pressed) == 3


def test_a_fit_in_another_thread_works(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        result, _ = pool.submit(fitted, tmp_path / "there").result()
    assert not result.interrupted


def test_a_model_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    _, model = fitted(tmp_path / "a")
    before = (tmp_path / "a/last.keras").read_bytes()

    def failing(path):
        path.write_bytes(b"half a mod")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "save", lambda _, path: failing(path))
    with pytest.raises(KeyboardInterrupt):
        save_model(model, tmp_path / "a/last.keras")
    assert (tmp_path / "a/last.keras").read_bytes() == before
    assert len(list((tmp_path / "a").iterdir())) == 4


def test_further_callbacks_are_called_and_may_stop(tmp_path):
    stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=0)
    result, _ = fitted(tmp_path / "a", wanted=recipe(epochs=20), callbacks=[stop])
    assert len(result.history) < 20
    assert not result.interrupted


def test_the_cosine_shows_in_the_history(tmp_path):
    result, _ = fitted(tmp_path / "a", wanted=recipe(schedule="cosine", learning_rate=0.01))
    rates = list(result.history["learning_rate"])
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.0001, rel=1e-3)


def test_the_norms_of_averaged_weights_fit_pictures_that_are_not_varied(tmp_path):
    # A white box over most of every picture: what is trained on is nothing like what is judged.
    hidden = {"erase": {"probability": 1.0, "area": [0.9, 0.9], "level": 255}}
    settings = {"model.kind": "compact", "model.width": 4}
    wanted = recipe(augment=hidden, average_epochs=1.0).changed(settings)
    _, model = fitted(tmp_path / "run", wanted=wanted)
    seen = keras.Model(model.inputs, model.get_layer("stem_conv").output)
    maps = seen.predict_on_batch(Noise().read(np.arange(COUNT))[0])
    norm = model.get_layer("stem_norm")
    np.testing.assert_allclose(norm.moving_mean, maps.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, maps.var(axis=(0, 1, 2)), rtol=0.05)
