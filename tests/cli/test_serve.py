"""`viewfinder serve` as a process: its address, its end, what it refuses to start with."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

from serving import Client, png, write_model
from viewfinder.classifier import load
from viewfinder.serve.server import bound, run
from viewfinder.serve.service import ServeOptions, Service


@contextmanager
def started(*words: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """The command on a free port, and a client of it."""
    command = [sys.executable, "-m", "viewfinder", "serve", *map(str, words), "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(r"Serving \w+: http://127\.0\.0\.1:(\d+)/\n", line)
            assert found, (line, process.communicate())
            yield process, Client(int(found[1]))
        finally:
            process.kill()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "brightness")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_once_received_requests_are_answered(model: Path, number: int) -> None:
    data = png(102)
    with started(model) as (process, client):
        assert client.send(data).light == [pytest.approx(0.4)]
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as begun:
            head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            begun.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data[:9])
            assert client.get("/health/ready").status == 200
            process.send_signal(number)
            with pytest.raises(subprocess.TimeoutExpired):  # it waits for the rest
                process.wait(1)
            with pytest.raises(ConnectionRefusedError):
                client.get("/health/ready")
            begun.sendall(data[9:])
            answer = b"".join(iter(lambda: begun.recv(10_000), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"light":0.4' in answer
        _, errors = process.communicate(timeout=200)
        assert (process.returncode, errors) == (0, "")


def test_no_framework_is_loaded_and_the_token_comes_from_the_environment(model: Path) -> None:
    with started(model, VIEWFINDER_TOKEN="secret") as (process, client):
        assert client.send(png(1)).status == 401
        assert Client(client.port, {"Authorization": "Bearer secret"}).send(png(1)).status == 200
        maps = Path(f"/proc/{process.pid}/maps")
        if maps.exists():
            loaded = maps.read_text()
            assert "onnxruntime" in loaded
            assert not re.search("tensorflow|pandas|sklearn|jaxlib", loaded)


def test_what_it_refuses_to_start_with(viewfinder, model: Path, tmp_path: Path) -> None:
    viewfinder("serve", tmp_path / "none").refused(3, "not a run that can predict")
    viewfinder("serve", model, "--queue", 0).refused(2, "--queue")
    viewfinder("serve", model, "--token", "ä").refused(2, "--token")
    viewfinder("serve", model, "--threshold", 2).refused(2, "--threshold")
    viewfinder("serve", model, "--coverage", 0.9).refused(3, "evaluate")
    with bound("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        viewfinder("serve", model, "--port", port).refused(2, "Cannot listen at", "--port")


def test_without_the_extra_its_pip_line_is_told(viewfinder, model: Path, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else 1)
    viewfinder("serve", model).refused(2, "uvicorn", "viewfinder[serve]")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_server_has_started_is_not_lost(model, number, monkeypatch):
    uvicorn = pytest.importorskip("uvicorn")
    started = uvicorn.Server.serve

    async def late(self, sockets=None):
        signal.raise_signal(number)  # before uvicorn has its own handlers
        asyncio.get_running_loop().call_later(10, setattr, self, "should_exit", True)
        await started(self, sockets)

    monkeypatch.setattr(uvicorn.Server, "serve", late)
    with bound("127.0.0.1", 0) as at:
        at.listen()
        began = time.monotonic()
        run(Service("brightness", load(model), ServeOptions()), at, patience=1)
    assert time.monotonic() - began < 9
