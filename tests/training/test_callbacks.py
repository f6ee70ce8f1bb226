"""What is kept of each epoch: the history, and the best model."""

import re
from io import StringIO

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from rich.console import Console

from viewfinder.core.progress import Progress
from viewfinder.models import build_model
from viewfinder.recipe import Recipe
from viewfinder.run import best_epoch
from viewfinder.training.callbacks import BestModel, HistoryFile, save_model
from viewfinder.training.display import TrainingProgress
from viewfinder.training.step import JudgedInFloat32


@pytest.fixture
def model() -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer=keras.optimizers.SGD(0.25), loss="mse")
    return model


def end_epoch(callback, model, epoch, accuracy, loss):
    """The end of an epoch, after which the model's only weight is the epoch's number (from 1)."""
    model.set_weights([np.full((1, 1), epoch, "float32")])
    callback.on_epoch_begin(epoch - 1)
    logs = {"accuracy": 0.5, "loss": 1.0, "val_accuracy": accuracy, "val_loss": loss}
    callback.on_epoch_end(epoch - 1, logs)


def keep_best(folder, model, reached, **rule):
    """What `BestModel` makes of these epochs: itself, the number of the one kept, the file."""
    history = HistoryFile(folder / "h.csv")
    keeper = BestModel(folder / "b.keras", history, **rule)
    for callback in (history, keeper):
        callback.set_model(model)
    for epoch, (accuracy, loss) in enumerate(reached, start=1):
        for callback in (history, keeper):
            end_epoch(callback, model, epoch, accuracy, loss)
    kept = keras.saving.load_model(folder / "b.keras")
    return keeper, float(kept.get_weights()[0][0, 0]), pd.read_csv(folder / "h.csv")


