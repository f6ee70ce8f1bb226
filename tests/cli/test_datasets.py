"""`viewfinder datasets` and `fetch`: what is there, what was fetched, and what to run next."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from viewfinder.fetch import digits
from viewfinder.fetch.catalogue import CATALOGUE, Entry, Kaggle, RemoteFile


@pytest.fixture
def quick_digits(monkeypatch):
    """The digits without writing 1,797 files."""

    def write(folder: Path) -> None:
        (folder / "train").mkdir()

    monkeypatch.setattr(digits, "write_digits", write)


def test_the_list_is_a_table_of_the_catalogue(viewfinder, own_cache):
    shown = viewfinder("datasets")
    assert shown.code == 0
    heading, *rows = shown.out.splitlines()
    assert heading.split() == [*("name", "pictures", "classes", "download", "fetched", "licence")]
    assert [row.split()[0] for row in rows[: len(CATALOGUE)]] == list(CATALOGUE)
    assert rows[2].split() == ["fashion-mnist", "70,000", "10", "30.9", "MB", "–", "MIT"]
    assert any("Kaggle account" in row for row in rows)
    assert str(own_cache / "datasets") in rows[-1]


def test_the_list_as_json_has_all_that_is_known(viewfinder):
    shown = viewfinder("datasets", "--json").json
    assert shown["schema"] == 1
    assert [one["name"] for one in shown["datasets"]] == list(CATALOGUE)
    mnist = shown["datasets"][1]
    assert mnist["files"][0]["addresses"][0] == {
        "url": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "bytes": 11_490_434,
        "sha256": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        "by": "keras.datasets.mnist (checksum), its progress bar (size)",
    }
    assert mnist["path"] is None
    assert mnist["verified"] is False
    accounts = {one["name"]: one["account"] for one in shown["datasets"] if one["account"]}
    assert accounts == {
        "sign-language-mnist": "https://www.kaggle.com/datasets/datamunge/sign-language-mnist",
        "dogs-vs-cats": "https://www.kaggle.com/competitions/dogs-vs-cats",
    }


def test_fetch_prints_the_folder_and_the_next_command(viewfinder, own_cache, quick_digits):
    folder = own_cache / "datasets" / "digits"
    shown = viewfinder("fetch", "digits", "--quiet")
    assert shown.code == 0
    assert shown.out.splitlines() == [
        f"Dataset: {folder}",
        "Licence: CC BY 4.0 (UCI). Cite: E. Alpaydin, C. Kaynak: Optical Recognition of "
        "Handwritten Digits, UCI, 1998.",
        f"Next:    viewfinder train {folder} --recipe digits",
    ]
    assert shown.err == ""
    listed = viewfinder("datasets")
    assert [row.split()[4] for row in listed.out.splitlines()[1:3]] == ["yes", "MB"]


def test_the_next_command_is_one_that_works(viewfinder, tmp_path, monkeypatch):
    """Of a dataset whose labels are in the names of its files."""

    def write_flat(folder: Path) -> None:
        for number in range(40):
            name = f"{'zero' if number % 2 else 'one'}.{number}.png"
            Image.new("L", (8, 8), 5 * number).save(folder / name)

    monkeypatch.setattr(digits, "write_digits", write_flat)
    flat = replace(CATALOGUE["digits"], label_from=r"([a-z]+)\.")
    monkeypatch.setitem(CATALOGUE, "digits", flat)
    shown = viewfinder("fetch", "digits", "--output", tmp_path / "a b", "--json").json
    assert shown["path"] == str(tmp_path / "a b" / "digits")
    program, *words = shlex.split(shown["next"])
    assert program == "viewfinder"
    planned = viewfinder(*words, "--dry-run", "--json").json
    assert sum(planned["pictures"]["train"].values()) == 32
    assert set(planned["pictures"]["train"]) == {"zero", "one"}


def test_an_unknown_name_is_a_usage_error(viewfinder):
    viewfinder("fetch", "mnits").refused(2, "no dataset 'mnits'", "mean 'mnist'?")


def test_steps_of_an_account_are_told_line_by_line(viewfinder, monkeypatch):
    entry = Entry(
        name="pets",
        title="pets",
        pictures=2,
        classes=2,
        files=(RemoteFile("pets.zip", unpack=True),),
        licence="none stated",
        citation="nobody",
        course="nothing",
        recipe="scratch",
        kaggle=Kaggle("dataset", "somebody/pets"),
    )
    monkeypatch.setitem(CATALOGUE, "pets", entry)
    monkeypatch.setattr("shutil.which", lambda _: None)
    ended = viewfinder("fetch", "pets")
    ended.refused(3, "needs a Kaggle account", "https://www.kaggle.com/datasets/somebody/pets")
    assert len(ended.err.splitlines()) > 5


def test_a_folder_that_is_in_the_way_is_named(viewfinder, tmp_path):
    (tmp_path / "digits").mkdir()
    ended = viewfinder("fetch", "digits", "--output", tmp_path)
    ended.refused(2, "is not a fetched dataset", "--output")
