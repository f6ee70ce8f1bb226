"""Cleaning: each finding becomes the decision that the docs promise; originals stay."""

import shutil
from pathlib import Path

import pytest

import viewfinder as vf
from folders import snapshot, write_classes, write_picture
from viewfinder.audit import audit
from viewfinder.clean import CleaningPlan, clean, plan_cleaning, restore, save_plan
from viewfinder.core.errors import DataError, OutputError, UsageError
from viewfinder.data.saved import SavedDataset
from viewfinder.data.sources import open_dataset


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Four good pictures of each class; one empty; a double, a leak, and one under two labels."""
    root = tmp_path / "messy"
    counts = {f"{split}/{name}": 4 for split in ("train", "test") for name in ("cats", "dogs")}
    write_classes(root, counts)
    (root / "train/cats/empty.png").touch()
    (root / "train/dogs/words.png").write_text("no picture")
    shutil.copy(root / "train/cats/0.png", root / "train/cats/double.png")
    shutil.copy(root / "test/cats/1.png", root / "train/cats/a leak.png")
    shutil.copy(root / "train/dogs/2.png", root / "train/cats/doubted.png")
    return root


def plan(messy: Path, *fixes: str, **options: object) -> CleaningPlan:
    found = audit(open_dataset(messy))
    return plan_cleaning(found, fixes, **options) if fixes else plan_cleaning(found, **options)  # type: ignore[arg-type]


def taken(planned: CleaningPlan) -> dict[str, list[str]]:
    """The pictures of each decision, by its reason."""
    return {one.why: sorted(one.changes["locator"]) for one in planned.decisions}


DOUBLES = {
    "one picture, two labels": ["train/cats/doubted.png", "train/dogs/2.png"],
    "exact duplicates": ["train/cats/a leak.png", "train/cats/double.png"],
}
UNREADABLE = {
    "unreadable: empty": ["train/cats/empty.png"],
    "unreadable: not a picture": ["train/dogs/words.png"],
}


class TestPlan:
    def test_by_default_the_broken_the_contradicting_and_the_double_go(self, messy: Path) -> None:
        planned = plan(messy)
        assert taken(planned) == {**UNREADABLE, **DOUBLES}
        assert planned.leaves == 21 - 6
        assert planned.table["verb"].tolist() == [*(["quarantine"] * 3), "keep-one"]
        assert planned.warnings == ()

    @pytest.mark.parametrize(
        ("fix", "expected"),
        [
            ("none", {}),
            ("unreadable", UNREADABLE),
            ("unreadable-empty", {"unreadable: empty": ["train/cats/empty.png"]}),
            ("two-labels", {"one picture, two labels": DOUBLES["one picture, two labels"]}),
            ("two-splits", {"one picture, two splits": ["train/cats/a leak.png"]}),
            (
                "errors",
                {
                    "one picture, two labels": DOUBLES["one picture, two labels"],
                    "one picture, two splits": ["train/cats/a leak.png"],
                },
            ),
        ],
    )
    def test_each_fix_does_its_own(self, messy: Path, fix: str, expected: dict) -> None:
        assert taken(plan(messy, fix)) == expected

    def test_a_finding_by_its_name(self, tmp_path: Path) -> None:
        root = write_classes(tmp_path / "some", {"a": 8, "b": 8})
        write_picture(root / "a/huge.png", 99, height=200, width=300)
        expected = {"extreme size": ["a/huge.png"]}
        assert taken(plan(root, "extreme-size")) == expected

    def test_the_copy_that_judges_stays_then_the_largest(self, tmp_path: Path) -> None:
        root = write_classes(tmp_path / "near", {"train/a": 3, "train/b": 3, "test/a": 3})
        shutil.copy(root / "train/a/0.png", root / "test/a/zz.png")
        write_picture(root / "train/b/s.bmp", 77)  # the same pixels as the next, in another file
        write_picture(root / "train/b/s.png", 77)
        smaller = min((root / "train/b").glob("s.*"), key=lambda path: path.stat().st_size)
        planned = plan(root)
        assert taken(planned) == {"exact duplicates": ["train/a/0.png", f"train/b/{smaller.name}"]}
        notes = planned.decisions[0].changes.set_index("locator")["note"]
        assert notes["train/a/0.png"] == "kept: test/a/zz.png"

    def test_what_was_relabelled_is_no_contradiction(self, messy: Path) -> None:
        planned = plan(messy, relabel={"train/cats/doubted.png": "dogs"})
        found = taken(planned)
        assert found["chosen by hand"] == ["train/cats/doubted.png"]
        assert "one picture, two labels" not in found
        # Of both, the first by name stays, now under its new label.
        assert "train/dogs/2.png" in found["exact duplicates"]

    def test_what_is_taken_out_by_hand_is_no_copy_any_more(self, messy: Path) -> None:
        planned = plan(messy, quarantine=["train/cats/0.png", "train/cats/0.png"])
        assert taken(planned)["chosen by hand"] == ["train/cats/0.png"]
        assert taken(planned)["exact duplicates"] == ["train/cats/a leak.png"]

    def test_a_class_that_loses_all_is_said(self, tmp_path: Path) -> None:
        root = write_classes(tmp_path / "few", {"a": 2, "b": 1})
        shutil.copy(root / "b/0.png", root / "a/same.png")
        assert plan(root).warnings == ("The class b would have no picture left.",)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"relabel": {"train/cats/0.png": "cat"}}, "no class 'cat'"),
            ({"relabel": {"train/cats/77.png": "cats"}}, "no picture train/cats/77.png"),
            ({"quarantine": ["nowhere.png"]}, "no picture nowhere.png"),
            ({"fixes": ["unreadible"]}, "no fix 'unreadible'"),
        ],
    )
    def test_what_is_not_known_is_refused(self, messy: Path, options: dict, words: str) -> None:
        with pytest.raises(UsageError, match=words):
            plan_cleaning(audit(open_dataset(messy)), **options)


class TestSaved:
    def test_originals_are_never_touched(self, messy: Path) -> None:
        before = snapshot(messy)
        saved = vf.clean(vf.open(messy), messy.with_name("m.dataset"))
        saved.undo()
        clean(saved.dataset(), saved.folder)
        assert snapshot(messy) == before

    def test_the_dataset_is_the_original_without_what_was_decided(self, messy: Path) -> None:
        saved = vf.clean(vf.open(messy), messy.with_name("m.dataset"))
        left = set(saved.dataset().table["locator"])
        gone = {path for paths in (UNREADABLE | DOUBLES).values() for path in paths}
        assert left == set(open_dataset(messy).table["locator"]) - gone
        assert not [one for one in audit(saved.dataset()).findings if one.severity.rank == 0]

    def test_clean_again_adds_only_what_is_new(self, messy: Path) -> None:
        place = messy.with_name("m.dataset")
        clean(open_dataset(messy), place, ["unreadable"])
        assert len(SavedDataset.open(place).entries) == 2
        for _ in range(2):
            clean(open_dataset(place), place)
            assert len(SavedDataset.open(place).entries) == 4

    def test_another_output_starts_from_the_current_state(self, messy: Path) -> None:
        first = clean(open_dataset(messy), messy.with_name("1.dataset"), ["unreadable"])
        second = clean(first.dataset(), messy.with_name("2.dataset"))
        assert [one.why for one in second.entries] == list(DOUBLES)
        assert len(first.entries) == 2
        assert len(second.dataset()) == 15
        assert second.settings == first.settings

    def test_one_picture_comes_back(self, messy: Path) -> None:
        saved = clean(open_dataset(messy), messy.with_name("m.dataset"))
        restore(saved, "train/cats/double.png")
        assert "train/cats/double.png" in set(saved.dataset().table["locator"])
        assert len(saved.dataset()) == 16
        for name in ("train/cats/double.png", "nowhere.png"):
            with pytest.raises(UsageError, match=f"no picture {name} in quarantine"):
                restore(saved, name)

    def test_nothing_is_written_where_it_must_not(self, messy: Path) -> None:
        before = snapshot(messy.parent)
        for output in (messy / "m.dataset", messy / "train/cats/m.dataset", messy):
            with pytest.raises(OutputError):
                clean(open_dataset(messy), output)
        with pytest.raises(OutputError, match="exists already"):
            save_plan(plan(messy), messy)
        assert snapshot(messy.parent) == before


def test_a_cleaning_that_leaves_no_picture_is_refused_and_a_dry_run_says_so(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "few", {"a": 2, "b": 2})
    names = list(open_dataset(data).table["locator"])
    made = plan(data, "none", quarantine=names)
    assert made.warnings == ("No picture would be left.",)
    with pytest.raises(DataError, match="No picture would be left"):
        save_plan(made, tmp_path / "none.dataset")
    assert not (tmp_path / "none.dataset").exists()
    some = plan(data, "none", quarantine=names[:3])
    assert (
        save_plan(some, tmp_path / "some.dataset").dataset().table["locator"].tolist() == names[3:]
    )
