"""`viewfinder features`, and what the cache and the audit show of them."""

import numpy as np
import pytest

from folders import write_classes
from models.features.made import Means
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.features import Features
from viewfinder.jobs.prepare import prepare
from viewfinder.models.features.base import BaseExtractor
from viewfinder.recipe.named import recipe_named

SMALL = ("--weights", "none", "--image-size", "32")


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(BaseExtractor, "start", lambda *_: Means())
    return write_classes(tmp_path / "data", {"a": 12, "b": 12})


def test_features_are_written_drawn_and_listed(viewfinder, data, tmp_path):
    ended = viewfinder("features", data, *SMALL, "--output", "f.npz", "--plots", "plots", "--json")
    assert ended.code == 0
    assert ended.json == {
        "schema": 1,
        "features": "f.npz",
        "pictures": 24,
        "width": 3,
        "plots": ["plots/map.png", "plots/neighbours.png"],
    }
    with np.load(tmp_path / "f.npz") as file:
        assert file["features"].shape == (24, 3)
    (listed,) = viewfinder("cache", "list", "--json").json["features"]
    assert (listed["base"], listed["rows"]) == ("MobileNetV2", 24)
    assert "features by MobileNetV2" in viewfinder("cache", "list").out
    viewfinder("cache", "clear")
    assert viewfinder("cache", "list", "--json").json["features"] == []


def test_the_audit_takes_a_file_or_a_base(viewfinder, data):
    viewfinder("features", data, *SMALL, "--output", "f.npz")
    # Noise under labels by chance: the probe doubts some of them.
    for words in (["--features", "f.npz"], ["--features", "MobileNetV2", "--weights", "none"]):
        ended = viewfinder("audit", data, "--no-html", *words)
        assert ended.code == 0, ended.err
        assert "Linear head: mean accuracy" in ended.err


def test_a_training_reads_the_features_that_the_audit_has_computed(viewfinder, data, monkeypatch):
    means = Means()
    monkeypatch.setattr(BaseExtractor, "start", lambda *_: means)
    viewfinder("audit", data, "--no-html", "--features", "MobileNetV2", "--weights", "none")
    viewfinder("features", data, "--weights", "none", "--output", "f.npz")
    recipe = recipe_named("transfer").changed({"model.weights": "none"})
    Features(prepare(open_dataset(data), recipe), Progress(0)).of("train")
    assert means.seen == 24


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--base", "MobileNetV4"], "There is no base"),
        (["--output", "f.csv", *SMALL], ".npz or .parquet"),
        (["--alpha", "0.35", "--base", "VGG16"], "one width only"),
    ],
)
def test_what_cannot_be_is_refused(viewfinder, data, words, said):
    viewfinder("features", data, *words).refused(2, said)


def test_the_audit_refuses_a_file_without_features(viewfinder, data):
    viewfinder("audit", data, "--features", "none.npz").refused(3, "holds no features")
