"""Scripts and notebooks as Python modules, and back.

Lines of shell and IPython (`!ls`, `%matplotlib inline`) are replaced by comments for the parser,
and restored afterwards. Of a notebook only the lines of changed cells are written.
"""

import ast
import io
import json
import re
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst

from viewfinder.compat.migrate.base import Change
from viewfinder.compat.migrate.facts import facts_of
from viewfinder.compat.migrate.rewrites import rewritten
from viewfinder.core.errors import DataError
from viewfinder.core.files import read_regular, regular_status

_LARGEST = 64 * 2**20
_SHELL = re.compile(r"^(\s*)([!%]|\?|[\w.]+\?{1,2}\s*$|\w+\s*=\s*[!%])")
_TOO_DEEP = "its code nests too deeply"
_MASK = "pass  # viewfinder: masked line "
# Magics before Python, which is rewritten: `%%time` above a cell, `%time` before a statement.
_CELL_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
_TIMED = re.compile(r"^(\s*)(%time(?:it)?[ \t]+)(?=\w)")
_MASK_TIMED = "with viewfinder_masked_magic_{}: "
_OLD_VERSION = re.compile(
    r"^\s*%tensorflow_version\s+1|^\s*[!%]\s*pip3?\s+install\b.*\b(tensorflow|keras)(-gpu)?\s*==\s*[012]\."
)
_PYTHON_2 = re.compile(
    r"^\s*(print\s+[\"'\w]|exec\s+[\"']|except\s+\w+\s*,\s*\w+\s*:)", re.MULTILINE
)


@dataclass(frozen=True)
class Migrated:
    """A file before and after.

    Attributes:
        path: The file.
        before: Its text.
        after: Its new text, the same where nothing is to change.
        changes: The changes, with the number of the cell, from 1, or None in a script.
        skipped: Cells that are not Python, by number, with the parser's reason.
        encoding: The encoding of its text, as Python reads it.
    """

    path: Path
    before: str
    after: str
    changes: list[tuple[int | None, Change]]
    skipped: dict[int, str]
    encoding: str = "utf-8"


def migrated(path: Path) -> Migrated:
    """Rewrite a script or notebook in memory.

    Raises:
        DataError: The file is not readable, not Python 3, or not a notebook.
    """
    try:
        if regular_status(path).st_size > _LARGEST:
            raise DataError(f"{path} is too large for a script.", expected="at most 64 MiB")
        content = read_regular(path)
        encoding = "utf-8" if path.suffix == ".ipynb" else _encoding(content)
        text = content.decode(encoding)  # Windows line endings stay as they are
    except (UnicodeError, LookupError) as error:  # the latter of names such as rot13
        start = error.start + 1 if isinstance(error, UnicodeDecodeError) else 1
        raise DataError(
            f"{path} is not in {encoding}: byte {start} is not of it.",
            expected="UTF-8, or the encoding that a script's first lines declare",
            remedy="save it as UTF-8",
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error}.", expected="a .py or .ipynb file"
        ) from error
    return _notebook(path, text) if path.suffix == ".ipynb" else _script(path, text, encoding)


def _encoding(content: bytes) -> str:
    """Return the encoding that the first lines of a script declare (PEP 263)."""
    try:
        found, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError:  # of no such name, or of lines that are not UTF-8
        return "utf-8"
    return found  # of "utf-8-sig", the mark is written again


def _script(path: Path, text: str, encoding: str) -> Migrated:
    try:
        module, lines = _parsed(text)
    except (cst.ParserSyntaxError, ValueError) as error:
        raise _refusal(path, text, error) from None
    result, changes = rewritten(module, facts_of([module]))
    after = _restored(result.code, lines)
    return Migrated(path, text, after, [(None, c) for c in changes], {}, encoding)


