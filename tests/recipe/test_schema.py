"""The table of a recipe's settings, held against the recipe itself."""

import pytest
import yaml

from viewfinder.core.errors import RecipeError
from viewfinder.recipe import recipe_schema
from viewfinder.recipe.named import RECIPES


def leaves(tree, path=""):
    """The values of nested settings by dotted key."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path, tree


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_the_yaml_has_a_row_with_its_value(name):
    rows = {row.key: row for row in recipe_schema(RECIPES[name])}
    policy = RECIPES[name].training.augment
    assert isinstance(policy, str)
    values = dict(leaves(yaml.safe_load(RECIPES[name].to_yaml())))
    assert {key: rows[key].value for key in values} == values
    others = rows.keys() - values.keys()
    assert all(key.startswith("training.fine_tune.") for key in others)  # of a phase that is null
    for row in rows.values():
        assert row.description.endswith(".")
        assert "\n" not in row.description
        assert row.type


@pytest.mark.parametrize("name", ["scratch", "transfer", "transfer/fine-tuned", "digits"])
def test_each_value_is_taken_as_a_setting(name):
    recipe = RECIPES[name]
    for row in recipe_schema(recipe):
        if not row.key.startswith("training.fine_tune."):
            assert recipe.changed({row.key: row.value}) == recipe, row.key


def test_ranges_are_those_that_are_held():
    rows = {row.key: row for row in recipe_schema(RECIPES["scratch"])}
    assert rows["training.optimizer.learning_rate"].range == "> 0, ≤ 10"
    assert rows["training.epochs"].range == "≥ 1"
    assert rows["training.stop.max_time"].range == "> 0"
    for key, value in (("training.optimizer.learning_rate", 0), ("training.epochs", 0)):
        with pytest.raises(RecipeError):
            RECIPES["scratch"].changed({key: value})


def test_a_choice_lists_its_values_and_a_union_what_other_kinds_have():
    rows = {row.key: row for row in recipe_schema(RECIPES["scratch"])}
    assert rows["input.resize"].type == "stretch | crop | pad"
    assert rows["input.size"].type == "list of 2 × integer or null"
    optimizer = rows["training.optimizer.kind"]
    assert optimizer.type == "adam | adamw | muon | rmsprop | sgd"
    assert (optimizer.default, optimizer.value) == ("adam", "muon")
    assert "sgd: momentum" in optimizer.description
    assert "training.optimizer.momentum" not in rows
    sgd = RECIPES["scratch"].changed({"training.optimizer": "sgd"})
    assert "training.optimizer.momentum" in {row.key for row in recipe_schema(sgd)}