@pytest.mark.parametrize(
    ("reached", "best"),
    [
        ([(0.5, 1.0), (0.7, 1.0), (0.6, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
        ([(0.9, 5.0), (0.1, 0.1)], 1),
        ([(0.0, 9.0)], 1),
        ([(0.1, 3.0), (0.2, 2.0), (0.3, 1.0)], 3),
    ],
)
def test_the_best_model_is_the_most_accurate_then_the_one_of_least_loss(
    tmp_path, model, reached, best
):
    keeper, kept, history = keep_best(tmp_path, model, reached, pictures=100)
    assert kept == best
    assert keeper.best_epoch == best
    # The one who reads the file comes to the same epoch.
    assert best_epoch(history) == best


@pytest.mark.parametrize(
    ("pictures", "accuracies", "best"),
    [
        (100, [0.80, 0.90, 0.88, 0.88], 4),  # 0.03 is one standard error: no worse
        (100, [0.80, 0.90, 0.88, 0.86], 3),
        (10_000, [0.80, 0.90, 0.88, 0.88], 2),  # 0.003: the second was better
        (100, [0.90, 0.88, 0.86, 0.84], 2),  # it is held against the best, not the last kept
        (100, [0.80, 0.85, 0.87, 0.90], 4),
        (100, [1.0, 1.0, 0.98, 0.97], 2),  # a later one that is as good
    ],
)
def test_a_training_that_comes_to_rest_keeps_the_latest_that_is_as_good(
    tmp_path, model, pictures, accuracies, best
):
    reached = [(accuracy, 1.0) for accuracy in accuracies]
    rule = {"pictures": pictures, "comes_to_rest": True}
    keeper, kept, history = keep_best(tmp_path, model, reached, **rule)
    assert (kept, keeper.best_epoch, best_epoch(history)) == (best, best, best)
    # From the whole curve at once, and with SciPy's error of a share that was seen.
    top = int(np.argmax(accuracies))
    right = round(accuracies[top] * pictures)
    error = scipy.stats.beta(right + 1, pictures - right + 1).std()
    within = [n for n, one in enumerate(accuracies, 1) if one >= accuracies[top] - error]
    assert max(within) == best


def test_a_row_is_looked_at_once(tmp_path, model):
    keeper, kept, _ = keep_best(tmp_path, model, [(0.9, 1.0)], pictures=9, comes_to_rest=True)
    model.set_weights([np.full((1, 1), 7, "float32")])  # the next epoch has begun
    keeper.consider()
    again = keras.saving.load_model(tmp_path / "b.keras").get_weights()[0][0, 0]
    assert float(again) == kept == 1


def test_the_history_is_whole_after_each_epoch(tmp_path, model):
    history = HistoryFile(tmp_path / "h.csv")
    history.set_model(model)
    for epoch in (1, 2, 3):
        end_epoch(history, model, epoch, epoch / 7, 1 / epoch)
        text = (tmp_path / "h.csv").read_text()
        assert text.endswith("\n")
        assert len(text.splitlines()) == epoch + 1
    table = pd.read_csv(tmp_path / "h.csv")
    assert list(table["epoch"]) == [1, 2, 3]
    assert list(table["val_accuracy"]) == [1 / 7, 2 / 7, 3 / 7]  # to the last digit
    assert list(table["learning_rate"]) == [0.25] * 3
    pd.testing.assert_frame_equal(table, history.table())
    assert len(history.seconds) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["h.csv"]


def test_without_epochs_there_is_no_history_and_no_best(tmp_path):
    history = HistoryFile(tmp_path / "h.csv")
    assert history.table().empty
    assert BestModel(tmp_path / "b.keras", history, pictures=0).best_epoch is None


def test_a_line_an_epoch_where_there_is_no_terminal(capsys, model):
    shown = TrainingProgress(Progress(), epochs=10, steps=3)
    shown.set_model(model)
    shown.on_train_begin()
    end_epoch(shown, model, 1, 0.5, 0.123456)
    end_epoch(shown, model, 10, 0.5, 0.123456)
    shown.close()
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert re.fullmatch(
        r"Epoch  1/10 +\d+\.\d s  accuracy 0\.5000  loss 1\.0000  val_accuracy 0\.5000  "
        r"val_loss 0\.1235",
        first,
    )
    assert last.startswith("Epoch 10/10")


def test_a_bar_with_eta_and_metrics_on_a_terminal(model):
    progress = Progress()
    screen = StringIO()
    progress._console = Console(file=screen, force_terminal=True, width=100)
    shown = TrainingProgress(progress, epochs=2, steps=3)
    shown.set_model(model)
    shown.on_train_begin()
    shown.on_epoch_begin(0)
    for batch in range(3):
        shown.on_train_batch_end(batch, {"accuracy": 0.75, "loss": 0.5})
    shown._bar.refresh()
    shown.close()
    written = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "Epoch 1/2" in written
    assert "accuracy 0.7500  loss 0.5000" in written
    assert re.search(r"\d:\d\d:\d\d|-:--:--", written)


def test_quiet_shows_nothing(capsys, model):
    shown = TrainingProgress(Progress(0), epochs=1, steps=1)
    shown.set_model(model)
    shown.on_train_begin()
    end_epoch(shown, model, 1, 0.5, 0.5)
    shown.close()
    assert capsys.readouterr() == ("", "")


def test_a_model_that_was_trained_in_half_precision_is_saved_whole(tmp_path):
    size = {"input.size": (16, 16), "input.color": "rgb"}
    recipe = Recipe().changed({**size, "training.precision": "mixed_bfloat16"})
    model = build_model(recipe, 3)
    save_model(model, tmp_path / "saved.keras")
    loaded = keras.models.load_model(tmp_path / "saved.keras")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"  # as it was
    assert model.get_layer("probability").compute_dtype == "float32"
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    answers = [one.predict_on_batch(pixels) for one in (loaded, model)]
    np.testing.assert_allclose(*answers, atol=0.02)
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_judged_in_float32_and_trains_as_before_even_if_that_is_broken_off():
    model = build_model(
        Recipe().changed(
            {
                "input.size": (16, 16),
                "input.color": "rgb",
                "training.precision": "mixed_bfloat16",
            }
        ),
        3,
    )
    judged, stem = JudgedInFloat32(), model.get_layer("stem_conv")
    judged.set_model(model)
    for end in (judged.on_test_end, judged.on_train_end):
        judged.on_test_begin()
        assert stem.compute_dtype == "float32"
        end()
        assert stem.compute_dtype == "bfloat16"