def _notebook(path: Path, text: str) -> Migrated:
    try:
        document = json.loads(text)
        cells = document["cells"]
        sources = ["".join(cell.get("source", "")) for cell in cells]
        codes = [cell["cell_type"] == "code" for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path} is not a notebook of format 4.",
            expected="a list of cells",
            received=str(error),
        ) from None
    modules: dict[int, tuple[cst.Module, list[str]]] = {}
    skipped: dict[int, str] = {}
    for index, source in enumerate(sources):
        magic = source.lstrip().partition("\n")[0]
        if not codes[index] or (magic.startswith("%%") and magic.split()[0] not in _CELL_MAGICS):
            continue
        try:
            modules[index] = _parsed(source)
        except (cst.ParserSyntaxError, ValueError) as error:
            skipped[index + 1] = str(_refusal(path, source, error).fact)
    if skipped and not modules:
        raise DataError(next(iter(skipped.values())))
    facts = facts_of(module for module, _ in modules.values())
    changes: list[tuple[int | None, Change]] = []
    for index, (module, lines) in modules.items():
        result, found = rewritten(module, facts)
        found += _old_versions(sources[index])
        changes += [(index + 1, change) for change in found]
        new = _restored(result.code, lines)
        if new != sources[index]:
            source = cells[index]["source"]
            cells[index]["source"] = new if isinstance(source, str) else new.splitlines(True)
    if not any(not change.by_hand for _, change in changes):
        return Migrated(path, text, text, changes, skipped)
    return Migrated(path, text, _dumped(document, text), changes, skipped)


def _dumped(document: dict[str, Any], before: str) -> str:
    """Write a notebook with the indentation and the last line of the old text."""
    indentation = re.search(r"^\{\r?\n( +)\"", before)
    out = io.StringIO()
    json.dump(
        document, out, indent=len(indentation[1]) if indentation else None, ensure_ascii=False
    )
    return out.getvalue() + ("\n" if before.endswith("\n") else "")


def _parsed(text: str) -> tuple[cst.Module, list[str]]:
    """Parse Python; mask lines of shell where it does not parse otherwise, and return these too."""
    if "\0" in text:
        raise ValueError("NUL is not a character of Python")
    with suppress(cst.ParserSyntaxError):
        return _module(text), []
    masked: list[str] = []
    lines = text.splitlines(True)
    continued, indentation = False, ""
    for number, line in enumerate(lines):
        if timed := _TIMED.match(line):
            rest = line[timed.end() :]
            lines[number] = f"{timed[1]}{_MASK_TIMED.format(len(masked))}{rest}"
            masked.append(timed[2])
            continue
        found = _SHELL.match(line)
        if not continued and not found:
            continue
        body = line.rstrip("\r\n")
        indentation = found[1] if found and not continued else indentation
        lines[number] = f"{indentation}{_MASK}{len(masked)}{line[len(body) :]}"
        masked.append(body)
        continued = body.endswith("\\")
    return _module("".join(lines)), masked


def _module(text: str) -> cst.Module:
    """Parse Python; raise `ValueError` where it nests so deeply that the parser would crash."""
    try:
        ast.parse(text)
    except (RecursionError, MemoryError):
        raise ValueError(_TOO_DEEP) from None
    except SyntaxError as error:
        if "nested" in error.msg:
            raise ValueError(_TOO_DEEP) from None
    try:
        return cst.parse_module(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def _restored(code: str, masked: list[str]) -> str:
    pattern = re.compile(rf"^\s*{re.escape(_MASK)}(\d+)", re.MULTILINE)
    code = pattern.sub(lambda found: masked[int(found[1])], code)
    magics = re.compile(_MASK_TIMED.format(r"(\d+)"))
    return magics.sub(lambda found: masked[int(found[1])], code)


def _old_versions(source: str) -> list[Change]:
    """List the lines that install an old TensorFlow or Keras, to change by hand."""
    text = "This line asks for a TensorFlow or Keras that is too old: delete it."
    return [
        Change(number, "TensorFlow 1", text, by_hand=True)
        for number, line in enumerate(source.splitlines(), 1)
        if _OLD_VERSION.match(line)
    ]


def _refusal(path: Path, text: str, error: Exception) -> DataError:
    if _PYTHON_2.search(text):
        return DataError(f"{path} is Python 2.", remedy=f"2to3 -w {path} first, then migrate again")
    if str(error) == _TOO_DEEP:
        return DataError(f"{path} cannot be read: {_TOO_DEEP}.")
    with suppress(SyntaxError, ValueError):
        ast.parse(text)
        return DataError(
            f"{path} mixes tabs and spaces in its indentation, which cannot be kept.",
            remedy=f"expand -i {path} first, then migrate its output",
        )
    line = getattr(error, "raw_line", None)
    where = f"line {line}" if line else "its text"
    return DataError(f"{path} is not valid Python: {where} cannot be parsed.")
