"""Runs side by side: paired by content, tested exactly, and shown safely."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from pages.made import history
from pages.test_report import HOSTILE, Page
from runs import ENVIRONMENT, write_run
from viewfinder.core.errors import UsageError
from viewfinder.evaluation.comparison import compare
from viewfinder.evaluation.evaluate import score
from viewfinder.pages.comparison.page import write_comparison
from viewfinder.recipe import Recipe
from viewfinder.run_folder import RunFolder

CLASSES = ("cat", "dog")
COUNT = 200
MEASURED = {"detail": "", "width": 8, "height": 8, "bytes": 9}


def run(
    folder: Path,
    right: np.ndarray,
    *,
    first: int = 0,
    classes: tuple[str, ...] = CLASSES,
    copies: int = 0,
    disputed: int = 0,
    epochs: int = 8,
    environment: dict | None = None,
    **recipe: object,
) -> RunFolder:
    """A run that answered `right` on pictures whose contents are numbered from `first`.

    The first `copies` pictures have the content of the next but one; of the first `disputed`
    pictures
    the predictions hold another label.
    """
    count = len(right)
    labels = np.arange(first, first + count) % 2
    answered = np.where(right, labels, 1 - labels)
    confidence = 0.6 + 0.3 * np.random.default_rng(len(folder.name)).random(count)
    shares = np.where(
        np.arange(2)[None] == answered[:, None], confidence[:, None], 1 - confidence[:, None]
    )
    names = np.asarray(CLASSES)
    numbers = np.arange(first, first + count)
    table = {
        "locator": [f"{folder.name}/{number}.jpg" for number in numbers],
        "label": names[labels],
        "split": "validation",
    }
    numbers[:copies] = numbers[2 : copies + 2]
    content = [f"{number:032x}" for number in numbers]
    given = names[np.where(np.arange(count) < disputed, 1 - labels, labels)]
    order = [CLASSES.index(name) for name in classes]
    answers = {
        "predicted": names[answered],
        "confidence": confidence,
        "probabilities": shares[:, order].tolist(),
    }
    return write_run(
        folder,
        classes=classes,
        recipe=Recipe().resolved((8, 8), "rgb").changed(recipe),
        environment=ENVIRONMENT | (environment or {}),
        metrics={"best_epoch": 3, "validation": score(labels, shares, CLASSES).to_json()},
        history=history(epochs),
        data=pd.DataFrame(table | {"status": "ok", "content": content} | MEASURED),
        predictions=pd.DataFrame(table | {"label": given} | answers),
    )


def answers(seed: int, share: float, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).random(count) < share


def test_only_differences_are_listed(tmp_path: Path) -> None:
    right = answers(0, 0.7)
    first = run(tmp_path / "a", right, **{"training.epochs": 1})
    second = run(tmp_path / "b", right, **{"training.epochs": 2, "seed": 5})
    differences = {each.key: each.values for each in compare([first, second]).differences}
    assert differences == {"recipe.training.epochs": ("1", "2"), "recipe.seed": ("0", "5")}


def test_differences_are_named_and_hashes_are_not_shown(tmp_path: Path) -> None:
    hashes = ("5f3a" * 8, "77c0" * 8, "5f3a" * 8)
    runs = [
        run(
            tmp_path / name,
            answers(0, 0.7),
            environment={
                "backend": backend,
                "versions": {"keras": backend},
                "data": {"hash": content, "source": {"path": name, "root": name}},
            },
            seed=seed,
        )
        for name, seed, backend, content in zip("abc", (1, 2, 1), "xyz", hashes, strict=True)
    ]
    compared = compare(runs)
    assert {each.name: each.shown for each in compared.differences} == {
        "seed": ("1", "2", "1"),
        "pictures and their splits": ("set 1", "set 2", "set 1"),
        "data": ("a", "b", "c"),
        "data: root": ("a", "b", "c"),
        "backend": ("x", "y", "z"),
        "version of keras": ("x", "y", "z"),
    }
    page = Page(write_comparison(compared, tmp_path).read_text(encoding="utf-8")).text
    assert "pictures and their splits" in page
    for raw in (*hashes, "data.hash", "recipe.seed"):
        assert raw not in page


def test_a_page_of_equal_runs_says_so(tmp_path: Path) -> None:
    same = [run(tmp_path / name, answers(0, 0.7)) for name in "ab"]
    page = Page(write_comparison(compare(same), tmp_path).read_text(encoding="utf-8"))
    assert "Nothing differs: recipe, data and software are the same." in page.text


def test_runs_of_one_name_are_told_apart_by_path_and_number(tmp_path: Path) -> None:
    same = [run(tmp_path / folder / "a", answers(0, 0.7)) for folder in "xy"]
    assert compare(same).names == tuple(str(each.folder) for each in same)
    assert compare([same[0], same[0]]).names == (f"{same[0]} (1)", f"{same[0]} (2)")


def test_a_pair_is_what_numpy_and_scipy_say(tmp_path: Path) -> None:
    first, second = answers(0, 0.7), answers(1, 0.8)
    (split,) = compare([run(tmp_path / "a", first), run(tmp_path / "b", second)]).splits
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


def test_the_loss_is_the_one_of_the_metrics_whatever_the_order_of_classes(tmp_path: Path) -> None:
    one = run(tmp_path / "a", answers(0, 0.7))
    other = run(tmp_path / "bb", answers(1, 0.8), classes=("dog", "cat"))
    (split,) = compare([one, other]).splits
    expected = other.metrics["validation"]["loss"] - one.metrics["validation"]["loss"]
    assert split.pairs[0].loss_difference == pytest.approx(expected)
    low, high = split.pairs[0].loss_interval
    assert low < expected < high


def test_all_pairs_and_holm(tmp_path: Path) -> None:
    records = [
        run(tmp_path / name, answers(seed, 0.6 + seed / 10)) for seed, name in enumerate("abc")
    ]
    (split,) = compare(records).splits
    assert [(pair.first, pair.second) for pair in split.pairs] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    smallest = min(split.pairs, key=lambda pair: pair.p)
    assert smallest.p_holm == pytest.approx(min(1, 3 * smallest.p))


def test_only_pictures_in_common_are_compared_by_content(tmp_path: Path) -> None:
    first, second = answers(0, 0.7), answers(1, 0.8)
    one, other = run(tmp_path / "a", first), run(tmp_path / "b", second[50:], first=50)
    (split,) = compare([one, other]).splits
    assert split.count == 150
    assert len(split.notes) == 1
    assert "a: 50 of its 200 validation pictures" in split.notes[0]
    assert split.pairs[0].only_first == (first & ~second)[50:].sum()


def test_runs_without_a_picture_in_common_are_not_tested(tmp_path: Path) -> None:
    one, other = (
        run(tmp_path / "a", answers(0, 0.7)),
        run(tmp_path / "b", answers(1, 0.8), first=1000),
    )
    (split,) = compare([one, other]).splits
    assert (split.count, split.pairs) == (0, ())
    assert any("no validation picture in common" in note for note in split.notes)


def test_copies_count_once_and_disputed_labels_not_at_all(tmp_path: Path) -> None:
    second = run(tmp_path / "b", answers(1, 0.8))
    copied = run(tmp_path / "a", answers(0, 0.7), copies=1)
    (split,) = compare([copied, second]).splits
    assert split.count == COUNT - 1
    assert any("1 copies of other pictures count once" in note for note in split.notes)
    first = run(tmp_path / "c", answers(0, 0.7))
    (split,) = compare([first, run(tmp_path / "d", answers(1, 0.8), disputed=10)]).splits
    assert split.count == COUNT - 10
    assert any("10 pictures have another label" in note for note in split.notes)


def test_equal_runs_cannot_be_told_apart(tmp_path: Path) -> None:
    right = answers(0, 0.7)
    (split,) = compare([run(tmp_path / "a", right), run(tmp_path / "b", right)]).splits
    assert split.pairs[0].p == 1
    assert split.pairs[0].sentence == "a and b cannot be told apart on these pictures."
    (split,) = compare(
        [run(tmp_path / "a", right), run(tmp_path / "b", np.ones(COUNT, bool))]
    ).splits
    assert split.pairs[0].sentence.startswith("b is right more often than a, by 3")


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_runs_are_refused(count, tmp_path) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        compare([run(tmp_path / "a", answers(0, 0.7))] * count)


@pytest.mark.usefixtures("svg_plots")
def test_the_page_is_whole_and_alone(tmp_path: Path) -> None:
    records = [run(tmp_path / name, answers(seed, 0.7)) for seed, name in enumerate("abcdef")]
    page = write_comparison(compare(records), tmp_path / "compare")
    text = page.read_text(encoding="utf-8")
    shown = Page(text)
    assert sorted(path.name for path in page.parent.iterdir()) == [
        "accuracy.png",
        "accuracy.svg",
        "compare.html",
        "compare.json",
        "loss.png",
        "loss.svg",
    ]
    with Image.open(page.parent / "loss.png") as image:
        image.load()
    for name in "abcdef":
        assert len(re.findall(f">{name}</text>", text)) == 2
    assert "15 pairs of runs can be told apart" in shown.text
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert "default-src 'none'" in text


@pytest.mark.usefixtures("svg_plots")
def test_hostile_names_stay_text(tmp_path: Path) -> None:
    names = [name for name in HOSTILE if "/" not in name][:2]
    hostile = {"summary": HOSTILE[4]}
    runs = [run(tmp_path / name, answers(0, 0.7), **hostile) for name in names]
    shown = Page(write_comparison(compare(runs), tmp_path).read_text(encoding="utf-8"))
    assert shown.tags["script"] == 0
    assert not [name for _, name, _ in shown.attributes if name.startswith("on")]


def test_runs_without_a_finished_epoch_are_shown(tmp_path: Path) -> None:
    runs = [run(tmp_path / name, answers(0, 0.7), epochs=0) for name in "ab"]
    write_comparison(compare(runs), tmp_path)
    runs[1] = run(tmp_path / "c", answers(0, 0.7), epochs=1)
    write_comparison(compare(runs), tmp_path)
