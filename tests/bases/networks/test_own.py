"""A model of one's own in a file, held against the model that was saved."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from viewfinder.bases.networks.blocks import blocks_of
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.models import build_base, transfer

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)


def answers(model: keras.Model, pixels=PIXELS) -> np.ndarray:
    """Without the graph that `predict` would compile."""
    return np.asarray(model(pixels, training=False))


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    """A classifier as others train them: its statistics are not the first. Tests only read it."""
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(6, 3, activation="relu", name="second"),
            layers.GlobalAveragePooling2D(name="row"),
            layers.Dropout(0.5, name="dropped"),
            layers.Dense(10, activation="softmax", name="probability"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(PIXELS, np.arange(4), epochs=1, verbose=0)
    return model


@pytest.fixture(scope="module")
def mine(classifier, tmp_path_factory) -> str:
    """The file of the classifier."""
    path = tmp_path_factory.mktemp("models") / "mine.keras"
    classifier.save(path)
    return str(path)


def test_it_says_what_the_saved_model_says(classifier, mine):
    base = build_base(mine, input_shape=SHAPE)
    np.testing.assert_allclose(answers(base.model), answers(classifier), atol=1e-6)
    assert (base.name, base.weights) == ("mine", mine)
    assert not base.model.trainable_weights


def test_a_cut_drops_its_head(classifier, mine):
    base = build_base(mine, input_shape=SHAPE, cut="second")
    until = keras.Model(classifier.inputs, classifier.get_layer("second").output)
    np.testing.assert_allclose(answers(base.model), answers(until), atol=1e-6)
    assert base.feature_shape == (28, 28, 6)
    blocks = blocks_of(transfer(base, classes=2))
    assert [block[-1].name for block in blocks] == ["norm", "second"]
    with pytest.raises(UsageError, match=r"mine has no layer 'secnd'(.|\n)*mean 'second'"):
        build_base(mine, input_shape=SHAPE, cut="secnd")


def test_what_it_has_learnt_of_the_pixels_mean_is_kept(tmp_path):
    """A Normalization layer computes with a copy of its weights, which Keras's copies lack."""
    normal = layers.Normalization()
    normal.adapt(PIXELS.astype(np.float32))
    stack = keras.Sequential([keras.Input(SHAPE), normal, layers.Conv2D(2, 3)])
    stack.save(tmp_path / "net.keras")
    base = build_base(str(tmp_path / "net.keras"), input_shape=SHAPE)
    np.testing.assert_allclose(answers(base.model), answers(stack), atol=1e-5)


def test_it_takes_gray_pictures_if_it_is_for_them(tmp_path):
    pixels = keras.Input((None, None, 1))
    net = keras.Model(pixels, layers.Conv2D(3, 3)(layers.Rescaling(1 / 255)(pixels)))
    net.save(tmp_path / "gray.keras")
    path = str(tmp_path / "gray.keras")
    base = build_base(path, input_shape=(20, 24, 1))
    gray = PIXELS[:, :20, :24, :1]
    np.testing.assert_allclose(answers(base.model, gray), answers(net, gray), atol=1e-6)
    with pytest.raises(UsageError, match="takes other pictures"):
        build_base(path, input_shape=SHAPE)
    with pytest.raises(UsageError, match="takes pictures of any size"):
        transfer(path, classes=2)


def test_a_model_inside_a_model_is_a_layer(tmp_path):
    inner = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3)], name="inner")
    pixels = keras.Input(SHAPE)
    outer = keras.Model([pixels], inner(layers.Rescaling(1 / 255)(pixels)))  # a list of inputs
    outer.save(tmp_path / "net.keras")
    model = transfer(str(tmp_path / "net.keras"), classes=2)
    features = keras.Model(model.inputs, model.get_layer("inner").output)
    np.testing.assert_allclose(answers(features), answers(outer, [PIXELS]), atol=1e-6)
    assert len(model.trainable_weights) == 2


def test_a_classifier_of_ours_keeps_its_head_under_another_name(mine, tmp_path):
    """Its layers are called as those of the head that goes on top."""
    first = transfer(mine, classes=3, cut="second")
    first.save(tmp_path / "best.keras")
    second = transfer(str(tmp_path / "best.keras"), classes=2)
    names = [layer.name for layer in second.layers]
    assert [one for one in names if one.startswith("own_")] == [
        "own_head_average",
        "own_head_dropout",
        "own_probability",
    ]
    inner = keras.Model(second.input, second.get_layer("own_probability").output)
    np.testing.assert_allclose(answers(inner), answers(first), atol=1e-6)
    assert transfer(str(tmp_path / "best.keras"), classes=2, cut="head_average")


def test_probabilities_as_features_are_said(mine, capsys):
    options = {"input_shape": SHAPE, "progress": Progress()}
    build_base(mine, **options)
    assert (
        "mine ends in probabilities, which are poor features; `cut=row`" in capsys.readouterr().err
    )
    build_base(mine, **options, cut="row")
    assert capsys.readouterr().err == ""


def test_code_in_a_file_is_not_run(tmp_path):
    pixels = keras.Input(SHAPE)
    net = keras.Model(pixels, layers.Lambda(lambda x: x / 255)(pixels))
    net.save(tmp_path / "net.keras")
    with pytest.raises(DataError, match=r"net\.keras cannot be loaded(.|\n)*Lambda") as refused:
        build_base(str(tmp_path / "net.keras"), input_shape=SHAPE)
    assert len(str(refused.value)) < 600  # Keras prints the whole configuration


def of_another_package(path: str, package: str, other: Path) -> Path:
    """The same model, but one of its layers is a class of another package."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "config.json":
                config = json.loads(content)
                layer = config["config"]["layers"][2]
                layer |= {"module": package, "class_name": "Own", "registered_name": "Own"}
                content = json.dumps(config).encode()
            new.writestr(member, content)
    return other


def test_layers_that_are_not_here_are_said(mine, tmp_path, monkeypatch):
    other = of_another_package(mine, "mine.layers", tmp_path / "other.keras")
    with pytest.raises(DataError, match="Could not locate class 'Own'") as refused:
        build_base(str(other), input_shape=SHAPE)
    assert len(str(refused.value)) < 600
    monkeypatch.setattr("viewfinder.runtime.loading.find_spec", lambda _: None)
    other = of_another_package(mine, "keras_hub.src.models.own", tmp_path / "other.keras")
    with pytest.raises(DataError, match=r"layers of KerasHub(.|\n)*install 'viewfinder\[hub\]'"):
        build_base(str(other), input_shape=SHAPE)
