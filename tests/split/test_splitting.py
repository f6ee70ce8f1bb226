"""`viewfinder split`: saved, extended, free of leaks; and leaks are found and refused."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from folders import noise, snapshot, table_only, write_classes, write_files, write_picture
from viewfinder.core.errors import DataError, OutputError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import SavedDataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.splits.groups import Groups
from viewfinder.data.splits.shares import join
from viewfinder.split import (
    Copies,
    SplitPlan,
    SplitUp,
    extend,
    leaks,
    open_grouped,
    save,
    save_extension,
    split_up,
)


def places(dataset: Dataset, column: str = "split") -> dict[str, str]:
    return dict(zip(dataset.table["locator"], dataset.table[column], strict=True))


def saved_split(data: Path, output: Path, **plan: object) -> SavedDataset:
    return save(split_up(open_dataset(data), SplitPlan.made(**plan)), output, {})


def extended(saved: SavedDataset) -> SplitUp:
    made = extend(saved)
    save_extension(saved, made)
    return made


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of 20 different pictures."""
    return write_classes(tmp_path / "pets", {"cats": 20, "dogs": 20})


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "pets.dataset"


class TestMaking:
    def test_it_is_saved_and_nothing_else_is_touched(self, pets: Path, output: Path) -> None:
        before = snapshot(pets)
        saved = saved_split(pets, output, validation=0.25, test=0.1)
        opened = open_dataset(output)
        assert opened.split_sizes() == {"train": 26, "validation": 10, "test": 4}
        assert places(opened) == places(open_dataset(pets).split(0.25, 0.1))
        assert snapshot(pets) == before
        (entry,) = saved.entries
        assert (entry.verb, entry.options["set_aside"]) == (
            "split",
            {"test": 0.1, "validation": 0.25},
        )
        saved.undo()
        assert open_dataset(output).split_sizes() == {"unsplit": 40}

    def test_copies_stay_on_one_side(self, pets: Path) -> None:
        for number in range(10):
            shutil.copy(pets / f"cats/{number}.png", pets / f"cats/{number} again.png")
            picture = Image.open(pets / f"dogs/{number}.png")
            picture.save(pets / f"dogs/{number} again.bmp")  # the same pixels in other bytes
        for copies in (None, Copies.NEAR, Copies.EXACT):
            sides = places(split_up(open_dataset(pets), SplitPlan.made(copies=copies)).dataset)
            assert len(sides) == 60
            for number in range(10):
                assert sides[f"cats/{number}.png"] == sides[f"cats/{number} again.png"]
                assert sides[f"dogs/{number}.png"] == sides[f"dogs/{number} again.bmp"]
        apart = places(split_up(open_dataset(pets), SplitPlan.made(copies="ignore")).dataset)
        assert any(apart[f"cats/{n}.png"] != apart[f"cats/{n} again.png"] for n in range(10))

    def test_training_pictures_join_their_copies_in_given_splits(self, tmp_path: Path) -> None:
        data = write_classes(
            tmp_path / "x", {"train/a": 12, "train/b": 12, "test/a": 4, "test/b": 4}
        )
        shutil.copy(data / "test/a/1.png", data / "train/a/leak.png")
        made = split_up(open_dataset(data), SplitPlan.made())
        before, after = places(made.opened), places(made.dataset)
        assert after["train/a/leak.png"] == "test"
        assert {one for one in before if before[one] == "test"} <= {
            one for one in after if after[one] == "test"
        }
        assert made.dataset.split_sizes() == {"train": 20, "validation": 4, "test": 9}
        assert "Moved 1 picture to the split of their duplicates: 1 test." in made.notes

    def test_near_duplicates_do_not_empty_a_class(self) -> None:
        """All of a class are near duplicates of one test picture: only exact duplicates move."""
        dataset = table_only({("train", "a"): 9, ("train", "b"): 9, ("test", "a"): 1})
        is_a = (dataset.table["label"] == "a").to_numpy()
        keys = np.where(is_a, np.flatnonzero(is_a)[0], np.arange(19))
        required = np.arange(19)
        test, copy = np.flatnonzero(is_a)[0], np.flatnonzero(is_a)[4]
        assert dataset.table["split"].iloc[test] == "test"
        required[copy] = test
        is_train = (dataset.table["split"] == "train").to_numpy()
        joined = join(dataset.table, dataset.classes, Groups(keys, required), is_train)
        assert joined.table["split"].value_counts().to_dict() == {"train": 17, "test": 2}
        assert "Near duplicates in a are in several splits" in joined.notes[-1]

    def test_existing_splits_are_kept_or_discarded(self, tmp_path: Path) -> None:
        data = write_classes(
            tmp_path / "x", {f"{s}/{c}": 10 for s in ("train", "valid") for c in "ab"}
        )
        kept = split_up(open_dataset(data), SplitPlan.made(validation=0.3))
        assert places(kept.dataset) == places(kept.opened)
        assert "To discard these splits, split anew." in kept.notes[-1]
        anew = split_up(open_dataset(data), SplitPlan.made(validation=0.3, anew=True))
        assert anew.dataset.split_sizes() == {"train": 28, "validation": 12}

    def test_a_column_says_what_stays_together(self, tmp_path: Path) -> None:
        rows = [(f"{n}.jpg", "ab"[n % 2], f"p{n // 5}") for n in range(100)]
        write_files(tmp_path, *(name for name, _, _ in rows))
        table = tmp_path / "t.csv"
        pd.DataFrame(rows, columns=["path", "label", "patient"]).to_csv(table, index=False)
        dataset = open_grouped(table, group_by="patient")
        made = split_up(dataset, SplitPlan.made())
        of = dict(zip([name for name, _, _ in rows], [p for _, _, p in rows], strict=True))
        sides = {(of[one], side) for one, side in places(made.dataset).items()}
        assert len(sides) == 20
        saved = save(made, tmp_path / "t.dataset", {"group_by": "patient"})
        # The column is kept, and training, too, carves by it.
        carved = saved.dataset().with_columns({"split": [""] * 100}).split(seed=9)
        assert len({(of[one], side) for one, side in places(carved).items()}) == 20
        again = open_grouped(tmp_path / "t.dataset", group_by="label")
        with pytest.raises(DataError, match="The class 'a' has too few groups to be split"):
            split_up(again, SplitPlan.made(anew=True))
        for place in (table, tmp_path / "t.dataset"):
            with pytest.raises(UsageError, match="no column 'nurse'"):
                open_grouped(place, group_by="nurse")

    def test_a_cleaned_dataset_is_split_in_its_own_journal(self, pets: Path, output: Path) -> None:
        saved_split(pets, output)
        made = split_up(open_dataset(output), SplitPlan.made(anew=True, seed=7))
        saved = save(made, output, {})
        assert [entry.verb for entry in saved.entries] == ["split", "split"]
        assert places(open_dataset(output)) == places(open_dataset(pets).split(seed=7))
        with pytest.raises(OutputError, match="exists already"):
            save(split_up(open_dataset(pets), SplitPlan.made()), output, {})

    def test_what_cannot_be_planned(self) -> None:
        for wrong in ({"validation": 1.0}, {"folds": -1}, {"copies": "some"}, {"seed": -1}):
            with pytest.raises(UsageError):
                SplitPlan.made(**wrong)

    def test_json(self, pets: Path) -> None:
        shutil.copy(pets / "cats/1.png", pets / "cats/2 again.png")
        made = split_up(open_dataset(pets), SplitPlan.made(folds=4))
        document = json.loads(json.dumps(made.to_json()))
        assert document["groups"] == {"count": 1, "pictures": 2, "largest": 2}
        assert {sum(fold.values()) for fold in document["folds"].values()} <= {10, 11}
        assert document["plan"]["folds"] == 4
        assert list(made.counts().columns) == [f"fold {fold}" for fold in range(4)]


