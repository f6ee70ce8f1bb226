"""`viewfinder bases`, and the flags that choose a base."""

import keras
import yaml

from folders import write_classes
from viewfinder.bases.catalogue import BASES
from viewfinder.bases.networks import build_base


def test_every_base_has_a_row(viewfinder):
    ended = viewfinder("bases")
    assert ended.code == 0
    headings, *rows = ended.out.splitlines()
    assert headings.split()[:2] == ["base", "parameters"]
    assert [row.split()[0] for row in rows] == ["EfficientNetLite0", *BASES]
    assert "0.4–4.4 M" in next(row for row in rows if row.startswith("MobileNetV2"))


def test_json_says_which_weights_are_at_hand(viewfinder, own_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_160_no_top.h5"
    (own_cache / "weights").mkdir()
    (own_cache / "weights" / name).touch()
    found = viewfinder("bases", "MobileNetV2", "--json").json
    assert found["schema"] == 1
    (base,) = found["bases"]
    assert base["parameters"]["0.35"] == 410_208
    assert base["weights"] == [{"alpha": 0.35, "file": str(own_cache / "weights" / name)}]
    assert base["speed"] is None
    (row,) = [line for line in viewfinder("bases").out.splitlines() if "MobileNetV2 " in line]
    assert "alpha 0.35" in row
    assert yaml.safe_load(viewfinder("bases", "MobileNetV2").out) == base


def test_a_measured_speed_is_remembered(viewfinder):
    ended = viewfinder("bases", "MobileNet", "--measure", "MobileNet", "--alpha", "0.25", "--json")
    assert "Measuring MobileNet" in ended.err
    speed = ended.json["bases"][0]["speed"]
    assert speed["pictures_per_s"] > 0
    assert (speed["alpha"], speed["size"]) == (0.25, 224)
    bases = viewfinder("bases", "--json").json["bases"]
    assert [one["speed"] for one in bases if one["name"] == "MobileNet"] == [speed]


def test_an_unknown_base_is_refused(viewfinder):
    viewfinder("bases", "VGG166").refused(2, "no base 'VGG166'", "mean 'VGG16'")
    viewfinder("bases", "--measure", "VGG16", "--alpha", "0.5").refused(2, "one width only")


def test_a_model_of_ones_own_is_a_base(viewfinder, tmp_path):
    pixels = keras.Input((24, 20, 3))
    features = keras.layers.Conv2D(4, 3, name="first")(pixels)
    keras.Model(pixels, keras.layers.Conv2D(2, 3, name="last")(features)).save("own.keras")
    (found,) = viewfinder("bases", "own.keras", "--measure", "own.keras", "--json").json["bases"]
    assert (found["name"], found["input_size"]) == (str(tmp_path / "own.keras"), [24, 20])
    assert found["parameters"] == {"1": 4 * 27 + 4 + 2 * 36 + 2}
    assert found["speed"]["pictures_per_s"] > 0
    data = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    words = ["train", data, "--recipe", "transfer", "--base", "own.keras"]
    plan = viewfinder(*words, "--cut", "first", "--dry-run", "--json").json
    assert plan["recipe"]["model"]["base"] == str(tmp_path / "own.keras")
    assert (plan["recipe"]["model"]["weights"], plan["recipe"]["input"]["size"]) == (
        "own",
        [24, 20],
    )
    viewfinder(*words, "--alpha", "0.5").refused(2, "own has one width only")
    viewfinder(*words, "--cut", "frist", "--dry-run", "-q").refused(2, "own has no layer 'frist'")
    viewfinder("bases", "gone.keras").refused(3, "no model file")


def test_flags_choose_base_width_weights_and_cut(viewfinder, tmp_path):
    data = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    path = tmp_path / "own.weights.h5"
    options = {"input_shape": (32, 32, 3), "alpha": 0.25, "weights": "none"}
    build_base("MobileNet", **options).model.save_weights(path)
    words = ["train", data, "--base", "MobileNet", "--alpha", "0.25", "--image-size", "32"]
    ended = viewfinder(*words, "--weights", path, "--cut", "conv_pw_3_relu", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    model = ended.json["recipe"]["model"]
    assert model["kind"] == "transfer"
    assert (model["base"], model["alpha"]) == ("MobileNet", 0.25)
    assert (model["weights"], model["cut"]) == (str(path), "conv_pw_3_relu")
    viewfinder(*words, "--weights", data / "cat/0.png", "--dry-run").refused(
        3, "is not a weights file", "starts with"
    )
    viewfinder(*words, "--weights", path, "--cut", "conv_pw_3", "--dry-run", "-q")
    viewfinder(*words[:6], "--weights", path, "--image-size", "16").refused(
        2, "too small for MobileNet", "32 × 32"
    )
