"""Datasets fetched from a server of this machine: verified, unpacked, complete or not there."""

import errno
import hashlib
import io
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import viewfinder as vf
from folders import fail_at
from local_server import Web, breaks_off, file, running, status
from viewfinder.core.errors import DataError, OutputError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.fetch.catalogue import CATALOGUE, Address, Entry, Kaggle, RemoteFile
from viewfinder.fetch.datasets import datasets_folder, fetch, is_fetched
from viewfinder.fetch.download import Patience

HASTY = Patience(attempts=3, wait_s=0.001, timeout_s=5)


class Heard(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(1)
        self.lines: list[str] = []

    def say(self, text: str, **_: object) -> None:
        self.lines.append(text)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with running() as web:
        yield web


@pytest.fixture
def pets(monkeypatch: pytest.MonkeyPatch) -> Entry:
    """An entry of two archives, as horses and humans are."""
    entry = replace(CATALOGUE["horse-or-human"], name="pets", files=())
    monkeypatch.setitem(CATALOGUE, "pets", entry)
    return entry


def zipped(*names: str, **archives: bytes) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), f"content of {name}")
        for stem, content in archives.items():
            archive.writestr(zipfile.ZipInfo(f"{stem}.zip"), content)
    return kept.getvalue()


TRAIN = zipped("rps/cats/1.jpg", "rps/cats/2.jpg", "rps/dogs/3.jpg", "rps/dogs/4.jpg", "README")
TEST = zipped("cats/5.jpg", "dogs/6.jpg")


def entered(monkeypatch: pytest.MonkeyPatch, *files: RemoteFile, **changes: object) -> None:
    """Make these the files of `pets`."""
    entry = replace(CATALOGUE["pets"], files=files, **changes)  # type: ignore[arg-type]
    monkeypatch.setitem(CATALOGUE, "pets", entry)


def remote(name: str, *urls: str, content: bytes | None = None, **layout: object) -> RemoteFile:
    sha256 = hashlib.sha256(content).hexdigest() if content else None
    addresses = tuple(Address(url, None, sha256, "the test") for url in urls)
    return RemoteFile(name, addresses, **{"unpack": True, **layout})  # type: ignore[arg-type]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def two_zips(web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch) -> Web:
    train = web.serve("/train.zip", file(TRAIN))
    test = web.serve("/test.zip", file(TEST))
    entered(
        monkeypatch,
        remote("train.zip", train, content=TRAIN, inside=("rps",), becomes="train"),
        remote("test.zip", test, content=TEST, becomes="validation"),
    )
    return web


def test_parts_become_one_dataset_that_opens(two_zips: Web) -> None:
    folder = fetch("pets")
    assert folder == datasets_folder() / "pets"
    assert files(folder) == {
        *("train/cats/1.jpg", "train/cats/2.jpg", "train/dogs/3.jpg", "train/dogs/4.jpg"),
        *("validation/cats/5.jpg", "validation/dogs/6.jpg"),
    }
    assert (folder / "train/cats/1.jpg").read_text() == "content of rps/cats/1.jpg"
    assert names(datasets_folder()) == {"pets", "pets.json"}
    dataset = vf.open(folder)
    assert dataset.classes == ("cats", "dogs")
    assert dataset.counts().to_dict("list") == {"train": [2, 2], "validation": [1, 1]}


