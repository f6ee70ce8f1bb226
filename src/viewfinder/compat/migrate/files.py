"""Migrates files and folders: the entry point of `viewfinder migrate`."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import written_whole

if TYPE_CHECKING:
    from viewfinder.compat.migrate.sources import Migrated

_SKIPPED_FOLDERS = {".git", ".venv", "venv", "node_modules", ".ipynb_checkpoints", "__pycache__"}


@dataclass(frozen=True)
class Outcome:
    """What became of a file: the result, or the sentence with which it was refused."""

    path: Path
    result: "Migrated | None" = None
    refusal: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the new text differs."""
        return self.result is not None and self.result.after != self.result.before

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        if self.result is None:
            return ""
        name = str(self.path)
        before, after = (text.splitlines(True) for text in (self.result.before, self.result.after))
        return "".join(difflib.unified_diff(before, after, name, name))


def migrate(path: str | Path, *, write: bool = False) -> Iterator[Outcome]:
    """Rewrite a script or notebook, or those of a folder and below, for Keras 3.

    Args:
        path: A `.py` or `.ipynb` file, or a folder.
        write: Replace changed files; otherwise nothing is written.

    Yields:
        The outcome of each file, in the order of the paths.

    Raises:
        UsageError: LibCST is not installed.
        DataError: There is no such file or folder, or the only file is refused.
        OutputError: A file cannot be written.
    """
    if find_spec("libcst") is None:
        raise UsageError(
            "Rewriting Python needs LibCST, which is not installed.",
            remedy="pip install 'viewfinder[migrate]'",
        )
    from viewfinder.compat.migrate.sources import migrated

    path = Path(path)
    for file in _scripts(path):
        try:
            result = migrated(file)
        except DataError as error:
            if file == path:
                raise
            yield Outcome(file, refusal=error.fact)
            continue
        outcome = Outcome(file, result)
        if write and outcome.is_changed:
            with written_whole(file) as temporary:
                temporary.write_bytes(result.after.encode(result.encoding))
                temporary.chmod(file.stat().st_mode)
        yield outcome


def _scripts(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(
            file
            for file in path.rglob("*")
            if file.suffix in (".py", ".ipynb")
            and file.is_file()
            and _SKIPPED_FOLDERS.isdisjoint(file.relative_to(path).parts)
        )
    if path.suffix not in (".py", ".ipynb") or not path.exists():
        raise DataError(
            f"{path} is not a script, a notebook or a folder of them.",
            expected="an existing .py or .ipynb file, or a folder",
        )
    return [path]
