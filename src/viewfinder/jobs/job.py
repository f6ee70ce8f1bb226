"""What a job takes besides its data and its recipe, as one record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from viewfinder.core.errors import OutputError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.jobs.prepare import Prepared

if TYPE_CHECKING:
    import keras


class Options(TypedDict, total=False):
    """The fields of :class:`Job` as keyword arguments."""

    output: str | Path
    name: str | None
    progress: Progress
    store_budget: int | None
    tensorboard: bool
    callbacks: "Sequence[keras.callbacks.Callback]"
    on_prepared: Callable[[Prepared], None] | None
    splits: Sequence[str]
    keras: bool


@dataclass(frozen=True)
class Job:
    """Where a job writes, what it shows, and what it evaluates.

    Attributes:
        output: The folder that holds the runs.
        name: The run's name; by default the name of the data. A number is added to a name that
            exists.
        progress: Shows messages and bars; by default bars on a terminal, lines elsewhere.
        store_budget: The most bytes of decoded pixels to keep on disk for each form of the
            pictures; see :func:`viewfinder.data.store.open_store`.
        tensorboard: Whether to write logs for TensorBoard into the run.
        callbacks: Further Keras callbacks.
        on_prepared: Called with the pictures once they are read, before training starts.
        splits: The splits to evaluate; :meth:`Run.evaluate` adds others later.
        keras: Whether to write `best.keras` where the model is trained without Keras, too; it is
            written later when it is first used.
        given: The splits that the data came with, where a search has made others since.
        concludes: Whether to end with diagnosis and report; a search writes those of some
            candidates later, or not at all.
    """

    output: str | Path = "runs"
    name: str | None = None
    progress: Progress = field(default_factory=Progress)
    store_budget: int | None = None
    tensorboard: bool = False
    callbacks: "Sequence[keras.callbacks.Callback]" = ()
    on_prepared: Callable[[Prepared], None] | None = None
    splits: Sequence[str] = SPLITS
    keras: bool = False
    given: tuple[str, ...] | None = None
    concludes: bool = True

    def name_for(self, dataset: Dataset) -> str:
        """The run's name.

        Raises:
            OutputError: The name is a path.
        """
        name = self.name or _name_of(dataset)
        if name in (".", "..") or Path(name).name != name:
            raise OutputError(
                "A run's name cannot be a path.",
                expected="a plain name",
                received=name,
                remedy="the output argument names the folder in which runs are written",
            )
        return name

    def announce(self, prepared: Prepared) -> None:
        """Call `on_prepared` with the pictures."""
        if self.on_prepared:
            self.on_prepared(prepared)


def _name_of(dataset: Dataset) -> str:
    """The folder's name without `.dataset`, or the file's without its suffixes."""
    path = Path(str(dataset.source)).resolve()
    if path.is_file():
        return path.name.partition(".")[0]
    return path.name.removesuffix(".dataset") or path.name
