"""YAML from outside: what is refused, before it takes time or memory."""

import pytest

from viewfinder.core.errors import RecipeError
from viewfinder.core.records import parse_yaml
from viewfinder.recipe import parse_settings, read_settings

# Each line stands for nine of the one before: 9^13 letters.
BOMB = "\n".join(
    ["a: &a [x,x,x,x,x,x,x,x,x]"]
    + [
        f"{now}: &{now} [{','.join([f'*{last}'] * 9)}]"
        for last, now in zip("abcdefghijkl", "bcdefghijklm", strict=True)
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "base: &b {epochs: 3}\ntraining:\n  <<: *b",
        "[" * 100_000,
        "- " * 10_000,
        "a: " + "x" * 300_000,
        "name: 2001-99-99",
        "seed: " + "9" * 5_000,
        "a: !!python/object/apply:os.getcwd []",
        "? [a]\n: 1",
        "seed: " + ":".join(["59"] * 3_000),
        "seed: 0x" + "f" * 5_000,
        "seed: 1\nseed: 2",
        "a: [{b: 1, b: 2}]",
        "a: [",
        "a: \x00",
    ],
)
def test_yaml_that_is_no_setting_is_refused(text, tmp_path):
    with pytest.raises(ValueError):  # noqa: PT011 (PyYAML's words vary)
        parse_yaml(text)
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="Cannot read the settings"):
        read_settings(tmp_path / "recipe.yaml")
    with pytest.raises(RecipeError, match="Cannot read the value of name"):
        parse_settings([f"name={text}"])


def test_a_file_without_settings_is_none():
    assert parse_yaml("") is None
    assert parse_yaml("# nothing\n") is None
