"""Each check alone, on a made table."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from viewfinder.audit.checks import (
    classes as balance,
)
from viewfinder.audit.checks import (
    copies,
    looks,
)
from viewfinder.audit.checks import (
    files as reading,
)
from viewfinder.audit.checks import (
    labels as doubts,
)
from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.core.errors import UsageError
from viewfinder.core.words import counted, listed

PLAIN: dict[str, Any] = {
    "label": "cats",
    "split": "train",
    "status": "ok",
    "detail": "",
    "format": "jpeg",
    "width": 400,
    "height": 300,
    "orientation": 1,
    "traits": "",
    "brightness": 120.0,
    "contrast": 50.0,
    "darkest": 5,
    "dark": 20,
    "bright": 220,
    "brightest": 240,
    "entropy": 7.0,
    "sharpness": 0.5,
    "chroma": 80,
    "ground": 0.1,
    "letters": 0,
    "true_side": 0,
}


def table(*changes: dict[str, Any], plain: int = 10) -> pd.DataFrame:
    """Plain pictures, and after them one for each of `changes`."""
    rows = [{}] * plain + list(changes)
    return pd.DataFrame(
        [{"locator": f"{place}.jpg", **PLAIN, **row} for place, row in enumerate(rows)]
    )


def by_check(findings: Any) -> dict[str, Finding]:
    return {one.check: one for one in findings}


def test_nothing_is_said_of_plain_pictures() -> None:
    assert list(reading.reading(table())) == []
    assert list(looks.looks(table())) == []


@pytest.mark.parametrize(
    ("change", "check", "severity"),
    [
        ({"status": "empty", "detail": "no bytes"}, "unreadable: empty", "warning"),
        ({"status": "truncated", "detail": "40 %"}, "unreadable: truncated", "warning"),
        ({"detail": "missing end marker"}, "damaged but readable", "info"),
        ({"locator": "a.png"}, "wrong ending", "info"),
        ({"locator": "a.jpg.txt"}, "wrong ending", "info"),
        ({"locator": "noending"}, "wrong ending", "info"),
        ({"orientation": 3}, "rotated by EXIF", "info"),
        ({"traits": "16-bit; transparent"}, "mode: 16-bit", "info"),
        ({"traits": "16-bit; transparent"}, "mode: transparent", "info"),
        ({"traits": "12 of 16 bits; transparent"}, "mode: 12 of 16 bits", "info"),
    ],
)
def test_reading(change: dict[str, Any], check: str, severity: str) -> None:
    faulty = table(change)
    found = by_check(reading.reading(faulty))[check]
    assert found.paths == (faulty["locator"].iloc[-1],)
    assert found.severity == severity


def test_what_stands_in_place_of_pictures_is_named() -> None:
    pointer = "it is a Git LFS pointer in place of the picture, which `git lfs pull` downloads"
    heic = 'HEIC and HEIF pictures need another package: pip install "viewfinder[heif]"'
    unknown = "its first bytes, 00 01, match no picture format"
    found = by_check(
        reading.unreadable(
            table(
                *[{"status": "not a picture", "detail": pointer}] * 3,
                *[{"status": "not a picture", "detail": unknown}] * 5,
                {"status": "unsupported format", "detail": heic},
            )
        )
    )
    assert found["unreadable: not a picture"].remedy.startswith(f"{pointer}; remove them")
    assert found["unreadable: unsupported format"].remedy.startswith(f"{heic}; save them")


def test_depths_that_differ_are_a_warning() -> None:
    mixed = table({"traits": "16-bit"}, {"traits": "12 of 16 bits"}, {"traits": "8 of 16 bits"})
    found = by_check(reading.partial_depths(mixed))
    assert set(found) == {"mode: 12 of 16 bits", "mode: 8 of 16 bits"}
    assert {one.severity for one in found.values()} == {Severity.WARNING}
    assert "others are 16-bit, 8 of 16 bits" in found["mode: 12 of 16 bits"].remedy
    every = reading.partial_depths(table(*[{"traits": "12 of 16 bits"}] * 9, plain=0))
    assert [(one.severity, len(one.paths)) for one in every] == [(Severity.INFO, 9)]
    assert "4,095 is white" in every[0].remedy


def test_endings_are_told_by_format_and_not_by_case() -> None:
    fine = [{"locator": name} for name in ("a.JPG", "b.jpeg", "c.jfif")]
    fine.append({"locator": "d.tif", "format": "tiff"})
    fine.append({"locator": "17", "format": "array"})
    assert reading.wrong_ending(table(*fine)) == []


def test_notes_that_have_a_finding_of_their_own_are_no_damage() -> None:
    notes = {"detail": "CMYK converted to RGB; first frame of 3"}
    assert reading.damaged(table(notes)) == []
    damaged = reading.damaged(table({"detail": "CMYK converted to RGB; missing end marker"}))
    assert damaged[0].notes == ("missing end marker",)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"width": 80, "height": 80}, "extreme size"),
        ({"width": 4000, "height": 3000}, "extreme size"),
        ({"width": 900, "height": 200}, "extreme shape"),
        ({"width": 200, "height": 600}, "extreme shape"),
        ({"brightest": 60}, "dark"),
        ({"darkest": 200}, "bright"),
        ({"darkest": 100, "brightest": 110}, "flat"),
        ({"sharpness": 0.1}, "blurred"),
        ({"chroma": 2}, "gray among colour"),
    ],
)
def test_looks(change: dict[str, Any], check: str) -> None:
    found = by_check(looks.looks(table(change)))
    assert list(found) == [check]
    assert found[check].paths == ("10.jpg",)


def test_what_most_pictures_are_is_not_odd() -> None:
    dark = {"brightest": 60}
    (half,) = looks.looks(table(*[dark] * 10, plain=10))
    assert half.count == 10
    assert list(looks.looks(table(*[dark] * 11, plain=10))) == []
    gray = {"chroma": 0}
    (few,) = looks.looks(table(*[gray] * 20, plain=3))
    assert few.check == "colour among gray"


def test_small_and_unreadable_pictures_are_not_called_blurred_or_dark() -> None:
    small = [{"width": 28, "height": 28, "sharpness": 0.0}] * 5
    assert list(looks.looks(table(*small, plain=0))) == []
    assert list(looks.looks(table({"status": "empty", "brightest": 0}))) == []


def by_class(**counts: int) -> pd.Series:
    return pd.Series(counts)


def test_classes_too_small() -> None:
    (found,) = balance.small_classes(by_class(cats=100, dogs=19, birds=3))
    assert found.classes == ("birds", "dogs")
    assert "birds (3), dogs (19)" in found.sentence
    assert balance.small_classes(by_class(cats=20)) == []


@pytest.mark.parametrize(
    ("many", "severity"), [(59, None), (60, Severity.INFO), (200, Severity.WARNING)]
)
def test_imbalance(many: int, severity: Severity | None) -> None:
    found = balance.imbalance(by_class(cats=many, dogs=20))
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_a_class_missing_from_a_split() -> None:
    rows = table({"label": "dogs"}, {"split": "test"}, {"label": "birds", "split": "test"})
    found = by_check(balance.missing_classes(rows, ["birds", "cats", "dogs"]))
    assert found["class missing from train"].classes == ("birds",)
    assert found["class missing from train"].severity == "error"
    assert found["class missing from test"].classes == ("dogs",)
    assert found["class missing from test"].severity == "warning"


def test_only_readable_pictures_count() -> None:
    rows = table(*[{"label": "dogs", "status": "empty"}] * 30, plain=30)
    found = by_check(balance.balance(rows, ["cats", "dogs"]))
    assert found["class missing from train"].classes == ("dogs",)


def groups(*exact: list[int], near: tuple[list[int], ...] = ()) -> DuplicateGroups:
    as_rows = [tuple(np.array(one, np.int64) for one in kind) for kind in (exact, near)]
    return DuplicateGroups(20, *as_rows)


def test_copies_by_label_and_split() -> None:
    rows = table(plain=8)
    rows.loc[1, "label"] = "dogs"
    rows.loc[[3, 7], "split"] = "test"
    found = by_check(copies.copies(rows, groups([0, 1], [2, 3], near=([4, 5], [6, 7]))))
    assert found["exact duplicates"].groups == (("0.jpg", "1.jpg"), ("2.jpg", "3.jpg"))
    assert found["one picture, two labels"].groups == (("0.jpg", "1.jpg"),)
    assert found["one picture, two splits"].groups == (("2.jpg", "3.jpg"),)
    assert found["near duplicates"].count == 4
    assert found["near duplicates, two splits"].paths == ("6.jpg", "7.jpg")
    assert found["near duplicates, two splits"].notes == ("cats, train", "cats, test")
    assert "near duplicates, two labels" not in found
    assert {found[name].severity.value for name in found if "one picture" in name} == {"error"}


def test_pictures_without_splits_do_not_leak() -> None:
    rows = table(plain=4)
    rows["split"] = ""
    assert list(by_check(copies.copies(rows, groups([0, 1])))) == ["exact duplicates"]


def test_keys_keep_groups_together() -> None:
    made = groups([0, 3], near=([0, 3, 5], [6, 7]))
    assert made.keys()[[0, 3, 5, 6, 7, 8]].tolist() == [0, 0, 0, 6, 6, 8]
    assert made.keys(near=False)[[0, 3, 5, 6, 7]].tolist() == [0, 0, 5, 6, 7]


def test_doubtful_labels_are_the_planted_ones() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 300)
    wrong = random.choice(300, 12, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + 1) % 3
    probabilities = np.full((300, 3), 0.04)
    probabilities[np.arange(300), truth] = 0.92
    rows = table(*[{"label": "abc"[label]} for label in given], plain=0)
    probabilities[5] = np.nan
    (found,) = doubts.doubtful_labels(rows, ["a", "b", "c"], probabilities)
    assert set(found.paths) == {f"{row}.jpg" for row in wrong if row != 5}
    at = int(found.paths[0].split(".")[0])
    assert found.suggested[0] == "abc"[truth[at]]
    assert found.to_json()["pictures"][0]["suggested"] == "abc"[truth[at]]


def test_arrays_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError, match=r"probabilities do not match") as error:
        doubts.doubtful_labels(table(plain=3), ["cats", "dogs"], np.ones((3, 3)))
    assert "shape (3, 2)" in str(error.value)
    with pytest.raises(UsageError, match=r"features do not match"):
        doubts.outliers(table(plain=3), np.ones((2, 5)))


def test_outliers_are_the_planted_ones() -> None:
    features = np.random.default_rng(0).normal(0, 1, (200, 8))
    features[[3, 77]] += [[40.0], [80.0]]
    features[9] = np.nan
    (found,) = doubts.outliers(table(plain=200), features)
    assert found.paths[:2] == ("77.jpg", "3.jpg")
    assert found.count <= 4


def test_words() -> None:
    assert counted(1, "picture is") == "1 picture is"
    assert counted(1204, "picture has") == "1,204 pictures have"
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"
