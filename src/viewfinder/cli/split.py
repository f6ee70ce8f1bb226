"""`viewfinder split`: every picture gets a split, and nothing leaks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import DataOptions, GroupFrom, ResultOptions
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.split import SplitPlan, SplitUp


def split(
    data: Annotated[
        Path | None,
        typer.Argument(help="Any data; none with --extend.", show_default=False),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME.dataset",
            help="Folder to write. A saved dataset given as DATA may be named again: its journal "
            "gets the split.",
        ),
    ] = None,
    extend: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME.dataset",
            help="Place pictures that were added to the original since; the others stay.",
        ),
    ] = None,
    validation: Annotated[float, typer.Option(help="Share of each class.")] = 0.2,
    test: Annotated[float, typer.Option(help="Share of each class.")] = 0.0,
    folds: Annotated[
        int, typer.Option(min=0, help="Number of folds for validation and training pictures.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Decides which picture goes where.")] = 0,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Groups that stay in one split, such as patients."),
    ] = None,
    copies: Annotated[
        str | None,
        typer.Option(
            metavar="near|exact|ignore",
            help="Duplicates that stay in one split; by default near, or ignore with groups.",
        ),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Ignore the splits that the data came with.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would happen; write nothing.")
    ] = False,
    reading: DataOptions,
    group_from: GroupFrom = None,
    results: ResultOptions,
) -> None:
    """Split a dataset without leaks: duplicates and groups stay in one split."""
    from viewfinder.split import SplitPlan

    _require_place(data, output, extend, dry_run)
    if extend is not None:
        made = _extended(extend, dry_run, results.progress)
        _show(made, None if dry_run else extend, results.as_json)
        return
    assert data is not None
    plan = SplitPlan.made(
        validation=validation,
        test=test,
        folds=folds,
        seed=seed,
        copies=copies,
        group_from=group_from,
        anew=anew,
    )
    opened = {**reading.record, "group_by": group_by}
    written = None if dry_run else output
    _show(_split(data, plan, opened, written, results.progress), written, results.as_json)


def _require_place(
    data: Path | None, output: Path | None, extend: Path | None, dry_run: bool
) -> None:
    """Raise where these options do not fit together."""
    if extend is not None and (data is not None or output is not None):
        raise UsageError(
            "--extend reads again what the dataset was made from.",
            expected="viewfinder split --extend NAME.dataset, without DATA and --output",
        )
    if extend is None and data is None:
        raise UsageError("There is nothing to split.", expected="DATA, or --extend NAME.dataset")
    if extend is None and output is None and not dry_run:
        raise UsageError("--output is missing.", expected="--output NAME.dataset, or --dry-run")


def _extended(folder: Path, dry_run: bool, progress: "Progress") -> "SplitUp":
    from viewfinder.data.saved import SavedDataset
    from viewfinder.split import extend, save_extension

    saved = SavedDataset.open(folder)
    made = extend(saved, progress)
    if not dry_run:
        save_extension(saved, made)
    return made


def _split(
    data: Path,
    plan: "SplitPlan",
    opened: dict[str, str | None],
    output: Path | None,
    progress: "Progress",
) -> "SplitUp":
    from viewfinder.clean import require_output
    from viewfinder.cli.tables import show_layout
    from viewfinder.split import open_grouped, save, split_up

    dataset = open_grouped(data, progress=progress, **opened)
    show_layout(dataset, progress)
    if output is not None:
        require_output(dataset, output)
    made = split_up(dataset, plan, progress)
    if output is not None:
        save(made, output, opened)
    return made


def _show(made: "SplitUp", written: Path | None, as_json: bool) -> None:
    from viewfinder.cli.tables import counts_table, print_lines, stdout

    if as_json:
        print_json({**made.to_json(), "dataset": str(written) if written else None})
        return
    out = stdout()
    out.print(counts_table(made.counts()))
    lines = list(made.notes)
    if written:
        lines += [f"Dataset: {written}", f"Next:    viewfinder train {written}"]
        if made.plan.folds:
            lines[-1] += f" --fold 0     (and so on, to --fold {made.plan.folds - 1})"
    else:
        lines.append("Dry run: nothing was written.")
    print_lines(*lines)
