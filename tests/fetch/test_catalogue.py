"""The catalogue: what it states has a source, and what it names exists."""

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from viewfinder.core.errors import UsageError
from viewfinder.fetch.catalogue import CATALOGUE, Address, Entry, RemoteFile, entry_named
from viewfinder.recipe.named import RECIPES

each = pytest.mark.parametrize("entry", CATALOGUE.values(), ids=str)
ADDRESSES = [
    address for entry in CATALOGUE.values() for file in entry.files for address in file.addresses
]


def keras_source(name: str) -> str:
    """The text of Keras's own loader, without importing Keras."""
    spec = find_spec("keras")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "src" / "datasets" / f"{name}.py").read_text()


def test_the_courses_datasets_are_there() -> None:
    assert set(CATALOGUE) == {
        "digits",
        "mnist",
        "fashion-mnist",
        "cats-and-dogs-filtered",
        "cats-and-dogs",
        "horse-or-human",
        "happy-or-sad",
        "rock-paper-scissors",
        "sign-language-mnist",
        "dogs-vs-cats",
    }


@each
def test_entries_are_complete(entry: Entry) -> None:
    assert CATALOGUE[entry.name] is entry
    assert entry.recipe in RECIPES
    assert entry.pictures > 0
    assert entry.classes > 1
    assert entry.title
    assert entry.licence
    assert entry.citation
    assert entry.course
    assert len({file.name for file in entry.files}) == len(entry.files)
    assert len(set(entry.class_names)) in (0, entry.classes)
    assert not entry.opens or entry.opens in {file.name for file in entry.files}
    if entry.kaggle:
        assert len(entry.files) == 1
        assert entry.files[0].name == entry.kaggle.name.split("/")[-1] + ".zip"
        assert entry.kaggle.page.startswith("https://www.kaggle.com/")
    else:
        assert all(file.addresses for file in entry.files)


@each
def test_names_of_files_stay_in_their_folder(entry: Entry) -> None:
    for file in entry.files:
        for name in (file.name, file.becomes or "x", *file.inside):
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name)


@each
def test_only_what_needs_no_download_is_called_verified(entry: Entry) -> None:
    """No download was possible where this was written: change it with the log of one."""
    assert entry.verified is (entry.files == ())


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.url)
def test_addresses_are_encrypted_and_numbers_have_a_source(address: Address) -> None:
    parts = urlsplit(address.url)
    assert parts.scheme == "https"
    assert not parts.query
    assert address.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", address.sha256)
    assert address.bytes is None or address.bytes > 0
    assert (address.stated_by is not None) is bool(address.bytes or address.sha256)


def test_no_checksum_is_given_to_two_files() -> None:
    """Each belongs to one name; a slip of copying would show here."""
    names: dict[str, set[str]] = {}
    for entry in CATALOGUE.values():
        for file in entry.files:
            for address in file.addresses:
                names.setdefault(address.sha256 or address.url, set()).add(file.name)
    assert all(len(of_one) == 1 for of_one in names.values())


def test_mnist_is_as_keras_has_it() -> None:
    (file,) = CATALOGUE["mnist"].files
    (address,) = file.addresses
    source = keras_source("mnist")
    assert f'"{address.sha256}"' in source
    folder, name = address.url.rsplit("/", 1)
    assert f'"{folder}/"' in source
    assert f"{{origin_folder}}{name}" in source


def test_fashion_mnist_is_as_keras_has_it() -> None:
    source = keras_source("fashion_mnist")
    for file in CATALOGUE["fashion-mnist"].files:
        folder, name = file.addresses[0].url.rsplit("/", 1)
        assert f'base = "{folder}/"' in source
        assert f'"{name}",' in source


def test_the_size_of_a_download_is_known_only_if_all_of_it_is() -> None:
    assert CATALOGUE["digits"].bytes == 0
    assert CATALOGUE["horse-or-human"].bytes == 149_574_867 + 11_480_187
    assert CATALOGUE["happy-or-sad"].bytes is None
    assert CATALOGUE["dogs-vs-cats"].bytes is None
    half = RemoteFile("a", (Address("https://a", 1, stated_by="b"),)), RemoteFile("b")
    assert Entry("x", "x", 1, 2, "x", "x", "x", "scratch", half).bytes is None


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="There is no dataset 'mnits'") as caught:
        entry_named("mnits")
    assert "did you mean 'mnist'?" in (caught.value.remedy or "")


def test_the_courses_names() -> None:
    fashion, signs = (CATALOGUE[name] for name in ("fashion-mnist", "sign-language-mnist"))
    assert fashion.class_names[0] == "T-shirt"
    assert fashion.class_names[9] == "Ankle boot"
    assert "".join(signs.class_names) == "ABCDEFGHIKLMNOPQRSTUVWXY"
