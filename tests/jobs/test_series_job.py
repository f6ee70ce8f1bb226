"""Series that nobody named: printed before training, measured cheaply, kept in the run."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from audit.drawn import Drawn, drawn
from viewfinder.audit.series import find_series, on_features
from viewfinder.core.errors import RunError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.jobs.prepare import prepare
from viewfinder.recipe import Recipe
from viewfinder.run_folder import RunFolder

RECIPE = Recipe().changed({"input.size": [16, 16], "input.color": "rgb"})


class Lines(Progress):
    """Collects what it prints."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str, **_: object) -> None:
        self.lines.append(text)


def printed(dataset: Dataset) -> str:
    lines = Lines()
    prepare(dataset, RECIPE, progress=lines)
    return "\n".join(lines.lines)


def test_train_prints_the_series_both_figures_the_effect_and_the_option() -> None:
    dataset, _ = drawn(1)
    text = printed(dataset)
    series = find_series(dataset)
    assert series is not None
    assert series.in_words() in text
    assert "on folds of whole series, which is what a new series would get" in text
    assert "6 of the 6 series are in training and in another split" in text
    assert f"{series.option} keeps each series in one split." in text


def test_given_splits_are_to_be_made_anew_and_series_that_are_kept_apart_are_no_news() -> None:
    dataset, series = drawn(1)
    given = dataset.split(0.2)
    assert "--anew splits by series." in printed(given)
    codes = np.unique(series, return_inverse=True)[1]
    apart = dataset.split(0.2, groups=codes)
    assert "A linear classifier" not in printed(apart)
    # Only the validation split that is made here has series in common with training.
    test_apart = apart.with_columns({"split": apart.table["split"].replace("validation", "test")})
    assert "keeps each series in one split." in printed(test_apart)


def test_names_without_tokens_cost_a_look_at_exif_and_a_large_dataset_a_sample(
    monkeypatch,
) -> None:
    dataset, _ = drawn(1)
    opened: list[str] = []
    monkeypatch.setattr(
        Drawn, "read", lambda source, name: opened.append(name) or source.pictures[name]
    )
    letters = (f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(len(dataset)))
    names = {
        name: f"{name.split('/')[0]}/{word}.png"
        for name, word in zip(dataset.source.pictures, letters, strict=True)
    }
    table = dataset.table.assign(locator=dataset.table["locator"].map(names))
    source = Drawn({names[name]: p for name, p in dataset.source.pictures.items()}, "renamed")
    assert find_series(replace(dataset, table=table, source=source)) is None
    assert len(set(opened)) < 40 < len(dataset)
    opened.clear()
    monkeypatch.setattr(sys.modules["viewfinder.audit.series.find"], "_MOST_COMPARED", 100)
    find_series(dataset)
    assert 0 < len(set(opened)) <= 100


def test_features_decide_whether_the_accuracies_differ() -> None:
    dataset, names = drawn(1)
    series = find_series(dataset)
    assert series is not None
    assert series.inflates
    content = dataset.with_columns({"content": dataset.table["locator"].array})
    random = np.random.default_rng(0)
    classes = np.eye(8, dtype=np.float32)[dataset.labels]
    noisy = (classes + 0.1 * random.normal(size=classes.shape)).astype(np.float32)
    good = on_features(series, content, noisy, "a base")
    assert not good.inflates
    assert good.figures_in_words().startswith("A linear classifier of the features of a base is")
    # Features of the series and not of the class: right at random, at chance on new series.
    both = np.unique(names, return_inverse=True)[1] * 8 + dataset.labels
    looks = random.normal(size=(48, 30))[both] + 0.1 * random.normal(size=(len(both), 30))
    bad = on_features(series, content, looks.astype(np.float32), "a base")
    assert bad.accuracies is not None
    assert bad.accuracies.at_random > 0.9
    assert bad.accuracies.grouped < 0.4


def test_a_run_keeps_the_series_and_refuses_a_tampered_record(tmp_path) -> None:
    dataset, _ = drawn(1)
    series = find_series(dataset)
    assert series is not None
    run = RunFolder(tmp_path)
    assert run.series is None
    torn = {"torn": series.torn(dataset.split(0.2)), "torn_as_given": 0}
    run.write("series.json", {**series.to_json(), **torn})
    assert run.series is not None
    assert run.series["torn"] == 6
    run.write("series.json", {**series.to_json(), **torn, "accuracy_grouped": None})
    with pytest.raises(RunError):
        _ = run.series
