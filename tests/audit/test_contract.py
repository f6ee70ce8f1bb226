"""A contract of a dataset, held against planted faults through the command line."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from audit import faults
from viewfinder.cli import main


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return faults.write_made(tmp_path / "made", each=4)


def held(data: Path, rules: str, *words: str) -> Result:
    path = Path("contract.yaml")
    path.write_text(rules, encoding="utf-8")
    command = ["audit", str(data), "--no-html", "--expect", str(path), *words]
    return CliRunner().invoke(main, command)


KEPT = """
classes: [dogs, cats]
at_least: {train: 4, validation: 4}
unreadable: 0
duplicates: 0
near_duplicates: 0
leaks: 0
contradictions: 0
width: [200, 200]
height: [150, 150]
color: color
"""


def test_a_contract_that_is_kept(made: Path) -> None:
    result = held(made, KEPT)
    assert result.exit_code == 0, result.output
    assert "The contract is kept." in result.stdout
    assert json.loads(held(made, KEPT, "--json").stdout)["breaches"] == []


def test_each_rule_names_what_breaks_it(made: Path) -> None:
    train, validation = made / "train", made / "validation"
    first = (train / "cats/cats.0.jpg").read_bytes()
    (validation / "cats/copy.jpg").write_bytes(first)
    (train / "dogs/copy.jpg").write_bytes(first)
    (train / "cats/empty.jpg").touch()
    faults.made_photo(900, 100, 300).convert("L").save(train / "dogs/gray.png")
    (train / "dogs/dogs.0.jpg").unlink()
    (train / "birds").mkdir()
    faults.made_photo(901).save(train / "birds/bird.jpg")
    result = held(made, KEPT, "--json")
    assert result.exit_code == 1
    broken = {one["rule"]: one for one in json.loads(result.stdout)["breaches"]}
    # 16 pictures, without one, with five more.
    assert broken == {
        "classes": {"rule": "classes", "expected": "dogs, cats", "received": "also birds"},
        "unreadable": {
            "rule": "unreadable",
            "expected": "none",
            "received": "1 of 20 pictures (5.00\xa0%)",
        },
        "duplicates": {
            "rule": "duplicates",
            "expected": "none",
            "received": "3 of 20 pictures (15.00\xa0%)",
        },
        "leaks": {
            "rule": "leaks",
            "expected": "none",
            "received": "3 of 20 pictures (15.00\xa0%)",
        },
        "contradictions": {
            "rule": "contradictions",
            "expected": "none",
            "received": "3 of 20 pictures (15.00\xa0%)",
        },
        "width": {
            "rule": "width",
            "expected": "200 to 200 pixels",
            "received": "200 to 300, 1 outside",
        },
        "height": {
            "rule": "height",
            "expected": "150 to 150 pixels",
            "received": "100 to 150, 1 outside",
        },
        "color": {
            "rule": "color",
            "expected": "color",
            "received": "1 of 19 pictures are gray",
        },
    }


def test_too_few_pictures_of_a_class_are_counted_by_split(made: Path) -> None:
    Image.new("RGB", (8, 8)).save(made / "train/cats/more.png")
    result = held(made, "at_least: {train: 5, validation: 4}")
    assert result.exit_code == 1
    assert "5 pictures of each class in train  dogs 4" in result.stdout
    assert held(made, "at_least: 8").exit_code == 0
    assert held(made, "at_least: 9").exit_code == 1


def test_a_share_is_allowed_up_to_its_limit(made: Path) -> None:
    for number in range(4):
        (made / f"train/cats/empty{number}.jpg").touch()
    assert held(made, "unreadable: 0.2").exit_code == 0
    assert held(made, "unreadable: 0.19").exit_code == 1


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("duplicate: 0", "did you mean 'duplicates'?"),
        ("unreadable: 2", "The rule unreadable of the contract"),
        ("width: 64", "The rule width of the contract"),
        ("color: red", "The rule color of the contract"),
        ("[1, 2]", "is no list of rules"),
        ("{}", "has no rules"),
        ("a: &x 1\nb: *x", "Cannot read the contract"),
    ],
)
def test_a_wrong_contract_is_refused_before_the_audit(made: Path, rules: str, words: str) -> None:
    result = held(made, rules)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not result.stdout


def test_a_missing_contract_is_refused(made: Path) -> None:
    result = CliRunner().invoke(main, ["audit", str(made), "--expect", "nowhere.yaml"])
    assert result.exit_code == 2
    assert "Cannot read the contract nowhere.yaml" in result.stderr
