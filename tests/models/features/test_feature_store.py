"""Features on disk: found by content, written atomically, with damage detected."""

import json

import numpy as np
import pytest

from viewfinder.models.features.store import FeatureStore, features_folder, list_features

KEYS = [(f"{number:032x}", view) for number in range(5) for view in range(2)]
ROWS = np.random.default_rng(0).normal(size=(10, 7)).astype(np.float32)
IDENTITY = {"base": "Tiny", "cut": None}


def filled() -> FeatureStore:
    store = FeatureStore(IDENTITY, "tiny")
    store.add(KEYS[:6], ROWS[:6])
    store.add(KEYS[6:], ROWS[6:])
    return store


def test_stored_features_are_read_in_any_order():
    filled()
    store = FeatureStore(IDENTITY, "tiny")
    assert len(store) == 10
    order = [7, 0, 9, 3]
    found, known = store.read([*[KEYS[place] for place in order], ("f" * 32, 0)])
    assert known.tolist() == [True] * 4 + [False]
    np.testing.assert_array_equal(found, ROWS[order])


def test_no_stored_features_and_no_requested_keys_differ():
    found, known = FeatureStore(IDENTITY, "tiny").read(KEYS[:2])
    assert found is None
    assert not known.any()


@pytest.mark.parametrize("other", [{"cut": "mixed7"}, {"base": "Other"}, {"weights": "x"}])
def test_another_identity_has_its_own_store(other):
    filled()
    assert len(FeatureStore(IDENTITY | other, "tiny")) == 0


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def test_a_damaged_row_counts_as_missing_and_the_others_stay():
    for path in filled().folder.glob("rows-*.npy"):
        flip(path, -1)  # the last feature of the file's last row
    found, known = FeatureStore(IDENTITY, "tiny").read(KEYS)
    assert np.flatnonzero(~known).tolist() == [5, 9]
    np.testing.assert_array_equal(found, ROWS[known])


def test_features_under_a_wrong_key_are_discarded():
    store = filled()
    (path,) = [path for path in store.folder.glob("rows-*.npy") if len(np.load(path)) == 6]
    records = np.load(path)
    records["view"] ^= 1  # each row now has the key of the other view
    np.save(path, records)
    _, known = FeatureStore(IDENTITY, "tiny").read(KEYS)
    assert known.tolist() == [False] * 6 + [True] * 4


@pytest.mark.parametrize("content", [b"", b"no array", b"PK\x03\x04 no zip", None])
def test_a_file_that_cannot_be_read_is_removed(content):
    store = filled()
    path = next(store.folder.glob("rows-*.npy"))
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    assert len(FeatureStore(IDENTITY, "tiny")) in (4, 6)
    assert not path.exists()


def test_two_stores_may_write_at_once():
    stores = [FeatureStore(IDENTITY, "tiny") for _ in range(2)]  # both opened before any write
    for row, key in enumerate(KEYS):
        stores[row % 2].add([key], ROWS[row : row + 1])
    stores[0].add(KEYS[:4], ROWS[:4])
    found, known = FeatureStore(IDENTITY, "tiny").read(KEYS)
    assert known.all()
    np.testing.assert_array_equal(found, ROWS)


def test_stores_are_listed():
    assert list(list_features()) == []
    store = filled()
    (features_folder() / "damaged").mkdir()
    damaged, listed = sorted(list_features(), key=lambda one: one.base)
    assert (listed.base, listed.rows, listed.folder) == ("Tiny", 10, store.folder)
    assert listed.bytes == sum(path.stat().st_size for path in store.folder.iterdir())
    assert (damaged.base, damaged.rows) == ("", 0)
    assert json.loads((store.folder / "features.json").read_text())["base"] == "Tiny"
