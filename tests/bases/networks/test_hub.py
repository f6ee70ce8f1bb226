"""Presets of KerasHub, held against KerasHub itself: small backbones with drawn weights."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import viewfinder as vf
from folders import write_classes
from viewfinder.bases.base import Takes
from viewfinder.bases.naming import base_named
from viewfinder.bases.networks.blocks import blocks_of
from viewfinder.core.errors import DataError, RunError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.train import train
from viewfinder.models import build_base, transfer
from viewfinder.recipe.named import recipe_named

hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed: viewfinder[hub]")

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
IMAGENET = {
    "scale": [1 / (255 * one) for one in (0.229, 0.224, 0.225)],
    "offset": [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
}


def resnet() -> keras.Model:
    return hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )


def efficientnet() -> keras.Model:
    """Of layers that are KerasHub's own, and can be copied."""
    return hub.models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0, 1.0],
        stackwise_depth_coefficients=[1.0, 1.0],
        stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_expansion_ratios=[1, 6],
        stackwise_num_repeats=[1, 1],
        stackwise_kernel_sizes=[3, 3],
        stackwise_input_filters=[8, 8],
        stackwise_output_filters=[8, 16],
        stackwise_strides=[1, 2],
        stackwise_block_types=["unfused", "fused"],
        stackwise_force_input_filters=[0, 0],
        stackwise_nores_option=[False, False],
    )


def transformer() -> keras.Model:
    """Of layers that KerasHub 0.32 cannot copy."""
    return hub.models.ViTBackbone(
        image_shape=SHAPE, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )


KINDS = {"resnet": resnet, "efficientnet": efficientnet, "transformer": transformer}
CONVERTERS = {
    "resnet": "ResNetImageConverter",
    "efficientnet": "EfficientNetImageConverter",
    "transformer": "ViTImageConverter",
}


def preset(folder: Path, kind: str = "resnet", **settings) -> str:
    """A preset saved by KerasHub, as `--base` takes it."""
    settings = {"image_size": (32, 32), **IMAGENET} | settings
    KINDS[kind]().save_to_preset(str(folder))
    getattr(hub.layers, CONVERTERS[kind])(**settings).save_to_preset(str(folder))
    return f"hub:{folder}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "scaling",
    [
        IMAGENET,
        {"scale": 1 / 127.5, "offset": -1.0},
        {"scale": 1 / 255, "offset": None},
        {"scale": None, "offset": None},
    ],
    ids=["by channel", "signed", "to one", "none"],
)
def test_it_says_what_kerashub_says(kind, scaling, tmp_path):
    """From pixels: KerasHub's own preprocessing, then its own backbone."""
    name = preset(tmp_path / "net", kind, **scaling)
    converter = hub.layers.ImageConverter.from_preset(str(tmp_path / "net"))
    right = hub.models.Backbone.from_preset(str(tmp_path / "net"))(
        converter(PIXELS.astype(np.float32)), training=False
    )
    base = build_base(name, input_shape=SHAPE)
    np.testing.assert_allclose(np.asarray(base.model(PIXELS)), np.asarray(right), atol=1e-4)
    assert not base.model.trainable_weights
    assert base.name == "net"


def test_size_and_scaling_are_bound_to_it(tmp_path):
    name = preset(tmp_path / "net", image_size=(48, 32))
    assert base_named(name).takes() == Takes((48, 32), "rgb")
    # A transformer's positions are for one size, whatever its converter makes.
    name = preset(tmp_path / "vit", "transformer", image_size=(64, 64))
    assert base_named(name).takes() == Takes((32, 32), "rgb", is_fixed=True)
    name = preset(tmp_path / "open", image_size=None)
    assert base_named(name).takes().size is None


