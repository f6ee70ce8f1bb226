"""Weights from files: the right ones load exactly, all others are refused before they are read."""

import tracemalloc
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications.efficientnet import DEFAULT_BLOCKS_ARGS
from keras.src.legacy.saving import legacy_h5_format

from shared_data import SHARED
from viewfinder.bases.networks.loading import load_weights
from viewfinder.core.errors import DataError
from viewfinder.models import build_base

SHAPE = (32, 32, 3)
REAL = [
    ("MobileNet", 0.25, "mobilenet_2_5_224_tf_no_top.h5"),
    ("MobileNetV2", 0.35, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"),
]


def network(name: str = "MobileNet", top: bool = False, **options) -> keras.Model:
    """As Keras builds it, with random weights; the batch norms' statistics too."""
    build = getattr(keras.applications, name)
    options = {"alpha": 0.25} if name == "MobileNet" and not options else options
    model = build(include_top=top, weights=None, input_shape=SHAPE, **options)
    numbers = np.random.default_rng(7)
    model.set_weights([numbers.uniform(0.1, 1, one.shape) for one in model.get_weights()])
    return model


def write_legacy(model: keras.Model, path: Path) -> Path:
    """In the format of the files that `keras.applications` publishes."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


@pytest.fixture(scope="module")
def original() -> keras.Model:
    return network()


@pytest.fixture(scope="module")
def legacy(original, tmp_path_factory) -> Path:
    return write_legacy(original, tmp_path_factory.mktemp("weights") / "own_no_top.h5")


def loaded(path: Path, name: str = "MobileNet", alpha: float | None = 0.25):
    return build_base(name, input_shape=SHAPE, alpha=alpha, weights=path)


@pytest.fixture(scope="module")
def reference(legacy):
    """The base from the file in the published format. Tests only read it."""
    return loaded(legacy)


def test_the_base_answers_as_the_network_in_the_file(reference, original):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), np.uint8)
    scaled = keras.applications.mobilenet.preprocess_input(pixels.astype(np.float32))
    for ours, theirs in zip(reference.model.get_weights(), original.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(reference.model(pixels), original(scaled), rtol=1e-3)


@pytest.mark.parametrize("file", ["own.weights.h5", "own.keras", "model.h5"])
def test_every_format_gives_the_same_weights(file, reference, original, tmp_path):
    path = tmp_path / file
    if file == "own.weights.h5":
        original.save_weights(path)
    else:
        original.save(path)  # a whole model, in the new format or the old
    found = loaded(path)
    for ours, theirs in zip(found.model.get_weights(), original.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.weights_hash == reference.weights_hash


def test_the_hash_tells_weights_apart(reference, legacy, tmp_path):
    other = tampered(legacy, tmp_path, lambda file: shifted(file, 1e-3))
    assert loaded(other).weights_hash != reference.weights_hash


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real weights in {SHARED}")
@pytest.mark.parametrize(("name", "alpha", "file"), REAL)
def test_real_weights_give_keras_own_features(name, alpha, file):
    path = SHARED / "weights" / file
    shape = (96, 96, 3)
    ours = build_base(name, input_shape=shape, alpha=alpha, weights=path)
    theirs = getattr(keras.applications, name)(
        include_top=False, weights=path, alpha=alpha, input_shape=shape
    )
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.float32)
    expected = theirs.predict_on_batch(pixels / 127.5 - 1)
    np.testing.assert_allclose(ours.model.predict_on_batch(pixels), expected, atol=1e-3)


def test_published_efficientnets_are_mended_as_keras_mends_them(tmp_path, monkeypatch):
    """Their files hold deviations where variances are meant; Keras adds a layer for it.

    The layer comes before all blocks, so that one block is enough.
    """
    blocks = "keras.src.applications.efficientnet.DEFAULT_BLOCKS_ARGS"
    monkeypatch.setattr(blocks, DEFAULT_BLOCKS_ARGS[:1])
    plain = network("EfficientNetB0")
    normalization = next(one for one in plain.layers if isinstance(one, keras.layers.Normalization))
    values = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 1
    normalization.set_weights([np.asarray(value) for value in values])
    path = write_legacy(plain, tmp_path / "efficientnetb0_notop.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(path))
    theirs = keras.applications.EfficientNetB0(include_top=False, input_shape=SHAPE)
    ours = build_base("EfficientNetB0", input_shape=SHAPE, weights=path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype(np.float32)
    # With weights far from any training, values explode: the first convolution is enough.
    heads = [
        keras.Model(one.inputs, one.get_layer("stem_conv").output) for one in (ours.model, theirs)
    ]
    first, second = (head([pixels]) for head in heads)
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_inception_loads_from_a_file_in_its_published_format(tmp_path):
    shape = (75, 75, 3)
    original = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=shape)
    path = write_legacy(original, tmp_path / "inception_notop.h5")
    ours = build_base("InceptionV3", input_shape=shape, weights=path)
    pixels = np.random.default_rng(0).integers(0, 256, (1, *shape)).astype(np.float32)
    np.testing.assert_allclose(
        ours.model.predict_on_batch(pixels),
        np.asarray(original(pixels / 127.5 - 1)),
        rtol=1e-3,
        atol=1e-5,
    )


# --- What is refused ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refused(original):
    """The message with which the network refuses a file, and keeps its own weights."""

    def message(path: Path) -> str:
        before = original.get_weights()
        with pytest.raises(DataError) as caught:
            load_weights(original, path, name="MobileNet (alpha 0.25)")
        for ours, theirs in zip(original.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        return str(caught.value)

    return message


@pytest.fixture(scope="module")
def half_as_wide() -> keras.Model:
    return network(alpha=0.5)


def refused_by(name: str, alpha: float, path: Path) -> str:
    with pytest.raises(DataError) as caught:
        loaded(path, name, alpha)
    return str(caught.value)


def test_weights_of_another_network_name_the_right_one(legacy):
    message = refused_by("MobileNetV2", 0.35, legacy)
    assert "weights of another network than MobileNetV2 (alpha 0.35)" in message
    assert "Expected: 104 layers with weights (410,208 parameters)" in message
    assert "Received: 54 layers with weights (218,544 parameters)" in message
    assert "the file fits `base=MobileNet` `alpha=0.25`" in message


@pytest.mark.parametrize("ending", ["_no_top.h5", ".weights.h5", ".keras"])
def test_weights_of_another_width_name_the_right_one(ending, original, half_as_wide, tmp_path):
    path = tmp_path / f"own{ending}"
    if ending == "_no_top.h5":
        write_legacy(original, path)
    else:
        original.save(path) if ending == ".keras" else original.save_weights(path)
    with pytest.raises(DataError, match=r"the file fits `base=MobileNet` `alpha=0\.25`"):
        load_weights(half_as_wide, path, name="MobileNet (alpha 0.5)")


def test_weights_with_the_top_are_refused_with_what_to_take(refused, tmp_path):
    with_top = network(top=True, alpha=0.25)
    message = refused(write_legacy(with_top, tmp_path / "full.h5"))
    assert "the file includes the top of `base=MobileNet` `alpha=0.25`" in message
    assert "no_top" in message


def test_missing_layers_are_named(refused, legacy, tmp_path):
    path = tmp_path / "fewer.h5"
    path.write_bytes(legacy.read_bytes())
    with h5py.File(path, "r+") as file:
        names = [name for name in file.attrs["layer_names"] if name != "conv_pw_3"]
        file.attrs["layer_names"] = names
    assert "without conv_pw_3" in refused(path)


def test_a_truncated_file_says_how_much_there_is(refused, legacy, tmp_path):
    path = tmp_path / "half.h5"
    content = legacy.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    message = refused(path)
    assert "is truncated" in message
    assert f"Received: {len(content) // 2:,} bytes" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (b"PNG or whatever", "starts with b'PNG or w'"),
        (b"PK\x03\x04 and no zip", "not a .keras file"),
        (b"\x89HDF\r\n\x1a\n and no HDF5", "is damaged"),
    ],
)
def test_what_is_no_weights_file_is_told_by_its_content(content, words, refused, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_missing_file_is_said(tmp_path):
    assert "There is no weights file" in refused_by("MobileNet", 0.25, tmp_path / "none.h5")


def tampered(legacy: Path, tmp_path: Path, change) -> Path:
    path = tmp_path / "tampered.h5"
    path.write_bytes(legacy.read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def shifted(file: h5py.File, by: float) -> None:
    """The first convolution's kernel, of slightly other numbers."""
    kernel = file["conv1"][file["conv1"].attrs["weight_names"][0]]
    kernel[...] += by


def replaced(file: h5py.File, **options) -> None:
    """The first convolution's kernel, of another kind."""
    layer = file["conv1"]
    place = layer.attrs["weight_names"][0]
    del layer[place]
    layer.create_dataset(place, **options)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda file: replaced(file, shape=(10**6, 10**6), chunks=(10, 10), dtype="f4"),
            "4,000,000,000,000 bytes, of which 0 are stored",
        ),
        (lambda file: replaced(file, shape=(3, 3, 3, 8), dtype="S64"), "of type |S64"),
        (lambda file: replaced(file, shape=(2,), dtype=h5py.string_dtype()), "of type object"),
        (
            lambda file: file["conv1"].attrs.__setitem__("weight_names", ["../../conv_dw_1"]),
            "the name '../../conv_dw_1'",
        ),
        (
            lambda file: file["conv1"].attrs.__setitem__("weight_names", ["nothing"]),
            "no 'nothing'",
        ),
    ],
    ids=["huge", "bytes", "strings", "upwards", "missing"],
)
def test_tampered_files_are_refused_in_little_memory(change, words, refused, legacy, tmp_path):
    path = tampered(legacy, tmp_path, change)
    tracemalloc.start()
    try:
        assert words in refused(path)
        # A kernel of a terabyte is only declared; nothing of it is asked for.
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_an_external_group_is_not_followed(refused, legacy, tmp_path):
    def linked(file: h5py.File) -> None:
        del file["conv1"]
        file["conv1"] = h5py.ExternalLink("elsewhere.h5", "/conv1")

    (tmp_path / "elsewhere.h5").write_bytes(legacy.read_bytes())
    assert "a link out of the file at 'conv1'" in refused(tampered(legacy, tmp_path, linked))


def test_endless_lists_of_names_are_not_read(refused, tmp_path):
    path = tmp_path / "endless.h5"
    with h5py.File(path, "w", libver="latest") as file:  # which has room for them
        file.attrs["layer_names"] = np.full(1_000_000, b"conv1")
    assert "a list of 1,000,000 names" in refused(path)


def test_a_keras_file_that_unpacks_to_more_than_the_network_is_not_unpacked(refused, tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(200 << 20))
    assert path.stat().st_size < 1 << 20
    assert "is far larger than the weights of this base" in refused(path)