def test_class_names_of_the_catalogue_name_the_labels(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "\n".join(f"{label}{25 * ',255'}" for label in (0, 1, 3, 0, 1, 3))
    header = ",".join(["label", *(f"pixel{number}" for number in range(25))])
    table = f"{header}\n{rows}\n".encode()
    address = web.serve("/train.csv", file(table))
    entered(
        monkeypatch,
        remote("train.csv", address, content=table, unpack=False),
        class_names=("A", "B", "D"),
    )
    dataset = vf.open(fetch("pets"))
    assert dataset.classes == ("A", "B", "D")
    assert list(dataset.table["label"]) == ["A", "B", "D", "A", "B", "D"]


def test_a_record_says_what_it_was_made_from(two_zips: Web, tmp_path: Path) -> None:
    folder = fetch("pets", output=tmp_path / "here")
    assert folder == tmp_path / "here" / "pets"
    record = json.loads((tmp_path / "here" / "pets.json").read_text())
    assert record["schema"] == 1
    assert record["licence"] == "CC BY 2.0"
    assert record["files"][0] == {
        "name": "train.zip",
        "bytes": len(TRAIN),
        "sha256": hashlib.sha256(TRAIN).hexdigest(),
        "checksum": "published",
    }


def test_a_second_fetch_does_nothing(two_zips: Web) -> None:
    assert fetch("pets") == fetch("pets")
    assert len(two_zips.asked) == 2


def test_several_at_once_fetch_once(two_zips: Web) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: fetch("pets"), range(4)))
    assert len(set(folders)) == 1
    assert len(two_zips.asked) == 2
    assert names(datasets_folder()) == {"pets", "pets.json"}


