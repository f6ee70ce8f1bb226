"""What is printed at the end of a training: a missed target, and why an earlier epoch is kept."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from viewfinder.core.progress import Progress
from viewfinder.jobs.announce import announce_end
from viewfinder.recipe import Recipe

COLUMNS = {"epoch": [1, 2, 3, 4], "loss": [0.6, 0.5, 0.4, 0.3]}


def printed(
    accuracies: list[float], best: int | None, target: str | None = None, **end: Any
) -> str:
    lines: list[str] = []
    progress = Progress(0)
    progress.say = lambda text, **_: lines.append(text)  # type: ignore[method-assign]
    history = pd.DataFrame(
        {**COLUMNS, "val_accuracy": accuracies, "val_loss": [0.7, 0.6, 0.5, 0.6]}
    )
    fitted = {"ended": "finished", "why": "", "probe": None, "interrupted": False, **end}
    run = SimpleNamespace(recipe=Recipe().changed({"training.stop": {"target": target}}))
    announce_end(SimpleNamespace(history=history, best_epoch=best, **fitted), run, progress)
    return "\n".join(lines)


def test_a_missed_target_is_stated_with_the_best_value() -> None:
    text = printed([0.7, 0.8, 0.87, 0.9], 4, "val_accuracy=0.95")
    assert text == (
        "The target val_accuracy=0.95 was not reached: the highest is 0.9000, in epoch 4."
    )
    text = printed([0.7, 0.8, 0.87, 0.9], 4, "val_loss=0.2")
    assert "the lowest is 0.5000, in epoch 3." in text
    reached = printed(
        [0.7, 0.8, 0.87, 0.96], 4, "val_accuracy=0.95", ended="target", why="Reached."
    )
    assert reached == "Reached."


@pytest.mark.parametrize(
    ("accuracies", "best", "words"),
    [
        ([0.7, 0.8, 0.9, 0.85], 3, "its validation accuracy of 0.9000 is the highest (0.8500 at"),
        ([0.7, 0.8, 0.9, 0.9], 3, "is the highest, with the lowest loss"),
        (
            [0.7, 0.9, 0.89, 0.85],
            3,
            "within one standard error of the highest (0.9000, in epoch 2)",
        ),
        ([0.7, 0.8, 0.9, 0.895], 4, "it is the latest (0.8950)"),
    ],
)
def test_the_reason_why_an_epoch_is_kept(accuracies: list[float], best: int, words: str) -> None:
    text = printed(accuracies, best)
    assert text.startswith(f"The model of epoch {best} is kept: ")
    assert words in text


def test_nothing_is_said_of_the_last_epoch_if_it_is_the_best_or_nothing_chose() -> None:
    assert printed([0.7, 0.8, 0.9, 0.95], 4) == ""
    assert printed([0.7, 0.8, 0.9, 0.95], None) == ""
