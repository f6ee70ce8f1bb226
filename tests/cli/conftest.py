"""The command line, run in the tests' own process: TensorFlow is imported once."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout, parsed; NaN and Infinity are no JSON."""
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))

    def refused(self, code: int, *words: str) -> None:
        """Hold that it ended with this code and one message of these words, and no results."""
        assert self.code == code, self.err
        assert self.out == ""
        assert self.err.count("Error: ") == 1, self.err
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err


Command = Callable[..., Ended]


@pytest.fixture
def viewfinder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path
) -> Command:
    """Run `viewfinder …` in an empty folder; whatever escapes as an exception fails the test."""
    from viewfinder.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words], prog_name="viewfinder")
        out, err = capsys.readouterr()
        assert "\x1b" not in out + err  # no colours in pipes
        return Ended(int(ended.value.code or 0), out, err)

    return run
