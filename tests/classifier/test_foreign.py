"""Models trained elsewhere: opened as they are, with nothing guessed, and answering as they did."""

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from hostile import refusals
from shared_data import SHARED
from viewfinder.classifier import Classifier, load
from viewfinder.core.errors import DataError, UsageError
from viewfinder.explain.attribution import explain
from viewfinder.runtime.backend import use_backend

use_backend()
import keras  # noqa: E402
from keras import layers  # noqa: E402

NAMES = ("a", "b", "c")
random = np.random.default_rng(0)
PICTURE = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)


def shares(classifier: Classifier, picture: np.ndarray = PICTURE) -> np.ndarray:
    """The probabilities in the order of the classes."""
    (one,) = classifier.predict(picture)
    return np.array([one.probabilities[name] for name in classifier.classes])


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def small_network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.DepthwiseConv2D(3, use_bias=False, name="depth"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )


def expected(model: keras.Model, scaled: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_on_batch(scaled[None]))[0]


def write_h5(path: Path, config: Any, weights: Mapping[str, Mapping[str, np.ndarray]]) -> Path:
    """Write a model as Keras 1 and 2 did."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for layer, arrays in weights.items():
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [name.encode() for name in arrays]
            for name, values in arrays.items():
                inner[name] = values
    return path


INITIAL = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
CONV_OF_KERAS_2 = {
    **{"name": "conv", "trainable": True, "dtype": "float32", "filters": 4, "strides": [1, 1]},
    **{"batch_input_shape": [None, 6, 6, 3], "kernel_size": [3, 3], "padding": "valid"},
    **{"data_format": "channels_last", "dilation_rate": [1, 1], "activation": "relu"},
    **{"use_bias": True, "kernel_initializer": INITIAL, "kernel_regularizer": None},
}
DEPTH_OF_KERAS_2 = {
    **{"name": "depth", "trainable": True, "kernel_size": [3, 3], "groups": 1, "use_bias": False},
    **{"depth_multiplier": 1, "depthwise_initializer": INITIAL, "activation": "linear"},
    "dtype": {"class_name": "Policy", "config": {"name": "float32"}},
}
OF_KERAS_2 = {
    "class_name": "Sequential",
    "config": {
        "name": "old",
        "layers": [
            {"class_name": "Conv2D", "config": CONV_OF_KERAS_2},
            {"class_name": "DepthwiseConv2D", "config": DEPTH_OF_KERAS_2},
            {
                "class_name": "BatchNormalization",
                "config": {"name": "norm", "axis": [3], "gamma_initializer": INITIAL},
            },
            {"class_name": "Flatten", "config": {"name": "flat", "data_format": "channels_last"}},
            {
                "class_name": "Dense",
                "config": {"name": "head", "units": 3, "activation": "softmax", "dtype": "float32"},
            },
        ],
    },
}
OF_KERAS_1 = {
    "class_name": "Sequential",
    "config": [
        {
            "class_name": "Convolution2D",
            "config": {
                **{"name": "convolution2d_1", "trainable": True, "nb_filter": 4, "nb_row": 3},
                **{"batch_input_shape": [None, 6, 6, 3], "input_dtype": "float32", "nb_col": 3},
                **{"init": "glorot_uniform", "activation": "relu", "border_mode": "valid"},
                **{"subsample": [1, 1], "dim_ordering": "tf", "W_regularizer": None, "bias": True},
                **{"b_regularizer": None, "W_constraint": None, "b_constraint": None},
            },
        },
        {"class_name": "Dropout", "config": {"p": 0.25, "name": "dropout_1", "trainable": True}},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {
            "class_name": "Dense",
            "config": {
                **{"output_dim": 3, "init": "glorot_uniform", "activation": "softmax"},
                **{"bias": True, "input_dim": None, "name": "dense_1", "trainable": True},
                **{"W_regularizer": None, "b_regularizer": None, "activity_regularizer": None},
            },
        },
    ],
}


def values_of(layer: keras.Layer) -> list[np.ndarray]:
    return [np.asarray(one) for one in layer.trainable_weights + layer.non_trainable_weights]


@pytest.mark.parametrize("name", ["old.h5", "old.keras"])
def test_an_h5_of_keras_2_answers_as_its_network_does(tmp_path, name):
    model = small_network()
    for variable in model.weights:
        variable.assign(random.uniform(0.5, 1, variable.shape))
    conv, depth, norm, _, head = map(values_of, model.layers)
    stored = {
        "conv": {"conv/kernel:0": conv[0], "conv/bias:0": conv[1]},
        "depth": {"depth/depthwise_kernel:0": depth[0]},
        "norm": {
            f"norm/{kind}:0": values
            for kind, values in zip(
                ("gamma", "beta", "moving_mean", "moving_variance"), norm, strict=True
            )
        },
        "flat": {},
        "head": {"head/kernel:0": head[0], "head/bias:0": head[1]},
    }
    path = write_h5(tmp_path / name, OF_KERAS_2, stored)
    opened = load(path, class_names="a, b,c", preprocessing="0-1")
    np.testing.assert_allclose(shares(opened), expected(model, PICTURE / 255), atol=1e-5)
    assert any("HDF5" in note for note in opened.notes) == (name == "old.keras")


def test_an_h5_of_keras_1_answers_as_its_network_does(tmp_path):
    kernel, bias = random.normal(size=(3, 3, 3, 4)), random.normal(size=4)
    dense, shift = random.normal(size=(64, 3)) / 8, random.normal(size=3)
    stored = {
        "convolution2d_1": {"convolution2d_1_W:0": kernel, "convolution2d_1_b:0": bias},
        "dropout_1": {},
        "flatten_1": {},
        "dense_1": {"dense_1_W:0": dense, "dense_1_b:0": shift},
    }
    path = write_h5(tmp_path / "one.h5", OF_KERAS_1, stored)
    windows = np.lib.stride_tricks.sliding_window_view(PICTURE / 255, (3, 3), axis=(0, 1))
    maps = np.maximum(np.einsum("hwcij,ijcf->hwf", windows, kernel) + bias, 0)
    opened = load(path, class_names=NAMES, preprocessing="0-1")
    np.testing.assert_allclose(shares(opened), softmax(maps.ravel() @ dense + shift), atol=1e-5)


def test_channels_first_of_keras_1_is_refused(tmp_path):
    config = json.loads(json.dumps(OF_KERAS_1).replace('"tf"', '"th"'))
    path = write_h5(tmp_path / "th.h5", config, {})
    with pytest.raises(DataError, match=r"channels of convolution2d_1 are first"):
        load(path, class_names=NAMES, preprocessing="0-1")


@pytest.mark.parametrize(
    ("name", "frozen"), [("own.h5", False), ("own.h5", True), ("own.keras", True)]
)
def test_what_keras_3_saves_answers_alike_frozen_or_not(tmp_path, name, frozen):
    inner = small_network()
    base = keras.Model(inner.inputs, inner.layers[2].output, name="base")
    base.trainable = not frozen
    pixels = keras.Input((6, 6, 3))
    scores = layers.Dense(3, activation="softmax")(layers.Flatten()(base(pixels)))
    model = keras.Model(pixels, scores)
    for variable in model.weights:
        variable.assign(random.uniform(0.5, 1, variable.shape))
    model.save(tmp_path / name)
    opened = load(tmp_path / name, class_names=NAMES, preprocessing="-1-1")
    np.testing.assert_allclose(shares(opened), expected(model, PICTURE / 127.5 - 1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("caffe", keras.applications.vgg16.preprocess_input),
        ("imagenet", keras.applications.densenet.preprocess_input),
        ("-1-1", keras.applications.mobilenet.preprocess_input),
        ("0-1", lambda pixels: pixels / 255),
        ("0-255", lambda pixels: pixels),
    ],
)
def test_pixels_are_scaled_as_keras_does_it(tmp_path, name, reference):
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.GlobalAveragePooling2D()])
    model.save(tmp_path / "mean.keras")
    opened = load(tmp_path / "mean.keras", class_names=NAMES, preprocessing=name)
    scores = reference(PICTURE.astype(np.float32)).mean(axis=(0, 1))
    np.testing.assert_allclose(shares(opened), softmax(scores), atol=1e-4)
    assert "logits: a softmax is added" in opened.notes[0]


def test_a_scaling_by_colour_needs_colour(tmp_path):
    path = ending_in(tmp_path, layers.Dense(2, activation="softmax"), channels=1)
    with pytest.raises(UsageError, match="defined for pictures in colour"):
        load(path, class_names="a,b", preprocessing="caffe")


def ending_in(folder: Path, *head: keras.Layer, channels: int = 3) -> Path:
    shape = (6, 6, channels)
    model = keras.Sequential([keras.Input(shape), layers.GlobalAveragePooling2D(), *head])
    model.save(folder / "model.keras")
    return folder / "model.keras"


def test_one_output_without_activation_gets_a_sigmoid(tmp_path):
    path = ending_in(tmp_path, layers.Dense(1))
    opened = load(path, class_names=["no", "yes"], preprocessing="0-1")
    (score,) = expected(keras.saving.load_model(path), PICTURE / 255)
    assert shares(opened)[1] == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-5)
    assert "a sigmoid is added" in opened.notes[0]


def test_several_sigmoids_are_divided_by_their_sum(tmp_path):
    path = ending_in(tmp_path, layers.Dense(3, activation="sigmoid"))
    opened = load(path, class_names=NAMES, preprocessing="0-1")
    raw = expected(keras.saving.load_model(path), PICTURE / 255)
    np.testing.assert_allclose(shares(opened), raw / raw.sum(), atol=1e-5)
    assert "divided by their sum" in opened.notes[0]


def test_outputs_that_are_no_probabilities_are_refused(tmp_path):
    path = ending_in(tmp_path, layers.Dense(3, activation="relu"))
    with pytest.raises(DataError, match=r"no probabilities(.|\n)*relu"):
        load(path, class_names=NAMES, preprocessing="0-1")


def test_rows_of_numbers_are_square_pictures(tmp_path):
    model = keras.Sequential([keras.Input((36,)), layers.Dense(3, activation="softmax")])
    model.save(tmp_path / "rows.keras")
    opened = load(tmp_path / "rows.keras", class_names=NAMES, preprocessing="0-1")
    gray = PICTURE[:, :, 0]
    np.testing.assert_allclose(shares(opened, gray), expected(model, gray.ravel() / 255), atol=1e-5)


def test_a_model_that_scales_pixels_needs_no_preprocessing(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.save(tmp_path / "own.keras")
    opened = load(tmp_path / "own.keras", class_names=NAMES)
    np.testing.assert_allclose(shares(opened), expected(model, PICTURE), atol=1e-5)
    loss, _ = opened.model.evaluate(PICTURE[None], np.array([1]), verbose=0)  # it is compiled
    assert loss == pytest.approx(-np.log(shares(opened)[1]), abs=1e-4)


@pytest.fixture(scope="module")
def teachable(tmp_path_factory) -> Path:
    """An export of Teachable Machine, of a network that averages the colours."""
    folder = tmp_path_factory.mktemp("converted_keras")
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.GlobalAveragePooling2D()])
    inner = keras.Sequential([keras.Input((6, 6, 3)), model, layers.Softmax()])
    inner.save(folder / "keras_model.h5")
    (folder / "labels.txt").write_text("0 Rock\n1 Wet Paper\n2 Scissors\n")
    return folder


def test_a_folder_of_teachable_machine_says_all(teachable):
    opened = load(teachable)
    assert opened.classes == ("Rock", "Wet Paper", "Scissors")
    wide = np.zeros((6, 18, 3), np.uint8)
    wide[:, 6:12] = PICTURE  # the centre square is what it sees
    scores = (PICTURE / 127.5 - 1).mean(axis=(0, 1))
    np.testing.assert_allclose(shares(opened, wide), softmax(scores), atol=1e-5)
    assert len(opened.notes) == 2
    np.testing.assert_allclose(shares(load(teachable / "keras_model.h5"), wide), softmax(scores))


@pytest.mark.parametrize(
    "given", ["x,y,z", ["x", "y", "z"], "names.txt", Path("names.txt"), Path("numbered.txt")]
)
def test_names_are_given_in_several_ways(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("x\ny\n\nz\n", encoding="utf-8-sig")
    Path("numbered.txt").write_text("0 x\n1 y\n2 z")
    path = ending_in(tmp_path, layers.Softmax())
    assert load(path, class_names=given, preprocessing="0-1").classes == ("x", "y", "z")


def test_names_that_are_numbers_stay(tmp_path):
    path = ending_in(tmp_path, layers.Softmax())
    assert load(path, class_names="0,1,2", preprocessing="0-1").classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"preprocessing": "0-1"}, "what its classes are called(.|\n)*`class_names`, 3 names"),
        ({"class_names": NAMES}, "how its pixels were scaled(.|\n)*`preprocessing`, one of 0-255"),
        ({"class_names": "a,b", "preprocessing": "0-1"}, "do not fit(.|\n)*3 names"),
        ({"class_names": "a,b,a", "preprocessing": "0-1"}, "do not fit"),
        ({"class_names": NAMES, "preprocessing": "0-2"}, "did you mean '0-255'|'0-1'"),
        ({"class_names": NAMES, "preprocessing": "n" * 300}, "There is no `preprocessing`"),
        ({}, "pixels were scaled.*are called(.|\n)*`preprocessing`, one.*`class_names`, 3 names"),
    ],
)
def test_nothing_is_guessed(tmp_path, given, match):
    path = ending_in(tmp_path, layers.Softmax())
    with pytest.raises(UsageError, match=match):
        load(path, **given)


def test_a_run_takes_no_names(trained):
    with pytest.raises(UsageError, match="states its classes"):
        load(trained.folder, class_names=NAMES)


def test_code_and_pickles_are_refused_and_nothing_runs(tmp_path):
    marker = tmp_path / "it ran"
    place = str(marker)
    evil = layers.Lambda(lambda x: (__import__("pathlib").Path(place).touch(), x)[1])
    model = keras.Sequential([keras.Input((6, 6, 3)), evil, layers.GlobalAveragePooling2D()])
    model.save(tmp_path / "evil.h5")
    model.save(tmp_path / "evil.keras")

    class Touch:
        def __reduce__(self) -> Any:
            return Path.touch, (marker,)

    (tmp_path / "pickle.h5").write_bytes(pickle.dumps(Touch()))
    (tmp_path / "pickle.keras").write_bytes(pickle.dumps(Touch()))
    marker.unlink(missing_ok=True)
    for name in ("evil.h5", "evil.keras"):
        with pytest.raises(DataError, match=r"carries code(.|\n)*Lambda"):
            load(tmp_path / name, class_names=NAMES, preprocessing="0-1")
    for name in ("pickle.h5", "pickle.keras"):
        with pytest.raises(DataError, match="damaged, or not a model"):
            load(tmp_path / name, class_names=NAMES, preprocessing="0-1")
    assert not marker.exists()


def relu(number: int) -> dict[str, Any]:
    return {"class_name": "ReLU", "module": "keras.layers", "config": {"name": f"relu{number}"}}


def up(size: int) -> dict[str, Any]:
    config = {"name": "up", "size": [size, size]}
    return {"class_name": "UpSampling2D", "module": "keras.layers", "config": config}


@pytest.fixture(scope="module")
def hostile_models(tmp_path_factory):
    """Files of Keras that are small, and would take minutes or gigabytes to open."""
    folder = tmp_path_factory.mktemp("hostile")
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D()])
    model.save(folder / "model.keras")
    with zipfile.ZipFile(folder / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def write(name, more=(), members=members):
        config = json.loads(members["config.json"])
        config["config"]["layers"][1:1] = more
        with zipfile.ZipFile(folder / f"{name}.keras", "w") as archive:
            for member, content in members.items():
                is_config = member == "config.json"
                archive.writestr(member, json.dumps(config).encode() if is_config else content)

    write("many members", members=members | {f"{number}": b"" for number in range(5_000)})
    write("long sequence", [relu(number) for number in range(300)])
    nested = {"name": "inner", "layers": [relu(number) for number in range(150)]}
    inner = {"class_name": "Sequential", "module": "keras", "config": nested}
    write("many sequences", [inner] * 20)
    write("large picture", [up(4_000)])
    write("odd class", [{"class_name": ["ReLU"], "config": {}}])
    for name, config in {
        "no text": h5py.Empty("S1"),
        "a list": "[]",
        "no layers": json.dumps({"class_name": "Sequential", "config": []}),
    }.items():
        model.save(folder / f"{name}.h5")
        with h5py.File(folder / f"{name}.h5", "r+") as file:
            file.attrs["model_config"] = config
    return folder


def test_models_that_would_take_minutes_or_gigabytes_are_refused_at_once(hostile_models):
    words = {
        "many members.keras": "5,003 members instead of at most 1,000",
        "long sequence.keras": "at most 200 layers in a sequence",
        "many sequences.keras": "at most 2,000 layers",
        "large picture.keras": "up computes 3,072,000,000 numbers for one picture",
        "odd class.keras": "cannot be loaded",
        "no text.h5": "The configuration in",
        "a list.h5": "it is a list",
        "no layers.h5": "a network without layers",
    }
    facts = {"class_names": list(NAMES), "preprocessing": "0-1"}
    files = [(hostile_models / name, facts) for name in words]
    for refusal, said in zip(refusals(files, with_keras=True), words.values(), strict=True):
        assert refusal.kind == "DataError"
        assert said in refusal.text
        refusal.require_at_once()


def test_weights_alone_are_no_model(tmp_path):
    small_network().save_weights(tmp_path / "some.weights.h5")
    with pytest.raises(DataError, match=r"weights without a network(.|\n)*load_weights"):
        load(tmp_path / "some.weights.h5", class_names=NAMES, preprocessing="0-1")


@pytest.mark.parametrize("change", ["shape", "kind", "missing"])
def test_weights_of_another_network_are_refused(tmp_path, change):
    small_network().save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        weights = file["model_weights"]
        norm = weights["norm"]
        if change == "missing":
            weights.attrs["layer_names"] = ["conv", "depth", "norm"]
        elif change == "kind":
            norm.attrs["weight_names"] = norm.attrs["weight_names"][::-1]
        else:
            (name, *_) = norm.attrs["weight_names"]
            del norm[name]
            norm[name] = np.zeros(5)
    with pytest.raises(DataError, match="cannot be loaded"):
        load(tmp_path / "model.h5", class_names=NAMES, preprocessing="0-1")


def write_onnx(
    path: Path, shape: list[Any], nodes: list[Any], *, external: str = "", kind: str = "float32"
) -> Path:
    onnx = pytest.importorskip("onnx")
    of, kinds = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype
    weight = onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    if external:
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=external)
        weight.ClearField("raw_data")
    graph = of.make_graph(
        [of.make_node(*node[:3], **node[3]) for node in nodes],
        "foreign",
        [of.make_tensor_value_info("x", kinds(np.dtype(kind)), shape)],
        [of.make_tensor_value_info("y", kinds(np.dtype("float32")), None)],
        [weight],
    )
    model = of.make_model(graph, opset_imports=[of.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


MEAN_COLOUR = [
    ("GlobalAveragePool", ["x"], ["p"], {}),
    ("Flatten", ["p"], ["f"], {"axis": 1}),
    ("MatMul", ["f", "w"], ["y"], {}),
]
WITH_SOFTMAX = [
    *MEAN_COLOUR[:2],
    ("MatMul", ["f", "w"], ["s"], {}),
    ("Softmax", ["s"], ["y"], {"axis": 1}),
]


@pytest.mark.parametrize("batch", ["n", 1, 3, 32])
@pytest.mark.parametrize("nodes", [MEAN_COLOUR, WITH_SOFTMAX], ids=["logits", "softmax"])
def test_an_onnx_file_as_pytorch_writes_it(tmp_path, batch, nodes):
    path = write_onnx(tmp_path / "net.onnx", [batch, 3, 6, 6], nodes)
    opened = load(path, class_names=NAMES, preprocessing="imagenet")
    scaled = keras.applications.densenet.preprocess_input(PICTURE.astype(np.float32))
    wanted = softmax(scaled.mean(axis=(0, 1)))
    for one in opened.predict([PICTURE, PICTURE]):
        assert [one.probabilities[name] for name in NAMES] == pytest.approx(wanted, abs=1e-5)
    assert bool(opened.notes) == (nodes is MEAN_COLOUR)
    assert opened.starts_at_once
    with pytest.raises(UsageError, match="no layers that Keras can call"):
        explain(opened, PICTURE)


@pytest.mark.parametrize(
    ("shape", "nodes", "match"),
    [
        (
            ["n", 3, 6, 6],
            [*MEAN_COLOUR[:2], ("ReduceMax", ["f"], ["y"], {"axes": [1], "keepdims": 0})],
            "output of",
        ),
        (["n", 3, 6, 6], [("Identity", ["x"], ["y"], {})], "output of shape"),
        (["n"], [("Identity", ["x"], ["y"], {})], "input of shape"),
        ([0, 3, 6, 6], WITH_SOFTMAX, "input of shape"),
        (["n", 3, 60_000, 60_000], WITH_SOFTMAX, "less than or equal to 4096"),
        (
            ["n", 3, 6, 6],
            [
                ("ReduceMean", ["x"], ["m"], {"axes": [0]}),
                ("GlobalAveragePool", ["m"], ["p"], {}),
                *WITH_SOFTMAX[1:],
            ],
            "a row of outputs a picture",
        ),
    ],
)
def test_an_onnx_file_that_gives_no_row_a_picture_is_refused(tmp_path, shape, nodes, match):
    path = write_onnx(tmp_path / "net.onnx", shape, nodes)
    with pytest.raises(DataError, match=match):
        load(path, class_names=NAMES, preprocessing="0-1")


def test_an_onnx_file_that_gives_other_outputs_than_it_states_is_refused(tmp_path):
    """Their number follows from a product, so that ONNX Runtime cannot infer it."""
    onnx = pytest.importorskip("onnx")
    nodes = [
        *WITH_SOFTMAX[:-1],
        ("Softmax", ["s"], ["shares"], {"axis": 1}),
        ("ReduceMax", ["x"], ["m"], {"keepdims": 0}),
        ("Sub", ["m", "m"], ["zero"], {}),
        ("Cast", ["zero"], ["start"], {"to": onnx.TensorProto.INT64}),
        ("Shape", ["shares"], ["whole"], {}),
        ("Add", ["whole", "start"], ["size"], {}),
        ("Reshape", ["shares", "size"], ["y"], {}),
    ]
    path = write_onnx(tmp_path / "net.onnx", ["n", 3, 6, 6], nodes)
    model = onnx.load(path)
    of, kind = onnx.helper, onnx.TensorProto.FLOAT
    model.graph.output[0].CopyFrom(of.make_tensor_value_info("y", kind, ["n", 2]))
    onnx.save(model, path)
    with pytest.raises(DataError, match=r"a row of outputs a picture(.|\n)*1 rows of 2(.|\n)*1, 3"):
        load(path, class_names=NAMES[:2], preprocessing="0-1")


@pytest.mark.parametrize("last", ["Log", "Reciprocal"])
def test_outputs_without_a_share_are_an_error_not_an_answer(tmp_path, last):
    """The logarithm of a black picture, or of the difference of a picture from itself."""
    nodes = [*MEAN_COLOUR[:2], ("MatMul", ["f", "w"], ["s"], {}), (last, ["s"], ["l"], {})]
    nodes.append(("Softmax", ["l"], ["y"], {"axis": 1}))
    opened = load(
        write_onnx(tmp_path / "net.onnx", ["n", 3, 6, 6], nodes),
        class_names=NAMES,
        preprocessing="0-1",
    )
    assert opened.predict(np.full((6, 6, 3), 200, np.uint8))[0].label in NAMES
    with pytest.raises(DataError, match="not probabilities"):
        opened.predict([np.full((6, 6, 3), 200, np.uint8), np.zeros((6, 6, 3), np.uint8)])


def test_integers_are_not_scaled(tmp_path):
    onnx = pytest.importorskip("onnx")
    nodes = [("Cast", ["x"], ["c"], {"to": onnx.TensorProto.FLOAT})]
    nodes += [("GlobalAveragePool", ["c"], ["p"], {}), *WITH_SOFTMAX[1:]]
    path = write_onnx(tmp_path / "net.onnx", ["n", 3, 6, 6], nodes, kind="uint8")
    assert load(path, class_names=NAMES, preprocessing="0-255").predict(PICTURE)[0].label in NAMES
    with pytest.raises(UsageError, match="pixels as integers"):
        load(path, class_names=NAMES, preprocessing="0-1")


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "link"])
def test_an_onnx_file_reads_nothing_outside_its_folder(tmp_path, place):
    (tmp_path / "secret").write_bytes(np.eye(3, dtype=np.float32).tobytes())
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    path = write_onnx(tmp_path / "in/net.onnx", ["n", 3, 6, 6], MEAN_COLOUR, external=place)
    with pytest.raises(DataError, match="not a network"):
        load(path, class_names=NAMES, preprocessing="0-1")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("rps.h5", {"class_names": "paper,rock,scissors", "preprocessing": "0-1"}),
        ("tm_rps", {}),
        ("mnist_model.keras", {"class_names": "0,1,2,3,4,5,6,7,8,9", "preprocessing": "0-1"}),
    ],
)
def test_models_of_others_load_predict_and_explain(name, given):
    path = SHARED / "keras_models" / name
    if not path.exists():
        pytest.skip(f"needs {path}")
    opened = load(path, **given)
    picture = Image.fromarray(PICTURE)
    (answer,) = opened.predict(picture)
    assert answer.label in opened.classes
    method = "integrated-gradients" if "mnist" in name else "grad-cam"
    (found,) = explain(opened, picture, method=method)
    assert found.label == answer.label
    assert np.abs(found.values).max() > 0
