"""Messages of the library become messages of a command: arguments and keys become its flags."""

import pytest
import typer

from viewfinder.cli import main
from viewfinder.cli.flags import in_flags
from viewfinder.cli.groups import flags_of
from viewfinder.cli.predict import predict
from viewfinder.cli.train.options import Request

TRAIN = flags_of(Request)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("omit `group_from`, or set `label_column`", "omit --group-from, or set --label-column"),
        ("choose another `output`.", "choose another --output."),
        ("`root=data` or `no_such=3`", "--root data or `no_such=3`"),
        ("training.epochs=3, or more", "--epochs 3, or more"),
        ("a lower training.optimizer.learning_rate", "a lower --lr"),
        ("seed=3; a seed of your own", "--seed 3; a seed of your own"),
        ("data.allow_leaks=true", "--allow-leaks"),
        ("data.allow_leaks=false", "--set data.allow_leaks=false"),
        ("data.fold=null", "--set data.fold=null"),
        ("training.schedule.kind=cosine.", "--set training.schedule.kind=cosine."),
        ("`training.schedule=cosine`", "--set training.schedule=cosine"),
        ("another training.clip_norm", "another --set training.clip_norm=…"),
        ("model.dense=[64, 32]; or less", "--set 'model.dense=[64, 32]'; or less"),
        ("--set training.epochs=3", "--set training.epochs=3"),
        ("did you mean 'training.epochs'?", "did you mean 'training.epochs'?"),
        ("runs/a/data.test", "runs/a/data.test"),
        ("report.html, training.nothing and vf.open", "report.html, training.nothing and vf.open"),
    ],
)
def test_what_to_type(text, typed):
    assert in_flags(text, TRAIN) == typed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("training.augment cannot be used.", "training.augment (--augment) cannot be used."),
        ("training.clip_norm has no effect.", "training.clip_norm has no effect."),
        ("`label_from` has no group.", "--label-from has no group."),
    ],
)
def test_a_fact_keeps_the_key(text, shown):
    assert in_flags(text, TRAIN, is_fact=True) == shown


def test_a_command_names_no_flags_of_another():
    text = "training.epochs=3, `label_from`, training.clip_norm=1"
    assert in_flags(text, flags_of(predict)) == text


def test_flags_are_those_of_the_command():
    options = {
        option.name: option.opts
        for option in typer.main.get_command(main).commands["train"].params
        if option.param_type_name == "option" and option.name != "help"
    }
    assert {flag.name for flag in TRAIN} == set(options)
    assert all(flag.text in options[flag.name] for flag in TRAIN)


def test_every_key_of_a_flag_is_a_key_of_a_recipe():
    from viewfinder.recipe import Recipe
    from viewfinder.recipe.keys import keys_of

    assert {flag.key.path for flag in TRAIN if flag.key} <= {key.path for key in keys_of(Recipe)}


def test_a_message_is_translated_once_at_the_end(viewfinder, digits):
    viewfinder("train", digits, "--group-from", "(").refused(2, "--group-from is not a regular")
    viewfinder("train", digits, "--epochs", "0").refused(2, "training.epochs (--epochs) cannot be")
