"""Warnings and curves during training."""

import re
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from viewfinder.core.progress import Progress
from viewfinder.training.display import LiveCurves
from viewfinder.training.watching import Redrawing, Warnings


def epochs_of(callback, table: pd.DataFrame, shown: list[pd.DataFrame]):
    """End one epoch after the other, and grow the history that the callback reads."""
    for epoch in range(len(table)):
        shown[:] = [table[: epoch + 1]]
        callback.on_epoch_end(epoch)
        yield epoch + 1


def curves(loss, val_loss) -> pd.DataFrame:
    return pd.DataFrame({"epoch": np.arange(1, len(loss) + 1), "loss": loss, "val_loss": val_loss})


def printed_by_epoch(table, capsys) -> dict[int, str]:
    shown: list[pd.DataFrame] = []
    warnings = Warnings(lambda: shown[0], Progress())
    printed = {}
    for epoch in epochs_of(warnings, table, shown):
        if err := capsys.readouterr().err:
            printed[epoch] = err
    return printed


def test_overfitting_is_reported_once_soon_after_its_onset(capsys):
    loss = np.linspace(0.7, 0.05, 30)
    val_loss = 0.4 + 0.05 * np.abs(np.arange(30) - 9)
    printed = printed_by_epoch(curves(loss, val_loss), capsys)
    (epoch,) = printed
    assert 12 <= epoch <= 14
    assert re.search("Overfitting since epoch (11|12): .* risen from 0.450 to", printed[epoch])


def test_divergence_is_reported_once(capsys):
    loss = [0.7, 0.5, np.nan, np.nan]
    printed = printed_by_epoch(curves(loss, loss), capsys)
    assert list(printed) == [3]
    assert "diverged: the loss is nan after epoch 3" in printed[3]


def test_a_healthy_training_has_no_warning(capsys):
    assert (
        printed_by_epoch(curves(np.linspace(0.7, 0.1, 20), np.linspace(0.7, 0.2, 20)), capsys) == {}
    )
    no_validation = curves([0.7] * 9, [0.7] * 9).drop(columns="val_loss")
    assert printed_by_epoch(no_validation, capsys) == {}


def test_curves_are_redrawn_within_five_percent_of_the_time():
    now, drawn = [0.0], []

    def draw(history):
        drawn.append(len(history))
        now[0] += 0.5  # a drawing of 0.5 s delays the next by 10 s

    table, shown = curves([1.0] * 60, [1.0] * 60), []
    redrawing = Redrawing(lambda: shown[0], draw, Progress(0), clock=lambda: now[0])
    for _ in epochs_of(redrawing, table, shown):
        now[0] += 1.0
    assert drawn == [1, 11, 21, 31, 41, 51]


@pytest.mark.parametrize("broken", ["draw", "history"])
def test_a_failed_drawing_is_reported_once_and_training_continues(broken, capsys):
    def fail(*_):
        raise OSError("no space left")

    history = fail if broken == "history" else lambda: curves([1], [1])
    redrawing = Redrawing(history, fail, Progress(), clock=lambda: 0.0)
    for epoch in range(5):
        redrawing.on_epoch_end(epoch)
    assert capsys.readouterr().err.count("no space left") == 1


class Screen(StringIO):
    encoding = "utf-8"


class OldScreen(StringIO):
    encoding = "ascii"


def lines_on(screen: StringIO, width: int, epochs: int = 30) -> list[str]:
    lines = LiveCurves()
    for number in range(epochs):
        share = number / epochs
        lines.add({"accuracy": share, "val_accuracy": share / 2, "loss": 1.0, "val_loss": 1.0})
    Console(file=screen, width=width, force_terminal=True, color_system=None).print(lines)
    return screen.getvalue().splitlines()


@pytest.mark.parametrize("width", [55, 80, 120, 400])
def test_both_curves_are_drawn_under_the_bar_on_one_scale(width):
    training, validation = lines_on(Screen(), width)
    assert len(training) == len(validation) <= width
    assert training.startswith("training   accuracy ▁")
    assert "█ 0.9667   loss" in training
    assert validation.startswith("validation accuracy ▁")
    assert "█" not in validation.split("loss")[0], "half as high, on the same scale"


def test_narrow_and_old_terminals():
    assert lines_on(Screen(), 40) == []
    assert lines_on(Screen(), 80, epochs=0) == []
    for line in lines_on(OldScreen(), 80):
        assert line.isascii()
