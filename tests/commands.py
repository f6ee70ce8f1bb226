"""The command line, run in the tests' own process: TensorFlow is imported once."""

import json
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas.py"


@cache
def schemas() -> dict[str, Any]:
    """The names of `docs/schemas.py`."""
    return runpy.run_path(str(SCHEMAS))


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

    def document(self, command: str) -> Any:
        """Its stdout, parsed, with the keys and types of that document in `docs/schemas.py`."""
        schemas()["schema"](command).validate_json(self.out, strict=True, extra="forbid")
        return self.json

    def refused(self, code: int, *words: str) -> None:
        """Hold that it ended with this code and one message of these words, and no results."""
        assert self.code == code, self.err
        assert self.out == ""
        assert self.err.count("Error: ") == 1, self.err
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err


Command = Callable[..., Ended]