class TestExtending:
    def test_old_pictures_stay_and_shares_are_kept(self, pets: Path, output: Path) -> None:
        saved = saved_split(pets, output, validation=0.25, test=0.1, seed=5)
        before = places(open_dataset(output))
        for number in range(20):
            write_picture(pets / f"cats/new {number}.png", 1000 + number)
        made = extended(saved)
        after = places(open_dataset(output))
        assert before.items() <= after.items()
        assert made.placed == 20
        assert open_dataset(output).counts().loc["cats"].to_list() == [26, 10, 4]
        assert open_dataset(output).counts().loc["dogs"].to_list() == [13, 5, 2]
        assert saved.entries[-1].verb == "extend"
        saved.undo()
        assert places(open_dataset(output)) == before

    def test_a_new_copy_joins_the_side_of_the_old_one(self, pets: Path, output: Path) -> None:
        saved = saved_split(pets, output, test=0.2)
        sides = places(open_dataset(output))
        for number in range(20):
            Image.open(pets / f"dogs/{number}.png").save(pets / f"dogs/{number} again.bmp")
        extended(saved)
        after = places(open_dataset(output))
        assert len(after) == 60
        for number in range(20):
            assert after[f"dogs/{number} again.bmp"] == sides[f"dogs/{number}.png"]

    def test_folds(self, pets: Path, output: Path) -> None:
        saved = saved_split(pets, output, folds=4)
        before = places(open_dataset(output), "fold")
        shutil.copy(pets / "cats/3.png", pets / "cats/3 again.png")
        for number in range(12):
            write_picture(pets / f"cats/new {number}.png", 1000 + number)
        extended(saved)
        dataset = open_dataset(output)
        after = places(dataset, "fold")
        assert before.items() <= after.items()
        assert after["cats/3 again.png"] == after["cats/3.png"]
        counts = dataset.table[dataset.table["label"] == "cats"]["fold"].value_counts()
        assert sorted(counts) == [8, 8, 8, 9]
        assert {dataset.use_fold(int(k)).split_sizes()["validation"] for k in "0123"} == {13, 14}

    def test_gone_and_nothing_new(self, pets: Path, output: Path) -> None:
        saved = saved_split(pets, output)
        (pets / "dogs/4.png").unlink()
        made = extended(saved)
        assert made.notes == (
            "1 picture is missing (the first: dogs/4.png); the others stay.",
            "New pictures: 0.",
        )
        assert len(saved.entries) == 1

    def test_what_was_quarantined_does_not_come_back(self, pets: Path, output: Path) -> None:
        from viewfinder.clean import clean

        (pets / "cats/bad.png").write_bytes(b"")
        first = clean(open_dataset(pets), output.with_name("first.dataset"))
        save(split_up(first.dataset(), SplitPlan.made()), output, {})
        write_picture(pets / "cats/new.png", 1000)
        made = extended(SavedDataset.open(output))
        assert made.placed == 1
        assert "cats/bad.png" not in places(open_dataset(output))

    def test_new_pictures_in_given_splits_stay_in_them(self, tmp_path: Path, output: Path) -> None:
        data = write_classes(
            tmp_path / "x", {"train/a": 10, "train/b": 10, "test/a": 4, "test/b": 4}
        )
        saved = saved_split(data, output)
        write_picture(data / "test/a/new.png", 1000)
        shutil.copy(data / "test/a/new.png", data / "train/a/copy of new.png")
        extended(saved)
        after = places(open_dataset(output))
        assert after["test/a/new.png"] == after["train/a/copy of new.png"] == "test"

    def test_a_new_class(self, pets: Path, output: Path) -> None:
        saved = saved_split(pets, output)
        write_picture(pets / "birds/0.png", 2000)
        with pytest.raises(DataError, match="The class 'birds' has too few"):
            extend(saved)
        for number in range(10):
            write_picture(pets / f"birds/{number}.png", 2000 + number)
        extended(saved)
        dataset = open_dataset(output)
        assert dataset.classes == ("birds", "cats", "dogs")
        assert dataset.counts().loc["birds"].to_list() == [8, 2]

    def test_without_a_split_there_is_nothing_to_extend(self, pets: Path, output: Path) -> None:
        saved = saved_split(pets, output)
        saved.undo()
        with pytest.raises(UsageError, match="has no split to extend"):
            extend(saved)

    @settings(
        max_examples=10,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        old=st.integers(3, 12),
        new=st.integers(0, 8),
        shares=st.tuples(st.floats(0.05, 0.4), st.just(0.0) | st.floats(0.05, 0.4)),
        seed=st.integers(0, 99),
    )
    @example(old=6, new=1, shares=(0.375, 0.375), seed=0)
    def test_nothing_old_moves(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        old: int,
        new: int,
        shares: tuple[float, float],
        seed: int,
    ) -> None:
        data = tmp_path_factory.mktemp("data")
        names = [f"{label}/{number}.jpg" for label in "ab" for number in range(old)]
        write_files(data / "x", *names)
        plan = {"validation": shares[0], "test": shares[1], "seed": seed, "copies": "ignore"}
        saved = saved_split(data / "x", data / "x.dataset", **plan)
        before = places(saved.dataset())
        write_files(data / "x", *(f"a/0{number}.jpg" for number in range(new)))
        extended(saved)
        after = places(saved.dataset())
        assert before.items() <= after.items()
        counts = saved.dataset().counts().loc["a"]
        held = Counter(split for locator, split in before.items() if locator.startswith("a/"))
        remaining = new
        for name, share in (("test", shares[1]), ("validation", shares[0])):
            if share:
                lacking = max(0, round((old + new) * share) - held[name])
                taken = min(lacking, remaining)
                assert counts[name] == held[name] + taken
                remaining -= taken
        assert counts["train"] == held["train"] + remaining


