"""Files are there whole or not at all."""

import errno
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from viewfinder.core.errors import OutputError
from viewfinder.core.files import (
    NotRegularFile,
    cache_folder,
    content_hash,
    named,
    open_regular,
    read_regular,
    require_writable,
    write_json,
    write_text,
    written_whole,
)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    with written_whole(tmp_path / "new" / "file.txt") as temporary:
        temporary.write_text("all of it")
        assert temporary.suffix == ".txt"
        assert temporary.parent == tmp_path / "new"  # a rename between disks would not be whole
        assert not (tmp_path / "new" / "file.txt").exists()
    assert (tmp_path / "new" / "file.txt").read_text() == "all of it"
    assert names(tmp_path) == {"new", "file.txt"}


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    (tmp_path / "file").write_text("old")

    def write() -> None:
        with written_whole(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == {"file"}


def test_a_full_disk_is_an_output_error_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    def write() -> None:
        with written_whole(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError) as caught:
        write()
    assert caught.value.fact == f"Cannot write {tmp_path / 'file'}: No space left on device."
    assert caught.value.remedy == "free some space, or choose another folder"
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == {"file"}


def test_a_file_in_the_place_of_a_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="Cannot write"):
        write_text(tmp_path / "file" / "below.txt", "text")
    with pytest.raises(OutputError, match="Cannot write"):
        require_writable(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="Cannot write"):
        write_text(tmp_path / "folder", "text")
    assert names(tmp_path) == {"file", "folder"}


def test_readers_never_see_a_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "x" * 100_000)
    seen, done = set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(len(path.read_text()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        write_text(path, "x" * 100_000)
    done.set()
    reader.join()
    assert seen == {100_000}


def test_require_writable_touches_nothing_of_the_users(tmp_path: Path) -> None:
    """`--output .` must not cost a user the file that happens to be named like our probe."""
    for name in ("probe", ".probe", "probe.txt"):
        (tmp_path / name).write_text("mine")
    require_writable(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "probe": "mine",
        ".probe": "mine",
        "probe.txt": "mine",
    }


def test_require_writable_makes_the_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_several_may_probe_one_folder_at_once(tmp_path: Path) -> None:
    errors: list[Exception] = []

    def probe() -> None:
        try:
            for _ in range(20):
                require_writable(tmp_path)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=probe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(tmp_path.iterdir()) == []


def test_json_has_no_nan_and_keeps_the_rest(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, float("nan")], "b": (float("inf"), -float("inf"), None, True), "é": "ü"}
    write_json(tmp_path / "value.json", value)
    text = (tmp_path / "value.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert json.loads(text) == {"a": [1, 2.5, None], "b": [None, None, None, True], "é": "ü"}


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIEWFINDER_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("VIEWFINDER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder().name == "viewfinder"


@pytest.fixture(params=["a folder", "a pipe", "a socket", "a device"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A link to what is no regular file, and its kind."""
    target = tmp_path / "target"
    match request.param:
        case "a folder":
            target.mkdir()
        case "a pipe":
            os.mkfifo(target)
        case "a socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(target))
        case _:
            target = Path("/dev/zero")
    link = tmp_path / "picture.jpg"
    link.symlink_to(target)
    return link, request.param


@pytest.mark.timeout(30)
@pytest.mark.parametrize("read", [open_regular, read_regular, content_hash])
def test_only_regular_files_are_opened(special: tuple[Path, str], read: Any) -> None:
    path, kind = special
    with pytest.raises(NotRegularFile, match=f"it is {kind}, not a regular file"):
        read(path)


def test_only_regular_files_are_replaced(special: tuple[Path, str]) -> None:
    """A rename over /dev/null would leave a file there for every program of the machine."""
    path, kind = special
    with pytest.raises(OutputError, match=f"it is {kind}, not a regular file"):
        write_text(path, "text")
    assert path.is_symlink()


def test_a_link_to_an_open_file_stays(tmp_path: Path) -> None:
    """As /dev/stdout is, where a shell has sent the output to a file."""
    link = tmp_path / "stdout"
    with (tmp_path / "file").open("w") as file:
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        with pytest.raises(OutputError, match="a link to an open file"):
            write_text(link, "text")
    assert link.is_symlink()


def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="File name too long"):
        write_text(tmp_path / ("n" * 300), "text")
    assert not names(tmp_path)


@pytest.mark.timeout(30)
def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    seen_before = (tmp_path / "file").stat()
    monkeypatch.setattr(os, "stat", lambda *_, **__: seen_before)
    with pytest.raises(NotRegularFile):
        open_regular(tmp_path / "pipe")


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    for content in (b"", b"\0" * 100_000 + b"end"):
        (tmp_path / "file").write_bytes(content)
        assert read_regular(tmp_path / "file") == content


def test_a_path_in_the_cache_has_the_remedy_for_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No command has an option for the cache: a variable of the environment sets it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("VIEWFINDER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError) as caught:
        write_text(cache_folder() / "audits" / "a.txt", "words")
    assert "set the environment variable VIEWFINDER_CACHE" in str(caught.value.remedy)
    with pytest.raises(OutputError) as caught:
        write_text(tmp_path / "file" / "a.txt", "words")
    assert "VIEWFINDER_CACHE" not in str(caught.value.remedy)


@pytest.mark.parametrize("given", [".", "..", "sub/..", "~", "file.txt", "sub"])
def test_a_path_has_a_name(given, tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    monkeypatch.chdir(home)
    found = named(given)
    assert found.name == {".": "home", "..": tmp_path.name, "sub/..": "home"}.get(given, given)
    assert found.absolute() == Path(os.path.abspath(given))  # noqa: PTH100


def test_a_file_cannot_be_written_in_place_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (Path(), Path(".."), tmp_path):
        with pytest.raises(OutputError, match="it is a folder"):
            write_text(path, "text")
