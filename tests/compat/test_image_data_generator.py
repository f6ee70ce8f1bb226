"""The drop-in against Keras's own class, which Keras 3 keeps for TensorFlow's `tf.keras`."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from viewfinder import compat

peer = pytest.importorskip("keras.src.legacy.preprocessing.image")

Array = NDArray[Any]
COURSE: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 20,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "vertical_flip": True,
}


@pytest.fixture(scope="module")
def pictures() -> Array:
    return np.random.default_rng(0).integers(0, 256, (10, 24, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, of files in sub-folders, of several formats, sizes and modes."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    for index in range(14):
        kind = ["cats", "dogs"][index % 2]
        below = root / kind / ["", "b", "a/c"][index % 3]
        below.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (40 + index, 50, 3), dtype=np.uint8)
        image = Image.fromarray(pixels)
        ending = ["jpg", "PNG", "bmp"][index % 3]
        if index in (1, 4):
            image = image.convert({1: "L", 4: "RGBA"}[index])
        image.save(below / f"p{index}.{ending}")
    (root / "dogs/notes.txt").write_text("not a picture")
    return root


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "wrap", "constant"])
@pytest.mark.parametrize(
    "further",
    [
        {},
        {"brightness_range": (0.5, 1.5)},
        {"channel_shift_range": 30.0},
        {"rescale": 1 / 255, "samplewise_center": True, "samplewise_std_normalization": True},
        {"data_format": "channels_first"},
        {"interpolation_order": 0},
        {"width_shift_range": [-3, 5], "height_shift_range": 4, "zoom_range": (0.5, 1.5)},
        {"dtype": "float64"},
    ],
    ids=lambda further: "+".join(further) or "course",
)
def test_the_same_seed_gives_the_batches_of_keras(
    pictures: Array, fill_mode: str, further: dict[str, Any]
) -> None:
    settings = {**COURSE, "fill_mode": fill_mode, "cval": 7, **further}
    first = further.get("data_format") == "channels_first"
    x = pictures.transpose(0, 3, 1, 2) if first else pictures
    theirs = peer.ImageDataGenerator(**settings).flow(x, np.arange(10), batch_size=4, seed=5)
    ours = compat.ImageDataGenerator(**settings).flow(x, np.arange(10), batch_size=4, seed=5)
    # Brightness is a whole number of levels: rounding may differ by one.
    tolerance = 2 if "brightness_range" in further else 0.01
    for _ in range(5):
        (expected, labels), (received, ours_labels) = next(theirs), next(ours)
        np.testing.assert_array_equal(ours_labels, labels)
        assert (received.dtype, received.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(received, expected, atol=tolerance)


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_a_folder_flows_as_with_keras(folder: Path, class_mode: str, color_mode: str) -> None:
    settings = {
        "target_size": (20, 24),
        "class_mode": class_mode,
        "color_mode": color_mode,
        "batch_size": 5,
        "seed": 3,
    }
    theirs = peer.ImageDataGenerator(**COURSE).flow_from_directory(folder, **settings)
    ours = compat.ImageDataGenerator(**COURSE).flow_from_directory(folder, **settings)
    assert ours.filenames == theirs.filenames
    assert ours.filepaths == theirs.filepaths
    assert ours.class_indices == theirs.class_indices == {"cats": 0, "dogs": 1}
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    assert (ours.samples, ours.n, len(ours)) == (theirs.samples, theirs.n, len(theirs))
    for _ in range(6):  # two epochs: the second comes from memory
        expected, received = next(theirs), next(ours)
        if class_mode is None:
            expected, received = (expected,), (received,)
        for want, have in zip(expected, received, strict=True):
            np.testing.assert_allclose(have, want, atol=0.01)


@pytest.mark.parametrize(
    ("interpolation", "keep"), [("nearest", True), ("bilinear", False), ("lanczos", True)]
)
def test_files_are_resized_as_with_keras(folder: Path, interpolation: str, keep: bool) -> None:
    path = str(folder / "cats/p0.jpg")
    settings: Any = {
        "target_size": (15, 40),
        "interpolation": interpolation,
        "keep_aspect_ratio": keep,
    }
    expected = keras.utils.load_img(path, **settings)
    np.testing.assert_array_equal(compat.load_img(path, **settings), expected)
    settings["target_size"] = [15, 40, 3]  # Keras ignores the channels
    np.testing.assert_array_equal(compat.load_img(path, **settings), expected)


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_subsets_hold_the_files_of_keras(folder: Path, subset: str) -> None:
    theirs = peer.ImageDataGenerator(validation_split=0.3)
    ours = compat.ImageDataGenerator(validation_split=0.3)
    expected = theirs.flow_from_directory(folder, subset=subset).filenames
    assert ours.flow_from_directory(folder, subset=subset).filenames == expected


@pytest.mark.parametrize(
    ("class_mode", "y_col"),
    [
        ("categorical", "several"),
        ("binary", "class"),
        ("sparse", "class"),
        ("raw", ["a", "b"]),
        ("multi_output", ["a", "b"]),
        ("input", None),
        (None, None),
    ],
)
def test_a_table_flows_as_with_keras(folder: Path, class_mode: str, y_col: Any) -> None:
    names = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.*") if path.is_file())
    names = [name for name in names if not name.endswith("txt")]
    table = pd.DataFrame({"filename": [*names, "cats/gone.jpg"]})
    table["class"] = [Path(name).parts[0] for name in table["filename"]]
    table["several"] = [[kind, "animals"] for kind in table["class"]]
    table["a"], table["b"] = np.arange(len(table)), np.arange(len(table)) / 2
    table["weight"] = np.arange(len(table)) + 1
    settings = {
        "y_col": y_col,
        "class_mode": class_mode,
        "target_size": (9, 8),
        "batch_size": 3,
        "weight_col": "weight" if y_col else None,
        "seed": 2,
    }
    with pytest.warns(UserWarning, match="1 invalid image filename"):
        ours = compat.ImageDataGenerator().flow_from_dataframe(table, folder, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer.ImageDataGenerator().flow_from_dataframe(table, str(folder), **settings)
    assert ours.filenames == theirs.filenames == names
    assert getattr(ours, "class_indices", None) == getattr(theirs, "class_indices", None)
    for _ in range(len(theirs)):
        expected, received = next(theirs), next(ours)
        assert type(received) is type(expected)
        for want, have in zip(expected, received, strict=True):
            np.testing.assert_allclose(np.asarray(have), np.asarray(want), atol=0.01)


def test_statistics_and_whitening_are_those_of_keras(pictures: Array) -> None:
    x = pictures[:, :6, :6] / 255
    for settings in (
        {"featurewise_center": True, "featurewise_std_normalization": True},
        {"zca_whitening": True, "featurewise_center": True},
    ):
        ours = compat.ImageDataGenerator(dtype="float64", **settings)
        theirs = peer.ImageDataGenerator(dtype="float64", **settings)
        ours.fit(x, augment=True, rounds=2, seed=4)
        theirs.fit(x, augment=True, rounds=2, seed=4)
        np.testing.assert_allclose(ours.mean, theirs.mean)
        received, expected = ours.standardize(x[0].copy()), theirs.standardize(x[0].copy())
        np.testing.assert_allclose(received, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["rotation", "shear", "zoom", "shift", "channel_shift"])
def test_single_changes_are_those_of_keras(pictures: Array, name: str) -> None:
    arguments: dict[str, list[Any]] = {
        "rotation": [30],
        "shear": [20],
        "zoom": [(0.5, 1.5)],
        "shift": [0.2, 0.3],
        "channel_shift": [40],
    }
    x = pictures[0].astype(np.float64)
    results = []
    for module in (peer, compat):
        np.random.seed(8)
        change = getattr(module, f"random_{name}")
        axes = {"channel_axis": 2}
        if name != "channel_shift":
            axes |= {"row_axis": 0, "col_axis": 1}
        results.append(change(x, *arguments[name], **axes))
    np.testing.assert_allclose(results[1], results[0], atol=1e-9)


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_brightness_is_pillows(pictures: Array, factor: float, mode: str) -> None:
    x = np.concatenate([pictures[0], pictures[1]], axis=2)[..., : len(mode)]
    image = Image.fromarray(x.astype(np.uint8), mode)
    expected = np.asarray(ImageEnhance.Brightness(image).enhance(factor))
    received = compat.apply_brightness_shift(x, factor, scale=False)
    np.testing.assert_array_equal(received, expected)


def test_inputs_and_outputs_may_be_several(folder: Path, pictures: Array) -> None:
    table = pd.DataFrame({"filename": [f"cats/{name}" for name in ("p0.jpg", "a/c/p2.bmp")]})
    table["a"], table["b"] = [0.0, 1.0], [[1.0, 2.0], [3.0, 4.0]]
    generator = compat.ImageDataGenerator()
    outputs = generator.flow_from_dataframe(
        table, folder, y_col=["a", "b"], class_mode="multi_output", target_size=(4, 4)
    )
    picture = keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(picture)
    model = keras.Model(picture, [keras.layers.Dense(1)(flat), keras.layers.Dense(2)(flat)])
    model.compile("sgd", ["mse", "mse"])
    assert len(model.fit(outputs, verbose=0).history["loss"]) == 1
    inputs = [keras.Input((24, 32, 3)), keras.Input((1,))]
    both = keras.layers.Concatenate()([keras.layers.Flatten()(inputs[0]), inputs[1]])
    model = keras.Model(inputs, keras.layers.Dense(1)(both))
    model.compile("sgd", "mse")
    batches = generator.flow((pictures, np.zeros((10, 1))), np.zeros(10))
    assert len(model.fit(batches, verbose=0).history["loss"]) == 1


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("fill_mode", ["nearest", "wrap"])
@pytest.mark.filterwarnings("ignore:.*channels on axis")
def test_pictures_of_any_number_of_channels(channels: int, fill_mode: str) -> None:
    x = np.random.default_rng(2).integers(0, 256, (4, 24, 32, channels))
    settings = {**COURSE, "fill_mode": fill_mode}
    theirs = next(peer.ImageDataGenerator(**settings).flow(x, seed=5))
    ours = next(compat.ImageDataGenerator(**settings).flow(x, seed=5))
    np.testing.assert_allclose(ours, theirs, atol=0.01)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "float64"])
def test_files_are_changed_in_float32_whatever_the_dtype_of_the_batch(
    folder: Path, dtype: str
) -> None:
    batches = [
        next(
            module.ImageDataGenerator(dtype=dtype, **COURSE).flow_from_directory(
                folder, target_size=(20, 21), seed=3
            )
        )[0]
        for module in (peer, compat)
    ]
    assert batches[1].dtype == batches[0].dtype == dtype
    np.testing.assert_allclose(batches[1].astype(float), batches[0].astype(float), atol=1)


def test_arrays_in_float16_are_changed_as_in_float32(pictures: Array) -> None:
    half, single = (
        next(compat.ImageDataGenerator(dtype=dtype, **COURSE).flow(pictures, seed=1))
        for dtype in ("float16", "float32")
    )
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, single, atol=0.1)


def test_a_preprocessing_function_may_return_one_channel(pictures: Array) -> None:
    def gray(picture: Array) -> Array:
        return picture.mean(axis=2, keepdims=True)

    theirs = peer.ImageDataGenerator(preprocessing_function=gray).flow(pictures, seed=1)
    ours = compat.ImageDataGenerator(preprocessing_function=gray).flow(pictures, seed=1)
    np.testing.assert_array_equal(next(ours), next(theirs))


def test_ranges_may_be_none(pictures: Array) -> None:
    names = ("rotation_range", "shear_range", "width_shift_range", "height_shift_range")
    settings: Any = dict.fromkeys((*names, "channel_shift_range", "validation_split"))
    batches = compat.ImageDataGenerator(**settings).flow(pictures, shuffle=False)
    np.testing.assert_array_equal(next(batches), pictures)
    assert compat.ImageDataGenerator(zoom_range=np.float32(0.5)).zoom_range == [0.5, 1.5]


def test_the_folder_itself_may_be_the_only_class(folder: Path) -> None:
    settings: Any = {"classes": ["."], "class_mode": None, "target_size": (8, 8), "shuffle": False}
    theirs = peer.ImageDataGenerator().flow_from_directory(str(folder / "cats"), **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = compat.ImageDataGenerator().flow_from_directory(folder / "cats", **settings)
    assert ours.filenames == theirs.filenames
    np.testing.assert_array_equal(next(ours), next(theirs))


def test_a_class_that_is_named_twice_counts_as_in_keras(folder: Path) -> None:
    theirs = peer.ImageDataGenerator().flow_from_directory(str(folder), classes=["cats", "cats"])
    ours = compat.ImageDataGenerator().flow_from_directory(folder, classes=["cats", "cats"])
    assert (ours.filenames, ours.class_indices) == (theirs.filenames, theirs.class_indices)
    np.testing.assert_array_equal(ours.classes, theirs.classes)


def test_weights_are_those_of_the_pictures_of_the_subset(pictures: Array) -> None:
    batches = compat.ImageDataGenerator(validation_split=0.2).flow(
        pictures,
        np.arange(10) % 2,
        sample_weight=np.arange(10),
        subset="training",
        shuffle=False,
    )
    np.testing.assert_array_equal(next(batches)[2], np.arange(2, 10))


def test_a_table_without_rows_has_no_batches(folder: Path) -> None:
    table = pd.DataFrame({"filename": [], "class": []})
    assert len(compat.ImageDataGenerator().flow_from_dataframe(table, folder)) == 0


def test_a_model_trains_on_it(folder: Path) -> None:
    batches = compat.ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        folder, target_size=(8, 8), class_mode="binary", batch_size=4
    )
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    history = model.fit(batches, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
    assert model.predict(batches, verbose=0).shape == (14, 1)


def test_steps_that_are_given_go_on_past_the_last_batch_as_in_keras_2() -> None:
    x = np.arange(10.0)[:, None, None, None] * np.ones((10, 2, 2, 1)) / 10
    batches = compat.ImageDataGenerator().flow(x, np.zeros(10), batch_size=4, seed=1)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    steps: list[int] = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, **_: steps.append(batch)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*ran out of data")
        for given in (2, 5):  # fewer than the three batches, and more
            steps.clear()
            model.fit(
                batches,
                steps_per_epoch=given,
                epochs=3,
                validation_data=batches,
                validation_steps=4,
                verbose=0,
                callbacks=[count],
            )
            assert steps == [*range(given)] * 3
        steps.clear()
        model.fit(batches, epochs=2, verbose=0, callbacks=[count])
        assert steps == [0, 1, 2] * 2
    answers = model.predict(batches, steps=6, verbose=0)
    np.testing.assert_allclose(np.sort(answers[:10], 0), np.sort(answers[10:], 0), rtol=1e-5)
    assert len(np.unique(answers[:10].round(6))) == 10  # each picture once in a pass
    assert len(batches) == batches.num_batches == 3


def test_no_steps_are_all_batches_once_as_in_keras_3() -> None:
    """`n // batch_size` is 0 where there are fewer pictures than in a batch."""
    batches = compat.ImageDataGenerator().flow(np.zeros((3, 2, 2, 1)), np.zeros(3), batch_size=4)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")

    class Ends(keras.callbacks.Callback):  # type: ignore[misc]
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            assert batch < 9, logs

    history = model.fit(
        batches, validation_data=batches, validation_steps=0, verbose=0, callbacks=[Ends()]
    )
    assert len(history.history["val_loss"]) == 1


def test_pictures_of_batches_are_saved(folder: Path, tmp_path: Path) -> None:
    batches = compat.ImageDataGenerator().flow_from_directory(
        folder, target_size=(8, 9), batch_size=3, save_to_dir=tmp_path, save_prefix="a"
    )
    next(batches)
    sizes = [Image.open(path).size for path in tmp_path.glob("a_*.png")]
    assert sizes == [(9, 8)] * 3


def test_saved_pictures_leave_the_random_numbers_as_in_keras(
    pictures: Array, tmp_path: Path
) -> None:
    drawn = []
    for module in (peer, compat):
        to = tmp_path / module.__name__
        to.mkdir()
        np.random.seed(3)
        changes = module.ImageDataGenerator(rotation_range=30)
        batches = changes.flow(pictures, batch_size=4, save_to_dir=str(to), save_format="jpg")
        drawn.append(([next(batches) for _ in range(4)], {path.name for path in to.iterdir()}))
    np.testing.assert_allclose(drawn[1][0][3], drawn[0][0][3], atol=0.01)
    assert drawn[1][1] == drawn[0][1]


def test_an_unreadable_file_is_named_and_can_be_left_out(folder: Path, tmp_path: Path) -> None:
    kind = tmp_path / "data/cats"
    kind.mkdir(parents=True)
    (kind / "good.jpg").write_bytes((folder / "cats/p0.jpg").read_bytes())
    (kind / "cut.jpg").write_bytes((folder / "cats/p0.jpg").read_bytes()[:900])
    (kind / "empty.jpg").touch()
    flow = compat.ImageDataGenerator().flow_from_directory(tmp_path / "data", shuffle=False)
    with pytest.raises(OSError, match=r"cut\.jpg cannot be read.*\n?.*skip_unreadable=True"):
        next(flow)
    with pytest.warns(UserWarning, match=r"Left 2 unreadable files out: .*cut\.jpg.*empty\.jpg"):
        flow = compat.ImageDataGenerator(skip_unreadable=True).flow_from_directory(
            tmp_path / "data"
        )
    assert (flow.n, flow.filenames) == (1, ["cats/good.jpg"])
    assert next(flow)[0].shape == (1, 256, 256, 3)


def test_orientation_is_ignored_with_a_warning_unless_requested(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "cats/turned.jpg", exif=exif, quality=100)
    flow = compat.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(16, 16))
    with pytest.warns(UserWarning, match=r"exif=True"):
        picture = next(flow)[0][0]
    assert picture[:, :8].mean() > 250 > 5 > picture[:, 8:].mean()
    upright = compat.ImageDataGenerator(exif=True).flow_from_directory(
        tmp_path, target_size=(16, 16)
    )
    picture = next(upright)[0][0]
    assert picture[:8].mean() > 250 > 5 > picture[8:].mean()


def test_the_validation_subset_is_augmented_with_a_warning_unless_refused(pictures: Array) -> None:
    settings: Any = {"validation_split": 0.5, "vertical_flip": True}
    with pytest.warns(UserWarning, match="augment_validation=False"):
        compat.ImageDataGenerator(**settings).flow(pictures, subset="validation")
    quiet = compat.ImageDataGenerator(**settings, augment_validation=False)
    batch = next(quiet.flow(pictures, subset="validation", shuffle=False))
    np.testing.assert_array_equal(batch, pictures[:5])


TABLE = pd.DataFrame({"filename": ["a.png"], "kind": ["cats"]})
RAGGED = pd.DataFrame({"filename": ["a.png"] * 2, "tags": [["a"], ["a", "b"]]})


def ragged(generator: Any) -> Any:
    settings = {"class_mode": "multi_output", "validate_filenames": False}
    return generator.flow_from_dataframe(RAGGED, y_col=["tags"], **settings)


def broken(function: Any) -> Any:
    changes = compat.ImageDataGenerator(preprocessing_function=function)
    return changes.flow(np.zeros((2, 2, 2, 1)))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda g, f: g.flow_from_directory(f, color_mode="cmyk"), ValueError, "'rgba'"),
        (lambda g, f: g.flow_from_directory(f, class_mode="other"), ValueError, "'sparse'"),
        (lambda g, f: g.flow_from_directory(f, subset="test"), ValueError, "'training'"),
        (lambda g, f: g.flow_from_directory(f / "gone"), FileNotFoundError, "does not exist"),
        (lambda g, _: g.flow(np.zeros(5)), ValueError, r"4 axes.*\(5,\)"),
        (lambda g, _: g.flow(np.zeros((2, 4, 4, 3)), [1]), ValueError, "2 and 1"),
        (lambda g, _: g.fit(np.zeros((3, 4))), ValueError, r"4 axes.*\(3, 4\)"),
        (lambda *_: compat.ImageDataGenerator(zoom_range=(1, 2, 3)), ValueError, "zoom_range"),
        (lambda *_: compat.ImageDataGenerator(brightness_range=0.1), ValueError, "pair"),
        (lambda *_: compat.ImageDataGenerator(validation_split=5), ValueError, "between 0 and 1"),
        (lambda *_: compat.ImageDataGenerator(data_format="x"), ValueError, "channels_first"),
        (lambda *_: compat.ImageDataGenerator(rotation=5), TypeError, "rotation"),
        (lambda *_: compat.ImageDataGenerator(rotation_range="40"), TypeError, "degrees.*'40'"),
        (lambda *_: compat.ImageDataGenerator(width_shift_range="a"), TypeError, "pixels.*'a'"),
        (lambda *_: compat.ImageDataGenerator(fill_mode="edge"), ValueError, "'edge'.*'nearest'"),
        (lambda *_: compat.ImageDataGenerator(interpolation_order=9), ValueError, "9.*0, 1"),
        (lambda *_: compat.ImageDataGenerator(rescale="1/255"), TypeError, "factor.*'1/255'"),
        (lambda *_: compat.ImageDataGenerator(validation_split="x"), TypeError, "fraction.*'x'"),
        (lambda *_: compat.ImageDataGenerator(preprocessing_function=1), TypeError, "function.*1"),
        (lambda g, f: g.flow_from_directory(f, target_size=150), TypeError, r"\(150, 150\).*150"),
        (lambda g, f: g.flow_from_directory(f, target_size=(8, 8, 3)), ValueError, "height, width"),
        (lambda g, f: g.flow_from_directory(f, batch_size=0), ValueError, "at least 1.*0"),
        (lambda g, f: g.flow_from_directory(f, batch_size="9"), TypeError, "whole number.*'9'"),
        (lambda g, f: g.flow_from_directory(f, seed="a"), TypeError, "seed.*'a'"),
        (lambda g, f: g.flow_from_directory(f, interpolation="cubic"), ValueError, "'bicubic'"),
        (lambda g, f: g.flow_from_directory(f, save_to_dir="gone"), FileNotFoundError, "makedirs"),
        (lambda g, _: g.flow_from_directory(None), TypeError, "path of a folder.*None"),
        (lambda g, _: g.flow("pets"), TypeError, "array.*'pets'.*flow_from_directory"),
        (lambda g, _: g.flow_from_dataframe("a.csv"), TypeError, "str.*read_csv"),
        (lambda g, _: g.flow_from_dataframe(TABLE, x_col="file"), KeyError, "'file'.*'filename'"),
        (lambda g, _: g.flow_from_dataframe(TABLE), KeyError, "'class'.*'filename', 'kind'"),
        (lambda g, _: g.flow_from_dataframe(TABLE, y_col=None), KeyError, "no column None"),
        (lambda g, _: g.flow_from_dataframe(TABLE, y_col=["kind"]), TypeError, "one column.*raw"),
        (lambda g, _: ragged(g), ValueError, r"lists of several lengths.*'tags'.*categorical"),
        (lambda g, f: g.flow_from_directory(f / "cats/p0.jpg"), NotADirectoryError, "is a file"),
        (lambda g, f: g.flow_from_directory(f, save_to_dir=f, save_format="x"), ValueError, "'x'"),
        (lambda *_: compat.ImageDataGenerator(dtype="x"), TypeError, "float32.*'x'"),
        (lambda *_: compat.ImageDataGenerator(cval=None), TypeError, "cval.*None"),
        (lambda *_: compat.ImageDataGenerator(zoom_range=None), ValueError, "pair.*None"),
        (lambda *_: next(broken(lambda picture: picture[:1])), ValueError, r"\(2, 2, 1\).*\(1,"),
        (lambda *_: next(broken(lambda _: None)), ValueError, "Received: None"),
    ],
)
def test_mistakes_get_keras_exceptions(folder: Path, call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call(compat.ImageDataGenerator(), folder)


def test_what_keras_takes_in_silence_is_pointed_out(folder: Path) -> None:
    generator = compat.ImageDataGenerator()
    with pytest.warns(UserWarning, match="names birds.*sub-folders are: cats, dogs"):
        generator.flow_from_directory(folder, classes=["cats", "birds"])
    with pytest.warns(UserWarning, match="'?binary.* for 2 classes. Received: 3, a, b, cats"):
        generator.flow_from_directory(folder, classes=["a", "b", "cats"], class_mode="binary")
    with pytest.warns(UserWarning, match="`validation_split` is 0"):
        generator.flow_from_directory(folder, subset="validation")
    with pytest.warns(UserWarning, match="`validation_split` is 0"):
        generator.flow(np.zeros((2, 2, 2, 1)), subset="validation")


def test_a_folder_of_splits_or_without_classes_is_pointed_out(tmp_path: Path) -> None:
    for name in ("train/cats", "validation/cats"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name / "a.png")
    with pytest.warns(UserWarning, match="look like splits"):
        compat.ImageDataGenerator().flow_from_directory(tmp_path)
    with pytest.warns(UserWarning, match=r"no pictures in folders of classes.*classes=\[\"\.\"\]"):
        compat.ImageDataGenerator().flow_from_directory(tmp_path / "train/cats")
    (tmp_path / "train/.ipynb_checkpoints").mkdir()
    with pytest.warns(UserWarning, match=r"No pictures of \.ipynb_checkpoints.*pictures: cats"):
        compat.ImageDataGenerator().flow_from_directory(tmp_path / "train")


def test_an_iterator_without_pictures_takes_any_batch_size() -> None:
    assert [next(compat.Iterator(0, size, False, 0).index_generator).size for size in (0, 32)] == [
        0,
        0,
    ]


@pytest.mark.parametrize("level", [128, 1024, -1024])
def test_the_brightness_of_an_even_picture(level: int) -> None:
    even = np.full((2, 2, 3), level)
    np.testing.assert_array_equal(compat.apply_brightness_shift(even, 1, scale=False), even)
    np.testing.assert_array_equal(compat.apply_brightness_shift(even, 1, scale=True), 0)
