"""The recipe: what is refused and with which words, what wins over what, and the way to YAML."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from viewfinder.augment import POLICIES
from viewfinder.core.errors import RecipeError
from viewfinder.recipe import (
    Compact,
    ConvStack,
    Recipe,
    Residual,
    parse_settings,
    read_settings,
)
from viewfinder.recipe.named import RECIPES

DEFAULT = RECIPES["scratch"]


@pytest.mark.parametrize(
    ("settings", "wrong", "meant"),
    [
        ({"trainig": {"epochs": 3}}, "trainig", "training"),
        ({"sead": 3}, "sead", "seed"),
        ({"training.epoch": 3}, "training.epoch", "epochs"),
        ({"training": {"epoch": 3}}, "training.epoch", "epochs"),
        ({"input.siz": 3}, "input.siz", "size"),
        ({"model.widht": 3}, "model.widht", "width"),
        ({"model": {"widht": 3}}, "model.widht", "width"),
        ({"model": {"kind": "conv-stack", "filtres": [8]}}, "model.filtres", "filters"),
        ({"model": {"filtres": [8], "kind": "conv-stack"}}, "model.filtres", "filters"),
        ({"model.kind": "conv-stak"}, "conv-stak", "conv-stack"),
        ({"training.augment": "strng"}, "strng", "strong"),
        ({"training.augment": {"rotatoin": {"degrees": 3}}}, "rotatoin", "rotation"),
        ({"training.augment": {"rotation": {"degree": 3}}}, "degree", "degrees"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_at_every_depth(settings, wrong, meant):
    with pytest.raises(RecipeError) as refused:
        DEFAULT.changed(settings)
    assert repr(wrong) in str(refused.value)
    assert f"did you mean '{meant}'?" in str(refused.value)


def test_a_key_below_a_single_value_is_refused():
    with pytest.raises(RecipeError, match=r"no key 'training.epochs.x': epochs is a single value"):
        DEFAULT.changed({"training.epochs.x": 1})


def test_the_keys_of_the_other_kind_of_model_are_unknown():
    with pytest.raises(RecipeError, match=r"no key 'model.filters'"):
        DEFAULT.changed({"model.filters": [8]})
    with pytest.raises(RecipeError, match=r"no key 'model.width'"):
        DEFAULT.changed({"model.kind": "conv-stack", "model.width": 8})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.epochs", 0),
        ("training.epochs", 2.5),
        ("training.epochs", "many"),
        ("training.batch_size", 0),
        ("training.batch_size", -3),
        ("training.learning_rate", 0),
        ("training.learning_rate", -1e-3),
        ("training.learning_rate", 11),
        ("training.learning_rate", float("nan")),
        ("training.learning_rate", float("inf")),
        ("training.optimizer", "adamm"),
        ("training.schedule", "cosin"),
        ("training", None),
        ("model", None),
        ("model", "compact"),
        ("model.dropout", 1),
        ("model.dropout", -0.1),
        ("model.width", 0),
        ("input.size", 150),
        ("input.size", [150]),
        ("input.size", [0, 150]),
        ("input.size", [150, 5000]),
        ("input.size", [1, 2, 3]),
        ("input.color", "grey"),
        ("input.resize", "squash"),
        ("input.headroom", 0.9),
        ("data.validation", 0),
        ("data.validation", 1),
        ("data.holdout", "train"),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 0.5),
    ],
)
def test_an_impossible_value_is_refused_and_named(key, value):
    with pytest.raises(RecipeError) as refused:
        DEFAULT.changed({key: value})
    assert f"The recipe's {key}" in refused.value.fact
    assert refused.value.expected
    assert refused.value.received


def test_a_recipe_is_a_value():
    changed = DEFAULT.changed({"training.epochs": 3})
    assert (changed.training.epochs, DEFAULT.training.epochs) == (3, 120)
    with pytest.raises(ValueError, match="frozen"):
        changed.seed = 3  # type: ignore[misc]


def test_only_what_is_named_changes():
    changed = DEFAULT.changed({"training": {"epochs": 3}, "model.width": 8})
    expected = DEFAULT.model_dump()
    expected["training"]["epochs"], expected["model"]["width"] = 3, 8
    assert changed.model_dump() == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"model.kind": "conv-stack", "model.filters": [8]},
        {"model.filters": [8], "model.kind": "conv-stack"},
        {"model": {"kind": "conv-stack", "filters": [8]}},
        {"model": {"filters": [8], "kind": "conv-stack"}},
        parse_settings(["model.filters=[8]", "model.kind=conv-stack"]),
    ],
)
def test_another_kind_of_model_brings_its_own_keys_in_any_order(settings):
    assert DEFAULT.changed(settings).model == ConvStack(filters=(8,))
    assert DEFAULT.changed(settings).changed({"model.kind": "compact"}).model == Compact()


def test_a_kind_of_one_size_goes_without_the_stages_that_another_has():
    assert DEFAULT.training.stages
    assert DEFAULT.changed({"model.kind": "compact"}).training.stages == DEFAULT.training.stages
    assert DEFAULT.changed({"model": {"kind": "dense"}}).training.stages == ()
    with pytest.raises(RecipeError, match="Stages need"):
        DEFAULT.changed({"training.stages": [{"size": 0.5, "epochs": 1}], "model.kind": "dense"})


def test_naming_the_kind_that_it_is_keeps_the_rest():
    changed = DEFAULT.changed({"model.dropout": 0.4}).changed({"model.kind": "residual"})
    assert changed.model == Residual(width=24, dropout=0.4)


def test_settings_are_read_as_yaml():
    words = ["input.size=[96, 128]", "input.color=null", "seed=7", "training.learning_rate=1e-3"]
    changed = RECIPES["digits"].changed(parse_settings(words))
    assert changed.input.size == (96, 128)
    assert changed.input.color is None
    assert changed.seed == 7
    assert changed.training.learning_rate == 0.001


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"training.momentum": 0.9}, "momentum is of sgd; muon has its own"),
        ({"training.schedule": "step", "training.epochs": 5}, "the rate never falls"),
        ({"training.loss": "focal"}, "label_smoothing keeps sure answers in the loss"),
        ({"data": {"test": 0.2, "holdout": "validation"}}, "choose one"),
        ({"data": {"test": 0.5, "validation": 0.5}}, "leave nothing to train on"),
        ({"model.batch_norm": False, "model.blocks": [3, 3, 3]}, "need model.batch_norm"),
    ],
)
def test_an_impossible_combination_is_refused_with_what_to_do(settings, said):
    with pytest.raises(RecipeError, match=said) as refused:
        DEFAULT.changed(settings)
    assert "do not fit together" in refused.value.fact
    assert "Value error" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"training.stop.hold": 2}, "reads training.stop.hold(.|\n)*--target"),
        ({"training.schedule": "plateau", "training.decay_every": 500}, "the rate never falls"),
        ({"training.average_epochs": 500}, "the first weights, which have learnt nothing"),
        ({"training.stop": {"target": "acc=0.9", "hold": 121}}, "never be held for so long"),
        ({"training.decay_every": 7}, "reads training.decay_every(.|\n)*training.schedule=step"),
        (
            {"training.decay_factor": 0.5},
            "reads training.decay_factor(.|\n)*training.schedule=step",
        ),
        ({"training.focal_gamma": 3}, "reads training.focal_gamma(.|\n)*training.loss=focal"),
    ],
)
def test_a_setting_that_nothing_reads_is_refused_before_a_training_and_not_in_a_runs_recipe(
    settings, said
):
    recipe = DEFAULT.changed(settings)
    with pytest.raises(RecipeError, match=said):
        recipe.require_no_idle_settings()
    DEFAULT.require_no_idle_settings()


def test_the_epochs_of_a_second_phase_count_where_they_are_more():
    settings = {"training.fine_tune.epochs": 30, "training.average_epochs": 12}
    RECIPES["transfer/fine-tuned"].changed(settings).require_no_idle_settings()
    step = {"training.schedule": "step", "training.decay_every": 10}
    RECIPES["transfer/fine-tuned"].changed(settings | step).require_no_idle_settings()


def test_what_fits_together_is_let_through_in_any_order():
    together = {"training.momentum": 0.9, "training.optimizer": "sgd"}
    assert DEFAULT.changed(together) == DEFAULT.changed(dict(reversed(together.items())))


def test_warm_up_and_decay_scale_with_the_epochs():
    for recipe in RECIPES.values():
        recipe.changed({"training.epochs": 1})


@pytest.mark.parametrize("word", ["seed", "=3", "", "seed:3"])
def test_a_setting_without_key_or_value_is_refused(word):
    with pytest.raises(RecipeError, match="key=value"):
        parse_settings([word])


def test_a_value_that_is_no_yaml_is_refused():
    with pytest.raises(RecipeError, match=r"Cannot read the value of input.size"):
        parse_settings(["input.size=[1,"])


@pytest.mark.parametrize("text", ["[1, 2]", "3", "", "training: {epochs: 3", "\tx: 1", "\x00"])
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, text: str):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(RecipeError, match=r"my\.yaml"):
        read_settings(tmp_path / "my.yaml")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path):
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "latin.yaml"):
        with pytest.raises(RecipeError, match="Cannot read the settings"):
            read_settings(path)


RECIPE = st.builds(
    dict,
    seed=st.integers(0, 2**32 - 1),
    name=st.text(max_size=8),
    summary=st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
    input=st.fixed_dictionaries(
        {
            "size": st.none() | st.lists(st.integers(1, 4096), min_size=2, max_size=2),
            "color": st.sampled_from([None, "rgb", "gray"]),
            "headroom": st.floats(1, 4),
        }
    ),
    model=st.one_of(
        st.fixed_dictionaries(
            {
                "kind": st.just("conv-stack"),
                "filters": st.lists(st.integers(1, 64), max_size=3),
                "dropout": st.floats(0, 0.99),
            }
        ),
        st.fixed_dictionaries({"kind": st.just("compact"), "width": st.integers(1, 64)}),
        st.fixed_dictionaries({"kind": st.just("dense"), "l2": st.floats(0, 1)}),
        st.fixed_dictionaries(
            {
                "kind": st.just("residual"),
                "blocks": st.none() | st.lists(st.integers(1, 2), min_size=1, max_size=4),
                "batch_norm": st.booleans(),
            }
        ),
    ),
    training=st.fixed_dictionaries(
        {
            "learning_rate": st.floats(1e-12, 10),
            "augment": st.sampled_from(
                [*POLICIES, *(one.model_dump() for one in POLICIES.values())]
            ),
        }
    ),
)


@settings(deadline=None)
@given(changes=RECIPE, start=st.sampled_from(list(RECIPES.values())))
def test_a_recipe_survives_yaml_whatever_it_is_laid_over(changes, start):
    recipe = DEFAULT.changed(changes)
    tree = yaml.safe_load(recipe.to_yaml())
    assert Recipe.model_validate(tree) == recipe
    assert start.changed(tree) == recipe  # as --config does with a run's recipe.yaml


def test_the_yaml_is_in_the_order_of_the_fields():
    tree = yaml.safe_load(DEFAULT.to_yaml())
    assert list(tree) == ["name", "summary", "data", "input", "model", "training", "seed"]


def test_what_is_open_is_settled_and_what_is_given_stays():
    assert DEFAULT.settled((28, 20), "gray").preprocessing.shape == (28, 20, 1)
    given_size = DEFAULT.changed({"input.size": [5, 6]})
    assert given_size.settled((28, 20), "gray").preprocessing.shape == (5, 6, 1)
    with pytest.raises(RecipeError, match="no input size yet"):
        DEFAULT.preprocessing  # noqa: B018


def test_training_pictures_are_larger_only_where_augmentation_moves_pixels():
    recipe = DEFAULT.changed({"input": {"size": [100, 50], "color": "rgb", "headroom": 1.5}})
    recipe = recipe.changed({"training.augment": "none"})
    assert recipe.training_preprocessing == recipe.preprocessing
    colors = recipe.changed({"training.augment": {"brightness": {"strength": 0.1}}})
    assert colors.training_preprocessing == recipe.preprocessing
    moving = recipe.changed({"training.augment": "course"})
    assert moving.training_preprocessing.shape == (150, 75, 3)
    assert moving.preprocessing.shape == (100, 50, 3)
