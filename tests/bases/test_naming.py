"""A base by its name: which of the kinds is meant, and what a recipe makes of it."""

from pathlib import Path

import pytest
import yaml

from viewfinder.bases.base import Takes
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.from_file import FromFile
from viewfinder.bases.from_hub import FromHub
from viewfinder.bases.naming import base_named
from viewfinder.core.errors import RecipeError, UsageError
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named


def test_a_name_says_its_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    known = base_named("MobileNetV2", 0.35, "none")
    assert isinstance(known, FromCatalogue)
    assert (known.name, known.width, known.weights) == ("MobileNetV2", 0.35, "none")
    assert known.takes() == Takes((224, 224), "rgb")
    assert base_named("nets/mine.keras") == FromFile(tmp_path / "nets/mine.keras")
    for preset, meant in {
        "resnet_50_imagenet": "resnet_50_imagenet",  # KerasHub knows it, or it does not
        "kaggle://keras/resnetv1/keras/resnet_50/3": "kaggle://keras/resnetv1/keras/resnet_50/3",
        "here": str(tmp_path / "here"),
        "./there": str(tmp_path / "there"),
        "nets/there": str(tmp_path / "nets/there"),
    }.items():
        assert base_named(f"hub:{preset}") == FromHub(meant)


def test_labels_can_begin_the_name_of_a_file():
    assert base_named("a/b/mine.keras").label == "mine"
    assert base_named("hub:/nets/resnet").label == "resnet"
    assert base_named("hub:hf://someone/net").label == "someone-net"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("VGG166",), "no base 'VGG166'(.|\n)*mean 'VGG16'"),
        (("VGG16", 0.5), "VGG16 has one width only"),
        (("mine.keras", 0.5), "mine has one width only"),
        (("mine.keras", None, "none"), "mine has weights of its own(.|\n)*Received: none"),
        (("hub:net", None, "imagenet"), "net has weights of its own"),
        (("mine.h5",), r"not a base(.|\n)*save it as \.keras"),
        (("hub:",), "needs a preset"),
    ],
)
def test_what_cannot_be_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        base_named(*words)


def test_the_usual_weights_change_with_the_base():
    recipe = recipe_named("transfer")
    assert recipe.model.weights == "imagenet"
    mine = recipe.changed({"model.base": "mine.keras"})
    assert (mine.model.base, mine.model.weights) == (str(Path("mine.keras").absolute()), "own")
    assert mine.changed({"model.base": "VGG16"}).model.weights == "imagenet"
    assert recipe.changed({"model.base": "hub:net"}).model.weights == "own"
    with pytest.raises(UsageError, match="has weights of its own"):
        mine.changed({"model.weights": "other.h5"})
    with pytest.raises(UsageError, match="has one width only"):
        recipe.changed({"model.alpha": 0.35, "model.base": "mine.keras"})


def test_a_recipe_can_be_read_where_its_base_is_not(tmp_path):
    recipe = recipe_named("transfer").changed({"model.base": str(tmp_path / "gone.keras")})
    again = Recipe.model_validate(yaml.safe_load(recipe.to_yaml()))
    assert again == recipe


def test_a_base_of_the_catalogue_refuses_gray_at_once():
    with pytest.raises(
        RecipeError, match=r"VGG16 takes colour pictures(.|\n)*Received: input.color=gray"
    ):
        recipe_named("transfer").changed({"model.base": "VGG16", "input.color": "gray"})


def test_without_kerashub_the_command_that_installs_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("viewfinder.bases.from_hub.find_spec", lambda _: None)
    for ask in (base_named(f"hub:{tmp_path}").takes, base_named("hub:resnet_50").obtain):
        with pytest.raises(UsageError, match=r"not installed(.|\n)*install 'viewfinder\[hub\]'"):
            ask()