def test_an_archive_in_an_archive_is_unpacked(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Kaggle packs dogs-vs-cats."""
    outer = zipped("sampleSubmission.csv", train=zipped("train/cat.0.jpg", "train/dog.0.jpg"))
    url = web.serve("/outer.zip", file(outer))
    entered(monkeypatch, remote("outer.zip", url, inside=("train.zip", "train")))
    assert files(fetch("pets")) == {"cat.0.jpg", "dog.0.jpg"}


def test_one_file_is_returned_itself(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = web.serve("/mnist.npz", file(b"arrays"))
    entered(monkeypatch, remote("mnist.npz", url, unpack=False), opens="mnist.npz")
    assert fetch("pets") == datasets_folder() / "pets" / "mnist.npz"
    assert fetch("pets").read_bytes() == b"arrays"


def test_digits_need_no_network() -> None:
    folder = fetch("digits")
    assert len(files(folder)) == CATALOGUE["digits"].pictures
    assert names(folder) == {"train", "test"}
    assert names(datasets_folder()) == {"digits", "digits.json"}


@pytest.mark.parametrize("first", [status(404), file(TEST), breaks_off(TRAIN, 100)])
def test_the_next_address_is_tried(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch, first: object
) -> None:
    urls = web.serve("/old.zip", first), web.serve("/new.zip", file(TRAIN))  # type: ignore[arg-type]
    entered(monkeypatch, remote("train.zip", *urls, content=TRAIN, inside=("rps",)))
    assert names(fetch("pets", patience=HASTY)) == {"cats", "dogs"}
    assert names(datasets_folder()) == {"pets", "pets.json"}


def test_of_several_addresses_that_fail_the_first_is_named(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    entered(monkeypatch, remote("train.zip", web.url + "/one", web.url + "/two"))
    with pytest.raises(DataError, match="/one: the server returned status 404"):
        fetch("pets", patience=HASTY, progress=heard)
    assert any("/two: the server returned status 404" in line for line in heard.lines)
    assert not is_fetched(datasets_folder() / "pets")


def test_offline_it_is_said_once(pets: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_names(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    urls = "https://one.invalid/a.zip", "https://two.invalid/a.zip"
    entered(monkeypatch, remote("train.zip", *urls))
    heard = Heard()
    with pytest.raises(DataError, match=r"one\.invalid is not found \(is this computer offline"):
        fetch("pets", patience=HASTY, progress=heard)
    assert heard.lines == [f"Downloading {url}" for url in urls]


def test_a_file_put_there_by_hand_is_checked_and_used_and_left(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(monkeypatch, remote("train.zip", web.url + "/gone", content=TRAIN, inside=("rps",)))
    with pytest.raises(DataError) as caught:
        fetch("pets")
    place = datasets_folder() / "pets.download" / "train.zip"
    assert f"put it at {place}" in (caught.value.remedy or "")

    place.write_bytes(TEST)  # the folder is there already
    with pytest.raises(DataError, match=r"differs from the published train\.zip") as caught:
        fetch("pets")
    assert hashlib.sha256(TEST).hexdigest() in (caught.value.received or "")
    assert place.read_bytes() == TEST

    place.write_bytes(TRAIN)
    heard = Heard()
    assert names(fetch("pets", progress=heard)) == {"cats", "dogs"}
    assert place.read_bytes() == TRAIN
    assert heard.lines[-1] == f"{place} is no longer needed; you can remove it."


def test_where_only_the_length_is_known_it_is_checked(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Address(web.url + "/gone", len(TRAIN), None, "the test")
    entered(monkeypatch, RemoteFile("train.zip", (known,), unpack=True))
    place = datasets_folder() / "pets.download" / "train.zip"
    place.parent.mkdir(parents=True)
    place.write_bytes(TEST)
    with pytest.raises(DataError) as caught:
        fetch("pets")
    assert caught.value.expected == f"{len(TRAIN)} bytes"


def test_an_unpublished_checksum_is_remembered_and_held_to(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = web.serve("/train.zip", file(TRAIN), file(TRAIN), file(TEST))
    entered(monkeypatch, remote("train.zip", url))
    heard, sha256 = Heard(), hashlib.sha256(TRAIN).hexdigest()
    fetch("pets", progress=heard)
    assert any(f"SHA-256 {sha256}" in line for line in heard.lines)

    heard = Heard()
    fetch("pets", output=tmp_path, progress=heard)
    assert not any("remembered" in line for line in heard.lines)
    record = json.loads((tmp_path / "pets.json").read_text())
    assert record["files"][0]["checksum"] == "remembered"

    shutil.rmtree(datasets_folder() / "pets")
    with pytest.raises(DataError, match="is not the file that was fetched on 20") as caught:
        fetch("pets")
    memory = datasets_folder() / "checksums" / "pets.json"
    assert caught.value.expected == f"SHA-256 {sha256}"
    assert str(memory) in (caught.value.remedy or "")
    assert not (datasets_folder() / "pets").exists()
    assert names(datasets_folder() / "pets.download") == set()

    memory.unlink()
    assert names(fetch("pets")) == {"cats", "dogs"}


def test_a_damaged_memory_is_not_taken_for_an_empty_one(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(monkeypatch, remote("train.zip", web.serve("/train.zip", file(TRAIN))))
    memory = datasets_folder() / "checksums" / "pets.json"
    memory.parent.mkdir(parents=True)
    memory.write_text("[]")
    with pytest.raises(DataError, match="is damaged"):
        fetch("pets")


def test_what_cannot_be_unpacked_is_neither_kept_nor_trusted(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a portal answers with its page, or a connection was cut without a word."""
    url = web.serve("/train.zip", file(b"<html>log in</html>"), file(TRAIN))
    entered(monkeypatch, remote("train.zip", url, inside=("rps",)))
    with pytest.raises(DataError, match="neither a zip nor a tar"):
        fetch("pets")
    assert names(datasets_folder()) == {"pets.download"}
    assert names(datasets_folder() / "pets.download") == set()
    assert names(fetch("pets")) == {"cats", "dogs"}


def test_another_layout_is_told_with_what_is_there(
    web: Web, pets: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = web.serve("/train.zip", file(TRAIN))
    entered(monkeypatch, remote("train.zip", url, inside=("PetImages",)))
    with pytest.raises(DataError, match="has an unknown layout") as caught:
        fetch("pets")
    assert caught.value.expected == "PetImages in it"
    assert caught.value.received == "README, rps"
    assert names(datasets_folder()) == {"pets.download"}


def test_a_folder_of_somebody_else_is_left_alone(two_zips: Web, tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    with pytest.raises(OutputError, match="is not a fetched dataset"):
        fetch("pets", output=tmp_path)
    assert not two_zips.asked
    assert names(tmp_path) == {"pets"}


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), OutputError), (KeyboardInterrupt(),) * 2],
    ids=["disk full", "interrupted"],
)
def test_nothing_half_written_is_left(
    two_zips: Web, monkeypatch: pytest.MonkeyPatch, error: BaseException, raised: object
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, "4.jpg", error)
        with pytest.raises(raised if isinstance(raised, type) else type(raised)):  # type: ignore[arg-type]
            fetch("pets")
    assert names(datasets_folder()) == {"pets.download"}
    # What was downloaded is right, and is used by the next fetch.
    fetch("pets")
    assert len(two_zips.asked) == 2
    assert is_fetched(datasets_folder() / "pets")


