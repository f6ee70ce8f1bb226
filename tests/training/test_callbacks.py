"""The history, the best model and the display of each epoch."""

import re

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from screens import Screen
from viewfinder.core.progress import Progress
from viewfinder.models import build_model
from viewfinder.recipe import Recipe
from viewfinder.run_folder import best_epoch
from viewfinder.training.callbacks import BestModel, HistoryFile, save_model
from viewfinder.training.display import TrainingProgress
from viewfinder.training.step import EvaluatedInFloat32


@pytest.fixture
def model() -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer=keras.optimizers.SGD(0.25), loss="mse")
    return model


def end_epoch(callback, model, epoch, accuracy, loss):
    """End an epoch, and set the model's only weight to the epoch's number, from 1."""
    model.set_weights([np.full((1, 1), epoch, "float32")])
    callback.on_epoch_begin(epoch - 1)
    logs = {"accuracy": 0.5, "loss": 1.0, "val_accuracy": accuracy, "val_loss": loss}
    callback.on_epoch_end(epoch - 1, logs)


def keep_best(folder, model, reached, **rule):
    """Run `BestModel` over these epochs; return the callback, the saved epoch and the file."""
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
    # A reader of the file selects the same epoch.
    assert best_epoch(history) == best


@pytest.mark.parametrize(
    ("pictures", "accuracies", "best"),
    [
        (100, [0.80, 0.90, 0.88, 0.88], 4),  # 0.03 is one standard error: no worse
        (100, [0.80, 0.90, 0.88, 0.86], 3),
        (10_000, [0.80, 0.90, 0.88, 0.88], 2),  # 0.003: the second was better
        (100, [0.90, 0.88, 0.86, 0.84], 2),  # compared with the best, not the last saved
        (100, [0.80, 0.85, 0.87, 0.90], 4),
        (100, [1.0, 1.0, 0.98, 0.97], 2),  # a later one that is as good
    ],
)
def test_a_converging_training_saves_the_latest_epoch_within_one_standard_error(
    tmp_path, model, pictures, accuracies, best
):
    reached = [(accuracy, 1.0) for accuracy in accuracies]
    rule = {"pictures": pictures, "comes_to_rest": True}
    keeper, kept, history = keep_best(tmp_path, model, reached, **rule)
    assert (kept, keeper.best_epoch, best_epoch(history)) == (best, best, best)
    # From the whole curve, with SciPy's standard error of a proportion.
    top = int(np.argmax(accuracies))
    right = round(accuracies[top] * pictures)
    error = scipy.stats.beta(right + 1, pictures - right + 1).std()
    within = [n for n, one in enumerate(accuracies, 1) if one >= accuracies[top] - error]
    assert max(within) == best


def test_a_row_is_considered_once(tmp_path, model):
    keeper, kept, _ = keep_best(tmp_path, model, [(0.9, 1.0)], pictures=9, comes_to_rest=True)
    model.set_weights([np.full((1, 1), 7, "float32")])  # the next epoch has begun
    keeper.consider()
    again = keras.saving.load_model(tmp_path / "b.keras").get_weights()[0][0, 0]
    assert float(again) == kept == 1


def test_the_history_file_is_complete_after_each_epoch(tmp_path, model):
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


def test_a_line_for_each_epoch_without_a_terminal(capsys, model):
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
    screen = Screen()
    shown = TrainingProgress(screen, epochs=2, steps=3)
    shown.set_model(model)
    shown.on_train_begin()
    shown.on_epoch_begin(0)
    for batch in range(3):
        shown.on_train_batch_end(batch, {"accuracy": 0.75, "loss": 0.5})
    shown.close()
    written = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.text)
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


def test_a_model_trained_in_half_precision_is_saved_in_float32(tmp_path):
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


def test_evaluation_is_in_float32_and_restores_the_precision_even_if_interrupted():
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
    evaluated, stem = EvaluatedInFloat32(), model.get_layer("stem_conv")
    evaluated.set_model(model)
    for end in (evaluated.on_test_end, evaluated.on_train_end):
        evaluated.on_test_begin()
        assert stem.compute_dtype == "float32"
        end()
        assert stem.compute_dtype == "bfloat16"