class TestLeaks:
    @pytest.fixture
    def read(self) -> Dataset:
        dataset = table_only({("train", "a"): 3, ("train", "b"): 3, ("test", "a"): 2})
        contents = {"train/a/1.png": "x", "test/a/0.png": "x", "train/b/2.png": "y"}
        content = [contents.get(one, one) for one in dataset.table["locator"]]
        return dataset.with_columns({"content": content})

    def test_an_exact_leak_is_refused(self, read: Dataset) -> None:
        with pytest.raises(DataError) as caught:
            leaks.marked(read, allowed=False, progress=Progress(0))
        assert caught.value.fact.startswith("1 picture is in training and in another split too")
        assert caught.value.received == "test/a/0.png = train/a/1.png"
        for word in ("viewfinder split", "viewfinder clean", "`allow_leaks`"):
            assert word in str(caught.value.remedy)

    def test_or_marked(self, read: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        marked = leaks.marked(read, allowed=True, progress=Progress(1))
        assert leaks.known_leaks(marked) == {"test/a/0.png": "exact"}
        assert leaks.known_leaks(read) == {}
        assert "test/a/0.png = train/a/1.png" in capsys.readouterr().err

    def test_near_ones_are_marked_and_said(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = write_classes(tmp_path / "x", {"train/a": 6, "train/b": 6, "test/b": 3})
        smooth = np.kron(noise(5, 8, 8), np.ones((16, 16, 1), np.uint8))
        Image.fromarray(smooth).save(data / "train/a/smooth.png")
        Image.fromarray(smooth).save(data / "test/b/smooth.jpg", quality=80)
        dataset = open_dataset(data)
        dataset = dataset.with_columns({"content": list(dataset.table["locator"])})
        marked = leaks.marked(dataset, allowed=False, progress=Progress(1))
        assert leaks.known_leaks(marked) == {"test/b/smooth.jpg": "near"}
        assert (
            "1 evaluation picture is a near duplicate of a training picture"
            in capsys.readouterr().err
        )

    def test_near_ones_that_no_split_keeps_together_get_other_advice(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = write_classes(tmp_path / "x", {"a": 0, "b": 8})
        smooth = Image.fromarray(np.kron(noise(5, 8, 8), np.ones((16, 16, 1), np.uint8)))
        for quality in range(60, 92, 4):
            smooth.save(data / f"a/{quality}.jpg", quality=quality)
        dataset = open_dataset(data).split(0.25)
        dataset = dataset.with_columns({"content": list(dataset.table["locator"])})
        marked = leaks.marked(dataset, allowed=False, progress=Progress(1))
        assert set(leaks.known_leaks(marked).values()) == {"near"}
        assert set(marked.table[leaks.LEAK]) == {"", leaks.INSEPARABLE}
        words = capsys.readouterr().err
        assert "viewfinder split" not in words
        assert "--fix near-duplicates keeps one picture of each" in words
        # A search trains on a part of them: the same words would be wrong, and printed again.
        rows = marked.table
        leaking = rows[rows[leaks.LEAK] != ""]["locator"].iloc[0]
        part = marked.where((rows["split"] == "train") | (rows["locator"] == leaking))
        again = leaks.marked(part, allowed=False, progress=Progress(1))
        assert capsys.readouterr().err == ""
        assert set(again.table[leaks.LEAK]) == {"", leaks.INSEPARABLE}

    def test_many_pictures_are_compared_only_if_they_are_measured(
        self, pets: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from viewfinder.audit import survey

        monkeypatch.setattr(leaks, "MEASURED_AT_ONCE", 10)
        picture = Image.open(pets / "cats/0.png").resize((256, 256))
        picture.save(pets / "cats/0.png")
        picture.save(pets / "dogs/near.jpg", quality=90)
        dataset = open_dataset(pets)
        names = list(dataset.table["locator"])
        splits = ["test" if name == "dogs/near.jpg" else "train" for name in names]
        dataset = dataset.with_columns({"split": splits, "content": names})
        quiet = Progress(0)
        assert leaks.known_leaks(leaks.marked(dataset, allowed=False, progress=quiet)) == {}
        survey(dataset)
        marked = leaks.marked(dataset, allowed=False, progress=quiet)
        assert leaks.known_leaks(marked) == {"dogs/near.jpg": "near"}
