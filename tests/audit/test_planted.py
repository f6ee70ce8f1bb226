"""Faults that were planted are found, and nothing else is called a duplicate."""

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from audit import faults
from shared_data import SHARED
from viewfinder.audit import Audit, audit, duplicate_groups, duplicates, survey
from viewfinder.core.files import cache_folder
from viewfinder.data.sources import open_dataset

PHOTOS = SHARED / "cats_and_dogs_filtered"


def recall(found: Audit, pairs: list[tuple[str, str]]) -> float:
    """The share of pairs that are in one group."""
    keys = dict(zip(found.dataset.table["locator"], found.groups.keys(), strict=True))
    return float(np.mean([keys[one] == keys[other] for one, other in pairs]))


def false_alarms(found: Audit, planted: faults.Planted) -> list[tuple[str, ...]]:
    """Groups that hold two pictures of which neither was made of the other."""
    origin = {made: one for pairs in planted.pairs.values() for one, made in pairs}
    locators = found.dataset.table["locator"]
    groups = [tuple(locators[group]) for group in (*found.groups.exact, *found.groups.near)]
    return [group for group in groups if len({origin.get(one, one) for one in group}) > 1]


def assert_singles_found(found: Audit, planted: faults.Planted) -> None:
    for check, path in planted.single.items():
        assert path in found[check].paths


def assert_leaks_found(found: Audit, planted: faults.Planted) -> None:
    for check, kind in (
        ("one picture, two splits", faults.ACROSS_SPLITS),
        ("one picture, two labels", faults.RELABELLED),
    ):
        groups = set(map(frozenset, found[check].groups))
        assert groups == set(map(frozenset, planted.pairs[kind]))
        assert found[check].severity == "error"


def test_faults_planted_in_made_pictures(tmp_path: Path) -> None:
    root = faults.write_made(tmp_path / "made", each=30)
    planted = faults.plant(root, sorted(root.glob("*/*/*.jpg"))[::2], each=8)
    found = audit(open_dataset(root))
    for kind in (faults.EXACT, faults.ENCODED, faults.RESIZED, faults.MIRRORED):
        assert recall(found, planted.pairs[kind]) == 1, kind
    # Shapes with hard edges change more than photos do when they are cropped.
    assert recall(found, planted.pairs[faults.CROPPED]) >= 0.3
    assert false_alarms(found, planted) == []
    assert_leaks_found(found, planted)
    assert_singles_found(found, planted)


def test_pictures_compared_before_are_not_compared_again(tmp_path, monkeypatch):
    root = faults.write_made(tmp_path / "made", each=30)
    faults.plant(root, sorted(root.glob("*/*/*.jpg"))[::2], each=8)
    first = survey(open_dataset(root))
    expected = duplicate_groups(first)
    assert expected.near

    def fail(*_: object) -> None:
        raise AssertionError("compared again")

    with monkeypatch.context() as patch:
        patch.setattr(duplicates, "close_pairs", fail)
        again = duplicate_groups(first)
        assert again.keys().tolist() == expected.keys().tolist()
        assert (again.unjoined, again.unaligned) == (expected.unjoined, expected.unaligned)
        with pytest.raises(AssertionError, match="compared again"):
            duplicate_groups(first.of_rows(np.arange(len(first) - 1)))
        for path in (cache_folder() / "duplicates").iterdir():
            path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(AssertionError, match="compared again"):
            duplicate_groups(first)
    assert duplicate_groups(first).keys().tolist() == expected.keys().tolist()


@pytest.mark.slow
def test_faults_planted_in_real_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not PHOTOS.is_dir():
        pytest.skip(f"no real photos in {PHOTOS}")
    root = Path(copytree(PHOTOS, tmp_path / "photos"))
    # The one true near duplicate of the set would be a false alarm here.
    (root / "train/dogs/dog.180.jpg").unlink()
    files = sorted(root.glob("*/*/*.jpg"))
    chosen = np.random.default_rng(0).permutation(len(files))
    planted = faults.plant(root, [files[place] for place in chosen], each=200)
    found = audit(open_dataset(root))
    shares = {kind: recall(found, pairs) for kind, pairs in planted.pairs.items()}
    with capsys.disabled():
        print(f"\nfound of the planted: {shares}; false: {false_alarms(found, planted)}")
    for kind in (faults.EXACT, faults.ACROSS_SPLITS, faults.RELABELLED):
        assert shares[kind] == 1
    assert min(shares[faults.ENCODED], shares[faults.RESIZED], shares[faults.MIRRORED]) >= 0.99
    assert shares[faults.CROPPED] >= 0.9
    assert len(false_alarms(found, planted)) <= 0.005 * len(files)
    assert_leaks_found(found, planted)
    assert_singles_found(found, planted)
