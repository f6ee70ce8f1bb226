"""Files from a stranger, each opened in a process of its own, which has imported all it needs."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OPEN = """
import json, os, resource, signal, sys
files, with_keras = json.load(sys.stdin)
import onnxruntime
from viewfinder.classifier import load
from viewfinder.core.errors import ViewfinderError
if with_keras:
    from viewfinder.runtime.backend import use_backend
    use_backend()
    import h5py, keras

def used():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss << 10

def opened(path, facts):
    began, before = used()
    try:
        load(path, **facts)
        found = None
    except ViewfinderError as error:
        found = type(error).__name__, error.fact, str(error)
    ended, after = used()
    return found, ended - began, after - before

for path, facts in files:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        print(json.dumps(opened(path, facts)), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{path}: the process failed")
"""


@dataclass(frozen=True)
class Refusal:
    """How a file was refused.

    Attributes:
        kind: The name of the error; "" where the file was opened.
        fact: The first line of the message.
        text: The message.
        seconds: CPU seconds of all threads, without imports.
        memory: Bytes of the peak of resident memory, beyond what imports took.
    """

    kind: str
    fact: str
    text: str
    seconds: float
    memory: int

    def require_at_once(self) -> None:
        """Fail where it took more than a second or 256 MB."""
        assert self.kind
        assert self.seconds <= 1.0
        assert self.memory <= 256 << 20


def refusals(
    files: Sequence[tuple[Path, dict[str, Any]]], *, with_keras: bool = False
) -> list[Refusal]:
    """Open each file with its facts (arguments of `load`) in a process of its own."""
    given = json.dumps([[(str(path), facts) for path, facts in files], with_keras])
    done = subprocess.run(
        [sys.executable, "-c", _OPEN], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [Refusal(*(found or ("", "", "")), *rest) for found, *rest in answers]
