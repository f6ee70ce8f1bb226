"""Runs side by side: paired by content, tested exactly, and shown safely."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from pages.made import history
from pages.test_report import HOSTILE, Page
from viewfinder.core.errors import UsageError
from viewfinder.evaluation.comparison import RunRecord, compare_records
from viewfinder.evaluation.evaluate import score
from viewfinder.pages.comparison.page import write_comparison

CLASSES = ("cat", "dog")
COUNT = 200


def record(
    name: str, right: np.ndarray, *, first: int = 0, classes: tuple[str, ...] = CLASSES, **recipe
) -> RunRecord:
    """A run that answered `right` on pictures whose contents are numbered from `first`."""
    count = len(right)
    labels = np.arange(first, first + count) % 2
    said = np.where(right, labels, 1 - labels)
    sure = 0.6 + 0.3 * np.random.default_rng(len(name)).random(count)
    shares = np.where(np.arange(2)[None] == said[:, None], sure[:, None], 1 - sure[:, None])
    locators = [f"{name}/{number}.jpg" for number in range(first, first + count)]
    names = np.asarray(CLASSES)
    order = [CLASSES.index(one) for one in classes]
    table = {"locator": locators, "label": names[labels], "split": "validation"}
    content = [f"{number:032x}" for number in range(first, first + count)]
    return RunRecord(
        name=name,
        folder=f"runs/{name}",
        recipe={"training": {"epochs": 8, **recipe}, "summary": name},
        environment={"backend": "numpy", "data": {"hash": "0", "source": {"path": "p"}}},
        metrics={"best_epoch": 3, "validation": score(labels, shares, CLASSES).to_json()},
        history=history(8),
        data=pd.DataFrame(table | {"status": "ok", "content": content}),
        predictions=pd.DataFrame(
            table | {"predicted": names[said], "probabilities": shares[:, order].tolist()}
        ),
        classes=classes,
    )


def answers(seed: int, share: float, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).random(count) < share


def test_only_what_differs_is_listed() -> None:
    one, other = record("a", answers(0, 0.7), lr=1), record("b", answers(1, 0.7), lr=2)
    differences = {each.key: each.values for each in compare_records([one, other]).differences}
    assert differences == {"recipe.training.lr": ("1", "2")}
    extra = record("c", answers(1, 0.7), lr=1, momentum=0.9)
    differences = {each.key: each.values for each in compare_records([one, extra]).differences}
    assert differences == {"recipe.training.momentum": ("–", "0.9")}


def test_what_differs_is_named_in_words_and_hashes_are_not_shown(tmp_path: Path) -> None:
    hashes = ("5f3a" * 8, "77c0" * 8, "5f3a" * 8)
    records = [
        replace(
            record(name, answers(0, 0.7), lr=lr),
            environment={
                "backend": backend,
                "versions": {"keras": backend},
                "data": {"hash": content, "source": {"path": name, "root": name}},
            },
        )
        for name, lr, backend, content in zip("abc", (1, 2, 1), "xyz", hashes, strict=True)
    ]
    compared = compare_records(records)
    assert {one.name: one.shown for one in compared.differences} == {
        "training.lr": ("1", "2", "1"),
        "pictures and their splits": ("set 1", "set 2", "set 1"),
        "data": ("a", "b", "c"),
        "data: root": ("a", "b", "c"),
        "backend": ("x", "y", "z"),
        "version of keras": ("x", "y", "z"),
    }
    page = Page(write_comparison(compared, tmp_path).read_text(encoding="utf-8")).text
    assert "pictures and their splits" in page
    for raw in (*hashes, "data.hash", "recipe.training"):
        assert raw not in page


def test_a_page_of_equal_runs_says_so(tmp_path: Path) -> None:
    same = [record(name, answers(0, 0.7)) for name in "ab"]
    page = Page(write_comparison(compare_records(same), tmp_path).read_text(encoding="utf-8"))
    assert "Nothing differs: recipe, data and software are the same." in page.text


def test_a_pair_is_what_numpy_and_scipy_say() -> None:
    first, second = answers(0, 0.7), answers(1, 0.8)
    (split,) = compare_records([record("a", first), record("b", second)]).splits
    (pair,) = split.pairs
    assert split.count == COUNT
    assert split.notes == ()
    counts = [[pair.both_right, pair.only_first], [pair.only_second, pair.both_wrong]]
    assert counts == [
        [(first & second).sum(), (first & ~second).sum()],
        [(~first & second).sum(), (~first & ~second).sum()],
    ]
    trials = pair.only_first + pair.only_second
    assert pair.p == pytest.approx(stats.binomtest(pair.only_first, trials).pvalue)
    assert pair.p_holm == pair.p
    assert pair.accuracy_difference == pytest.approx(second.mean() - first.mean())
    low, high = pair.accuracy_interval
    error = np.std(second.astype(float) - first) / np.sqrt(COUNT)
    assert low == pytest.approx(pair.accuracy_difference - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(pair.accuracy_difference + 1.96 * error, abs=0.15 * error)


def test_the_loss_is_the_one_of_the_metrics_whatever_the_order_of_classes() -> None:
    one = record("a", answers(0, 0.7))
    other = record("bb", answers(1, 0.8), classes=("dog", "cat"))
    (split,) = compare_records([one, other]).splits
    expected = other.metrics["validation"]["loss"] - one.metrics["validation"]["loss"]
    assert split.pairs[0].loss_difference == pytest.approx(expected)
    low, high = split.pairs[0].loss_interval
    assert low < expected < high


def test_all_pairs_and_holm() -> None:
    records = [record(name, answers(seed, 0.6 + seed / 10)) for seed, name in enumerate("abc")]
    (split,) = compare_records(records).splits
    assert [(pair.first, pair.second) for pair in split.pairs] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    smallest = min(split.pairs, key=lambda pair: pair.p)
    assert smallest.p_holm == pytest.approx(min(1, 3 * smallest.p))


def test_only_pictures_in_common_are_compared_by_content() -> None:
    first, second = answers(0, 0.7), answers(1, 0.8)
    one, other = record("a", first), record("b", second[50:], first=50)
    (split,) = compare_records([one, other]).splits
    assert split.count == 150
    assert len(split.notes) == 1
    assert "a: 50 of its 200 validation pictures" in split.notes[0]
    assert split.pairs[0].only_first == (first & ~second)[50:].sum()


def test_runs_without_a_picture_in_common_are_not_tested() -> None:
    one, other = record("a", answers(0, 0.7)), record("b", answers(1, 0.8), first=1000)
    (split,) = compare_records([one, other]).splits
    assert (split.count, split.pairs) == (0, ())
    assert any("no validation picture in common" in note for note in split.notes)


def test_copies_count_once_and_disputed_labels_not_at_all() -> None:
    one, other = record("a", answers(0, 0.7)), record("b", answers(1, 0.8))
    same = one.data.assign(content=["0" * 32, *one.data["content"][:1], *one.data["content"][2:]])
    doubled = replace(
        one, data=same.assign(content=same["content"].where(same.index != 1, "0" * 32))
    )
    (split,) = compare_records([doubled, other]).splits
    assert split.count == COUNT - 1
    assert any("1 copies of others count once" in note for note in split.notes)
    relabelled = other.predictions.copy()
    relabelled.loc[:9, "label"] = np.where(relabelled["label"][:10] == "cat", "dog", "cat")
    (split,) = compare_records([one, replace(other, predictions=relabelled)]).splits
    assert split.count == COUNT - 10
    assert any("10 pictures have another label" in note for note in split.notes)


def test_equal_runs_cannot_be_told_apart() -> None:
    right = answers(0, 0.7)
    (split,) = compare_records([record("a", right), record("b", right)]).splits
    assert split.pairs[0].p == 1
    assert split.pairs[0].sentence == "a and b cannot be told apart on these pictures."
    (split,) = compare_records([record("a", right), record("b", np.ones(COUNT, bool))]).splits
    assert split.pairs[0].sentence.startswith("b is right more often than a, by 3")


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_runs_are_refused(count) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        compare_records([record("a", answers(0, 0.7))] * count)


def test_the_page_is_whole_and_alone(tmp_path: Path) -> None:
    records = [record(name, answers(seed, 0.7)) for seed, name in enumerate("abcdef")]
    page = write_comparison(compare_records(records), tmp_path)
    text = page.read_text(encoding="utf-8")
    shown = Page(text)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "compare.html",
        "compare.json",
        "curves.png",
    ]
    with Image.open(tmp_path / "curves.png") as image:
        image.load()
    assert len(re.findall('class="bold"', text)) == 2 * len(records)
    assert "15 pairs of runs can be told apart" in shown.text
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert "default-src 'none'" in text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    records = [record("x", answers(seed, 0.7), lr=HOSTILE[4]) for seed in (0, 1)]
    records = [replace(one, name=name) for one, name in zip(records, HOSTILE, strict=False)]
    shown = Page(write_comparison(compare_records(records), tmp_path).read_text(encoding="utf-8"))
    assert shown.tags["script"] == 0
    assert not [name for _, name, _ in shown.attributes if name.startswith("on")]


def test_runs_without_a_finished_epoch_are_shown(tmp_path: Path) -> None:
    records = [replace(record(name, answers(0, 0.7)), history=history(0)) for name in "ab"]
    write_comparison(compare_records(records), tmp_path)
    records[1] = replace(records[1], history=history(1))
    write_comparison(compare_records(records), tmp_path)
