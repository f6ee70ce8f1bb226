"""Downloads from a server that breaks off, lies and changes its mind."""

import errno
import hashlib
import os
import shutil
import socket
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_server import Web, breaks_off, declares, file, running, stalls, status
from viewfinder.core.errors import DataError, OutputError
from viewfinder.fetch.catalogue import Address
from viewfinder.fetch.download import Patience, download
from viewfinder.fetch.web import Gone, opened

CONTENT = bytes(range(256)) * 4096  # 1 MiB
OTHER = CONTENT[::-1]
HASTY = Patience(attempts=3, wait_s=0.001, timeout_s=5)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with running() as web:
        yield web


def known(url: str, content: bytes = CONTENT) -> Address:
    return Address(url, len(content), hashlib.sha256(content).hexdigest(), "the test")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_arrives_whole_and_alone(web: Web, tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.bin"
    download(known(web.serve("/file", file(CONTENT))), target)
    assert target.read_bytes() == CONTENT
    assert names(tmp_path / "new") == {"file.bin"}
    assert [one.range for one in web.asked] == [None]


def test_after_a_break_only_the_rest_is_sent(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", breaks_off(CONTENT, 600_000), file(CONTENT))
    download(known(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert web.sent == len(CONTENT)
    assert web.asked[1].range == "bytes=600000-"
    assert web.asked[1].if_range == '"one"'


def test_another_run_goes_on_where_the_last_one_gave_up(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", breaks_off(CONTENT, 600_000), status(503), status(503), file(CONTENT))
    with pytest.raises(DataError) as caught:
        download(Address(url), tmp_path / "file", patience=HASTY)
    assert caught.value.fact == (
        f"The download of {url} failed 3 times: the server returned status 503 Service Unavailable."
    )
    assert "resume the download" in (caught.value.remedy or "")
    assert str(tmp_path / "file") in (caught.value.remedy or "")
    assert names(tmp_path) == {"file.part", "file.part.json"}
    download(Address(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(CONTENT) <= web.sent < len(CONTENT) + 600_000  # what broke off may be lost in part
    assert names(tmp_path) == {"file"}


def test_an_interrupted_download_is_gone_on_from(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = web.serve("/file", breaks_off(CONTENT, 600_000), file(CONTENT))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            download(Address(url), tmp_path / "file", patience=HASTY)
    download(Address(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(CONTENT) <= web.sent < len(CONTENT) + 600_000  # what broke off may be lost in part


def test_a_server_that_ignores_ranges_starts_anew(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", breaks_off(CONTENT, 600_000), file(CONTENT, ranges=False))
    download(known(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert web.sent == 600_000 + len(CONTENT)


def test_a_file_that_changed_meanwhile_is_fetched_anew(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", breaks_off(CONTENT, 600_000), file(OTHER, etag='"two"'))
    download(Address(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == OTHER


def test_a_range_of_another_edition_is_not_joined(web: Web, tmp_path: Path) -> None:
    """This server continues although `If-Range` has another tag."""

    def careless(handler: object) -> None:
        begin = handler.begin  # type: ignore[attr-defined]
        span = f"bytes 600000-{len(OTHER) - 1}/{len(OTHER)}"
        begin(206, Content_Length=len(OTHER) - 600_000, Content_Range=span, ETag='"two"')
        handler.body(OTHER[600_000:])  # type: ignore[attr-defined]

    url = web.serve("/file", breaks_off(CONTENT, 600_000), careless, file(OTHER, etag='"two"'))
    download(Address(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == OTHER


def test_a_range_that_starts_elsewhere_is_not_joined(web: Web, tmp_path: Path) -> None:
    def elsewhere(handler: object) -> None:
        span = f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"
        handler.begin(206, Content_Length=len(CONTENT), Content_Range=span, ETag='"one"')  # type: ignore[attr-defined]
        handler.body(CONTENT)  # type: ignore[attr-defined]

    url = web.serve("/file", breaks_off(CONTENT, 600_000), elsewhere, file(CONTENT))
    download(Address(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_without_a_tag_two_parts_are_joined_only_where_a_checksum_proves_them(
    web: Web, tmp_path: Path
) -> None:
    untagged = breaks_off(CONTENT, 600_000, etag=None)
    url = web.serve("/file", untagged, file(OTHER, etag=None))
    download(Address(url), tmp_path / "unproven", patience=HASTY)
    assert (tmp_path / "unproven").read_bytes() == OTHER
    assert web.asked[-1].range is None

    web.serve("/file", untagged, file(CONTENT, etag=None))
    download(known(url), tmp_path / "proven", patience=HASTY)
    assert web.asked[-1].range == "bytes=600000-"

    # The rest is another edition's, of the same length: it is seen, and all is fetched anew.
    web.serve("/file", untagged, file(OTHER, etag=None))
    download(known(url, OTHER), tmp_path / "changed", patience=HASTY)
    assert (tmp_path / "changed").read_bytes() == OTHER


def test_a_part_longer_than_the_file_is_thrown_away(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", breaks_off(CONTENT, 600_000), file(b"short", etag='"one"'))
    download(Address(url), tmp_path / "file", patience=HASTY)
    assert [one.range for one in web.asked] == [None, "bytes=600000-", None]  # 416 in between
    assert (tmp_path / "file").read_bytes() == b"short"


def test_a_complete_part_is_not_asked_for_again(web: Web, tmp_path: Path) -> None:
    """As after a kill between the last byte and the rename."""
    url = web.serve("/file", breaks_off(CONTENT, 600_000), status(503), status(503))
    with pytest.raises(DataError):
        download(known(url), tmp_path / "file", patience=HASTY)
    (tmp_path / "file.part").write_bytes(CONTENT)
    asked = len(web.asked)
    download(known(url), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(web.asked) == asked


def test_a_part_of_another_address_is_not_gone_on_from(web: Web, tmp_path: Path) -> None:
    first = web.serve("/first", breaks_off(CONTENT, 600_000))
    with pytest.raises(DataError):
        download(Address(first), tmp_path / "file", patience=Patience(1))
    download(Address(web.serve("/second", file(OTHER))), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == OTHER
    assert [one.range for one in web.asked] == [None, None]


def test_a_server_that_promises_more_than_it_has_is_named(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", declares(CONTENT, len(CONTENT) + 5))
    with pytest.raises(DataError, match="broke off at 1,048,576 of 1,048,581 bytes"):
        download(Address(url), tmp_path / "file", patience=HASTY)
    assert not (tmp_path / "file").exists()


def test_a_server_that_promises_less_than_it_sends_is_found_out(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", declares(CONTENT, 1000))
    with pytest.raises(DataError) as caught:
        download(known(url), tmp_path / "file", patience=HASTY)
    assert caught.value.expected == "1,048,576 bytes (the test)"
    assert caught.value.received == "1,000 bytes, as the server states"
    assert names(tmp_path) == set()


@pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_without_a_declared_length_the_known_one_decides(
    web: Web, tmp_path: Path, length: int
) -> None:
    content = (CONTENT + b"!")[:length]
    url = web.serve("/file", declares(content, None))
    with pytest.raises(DataError, match="its length differs"):
        download(known(url), tmp_path / "file", patience=HASTY)
    assert names(tmp_path) == set()


def test_a_wrong_file_is_refused_at_once_and_not_kept(web: Web, tmp_path: Path) -> None:
    url = web.serve("/file", file(OTHER))
    with pytest.raises(DataError) as caught:
        download(known(url), tmp_path / "file", patience=HASTY)
    assert caught.value.fact == f"{url} is another file than expected: its checksum differs."
    assert caught.value.expected == f"{hashlib.sha256(CONTENT).hexdigest()} (the test)"
    assert caught.value.received == hashlib.sha256(OTHER).hexdigest()
    assert names(tmp_path) == set()
    assert len(web.asked) == 1


@pytest.mark.parametrize("length", [len(CONTENT), None])
def test_no_more_is_taken_than_allowed(web: Web, tmp_path: Path, length: int | None) -> None:
    url = web.serve("/file", declares(CONTENT, length))
    with pytest.raises(DataError) as caught:
        download(Address(url), tmp_path / "file", most_bytes=300_000, patience=HASTY)
    assert caught.value.expected == "at most 300,000 bytes"
    assert names(tmp_path) == set()


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_that_recovers_is_asked_again(web: Web, tmp_path: Path, code: int) -> None:
    url = web.serve("/file", status(code), status(code), file(CONTENT))
    download(known(url), tmp_path / "file", patience=HASTY)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_waits_grow_and_a_server_may_ask_for_another(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    busy = status(503, Retry_After="7")
    url = web.serve("/file", status(500), status(500), busy, status(500), file(CONTENT))
    download(known(url), tmp_path / "file", patience=Patience(attempts=5, wait_s=1))
    assert waits == [1, 2, 7, 8]


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_file_that_is_not_there_is_asked_for_once(web: Web, tmp_path: Path, code: int) -> None:
    url = web.serve("/file", status(code))
    with pytest.raises(
        DataError, match=f"Cannot download {url}: the server returned status {code}"
    ):
        download(known(url), tmp_path / "file", patience=HASTY)
    assert len(web.asked) == 1


def test_redirections_within_this_machine_are_followed(web: Web, tmp_path: Path) -> None:
    target = web.serve("/there", file(CONTENT))
    download(known(web.serve("/here", status(302, Location=target))), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "elsewhere",
    ["http://example.invalid/file", "ftp://127.0.0.1/file", "file:///etc/passwd"],
)
def test_redirections_never_give_up_encryption(web: Web, tmp_path: Path, elsewhere: str) -> None:
    url = web.serve("/file", status(302, Location=elsewhere))
    with pytest.raises(DataError, match=r"only https is allowed|Redirection .* is not allowed"):
        download(Address(url), tmp_path / "file", patience=HASTY)
    assert names(tmp_path) == set()
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    "url", ["http://example.invalid/file", "ftp://127.0.0.1/file", "file:///etc/passwd"]
)
def test_addresses_without_encryption_are_refused(url: str) -> None:
    with pytest.raises(Gone, match="only https is allowed"), opened(url, {}, 1):
        pass


def test_a_silent_server_counts_as_broken(web: Web, tmp_path: Path) -> None:
    done = threading.Event()
    url = web.serve("/file", stalls(CONTENT, 600_000, done), file(CONTENT))
    try:
        download(known(url), tmp_path / "file", patience=Patience(3, wait_s=0.001, timeout_s=0.2))
    finally:
        done.set()
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert web.sent == len(CONTENT)


def test_without_a_network_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_names(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    url = "https://host.invalid/pictures.zip"
    with pytest.raises(DataError) as caught:
        download(Address(url), tmp_path / "pictures.zip")
    assert caught.value.fact == (
        f"Cannot download {url}: host.invalid is not found (is this computer offline?)."
    )
    assert caught.value.expected == f"pictures.zip from {url}"
    assert f"put it at {tmp_path / 'pictures.zip'}" in (caught.value.remedy or "")


def test_a_port_where_nobody_listens_is_tried_again(web: Web, tmp_path: Path) -> None:
    with running() as gone:
        url = gone.url + "/file"
    with pytest.raises(DataError, match=r"failed 3 times: no connection to 127\.0\.0\.1"):
        download(Address(url), tmp_path / "file", patience=HASTY)


def test_too_little_space_is_said_before_the_first_byte(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1000))
    with pytest.raises(OutputError, match="it needs 1 MB, 0 free") as caught:
        download(known(web.serve("/file", file(CONTENT))), tmp_path / "file")
    assert "another folder" in (caught.value.remedy or "")
    assert names(tmp_path) == set()


def test_a_disk_that_becomes_full_is_not_left_full(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        download(known(web.serve("/file", file(CONTENT))), tmp_path / "file")
    assert names(tmp_path) == set()


def test_a_place_that_cannot_be_written_is_an_output_error(web: Web, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(OutputError, match="Cannot write"):
        download(known(web.serve("/file", file(CONTENT))), tmp_path / "occupied" / "file")
