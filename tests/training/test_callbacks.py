"""What is kept of each epoch: the history, and the best model."""

import re
from io import StringIO

import keras
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from viewfinder.progress import Progress
from viewfinder.run import best_epoch
from viewfinder.training.callbacks import BestModel, HistoryFile, TrainingProgress


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
    keeper, history = BestModel(tmp_path / "b.keras"), HistoryFile(tmp_path / "h.csv")
    for callback in (keeper, history):
        callback.set_model(model)
        for epoch, (accuracy, loss) in enumerate(reached, start=1):
            end_epoch(callback, model, epoch, accuracy, loss)
    kept = keras.saving.load_model(tmp_path / "b.keras")
    assert float(kept.get_weights()[0][0, 0]) == best
    assert keeper.best_epoch == best
    # The one who reads the file comes to the same epoch.
    assert best_epoch(pd.read_csv(tmp_path / "h.csv")) == best


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
    assert BestModel(tmp_path / "b.keras").best_epoch is None


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
