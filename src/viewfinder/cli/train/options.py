"""The options of `viewfinder train`, and all of them as one record.

The help shows options without a panel first: those that people use first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.groups import RecipeKey, settings_of
from viewfinder.cli.options import (
    BaseOptions,
    BatchSize,
    DataOptions,
    GroupFrom,
    InputOptions,
    RecipeOptions,
    ResultOptions,
)
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.jobs.job import Options
    from viewfinder.jobs.prepare import Prepared
    from viewfinder.recipe import Recipe

_SPLITS = "Which pictures evaluate"
_END = "When it ends"
_RUN = "What is kept"


def byte_count(text: str | None) -> int | None:
    """Bytes from `500MB`, `2 GB` or `0`."""
    if text is None:
        return None
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    digits = text.strip().rstrip("BKMGTbkmgt ")
    unit = text.strip()[len(digits) :].strip().upper()
    try:
        count = float(digits) * units[unit]
    except (ValueError, KeyError):
        count = -1
    if not 0 <= count < float("inf"):
        raise UsageError("This is not a size.", expected="such as 500MB or 2GB", received=text)
    return int(count)


@dataclass(frozen=True)
class StepOptions:
    """How the model is trained."""

    epochs: Annotated[
        int | None,
        RecipeKey("training.epochs"),
        typer.Option(
            help="Passes over the training pictures; of fine-tuning, if the head is solved."
        ),
    ] = None
    lr: Annotated[
        float | None,
        RecipeKey("training.optimizer.learning_rate"),
        typer.Option(help="Highest learning rate."),
    ] = None
    batch_size: BatchSize = None


@dataclass(frozen=True)
class SplitOptions:
    """Which pictures train, and which evaluate."""

    test: Annotated[
        float | None,
        RecipeKey("data.test"),
        typer.Option(
            metavar="SHARE", help="Set this share aside for one evaluation at the end, as 0.2."
        ),
    ] = None
    folds: Annotated[
        int | None,
        typer.Option(metavar="K", help="Cross-validate: a run for each of K folds."),
    ] = None
    validation: Annotated[
        float | None,
        RecipeKey("data.validation"),
        typer.Option(
            metavar="SHARE",
            help="Share set aside for validation where DATA has no validation split.",
            rich_help_panel=_SPLITS,
        ),
    ] = None
    holdout: Annotated[
        str | None,
        RecipeKey("data.holdout"),
        typer.Option(
            metavar="SPLIT",
            help="Keep this split of DATA (validation or test) for one evaluation at the end.",
            rich_help_panel=_SPLITS,
        ),
    ] = None
    fold: Annotated[
        int | None,
        RecipeKey("data.fold"),
        typer.Option(
            min=0, help="Validate on this fold of `viewfinder split`.", rich_help_panel=_SPLITS
        ),
    ] = None
    allow_leaks: Annotated[
        bool,
        RecipeKey("data.allow_leaks"),
        typer.Option(
            "--allow-leaks",
            help="Train although pictures are in two splits at once.",
            rich_help_panel=_SPLITS,
        ),
    ] = False


@dataclass(frozen=True)
class StopOptions:
    """What ends a training before its last epoch."""

    target: Annotated[
        str | None,
        RecipeKey("training.stop.target"),
        typer.Option(
            metavar="METRIC=VALUE",
            help="End when it is reached, such as val_accuracy=0.95.",
            rich_help_panel=_END,
        ),
    ] = None
    patience: Annotated[
        int | None,
        RecipeKey("training.stop.patience"),
        typer.Option(
            metavar="N", help="End after N epochs without progress.", rich_help_panel=_END
        ),
    ] = None
    max_time: Annotated[
        str | None,
        RecipeKey("training.stop.max_time"),
        typer.Option(
            metavar="TIME", help="End after this time: 10m, 90s, 1h30m.", rich_help_panel=_END
        ),
    ] = None


@dataclass(frozen=True)
class RunOptions:
    """Where the run is written, and what else is kept."""

    output: Annotated[Path, typer.Option(help="Folder that holds the runs.")] = Path("runs")
    name: Annotated[str | None, typer.Option(help="Name of the run; numbered if it exists.")] = None
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Continue what was killed, interrupted or out of time."),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show data, recipe and model; train nothing.")
    ] = False
    store_limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Most disk space for decoded pictures, such as 2GB.",
            rich_help_panel=_RUN,
        ),
    ] = None
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Write logs into RUN/tensorboard.", rich_help_panel=_RUN
        ),
    ] = False
    int8: Annotated[
        bool,
        RecipeKey("int8"),
        typer.Option(
            "--int8",
            help="Serve the model in 8 bits: smaller, and faster on CPUs with VNNI.",
            rich_help_panel=_RUN,
        ),
    ] = False
    keras: Annotated[
        bool,
        typer.Option(
            "--keras",
            help="Write best.keras now, where Keras is not needed for the training.",
            rich_help_panel=_RUN,
        ),
    ] = False


@dataclass(frozen=True)
class Request:
    """What a command line of `viewfinder train` requests: all of its options."""

    data: Annotated[
        Path | None,
        typer.Argument(
            help="Folders of pictures, a saved dataset, a table of paths or pixels, idx, .npz or "
            "Parquet files, or an archive. May be omitted with --resume.",
            show_default=False,
        ),
    ] = None
    recipe: RecipeOptions = field(default_factory=RecipeOptions)
    steps: StepOptions = field(default_factory=StepOptions)
    input: InputOptions = field(default_factory=InputOptions)
    base: BaseOptions = field(default_factory=BaseOptions)
    splits: SplitOptions = field(default_factory=SplitOptions)
    stop: StopOptions = field(default_factory=StopOptions)
    run: RunOptions = field(default_factory=RunOptions)
    reading: DataOptions = field(default_factory=DataOptions)
    group_from: GroupFrom = None
    results: ResultOptions = field(default_factory=ResultOptions)

    @cached_property
    def flags(self) -> dict[str, Any]:
        """The settings that have flags of their own, by the recipe's dotted keys."""
        return {**self.base.given, **settings_of(self)}

    @property
    def progress(self) -> "Progress":
        """Where messages go."""
        return self.results.progress

    @property
    def store_budget(self) -> int | None:
        """The most bytes that decoded pictures may take on disk."""
        return byte_count(self.run.store_limit)

    def job(self, on_prepared: "Callable[[Prepared], None] | None" = None) -> "Options":
        """The options of a job that resumes; `on_prepared` shows the pictures."""
        return {
            "progress": self.progress,
            "store_budget": self.store_budget,
            "tensorboard": self.run.tensorboard,
            "keras": self.run.keras,
            "on_prepared": on_prepared,
        }

    def new_job(self, on_prepared: "Callable[[Prepared], None]") -> "Options":
        """The options of a job that makes a run."""
        return {**self.job(on_prepared), "output": self.run.output, "name": self.run.name}

    def whole_recipe(self, begun: "Recipe | None" = None) -> "Recipe":
        """The recipe with all settings; of a run that was begun, changed by them."""
        return self.recipe.changed(self.flags, begun)

    def dataset(self) -> "Dataset":
        """The dataset at DATA."""
        assert self.data is not None
        return self.reading.opened(self.data, self.progress, group_from=self.group_from)