def test_what_a_killed_fetch_left_is_cleared(two_zips: Web) -> None:
    left = datasets_folder() / ".fetching-pets" / "train" / "cats"
    left.mkdir(parents=True)
    (left / "half.jpg").touch()
    assert "train/cats/half.jpg" not in files(fetch("pets"))
    assert names(datasets_folder()) == {"pets", "pets.json"}


def test_a_place_that_cannot_be_written_is_an_output_error(two_zips: Web, tmp_path: Path) -> None:
    (tmp_path / "occupied").touch()
    with pytest.raises(OutputError, match="Cannot write"):
        fetch("pets", output=tmp_path / "occupied")


def test_an_unknown_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="There is no dataset 'petz'"):
        fetch("petz")


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of Kaggle's client; what is on the user's PATH is out of reach."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(
        shutil, "which", lambda name: str(folder / name) if (folder / name).exists() else None
    )
    return folder / "kaggle"


def on_kaggle(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    kaggle = Kaggle(kind, "owner/pets" if kind == "dataset" else "pets")  # type: ignore[arg-type]
    entered(monkeypatch, RemoteFile("pets.zip", unpack=True), kaggle=kaggle)


@pytest.mark.parametrize("kind", ["dataset", "competition"])
def test_without_kaggles_client_the_steps_are_told(
    pets: Entry, client: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    on_kaggle(monkeypatch, kind)
    with pytest.raises(DataError, match=r"pets\.zip needs a Kaggle account") as caught:
        fetch("pets")
    remedy = "\n".join(caught.value.steps)
    place = datasets_folder() / "pets.download" / "pets.zip"
    assert f"put the file at {place}" in remedy
    assert "pip install kaggle" in remedy
    assert ("/rules" in remedy) is (kind == "competition")

    place.write_bytes(TEST)
    assert names(fetch("pets")) == {"cats", "dogs"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("dataset", "datasets download -d owner/pets -p"),
        ("competition", "competitions download -c pets -p"),
    ],
)
def test_kaggles_client_is_used_where_it_is_set_up(
    pets: Entry,
    client: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    words: str,
) -> None:
    (tmp_path / "kept.zip").write_bytes(TEST)
    script = f'#!/bin/sh\necho "$@" > {tmp_path}/words\ncp {tmp_path}/kept.zip "$6/pets.zip"\n'
    client.write_text(script)
    client.chmod(0o755)
    on_kaggle(monkeypatch, kind)
    assert names(fetch("pets")) == {"cats", "dogs"}
    assert (tmp_path / "words").read_text().startswith(words)
    assert names(datasets_folder()) == {"pets", "pets.json", "checksums"}


def test_what_kaggles_client_says_is_passed_on(
    pets: Entry, client: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.write_text('#!/bin/sh\necho "403 - Forbidden: accept the rules" >&2\nexit 1\n')
    client.chmod(0o755)
    on_kaggle(monkeypatch, "competition")
    with pytest.raises(DataError, match="Kaggle's client did not download pets") as caught:
        fetch("pets")
    assert caught.value.received == "403 - Forbidden: accept the rules"
    assert names(datasets_folder() / "pets.download") == set()
