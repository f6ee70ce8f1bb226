"""What a `.keras` file says of itself, and which files are never given to Keras."""

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import pytest
from keras import layers

from viewfinder.bases.base import Takes
from viewfinder.bases.from_file import FromFile
from viewfinder.core.errors import DataError
from viewfinder.runtime.loading import load_model
from viewfinder.runtime.model_file import parameters_of


def saved(path: Path, *shape: int | None) -> Path:
    pixels = keras.Input(shape, name="pixels")
    kind = layers.Dense if len(shape) == 1 else layers.Conv2D
    given = (4,) if len(shape) == 1 else (4, 1)
    keras.Model(pixels, kind(*given)(pixels)).save(path)
    return path


def rewritten(path: Path, name: str, content: bytes) -> Path:
    """A copy of the file with another content for one of its members."""
    other = path.with_name(f"other-{name}-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return other


@pytest.mark.parametrize(
    ("shape", "takes"),
    [
        ((8, 10, 3), Takes((8, 10), "rgb", is_fixed=True)),
        ((28, 28, 1), Takes((28, 28), "gray", is_fixed=True)),
        ((None, None, 3), Takes(None, "rgb")),
        ((None, None, 1), Takes(None, "gray")),
    ],
)
def test_it_says_which_pictures_it_takes(shape, takes, tmp_path):
    path = saved(tmp_path / "net.keras", *shape)
    assert FromFile(path).takes() == takes
    assert parameters_of(path) == 4 * shape[2] + 4


def test_a_sequential_model_says_so_too(tmp_path):
    stack = keras.Sequential([layers.Rescaling(1 / 255), layers.Conv2D(2, 3)])
    stack.build((None, 12, 12, 3))
    stack.save(tmp_path / "net.keras")
    assert FromFile(tmp_path / "net.keras").takes().size == (12, 12)


def test_what_takes_no_pictures_is_refused(tmp_path):
    for shape in ((784,), (8, 8, 5)):
        path = saved(tmp_path / "net.keras", *shape)
        with pytest.raises(DataError, match="takes no pictures"):
            FromFile(path).takes()
    rows = saved(tmp_path / "rows.keras", 784)
    with pytest.raises(DataError, match=r"rows of 784 numbers(.|\n)*add layers in front"):
        FromFile(rows).takes()


def test_what_is_no_model_is_refused(tmp_path):
    path = saved(tmp_path / "net.keras", 8, 8, 3)
    page, short = tmp_path / "page.keras", tmp_path / "short.keras"
    page.write_text("<!doctype html><title>404</title>")
    short.write_bytes(path.read_bytes()[:2000])
    empty = tmp_path / "empty.keras"
    empty.touch()
    for wrong, words in {
        tmp_path / "gone.keras": "no model file",
        page: "a web page",
        short: "not a zip file",
        empty: "an empty file",
        rewritten(path, "config.json", b"[]"): r"config\.json is a list",
        rewritten(path, "model.weights.h5", b"nothing"): "is damaged",
    }.items():
        with pytest.raises(DataError, match=words):
            FromFile(wrong).obtain()


def test_what_would_unpack_to_far_more_is_refused(tmp_path):
    path = saved(tmp_path / "net.keras", 8, 8, 3)
    bomb = rewritten(path, "model.weights.h5", bytes(50_000_000))
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="not a safe model file"):
        FromFile(bomb).obtain()
    config = json.dumps({"config": " " * (5 << 20)}).encode()
    with pytest.raises(DataError, match="not a safe model file"):
        FromFile(rewritten(path, "config.json", config)).takes()


def with_array(path: Path, name: str, **declared: object) -> Path:
    """A copy of the file in which the array of this name is declared otherwise."""
    with zipfile.ZipFile(path) as archive:
        weights = Path(archive.extract("model.weights.h5", path.parent))
    with h5py.File(weights, "a") as file:
        del file[name]
        file.create_dataset(name, dtype="float32", **declared)
    return rewritten(path, "model.weights.h5", weights.read_bytes())


@pytest.mark.parametrize(
    "declared",
    [
        {"shape": (20_000, 20_000)},
        {"shape": (20_000, 20_000), "chunks": (1_000, 1_000)},
        {"data": [0.0] * 40_000, "compression": "gzip"},
    ],
)
def test_arrays_that_are_larger_than_their_bytes_are_refused(declared, tmp_path):
    path = saved(tmp_path / "net.keras", 8, 8, 3)
    bomb = with_array(path, "layers/conv2d/vars/0", **declared)
    assert bomb.stat().st_size < 100_000
    for read in (FromFile(bomb).obtain, lambda: load_model(bomb)):
        with pytest.raises(DataError, match="are stored"):
            read()


def test_a_network_far_larger_than_its_weights_is_refused_before_it_takes_memory(tmp_path):
    """Ten terabytes: only a network that is never made can be refused."""
    path = saved(tmp_path / "net.keras", 784)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][1]["config"]["units"] = 10**10
    huge = rewritten(path, "config.json", json.dumps(config).encode())
    with pytest.raises(DataError, match=r"a network of 7,850,000,000,000 parameters"):
        load_model(huge)


def test_a_layer_instead_of_a_model_is_refused(tmp_path):
    path = saved(tmp_path / "net.keras", 8, 8, 3)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))["config"]["layers"][1]
    with pytest.raises(DataError, match="a Conv2D, not a model"):
        load_model(rewritten(path, "config.json", json.dumps(config).encode()))


def test_weights_that_lead_out_of_the_file_are_refused(tmp_path):
    path = saved(tmp_path / "net.keras", 8, 8, 3)
    with zipfile.ZipFile(path) as archive:
        weights = Path(archive.extract("model.weights.h5", tmp_path))
    secret = shutil.copy(weights, tmp_path / "secret.h5")
    with h5py.File(weights, "a") as file:
        values = file["layers/conv2d/vars"]
        del values["0"]
        values["0"] = h5py.ExternalLink(str(secret), "layers/conv2d/vars/0")
    led_out = rewritten(path, "model.weights.h5", weights.read_bytes())
    with pytest.raises(DataError, match=r"not a safe weights file(.|\n)*a link"):
        FromFile(led_out).obtain()
