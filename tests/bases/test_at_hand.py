"""ImageNet weights: found where they are kept, downloaded and checked, or said where to put."""

import hashlib
from dataclasses import replace

import pytest

from local_server import Web, file, running
from viewfinder.bases import at_hand
from viewfinder.bases.at_hand import obtain_weights
from viewfinder.bases.catalogue import network_named, published_weights
from viewfinder.bases.naming import base_named
from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.store.cache import clear_cache
from viewfinder.fetch.download import Patience

CONTENT = bytes(range(256)) * 4000
HASTY = Patience(attempts=2, wait_s=0, timeout_s=2)


@pytest.fixture(autouse=True)
def own_keras_home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def web():
    with running() as web:
        yield web


def serve(web: Web, monkeypatch, *, content: bytes = CONTENT, checksum: str | None) -> str:
    """InceptionV3's weights as the test has them; returns the file's name."""
    published = published_weights(network_named("InceptionV3"), None)
    url = web.serve("/weights", file(content))
    known = replace(published, url=url, checksum=checksum)
    monkeypatch.setattr(at_hand, "published_weights", lambda *_: known)
    return published.name


@pytest.mark.parametrize("place", ["viewfinder", "keras"])
def test_weights_that_are_there_are_not_fetched(place, own_cache, own_keras_home):
    base = network_named("InceptionV3")
    folder = own_cache / "weights" if place == "viewfinder" else own_keras_home / "models"
    path = folder / published_weights(base, None).name
    path.parent.mkdir(parents=True)
    named = base_named("InceptionV3")
    assert named.at_hand() == []
    path.touch()
    assert obtain_weights(base) == path == named.obtain(150)
    assert named.at_hand() == [(1.0, path)]


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_download_is_checked_and_kept(kind, web, monkeypatch, own_cache):
    name = serve(web, monkeypatch, checksum=hashlib.new(kind, CONTENT).hexdigest())
    path = obtain_weights(network_named("InceptionV3"))
    assert path == own_cache / "weights" / name
    assert path.read_bytes() == CONTENT
    assert obtain_weights(network_named("InceptionV3")) == path
    assert len(web.asked) == 1


def test_another_file_than_was_published_is_not_kept(web, monkeypatch, own_cache):
    serve(web, monkeypatch, checksum=hashlib.md5(b"another").hexdigest())
    with pytest.raises(DataError, match="differs from the published file") as caught:
        obtain_weights(network_named("InceptionV3"))
    assert hashlib.md5(CONTENT).hexdigest() in (caught.value.received or "")
    assert not [one for one in (own_cache / "weights").iterdir() if one.suffix != ".lock"]


def test_a_checksum_that_nobody_published_is_remembered(web, monkeypatch, own_cache):
    serve(web, monkeypatch, checksum=None)
    path = obtain_weights(network_named("InceptionV3"))
    path.unlink()
    serve(web, monkeypatch, content=CONTENT[::-1], checksum=None)
    with pytest.raises(DataError, match="is not the file that was fetched on"):
        obtain_weights(network_named("InceptionV3"))
    assert not path.exists()


def test_offline_it_is_said_which_file_from_where_to_where(monkeypatch, own_cache, own_keras_home):
    published = published_weights(network_named("InceptionV3"), None)
    dead = replace(published, url="http://127.0.0.1:9/weights")
    monkeypatch.setattr(at_hand, "published_weights", lambda *_: dead)
    with pytest.raises(DataError) as caught:
        obtain_weights(network_named("InceptionV3"), patience=HASTY)
    message = str(caught.value)
    for words in (
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 are not on this computer",
        f"Expected: the file in {own_cache / 'weights'} or {own_keras_home / 'models'}",
        "Remedy: obtain http://127.0.0.1:9/weights and put it there, or give a file as `weights`",
    ):
        assert words in message


def test_none_and_files(tmp_path):
    def obtained(weights):
        return base_named("MobileNetV2", 0.4, str(weights)).obtain(96)

    assert obtained("none") is None
    (tmp_path / "own.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert obtained(tmp_path / "own.h5") == tmp_path / "own.h5"
    with pytest.raises(DataError, match=r"no weights file .*gone\.h5"):
        obtained(tmp_path / "gone.h5")
    with (tmp_path / "zeros.h5").open("wb") as file:
        file.truncate(1 << 40)  # sparse; hashing it would take a quarter of an hour
    with pytest.raises(DataError, match="is not a weights file"):
        obtained(tmp_path / "zeros.h5")
    with pytest.raises(UsageError, match="has no ImageNet weights"):
        obtained("imagenet")


def test_clearing_the_cache_keeps_downloads(own_cache):
    for folder in ("weights", "bases"):
        (own_cache / folder).mkdir()
        (own_cache / folder / "file").write_bytes(b"12345")
    assert clear_cache() == 5
    assert [one.name for one in own_cache.iterdir()] == ["weights"]
