"""Results in a notebook: short texts, tables and figures, whatever names they hold."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Drawn

import viewfinder as vf
from pages.made import history, made_run
from viewfinder.core.errors import UsageError
from viewfinder.evaluation.metrics import measure
from viewfinder.explain.attribution import Explanation, Method
from viewfinder.run import Run
from viewfinder.run.evaluation import Evaluation

HOSTILE = "<script>alert(1)</script>"
LABELS = np.array([0, 0, 1, 1, 1])
SHARES = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])


def explanation(name: str) -> Explanation:
    pixels = np.zeros((6, 8, 3), np.uint8)
    values = np.arange(48, dtype=np.float32).reshape(6, 8)
    return Explanation(name, "cat", 0.9, "cat", Method.GRAD_CAM, "conv", values, pixels)


def test_scores_are_short_and_a_table() -> None:
    scores = vf.score(LABELS, SHARES, [HOSTILE, "dog"])
    assert repr(scores).startswith("<Scores of 5 pictures: accuracy 0.600 (")
    assert len(repr(scores)) < 120
    assert scores.table.loc["dog", "recall"] == pytest.approx(2 / 3)
    assert "<script" not in scores._repr_html_()


def test_an_evaluation_shows_figures_with_intervals(tmp_path: Path) -> None:
    made = made_run(classes=[HOSTILE, "dog"]).written(tmp_path)
    metrics = measure(LABELS, SHARES, [HOSTILE, "dog"])
    run = Run(made.folder)
    found = Evaluation(run, "", "test", metrics, None, (), pd.DataFrame(), None, (HOSTILE,))
    assert len(repr(found)) < 200 + len(str(tmp_path))
    assert "accuracy 0.600 (" in repr(found)
    page = found._repr_html_()
    assert "<script" not in page
    assert "Brier score" in page
    low, value, high = metrics.figures.loc["accuracy", ["low", "value", "high"]]
    assert low < value == 0.6 < high


def test_a_run_states_its_result_or_its_state(tmp_path: Path) -> None:
    run = Run(made_run(wrong=1).written(tmp_path).folder)
    assert repr(run) == f"<Run {tmp_path}: accuracy 0.900 (0.596 to 0.982) on 10 test pictures>"
    assert run._repr_html_().count("<tr") == 5
    (tmp_path / "metrics.json").write_text("{")
    assert "damaged" in repr(run)
    assert "damaged" in run._repr_html_()
    (tmp_path / "metrics.json").unlink()
    assert "not evaluated" in repr(run)


def test_an_explanation_shows_its_picture() -> None:
    page = explanation(f"{HOSTILE}.jpg")._repr_html_()
    assert "data:image/png;base64," in page
    assert "<script" not in page


def test_results_are_drawn_as_figures() -> None:
    one = explanation("a.jpg")
    metrics = measure(LABELS, SHARES, ["cat", "dog"])
    of_keras = {"acc": [0.5, 0.6], "val_acc": [0.4, 0.5], "loss": [1.0, 0.9]}
    of_fit = SimpleNamespace(history={"loss": [1.0, 0.9]})
    for found in (metrics.scores, metrics, history(5), one, [one, one], of_keras, of_fit):
        assert isinstance(vf.draw(found), Drawn)
    assert "ends at 60.0" in vf.draw(of_keras).get_label()
    assert vf.draw(of_fit).get_label().startswith("Loss over 2")
    with pytest.raises(UsageError, match="cannot be drawn"):
        vf.draw([1, 2])
