"""The recipe: what is refused and with which words, what wins over what, and the way to YAML."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from viewfinder.augment import POLICIES
from viewfinder.core.errors import RecipeError
from viewfinder.recipe import (
    SGD,
    Compact,
    Constant,
    ConvStack,
    Cosine,
    Focal,
    Muon,
    OneCycle,
    Recipe,
    Residual,
    Solve,
    StepDecay,
    Steps,
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
        ({"training.epoch": 3}, "training.epoch", "training.epochs"),
        ({"training": {"epoch": 3}}, "training.epoch", "training.epochs"),
        ({"input.siz": 3}, "input.siz", "input.size"),
        ({"model.widht": 3}, "model.widht", "model.width"),
        ({"model": {"widht": 3}}, "model.widht", "model.width"),
        ({"model": {"kind": "conv-stack", "filtres": [8]}}, "model.filtres", "model.filters"),
        ({"model": {"filtres": [8], "kind": "conv-stack"}}, "model.filtres", "model.filters"),
        # The last name alone, or below another part.
        ({"batch_size": 3}, "batch_size", "training.batch_size"),
        ({"epochs": 3}, "epochs", "training.epochs"),
        ({"patience": 3}, "patience", "training.stop.patience"),
        ({"trainig.epochs": 3}, "trainig.epochs", "training.epochs"),
        (
            {"training.learning_rate": 1},
            "training.learning_rate",
            "training.optimizer.learning_rate",
        ),
        ({"training.schedule.warmpu": 0}, "training.schedule.warmpu", "training.schedule.warmup"),
        ({"training.loss.gama": 0}, "training.loss.gama", "training.loss.gamma"),
        ({"training.fine_tune.block": 3}, "training.fine_tune.block", "training.fine_tune.blocks"),
        ({"training.optimizer": "sdg"}, "sdg", "sgd"),
        ({"training.schedule": {"kind": "cosin"}}, "cosin", "cosine"),
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
    with pytest.raises(RecipeError, match=r"'training.epochs.x': training.epochs is a single"):
        DEFAULT.changed({"training.epochs.x": 1})


@pytest.mark.parametrize(
    ("settings", "key", "needed"),
    [
        ({"model.filters": [8]}, "model.filters", "model.kind=conv-stack"),
        (
            {"model.kind": "dense", "model.width": 8},
            "model.width",
            "compact or model.kind=residual",
        ),
        ({"training.optimizer.momentum": 0.9}, "training.optimizer.momentum", "optimizer.kind=sgd"),
        (
            {"training.schedule.decay_every": 3},
            "training.schedule.decay_every",
            "training.schedule.kind=step or training.schedule.kind=plateau",
        ),
        ({"training.loss.gamma": 3}, "training.loss.gamma", "training.loss.kind=focal"),
        (
            {"training.loss": {"kind": "focal", "label_smoothing": 0.1}},
            "training.loss.label_smoothing",
            "training.loss.kind=crossentropy",
        ),
    ],
)
def test_a_key_of_another_kind_is_refused_with_that_kind(settings, key, needed):
    with pytest.raises(RecipeError) as refused:
        DEFAULT.changed(settings)
    assert refused.value.fact == f"This recipe has no key {key!r}."
    assert needed in refused.value.expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.epochs", 0),
        ("training.epochs", 2.5),
        ("training.epochs", "many"),
        ("training.batch_size", 0),
        ("training.batch_size", -3),
        ("training.optimizer.learning_rate", 0),
        ("training.optimizer.learning_rate", -1e-3),
        ("training.optimizer.learning_rate", 11),
        ("training.optimizer.learning_rate", float("nan")),
        ("training.optimizer.learning_rate", float("inf")),
        ("training.optimizer", 3),
        ("training.optimizer", ["adam"]),
        ("training.schedule", None),
        ("training.schedule.warmup", 1),
        ("training.loss.label_smoothing", -0.1),
        ("training", None),
        ("model", None),
        ("model", 3),
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
    words = ["input.size=[96, 128]", "input.color=null", "seed=7"]
    words += ["training.optimizer.learning_rate=1e-3"]
    changed = RECIPES["digits"].changed(parse_settings(words))
    assert changed.input.size == (96, 128)
    assert changed.input.color is None
    assert changed.seed == 7
    assert changed.training.optimizer.learning_rate == 0.001


@pytest.mark.parametrize(
    ("settings", "said"),
    [
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
        ({"training.stop.hold": 2}, "no effect without a target"),
        ({"training.schedule": {"kind": "step", "decay_every": 120}}, "would never fall"),
        ({"training.schedule": {"kind": "plateau", "decay_every": 500}}, "would never fall"),
        ({"training.schedule": "step", "training.epochs": 5}, "would never fall"),
        ({"training.average_epochs": 500}, "first, untrained weights"),
        ({"training.stop": {"target": "acc=0.9", "hold": 121}}, "could not hold"),
    ],
)
def test_a_setting_that_could_never_act_is_refused(settings, said):
    with pytest.raises(RecipeError, match=said) as refused:
        DEFAULT.changed(settings)
    assert "training." in refused.value.expected


def test_the_epochs_of_a_second_phase_count_where_they_are_more():
    tuned = {"training.fine_tune.epochs": 30, "training.average_epochs": 12}
    tuned["training.schedule"] = {"kind": "step", "decay_every": 10}
    recipe = RECIPES["transfer/fine-tuned"].changed(tuned)
    assert recipe.steps.epochs == 30
    with pytest.raises(RecipeError, match="would never fall"):
        recipe.changed({"training.fine_tune.epochs": 10})


@pytest.mark.parametrize(
    "settings",
    [
        {"training.optimizer.momentum": 0.9, "training.optimizer": "sgd"},
        {"training.optimizer": "sgd", "training.optimizer.momentum": 0.9},
        {"training.optimizer.momentum": 0.9, "training.optimizer.kind": "sgd"},
        {"training.optimizer": {"momentum": 0.9, "kind": "sgd"}},
        {"training": {"optimizer.momentum": 0.9, "optimizer": "sgd"}},
    ],
)
def test_a_kind_and_its_settings_are_taken_in_any_order_and_form(settings):
    optimizer = DEFAULT.changed(settings).training.optimizer
    assert optimizer == SGD(learning_rate=3e-3, weight_decay=0.05, momentum=0.9)


def test_another_kind_in_the_training_keeps_what_both_kinds_have():
    assert DEFAULT.training.optimizer == Muon(learning_rate=3e-3, weight_decay=0.05)
    assert DEFAULT.training.schedule == Cosine(warmup=0.1)
    changes = {"training.schedule": "step", "training.loss": "focal"}
    changed = DEFAULT.changed(changes).training
    assert changed.schedule == StepDecay(warmup=0.1)
    assert changed.loss == Focal()
    assert DEFAULT.changed({"training.schedule": "one-cycle"}).training.schedule == OneCycle()
    assert DEFAULT.changed({"training.schedule.warmup": 0.3}).training.schedule.warmup == 0.3


def test_a_part_may_be_the_name_of_a_kind():
    assert DEFAULT.changed({"model": "compact"}).model == Compact()
    assert Steps.model_validate({"schedule": "constant"}) == Steps(schedule=Constant())
    assert Recipe.model_validate({"model": "compact", "training": "steps"}) == Recipe(
        model=Compact(), training=Steps()
    )


def test_a_solved_head_has_no_settings_of_steps():
    recipe = RECIPES["transfer"]
    assert recipe.training == Solve()
    for key in ("training.epochs", "training.batch_size", "training.stop.patience"):
        with pytest.raises(RecipeError, match=rf"no key '{key}'(.|\n)*training.kind=steps"):
            recipe.changed({key: 3})
    with pytest.raises(RecipeError, match="not trained by steps"):
        recipe.steps  # noqa: B018


def test_a_model_that_cannot_be_solved_trains_by_steps():
    dense = RECIPES["transfer"].changed({"model.dense": [8], "training.epochs": 3})
    assert dense.training == Steps(epochs=3)
    tuned = RECIPES["transfer/fine-tuned"]
    in_graph = tuned.changed({"model.frozen": "graph"})
    assert in_graph.training.kind == "steps"
    assert in_graph.training.optimizer == tuned.training.optimizer
    assert in_graph.training.fine_tune == tuned.training.fine_tune
    for changes in ({"training.kind": "solve"}, {"model.kind": "dense", "training": "solve"}):
        with pytest.raises(RecipeError, match="Only a linear head on stored features"):
            in_graph.changed({"training.augment": "none", **changes})


@pytest.mark.parametrize("name", ["dropout", "l2"])
def test_a_solved_head_ignores_no_regularization(name):
    with pytest.raises(RecipeError, match=rf"model.{name} has no effect"):
        RECIPES["transfer"].changed({f"model.{name}": 0.5})
    RECIPES["transfer/fine-tuned"].changed({f"model.{name}": 0.5})


def test_stored_features_cannot_be_blended():
    blended = {"training.kind": "steps", "training.mixup": 0.5}
    with pytest.raises(RecipeError, match="mixup cannot blend"):
        RECIPES["transfer"].changed(blended)
    assert RECIPES["transfer/fine-tuned"].changed({"training.mixup": 0.5}).steps.mixup == 0.5


def test_the_second_phase_has_the_rate_and_the_epochs_of_fine_tuning():
    tuned = RECIPES["transfer/fine-tuned"].changed({"training.fine_tune.factor": 0.5})
    second = tuned.second_phase.training
    assert (second.kind, second.epochs, second.fine_tune) == ("steps", 10, None)
    assert second.optimizer.learning_rate == 0.5 * tuned.training.optimizer.learning_rate
    shared = second.model_dump().keys() & tuned.training.model_dump().keys()
    for name in shared - {"kind", "optimizer", "fine_tune"}:
        assert getattr(second, name) == getattr(tuned.training, name)
    with pytest.raises(RecipeError, match="no second phase"):
        DEFAULT.second_phase  # noqa: B018


def test_warm_up_and_decay_scale_with_the_epochs():
    for recipe in RECIPES.values():
        if recipe.training.kind == "steps":
            assert recipe.changed({"training.epochs": 1}).steps.epochs == 1


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
            "optimizer": st.fixed_dictionaries(
                {
                    "kind": st.sampled_from(["adam", "adamw", "muon", "rmsprop", "sgd"]),
                    "learning_rate": st.floats(1e-12, 10),
                }
            ),
            "schedule": st.one_of(
                st.sampled_from(["constant", "cosine", "one-cycle", "plateau"]),
                st.fixed_dictionaries({"kind": st.just("step"), "decay_every": st.integers(1, 9)}),
                st.fixed_dictionaries({"kind": st.just("one-cycle"), "rise": st.floats(0.1, 0.9)}),
            ),
            "loss": st.one_of(
                st.fixed_dictionaries({"kind": st.just("focal"), "gamma": st.floats(0.1, 10)}),
                st.fixed_dictionaries(
                    {"kind": st.just("crossentropy"), "label_smoothing": st.floats(0, 0.9)}
                ),
            ),
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


@pytest.mark.parametrize("start", RECIPES)
def test_a_named_recipe_laid_over_another_is_that_recipe(start):
    for recipe in RECIPES.values():
        assert RECIPES[start].changed(yaml.safe_load(recipe.to_yaml())) == recipe


def test_the_yaml_is_in_the_order_of_the_fields():
    tree = yaml.safe_load(DEFAULT.to_yaml())
    assert list(tree) == ["name", "summary", "data", "input", "model", "training", "int8", "seed"]


def test_what_is_open_is_settled_and_what_is_given_stays():
    assert DEFAULT.resolved((28, 20), "gray").preprocessing.shape == (28, 20, 1)
    given_size = DEFAULT.changed({"input.size": [5, 6]})
    assert given_size.resolved((28, 20), "gray").preprocessing.shape == (5, 6, 1)
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
