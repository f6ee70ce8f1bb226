"""The exception tree and its messages."""

import inspect

import pytest

from viewfinder.core import errors
from viewfinder.core.errors import (
    BackendError,
    DataError,
    Interrupted,
    OutputError,
    Reason,
    RecipeError,
    RejectedPicture,
    RunError,
    UsageError,
    ViewfinderError,
    nearest,
)


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """Each class stands in the drawing of the module's docstring, under its base."""
    drawn: dict[str, str] = {}
    bases: list[str] = []
    for line in (errors.__doc__ or "").splitlines()[2:]:
        if not line.strip():
            break
        name = line.lstrip(" ├└─│").split()[0]
        depth = (len(line) - len(line.lstrip(" ├└─│"))) // 4 - 1
        bases[depth:] = [name]
        drawn[name] = bases[depth - 1] if depth else "Exception"
    defined = {
        name: one.__base__.__name__
        for name, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, Exception)
    }
    assert drawn == defined
    assert len(drawn) > 5


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (UsageError, 2),
        (RecipeError, 2),
        (BackendError, 2),
        (OutputError, 2),
        (DataError, 3),
        (RunError, 3),
        (Interrupted, 130),
    ],
)
def test_exit_codes(kind: type[ViewfinderError], code: int) -> None:
    assert kind("It is wrong.").exit_code == code


def test_a_message_has_four_parts() -> None:
    error = DataError("It is wrong.", expected="right", received="wrong", remedy="mend it")
    assert str(error) == "It is wrong.\n  Expected: right\n  Received: wrong\n  Remedy: mend it"
    assert (error.fact, error.expected) == ("It is wrong.", "right")
    assert (error.received, error.remedy) == ("wrong", "mend it")


def test_parts_without_text_are_left_out() -> None:
    assert str(DataError("It is wrong.")) == "It is wrong."
    assert str(DataError("It is wrong.", remedy="mend it")) == "It is wrong.\n  Remedy: mend it"


@pytest.mark.parametrize("reason", Reason)
def test_a_rejection_says_its_reason_and_detail(reason: Reason) -> None:
    rejection = RejectedPicture(reason, "half of it is there", remedy="get the rest")
    assert rejection.exit_code == 3
    assert (rejection.reason, rejection.detail) == (reason, "half of it is there")
    assert rejection.fact == f"{reason.value.capitalize()}: half of it is there"
    assert rejection.remedy == "get the rest"


def test_the_nearest_name_comes_first() -> None:
    assert nearest("vaildation", ["train", "validation"]) == (
        "did you mean 'validation'? (known: train, validation)"
    )
    assert nearest("zzz", ["train", "validation"]) == "known: train, validation"
    assert nearest("trian", iter(["train"])) == "did you mean 'train'? (known: train)"
