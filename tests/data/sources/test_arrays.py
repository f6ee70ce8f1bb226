"""Arrays in memory and in `.npz`: which numbers are levels, and which arrays are what."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as made_arrays
from sklearn.datasets import load_digits

from shared_data import SHARED
from viewfinder.core.errors import DataError, Reason, RejectedPicture, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record, open_arrays, open_dataset
from viewfinder.data.sources.npz import find_arrays

DIVIDED = SHARED / "cases" / "test_split_divided_by_255.npz"
LABELS = np.array([0, 1, 2, 0, 1, 2])


def levels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def pictures(dataset: Dataset, split: str = "") -> np.ndarray:
    count = dataset.table["locator"].str.startswith(f"{split}#").sum()
    return np.stack([dataset.source.read(f"{split}#{row}") for row in range(count)])


def labels(dataset: Dataset) -> list[str]:
    by_locator = dataset.table.set_index("locator")["label"]
    return [by_locator[f"#{row}"] for row in range(len(dataset))]


class TestShapes:
    @pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4), (25,), (48,)])
    def test_each_shape_of_pictures(self, shape: tuple[int, ...]) -> None:
        images = levels(6, *shape)
        dataset = open_arrays(images, LABELS)
        expected = {(4, 5, 1): (4, 5), (25,): (5, 5), (48,): (4, 4, 3)}.get(shape, shape)
        np.testing.assert_array_equal(pictures(dataset), images.reshape(6, *expected))
        assert labels(dataset) == list("012012")
        assert dataset.table["bytes"].unique().tolist() == [np.prod(expected)]

    @pytest.mark.parametrize("shape", [(6,), (6, 2, 2, 2), (6, 4, 5, 3, 1), (6, 0, 5), (6, 30)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(DataError, match=r"shape of pictures|not a square"):
            open_arrays(levels(*shape), LABELS)

    def test_channels_first_are_refused_with_the_remedy(self) -> None:
        with pytest.raises(DataError, match=r"np\.moveaxis"):
            open_arrays(levels(6, 3, 32, 32), LABELS)

    def test_splits(self) -> None:
        train, test = levels(6, 4, 5), levels(3, 4, 5, seed=1)
        dataset = open_arrays({"train": train, "test": test}, {"train": LABELS, "test": LABELS[:3]})
        assert dataset.split_sizes() == {"train": 6, "test": 3}
        np.testing.assert_array_equal(pictures(dataset, "test"), test)

    @pytest.mark.parametrize("labels", [{"train": LABELS}, LABELS, {"train": LABELS, "x": LABELS}])
    def test_splits_that_do_not_fit(self, labels: Any) -> None:
        images = {"train": levels(6, 4, 5), "test": levels(6, 4, 5)}
        with pytest.raises(UsageError, match="splits"):
            open_arrays(images, labels)


class TestLevels:
    IMAGES = levels(6, 4, 5)

    @pytest.mark.parametrize(
        "images",
        [
            IMAGES,
            IMAGES.astype(np.int64),
            IMAGES.astype(np.float32),
            IMAGES.astype(">u2"),
            IMAGES / 255,
            (IMAGES / 255).astype(np.float32),
            (IMAGES / np.float32(255)).astype(np.float16).astype(np.float64),
            np.asfortranarray(IMAGES),
            IMAGES.tolist(),
        ],
    )
    def test_the_same_levels_in_many_forms(self, images: Any) -> None:
        np.testing.assert_array_equal(pictures(open_arrays(images, LABELS)), self.IMAGES)

    def test_what_was_done_is_said(self) -> None:
        said = open_arrays(self.IMAGES / 255, LABELS).notes
        assert "Numbers from 0 to 1 were read as shares of full brightness." in said
        assert len(open_arrays(self.IMAGES, LABELS).notes) == 1

    def test_booleans(self) -> None:
        dataset = open_arrays(self.IMAGES > 99, LABELS)
        np.testing.assert_array_equal(pictures(dataset), np.where(self.IMAGES > 99, 255, 0))

    @pytest.mark.parametrize(
        "other",
        [
            IMAGES,
            IMAGES.astype(float),
            (IMAGES / 255).astype(np.float32),
            IMAGES // 8,  # few pictures may be dark
            IMAGES > 99,
        ],
    )
    def test_each_split_by_its_own_numbers(self, other: np.ndarray) -> None:
        """As many people publish: x_test divided by 255, and x_train not."""
        whites = {np.dtype(np.float32): 1 / 255, np.dtype(bool): 1 / 255}
        expected = np.rint(other / whites.get(other.dtype, 1)).astype(np.uint8)
        for one, two in ((self.IMAGES, other), (other, self.IMAGES)):
            dataset = self.two_splits(one, two)
            right = {"train": one, "test": two}
            for split, array in right.items():
                levels = expected if array is other else self.IMAGES
                np.testing.assert_array_equal(pictures(dataset, split), levels)
            are_mixed = other.dtype in whites
            assert any("scaled differently" in note for note in dataset.notes) == are_mixed

    @pytest.mark.parametrize(
        ("images", "other"),
        [
            (IMAGES, IMAGES % 2),
            (IMAGES, (IMAGES % 2).astype(float)),
            (IMAGES, IMAGES // 16),
            (IMAGES, IMAGES / 255 / 255),
            (IMAGES, IMAGES / 25.5),
            (IMAGES, np.zeros_like(IMAGES)),
            (IMAGES / 255, IMAGES % 2),
            (IMAGES / 255, IMAGES // 16),
            (IMAGES / 255, IMAGES / 255 / 255),
            (IMAGES / 255, IMAGES / 25.5),
        ],
    )
    def test_a_split_of_another_unknown_range_is_refused(
        self, images: np.ndarray, other: np.ndarray
    ) -> None:
        for one, two in ((images, other), (other, images)):
            with pytest.raises(DataError, match=r"not clear(.|\n)*scale the splits alike"):
                self.two_splits(one, two)

    def test_the_remedy_fits_every_split(self) -> None:
        """A range from the lowest to the highest number would turn one split nearly black."""
        signed = self.IMAGES / 127.5 - 1
        with pytest.raises(DataError, match=r"Remedy: scale the splits alike$"):
            self.two_splits(signed, self.IMAGES)
        with pytest.raises(DataError, match=r"such as `value_range=-1,1`"):
            self.two_splits(signed, signed)
        standard = self.IMAGES / 100 - 1.25
        with pytest.raises(DataError, match=r"such as `value_range=-1.25,1.23`"):
            self.two_splits(standard, standard)

    @pytest.mark.parametrize("white", [0.004, 1.5, 4, 10, 16, 63, 100, 127])
    def test_ranges_that_nobody_would_choose_are_refused_unless_stated(self, white: float) -> None:
        images = self.IMAGES / self.IMAGES.max() * white
        forms = [images] + ([np.rint(images).astype(np.uint8)] if white > 2 else [])
        for form in forms:
            with pytest.raises(DataError, match="not clear which numbers"):
                open_arrays(form, LABELS)
            stated = open_arrays(form, LABELS, value_range=(0, white))
            np.testing.assert_array_equal(pictures(stated), np.rint(form * (255 / white)))
            as_dark_as_that = open_arrays(form, LABELS, value_range=(0, 255))
            np.testing.assert_array_equal(pictures(as_dark_as_that), np.rint(form))

    @pytest.mark.parametrize("value_range", [(-1, 1), (0, 4095), (1024, 65535), (-3, 2.5)])
    def test_a_stated_range(self, value_range: tuple[float, float]) -> None:
        low, high = value_range
        images = low + self.IMAGES / 255 * (high - low)
        dataset = open_arrays(images, LABELS, value_range=value_range)
        np.testing.assert_array_equal(pictures(dataset), self.IMAGES)
        assert f"Numbers from {low:g} to {high:g} were scaled to levels" in dataset.notes[-1]
        images[2, 3, 1] = high + 0.01 * (high - low)
        with pytest.raises(DataError, match="outside of the given range"):
            open_arrays(images, LABELS, value_range=value_range)

    @pytest.mark.parametrize("value_range", [(1, 0), (0, 0), (0, np.nan), (0, np.inf), (1,), "x"])
    def test_what_is_no_range(self, value_range: Any) -> None:
        with pytest.raises(UsageError, match="`value_range` is not a range"):
            open_arrays(self.IMAGES, LABELS, value_range=value_range)

    def two_splits(self, train: np.ndarray, test: np.ndarray) -> Dataset:
        return open_arrays({"train": train, "test": test}, {"train": LABELS, "test": LABELS})

    @pytest.mark.parametrize(
        ("change", "fact"),
        [
            (lambda x: x / 127.5 - 1, "not clear which numbers"),
            (lambda x: x / 255 * 1.5, "not clear which numbers"),
            (lambda x: x.astype(int) + 1, "not clear which numbers"),
            (lambda x: x.astype(int) - 1, "not clear which numbers"),
            (lambda x: np.where(x > 250, np.nan, x / 255), "not finite"),
            (lambda x: x.astype(complex), "does not hold numbers"),
            (lambda x: x.astype(str), "does not hold numbers"),
            (lambda x: x.astype(object), "does not hold numbers"),
        ],
    )
    def test_what_is_no_level(self, change: Any, fact: str) -> None:
        images = levels(6, 20, 20)
        images[0, 0, :2] = 0, 255
        with pytest.raises(DataError, match=fact):
            open_arrays(change(images), LABELS)

    def test_the_digits_of_scikit_learn(self) -> None:
        digits = load_digits()
        expected = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        stated = open_arrays(digits.images, digits.target, value_range=(0, 16))
        np.testing.assert_array_equal(pictures(stated), expected)
        scaled = open_arrays(digits.images / 16, digits.target)
        np.testing.assert_array_equal(pictures(scaled), expected)

    @given(made_arrays(np.uint8, (2, 3, 4)), st.sampled_from([np.float32, np.float64]))
    def test_shares_come_back_exactly(self, images: np.ndarray, kind: type) -> None:
        images[0, 0, 0] = 255
        shares = images.astype(kind) / kind(255)
        np.testing.assert_array_equal(pictures(open_arrays(shares, ["a", "b"])), images)


class TestLabels:
    IMAGES = levels(6, 4, 5)

    @pytest.mark.parametrize(
        "given_labels",
        [
            LABELS,
            LABELS.tolist(),
            LABELS[:, None],
            LABELS.astype(float),
            np.eye(3)[LABELS],
            np.eye(3, dtype=bool)[LABELS],
            LABELS.astype(str),
            LABELS.astype("S"),
            LABELS.astype(str).astype(object),
        ],
    )
    def test_forms(self, given_labels: Any) -> None:
        dataset = open_arrays(self.IMAGES, given_labels)
        assert labels(dataset) == list("012012")
        named = open_arrays(self.IMAGES, given_labels, ["x", "y", "z"])
        assert (labels(named), named.classes) == (list("xyzxyz"), ("x", "y", "z"))

    @pytest.mark.parametrize(
        "given_labels",
        [
            LABELS[:5],
            LABELS + 0.5,
            np.full((6, 3), 0.5),
            np.zeros((6, 3)),
            np.ones((6, 3)),
            ["a", "b", "", "a", "b", "a"],
            np.zeros((6, 2, 2)),
            np.array([None] * 6),
        ],
    )
    def test_what_is_no_label(self, given_labels: Any) -> None:
        with pytest.raises(DataError):
            open_arrays(self.IMAGES, given_labels)


class TestKept:
    def test_a_record_makes_it_again_in_another_process(self) -> None:
        images = levels(6, 4, 5)
        source = open_arrays(images, LABELS).source
        again = from_record(source.record())
        np.testing.assert_array_equal(again.read("#4"), images[4])
        assert again.stamp("#4") == source.stamp("#4")

    def test_the_caller_may_change_the_array_afterwards(self) -> None:
        images = levels(6, 4, 5)
        expected = images.copy()
        dataset = open_arrays(images, LABELS)
        images[:] = 0
        np.testing.assert_array_equal(pictures(dataset), expected)

    def test_equal_pixels_are_kept_once(self, own_cache: Path) -> None:
        for _ in range(2):
            open_arrays(levels(6, 4, 5), LABELS)
        assert len(list((own_cache / "arrays").iterdir())) == 1
        open_arrays(levels(6, 5, 4), LABELS)
        assert len(list((own_cache / "arrays").iterdir())) == 2

    def test_a_cleared_cache_is_a_rejection(self, own_cache: Path) -> None:
        source = open_arrays(levels(6, 4, 5), LABELS).source
        for file in (own_cache / "arrays").iterdir():
            file.unlink()
        for ask in (source.read, source.stamp):
            with pytest.raises(RejectedPicture) as caught:
                ask("#0")
            assert caught.value.reason is Reason.MISSING


class TestNpz:
    @pytest.mark.skipif(not DIVIDED.exists(), reason=f"there is no {DIVIDED}")
    def test_a_split_divided_by_255(self) -> None:
        """The first split read as 0 to 255 must not round the other to black."""
        dataset = open_dataset(DIVIDED)
        for split in ("train", "test"):
            assert pictures(dataset, split).max() == 254
        assert any("scaled differently (train to 255, test to 1)" in n for n in dataset.notes)

    def test_a_stated_range_is_in_the_record(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "x.npz", X=levels(6, 4, 5) * np.uint16(257), y=LABELS)
        with pytest.raises(DataError, match="`value_range=0,"):
            open_dataset(tmp_path / "x.npz")
        source = open_dataset(tmp_path / "x.npz", value_range=(0, 65535)).source
        again = from_record(json.loads(json.dumps(source.record())))
        assert again == source
        np.testing.assert_array_equal(again.read("#3"), levels(6, 4, 5)[3])

    def test_keras_mnist(self, tmp_path: Path) -> None:
        train, test = levels(6, 28, 28), levels(3, 28, 28, seed=1)
        path = tmp_path / "mnist.npz"
        np.savez_compressed(path, x_train=train, y_train=LABELS, x_test=test, y_test=LABELS[:3])
        dataset = open_dataset(path)
        assert dataset.split_sizes() == {"train": 6, "test": 3}
        np.testing.assert_array_equal(pictures(dataset, "train"), train)
        np.testing.assert_array_equal(pictures(dataset, "test"), test)
        again = from_record(dataset.source.record())
        assert again == dataset.source
        np.testing.assert_array_equal(again.read("test#2"), dataset.source.read("test#2"))

    @pytest.mark.parametrize(
        ("names", "splits"),
        [
            (["images", "labels"], {"": 6}),
            (["X", "y"], {"": 6}),
            (["data", "target"], {"": 6}),
            (["arr_0", "arr_1"], {"": 6}),
            (["train_images", "train_labels", "val_images", "val_labels"], {"train", "validation"}),
            (["X_train", "Y_train", "X_valid", "Y_valid"], {"train", "validation"}),
        ],
    )
    def test_names_as_people_write_them(
        self, tmp_path: Path, names: list[str], splits: Any
    ) -> None:
        given_arrays = [levels(6, 4, 5), LABELS[:, None]] * (len(names) // 2)
        np.savez(tmp_path / "x.npz", **dict(zip(names, given_arrays, strict=True)))
        dataset = open_dataset(tmp_path / "x.npz")
        assert set(dataset.table["split"]) == set(splits)
        assert len(dataset) == 6 * len(splits)

    def test_a_file_by_another_name(self, tmp_path: Path) -> None:
        with (tmp_path / "data.bin").open("wb") as file:
            np.savez(file, images=levels(6, 4, 5), labels=LABELS)
        assert len(open_dataset(tmp_path / "data.bin")) == 6

    def test_flat_pictures_with_a_size(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "x.npz", X=levels(6, 60), y=LABELS)
        dataset = open_dataset(tmp_path / "x.npz", image_size=(4, 5))
        assert pictures(dataset).shape == (6, 4, 5, 3)

    def test_other_arrays_are_passed_over_aloud(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "x.npz", images=levels(6, 4, 5), labels=LABELS, mean=np.zeros(3))
        assert [one.path for one in open_dataset(tmp_path / "x.npz").passed_over] == ["mean"]

    @pytest.mark.parametrize(
        "names", [["a", "b", "c"], ["images"], ["x", "images", "y"], ["x_train", "y_test"]]
    )
    def test_names_that_are_not_clear(self, names: list[str]) -> None:
        with pytest.raises(DataError, match="not clear which arrays"):
            find_arrays(dict.fromkeys(names, (6, 4, 5)), "x.npz")

    def test_objects_are_never_loaded(self, tmp_path: Path) -> None:
        class Bad:
            def __reduce__(self) -> Any:
                return Path.touch, (tmp_path / "owned",)

        np.savez(tmp_path / "x.npz", x=levels(2, 4, 5), y=np.array([Bad(), Bad()]))
        with pytest.raises(DataError, match="holds Python objects"):
            open_dataset(tmp_path / "x.npz")
        assert not (tmp_path / "owned").exists()

    def test_a_shape_that_lies(self, tmp_path: Path) -> None:
        file = io.BytesIO()
        np.save(file, levels(6, 4, 5))
        data = file.getvalue().replace(b"(6, 4, 5)", b"(9999999,999,9)")[:128] + bytes(120)
        labels = io.BytesIO()
        np.save(labels, LABELS)
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
            archive.writestr("x.npy", data)
            archive.writestr("y.npy", labels.getvalue())
        with pytest.raises(DataError, match=r"is truncated in x.npy|cannot be read as .npz"):
            open_dataset(tmp_path / "x.npz")

    @pytest.mark.parametrize("keep", [100, 400])
    def test_damaged(self, tmp_path: Path, keep: int) -> None:
        np.savez(tmp_path / "x.npz", images=levels(6, 4, 5), labels=LABELS)
        data = (tmp_path / "x.npz").read_bytes()
        (tmp_path / "x.npz").write_bytes(data[:keep])
        with pytest.raises(DataError):
            open_dataset(tmp_path / "x.npz")

    def test_damaged_inside(self, tmp_path: Path) -> None:
        path = tmp_path / "x.npz"
        np.savez(path, images=levels(6, 4, 5), labels=LABELS)
        data = bytearray(path.read_bytes())
        place = data.index(struct.pack("6B", *levels(6, 4, 5).ravel()[:6]))
        data[place] ^= 255
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"is damaged or truncated: Bad CRC"):
            open_dataset(path)
