"""The files of a fine-tuning, from which it goes on wherever it was stopped.

fine_tuning/head/    a dense head on stored features, while it trains
fine_tuning/before/  what the first phase has come to; whole once `fitted.json` is in it
fine_tuning/after/   the second phase, with its checkpoints

The run's own models and history are made from these, and may be made from them again.
"""

import json
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from viewfinder.files import write_json, written_whole
from viewfinder.training.fit import BEST, LAST, Fitted

FOLDER = "fine_tuning"
# Not as text: a number that is read again is the same to the last bit.
_HISTORY = "history.parquet"
_FITTED = "fitted.json"


@dataclass(frozen=True)
class Phases:
    """The phases of a training that ends in fine-tuning.

    Args:
        run: The folder of the run.
    """

    run: Path

    @property
    def head(self) -> Path:
        """Where a dense head on features is trained."""
        return self.run / FOLDER / "head"

    @property
    def before(self) -> Path:
        """What the first phase has come to."""
        return self.run / FOLDER / "before"

    @property
    def after(self) -> Path:
        """Where the second phase is trained."""
        return self.run / FOLDER / "after"

    @property
    def first(self) -> Fitted | None:
        """What the first phase has come to; None before it has ended."""
        if not (self.before / _FITTED).exists():
            return None
        facts = json.loads((self.before / _FITTED).read_text(encoding="utf-8"))
        facts.pop("schema")
        return Fitted(pd.read_parquet(self.before / _HISTORY), **facts)

    def end_first(self, fitted: Fitted) -> None:
        """Keep what the first phase has left in the run's folder: from here the second begins."""
        for name in (BEST, LAST):
            _copy(self.run / name, self.before / name)
        with written_whole(self.before / _HISTORY) as temporary:
            fitted.history.to_parquet(temporary, index=False)
        facts = {one.name: getattr(fitted, one.name) for one in fields(fitted)}
        del facts["history"]
        write_json(self.before / _FITTED, {"schema": 1, **facts})

    def take(self, phase: Path) -> None:
        """Make the models of a phase those of the run."""
        for name in (BEST, LAST):
            _copy(phase / name, self.run / name)

    def clear(self) -> None:
        """Take everything away: the run has ended."""
        shutil.rmtree(self.run / FOLDER, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    with written_whole(target) as temporary:
        shutil.copyfile(source, temporary)