def test_plain_layers_make_a_flat_model_that_can_be_cut(tmp_path):
    base = build_base(preset(tmp_path / "net"), input_shape=SHAPE)
    model = transfer(base, classes=2)
    assert not [one for one in model.layers if isinstance(one, keras.Model)]
    assert len(blocks_of(model)) >= 2
    cut = next(one.name for one in model.layers if isinstance(one, keras.layers.Add))
    short = build_base(f"hub:{tmp_path / 'net'}", input_shape=SHAPE, cut=cut)
    until = keras.Model(model.inputs, model.get_layer(cut).output)
    np.testing.assert_allclose(
        np.asarray(short.model(PIXELS)), until.predict(PIXELS, verbose=0), atol=1e-5
    )
    with pytest.raises(UsageError, match="net has no layer 'nowhere'"):
        build_base(f"hub:{tmp_path / 'net'}", input_shape=SHAPE, cut="nowhere")


def test_a_transformer_is_one_layer_that_cannot_be_cut(tmp_path):
    name = preset(tmp_path / "net", "transformer")
    model = transfer(name, classes=3)
    assert model.get_layer("head_average").output.shape == (None, 16)
    with pytest.raises(UsageError, match="net cannot be cut"):
        build_base(name, input_shape=SHAPE, cut="vit_encoder")
    with pytest.raises(UsageError, match="takes other pictures"):
        build_base(name, input_shape=(64, 64, 3))


def test_nothing_in_it_is_drawn_at_random_while_a_head_trains(tmp_path):
    """Stochastic depth, too, which is a class of KerasHub's."""
    network = hub.models.MiTBackbone(
        image_shape=SHAPE,
        num_layers=2,
        layerwise_depths=[1, 1],
        hidden_dims=[8, 16],
        layerwise_num_heads=[1, 2],
        layerwise_sr_ratios=[2, 1],
        layerwise_patch_sizes=[7, 3],
        layerwise_strides=[4, 2],
        max_drop_path_rate=0.5,
    )
    network.save_to_preset(str(tmp_path))
    hub.layers.MiTImageConverter(**IMAGENET).save_to_preset(str(tmp_path))
    model = build_base(f"hub:{tmp_path}", input_shape=SHAPE).model
    first, second = (np.asarray(model(PIXELS, training=way)) for way in (True, False))
    np.testing.assert_allclose(first, second, atol=1e-6)


# --- Runs -----------------------------------------------------------------------------------------

_LOAD_WITHOUT = """
import sys
from importlib import util
found = util.find_spec
util.find_spec = lambda name, *more: None if name == "keras_hub" else found(name, *more)
sys.modules["keras_hub"] = None
import numpy as np
import viewfinder as vf
np.save(sys.argv[2], vf.load(sys.argv[1]).probabilities(np.load(sys.argv[3])))
"""


