"""`viewfinder train` without a recipe, as it is typed."""

import json
from pathlib import Path

import pytest

from viewfinder.run import Run

# Drawn weights need no file; a second is over once the probe is there.
DRAWN = ("--alpha", "0.35", "--weights", "none", "--cut", "block_3_expand_relu")
DRAWN += ("--max-time", "1s")


def test_what_was_tried_is_shown_and_the_folder_is_the_run(viewfinder, digits, monkeypatch):
    ended = viewfinder("train", digits, *DRAWN, "--holdout", "test")
    assert ended.code == 0, ended.err
    assert "folds of the training pictures" in ended.err
    assert "all 8 × 8." in ended.err  # at which size a model sees them is open
    headings, row, why = ended.out.splitlines()[:3]
    assert headings.split()[:2] == ["tried", "right"]
    assert row.split()[:2] == ["→", "linear"]
    assert why.startswith("linear answers ")
    assert "Report: runs/digits/linear-on-all/report.html" in ended.out
    shown = viewfinder("evaluate", "runs/digits", "--json")
    assert shown.json["test"]["count"] == 36
    picture = next((Path(digits) / "test" / "0").iterdir())
    assert viewfinder("predict", "runs/digits", picture, "--json").code == 0
    viewfinder("train", "--resume", "runs/digits").refused(2, "has ended")

    # The record is part of the JSON; of the same search, for another would say the same.
    monkeypatch.setattr("viewfinder.jobs.search.auto", lambda *_, **__: Run.open("runs/digits"))
    ended = viewfinder("train", digits, *DRAWN, "--json", "-q")
    assert ended.document("train")["trials"]["trials"][0]["name"] == "linear"
    record = json.loads(Path("runs/digits/auto.json").read_text())
    assert record["chosen"] == Path(ended.json["run"]).name


def test_a_dry_run_shows_what_would_be_tried_and_trains_nothing(
    viewfinder, digits, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    ended = viewfinder("train", digits, *DRAWN, "--dry-run")
    assert ended.code == 0, ended.err
    rows = [line.split()[:2] for line in ended.out.splitlines()[1:3]]
    assert rows == [["linear", "transfer"], ["scratch", "tiny"]]  # 8 × 8 pixels are few
    assert "nothing was trained" in ended.err
    assert "downloads them" not in ended.err
    candidates = viewfinder("train", digits, *DRAWN, "--dry-run", "--json", "-q").json["candidates"]
    assert [one["name"] for one in candidates] == ["linear", "scratch"]
    assert candidates[0]["recipe"]["model"]["alpha"] == 0.35
    missing = viewfinder("train", digits, "--base", "Xception", "--dry-run")
    assert "a training downloads them" in missing.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "words",
    [("--epochs", "3"), ("--set", "model.dropout=0.5"), ("--tensorboard",), ("--folds", "3")],
)
def test_the_search_takes_no_settings_of_a_recipe(viewfinder, digits, words):
    viewfinder("train", digits, "--recipe", "auto", *words).refused(2, "--recipe scratch")


def test_a_search_goes_on_with_its_own_pictures(viewfinder, digits):
    Path("stopped").mkdir()
    Path("stopped/auto.json").write_text('{"schema": 1, "finished": false, "chosen": null}')
    viewfinder("train", digits, "--resume", "stopped").refused(2, "its own pictures")
    viewfinder("train", "--resume", "stopped", "--epochs", "3").refused(2, "its own pictures")
