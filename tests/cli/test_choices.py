"""Options with fixed choices: another value is refused with the nearest one, everywhere."""

import pytest


@pytest.mark.parametrize(
    ("words", "flag", "near", "known"),
    [
        (("evaluate", "run", "--split", "tets"), "--split", "test", "train, validation, test"),
        (("explain", "run", "x.png", "--method", "gradcam"), "--method", "grad-cam", "occlusion"),
        (("audit", "data", "--fail-on", "warnin"), "--fail-on", "warning", "error, warning"),
        (("train", "data", "--head", "linaer"), "--head", "linear", "linear"),
        (("split", "data", "--copies", "exat", "--dry-run"), "--copies", "exact", "near, exact"),
        (
            ("train", "data", "--set", "training.balance=weigths", "--dry-run"),
            "training.balance",
            "weights",
            "none, weights, sampling",
        ),
    ],
)
def test_the_nearest_choice_is_named(words, flag, near, known, viewfinder):
    ended = viewfinder(*words)
    assert ended.code == 2
    assert flag in ended.err
    assert f"did you mean '{near}'?" in ended.err
    assert known in ended.err
    assert "Value error" not in ended.err


@pytest.mark.parametrize(
    ("command", "shown"), [("evaluate", "<lac|aps>"), ("audit", "<error|warning>")]
)
def test_help_shows_the_choices(command, shown, viewfinder):
    assert shown in viewfinder(command, "--help").out
