"""Series in file names: found by their look, named by an expression, and measured by folds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.covariance import ledoit_wolf as their_ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from audit.drawn import drawn
from folders import write_classes
from shared_data import SHARED
from viewfinder.audit import Severity, audit, survey
from viewfinder.audit.series import Series, find_series
from viewfinder.audit.series.accuracy import accuracies, ledoit_wolf
from viewfinder.audit.series.look import shapes
from viewfinder.audit.series.names import expressions
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.sources.grouping import groups_in

DRAWS = range(20)


def found_in(dataset: Dataset) -> Series | None:
    return find_series(dataset, survey(dataset))


def is_same_grouping(groups: Sequence[str], others: Sequence[str]) -> bool:
    pairs = set(zip(groups, others, strict=True))
    return len(pairs) == len(set(groups)) == len(set(others))


@pytest.mark.slow
def test_six_series_are_found_in_every_draw_and_the_grouped_figure_holds_for_new_series() -> None:
    new = [drawn(1_000 + seed, series=8)[0] for seed in range(3)]
    unseen = np.vstack([shapes(survey(dataset)) for dataset in new])
    labels = np.concatenate([dataset.labels for dataset in new])
    grouped, on_new, at_random = [], [], []
    for seed in DRAWS:
        dataset, series = drawn(seed)
        found = found_in(dataset)
        assert found is not None
        assert is_same_grouping(list(found.groups), series), found.expression
        assert found.accuracies is not None
        head = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        head.fit(shapes(survey(dataset)), dataset.labels)
        on_new.append(head.score(unseen, labels))
        grouped.append(found.accuracies.grouped)
        at_random.append(found.accuracies.at_random)
    assert abs(np.mean(grouped) - np.mean(on_new)) <= 0.03
    assert np.mean(at_random) - np.mean(on_new) > 0.05  # what the figure of a random split hides


def test_nothing_is_suggested_where_names_carry_no_series() -> None:
    assert [seed for seed in DRAWS if found_in(drawn(seed, has_series=False)[0])] == []


def test_the_audit_warns_and_names_the_expression_and_its_effect() -> None:
    dataset, series = drawn(1)
    audited = audit(dataset)
    finding = audited["unnamed series"]
    assert finding.severity is Severity.WARNING
    assert "File names carry 6 series (hand1, hand2, hand3 and 3 more)" in finding.sentence
    assert "6 of the 6 series are in training and in another split" in finding.sentence
    assert "48 pictures of 1 series would validate" in finding.sentence
    assert audited.series is not None
    assert finding.remedy == f"split or train with --group-from '{audited.series.expression}'"
    groups = groups_in(audited.series.expression, dataset.table["locator"], dataset.source)
    assert is_same_grouping(list(groups), series)
    grouped = dataset.with_columns({"group": groups.array})
    assert "unnamed series" not in audit(grouped)
    kept_apart = grouped.split(0.2).with_table(grouped.split(0.2).table.drop(columns="group"))
    known = audit(kept_apart)["unnamed series"]
    assert known.severity is Severity.INFO
    assert "The given splits keep them apart." in known.sentence


def photographed(folder: Path, seed: int, key: str, *, has_series: bool = True) -> list[str]:
    """Write a draw as photos whose names say nothing; EXIF tells the series, as in a camera."""
    dataset, series = drawn(seed, has_series=has_series)
    random = np.random.default_rng(seed)
    known: list[tuple[str, str]] = []
    for number, row in zip(random.permutation(len(dataset)), range(len(dataset)), strict=True):
        locator, name = dataset.table["locator"][row], series[row]
        taken, place = Image.Exif(), ["hand", *sorted(set(series))].index(name)
        taken[0x010F], taken[0x0110] = "Maker", f"Model {place if key == 'exif:camera' else 1}"
        clock = f"{random.integers(8, 20):02}:{random.integers(60):02}:{random.integers(60):02}"
        day = place if key == "exif:day" else int(random.integers(1, 28))
        taken.get_ifd(0x8769)[0x9003] = f"2024:05:{day:02} {clock}"
        file = folder / dataset.table["label"][row] / f"{number:05}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dataset.source.read(locator)).save(file, exif=taken)
        known.append((file.relative_to(folder).as_posix(), name))
    return [name for _, name in sorted(known)]


@pytest.mark.parametrize("key", ["exif:camera", "exif:day"])
def test_series_that_only_exif_tells_are_found(key: str, tmp_path: Path) -> None:
    for seed in range(2):
        series = photographed(tmp_path / str(seed), seed, key)
        dataset = open_dataset(tmp_path / str(seed))
        found = find_series(dataset)
        assert found is not None
        assert found.expression == key
        assert is_same_grouping(list(found.groups), series)
        assert found.in_words().startswith("EXIF data tell 6 series (Maker Model 1")
        assert found.option == f"--group-from {key}"
        grouped = open_dataset(tmp_path / str(seed), group_from=key).split(0.2)
        assert (grouped.table.groupby("group")["split"].nunique() == 1).all()


def test_exif_of_pictures_without_series_suggests_nothing(tmp_path: Path) -> None:
    for key in ("exif:camera", "exif:day"):
        photographed(tmp_path / key[5:], 0, key, has_series=False)
        assert find_series(open_dataset(tmp_path / key[5:])) is None


def test_the_figure_comes_from_given_features() -> None:
    dataset, _ = drawn(0)
    features = np.random.default_rng(0).normal(size=(len(dataset), 3))
    found = find_series(dataset, survey(dataset), features)
    assert found is not None
    assert found.measured_on == "the given features"
    assert not found.inflates  # noise is at chance on both kinds of folds
    assert "A linear classifier" not in found.in_words()


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["a/S01C2_0001.png", "a/S02C2_0002.png"], ["01", "02"]),
        (["a/S01C2_0001.png", "a/S02C2_0002.png"], ["S01C2", "S02C2"]),
        (["a/anna lee/x1.png", "a/bob/x2.png"], ["anna lee", "bob"]),
        (["a/2024-05-01_7.png", "a/2024-05-02_8.png"], ["2024-05-01", "2024-05-02"]),
        (["a/IMG_1234.JPG", "a/IMG_1251.JPG"], ["123", "125"]),
        (["a/red.rose-p1-7.png", "a/ivy-p2-8.png", "a/blue.bell-p1-9.png"], ["p1", "p2", "p1"]),
        (["a/[x]^1-1.png", "a/[y]^2-1.png"], ["x", "y"]),
    ],
)
def test_an_expression_for_each_token(names: list[str], groups: list[str]) -> None:
    locators = pd.Series(names)
    assert groups in [
        list(groups_in(found, locators, drawn(0)[0].source)) for found in expressions(names)
    ]


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (50, 1)])
def test_the_covariance_is_shrunk_as_in_scikit_learn(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    rows = (random.normal(size=shape) * np.arange(1, shape[1] + 1)).astype(np.float32)
    theirs, _ = their_ledoit_wolf(rows, assume_centered=True)
    np.testing.assert_allclose(ledoit_wolf(rows), theirs, rtol=1e-4, atol=1e-4 * theirs.max())


def test_accuracies_are_equal_where_groups_mean_nothing_and_none_without_groups() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    rows = (random.normal(size=(120, 5)) + labels[:, None]).astype(np.float32)
    groups, alone = random.integers(0, 6, 120), np.arange(120)
    figures = accuracies(rows, labels, groups, alone)
    assert figures is not None
    assert abs(figures.at_random - figures.grouped) < 0.06
    assert not figures.differ
    assert accuracies(rows, labels, labels, alone) is None


def test_folders_are_tokens_and_pictures_like_no_other_are_no_series(tmp_path: Path) -> None:
    data = write_classes(
        tmp_path / "x", {f"{label}/anna{n}": 8 for label in "ab" for n in range(4)}
    )
    assert found_in(open_dataset(data)) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("cats_and_dogs_filtered", None),
        ("happy_or_sad", None),
        ("horse_or_human", "^([^.-]+)"),
    ],
)
def test_real_pictures(name: str, expression: str | None) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip(f"without {SHARED / name}")
    found = found_in(open_dataset(SHARED / name))
    assert (found.expression if found else None) == expression