def without_kerashub(run: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Load a run and ask it, in a process that cannot import KerasHub."""
    np.save(tmp_path / "pixels.npy", PIXELS)
    words = [sys.executable, "-c", _LOAD_WITHOUT, run, tmp_path / "a.npy", tmp_path / "pixels.npy"]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True)


def trained(name: str, tmp_path: Path, **settings) -> vf.Run:
    pictures = write_classes(tmp_path / "pets", {"cat": 12, "dog": 12})
    recipe = recipe_named("transfer").changed({"model.base": name, **settings})
    return train(open_dataset(pictures), recipe, output=tmp_path, progress=Progress(0))


def test_a_run_of_plain_layers_needs_no_kerashub(tmp_path):
    run = trained(preset(tmp_path / "net"), tmp_path)
    assert (run.recipe.model.weights, run.recipe.input.size) == ("own", (32, 32))
    ended = without_kerashub(run.folder, tmp_path)
    assert ended.returncode == 0, ended.stderr
    right = vf.load(run.folder).probabilities(PIXELS)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), right, atol=1e-5)


@pytest.mark.parametrize("kind", ["efficientnet", "transformer"])
def test_a_run_of_kerashubs_layers_says_what_to_install(kind, tmp_path):
    run = trained(preset(tmp_path / "net", kind), tmp_path)
    assert vf.load(run.folder).probabilities(PIXELS).shape == (3, 2)
    ended = without_kerashub(run.folder, tmp_path)
    assert RunError.__name__ in ended.stderr
    assert "has layers of KerasHub, which is not installed" in ended.stderr
    assert "pip install 'viewfinder[hub]'" in ended.stderr


def test_it_is_fine_tuned(tmp_path):
    settings = {
        "training.kind": "solve-then-tune",
        "training.fine_tune": {"epochs": 1, "blocks": 1, "set_aside": 0.25},
    }
    run = trained(preset(tmp_path / "net"), tmp_path, **settings, **{"training.augment": "gentle"})
    assert run.history["phase"].str.startswith("fine-tuning").sum() == 1


def test_another_content_is_another_base(tmp_path):
    name = preset(tmp_path / "net")
    base = base_named(name)
    first = base.identity(base.obtain(), 0)
    assert str(tmp_path) not in json.dumps(first)
    path = tmp_path / "net/image_converter.json"
    path.write_text(path.read_text().replace("bilinear", "bicubic"))
    assert base.identity(base.obtain(), 0) != first


# --- What is refused ------------------------------------------------------------------------------


def test_a_preset_without_its_preprocessing_is_refused(tmp_path):
    resnet().save_to_preset(str(tmp_path))
    with pytest.raises(
        DataError, match=r"not a preset for pictures(.|\n)*no image_converter(.|\n)*save_to_preset"
    ):
        base_named(f"hub:{tmp_path}").takes()
    with pytest.raises(DataError, match="no folder"):
        base_named(f"hub:{tmp_path / 'gone'}").obtain()


def test_a_preset_that_does_more_than_to_scale_is_refused(tmp_path, monkeypatch):
    name = preset(tmp_path / "net")
    call = hub.layers.ImageConverter.call
    monkeypatch.setattr(
        hub.layers.ImageConverter, "call", lambda self, images: call(self, images)[..., ::-1]
    )
    with pytest.raises(DataError, match="does not only scale pixels"):
        build_base(name, input_shape=SHAPE)


def test_damaged_presets_are_refused(tmp_path):
    name = preset(tmp_path / "net")
    weights, config = tmp_path / "net/model.weights.h5", tmp_path / "net/config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"model\.weights\.h5 is (truncated|damaged)"):
        build_base(name, input_shape=SHAPE)
    weights.write_bytes(whole)
    text = config.read_text()
    config.write_text(text.replace("ResNetBackbone", "NoBackbone"))
    with pytest.raises(DataError, match="KerasHub cannot build the preset"):
        build_base(name, input_shape=SHAPE)
    config.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        base_named(name).takes()


def test_a_wrong_name_has_the_nearest_ones():
    with pytest.raises(UsageError, match=r"no preset 'resnet_50_imagenett'(.|\n)*resnet_50_image"):
        base_named("hub:resnet_50_imagenett").obtain()


def test_a_preset_by_name_is_brought_to_the_disk_by_kerashub(tmp_path, monkeypatch):
    preset(tmp_path / "net")
    asked = []

    def get_file(name: str, path: str) -> str:
        asked.append((name, path))
        return str(tmp_path / "net" / path)

    monkeypatch.setattr("keras_hub.src.utils.preset_utils.get_file", get_file)
    base = base_named("hub:resnet_50_imagenet")
    assert base.obtain() == tmp_path / "net"
    assert {name for name, _ in asked} == {"resnet_50_imagenet"}

    def offline(name: str, path: str) -> str:
        raise OSError("Name or service not known\nand more")

    monkeypatch.setattr("keras_hub.src.utils.preset_utils.get_file", offline)
    with pytest.raises(
        DataError, match=r"cannot download the preset(.|\n)*service not known\n(.|\n)*FOLDER"
    ):
        base.obtain()
