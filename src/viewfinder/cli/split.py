"""`viewfinder split`: every picture gets its side, and nothing leaks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import (
    AsJson,
    GroupFrom,
    LabelColumn,
    LabelFrom,
    Quiet,
    Root,
    Verbose,
    verbosity,
)

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.split import SplitPlan, SplitUp


def split(
    data: Annotated[
        Path | None,
        typer.Argument(help="Any data; with --extend, none.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME.dataset",
            help="The folder to write. That of DATA itself, if it is a saved dataset: "
            "then the split is added to its journal.",
        ),
    ] = None,
    extend: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME.dataset",
            help="Place pictures that were added to the original since; the others stay.",
        ),
    ] = None,
    validation: Annotated[float, typer.Option(help="The share of each class.")] = 0.2,
    test: Annotated[float, typer.Option(help="The share of each class.")] = 0.0,
    folds: Annotated[
        int, typer.Option(min=0, help="Deal validation and training into so many folds.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Decides which picture goes where.")] = 0,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="What stays on one side, such as a patient."),
    ] = None,
    group_from: GroupFrom = None,
    copies: Annotated[
        str | None,
        typer.Option(
            metavar="near|exact|ignore",
            help="Which copies stay on one side; by default near, or ignore with groups.",
        ),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget the splits that the data came with.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would happen; write nothing.")
    ] = False,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Split a dataset so that nothing leaks: copies and groups stay on one side."""
    from viewfinder.core.errors import UsageError
    from viewfinder.core.progress import Progress
    from viewfinder.split import SplitPlan

    progress = Progress(verbosity(quiet, verbose))
    if extend is not None:
        if data is not None or output is not None:
            raise UsageError(
                "--extend lists again what the dataset was made from.",
                expected="viewfinder split --extend NAME.dataset, without DATA and --output",
            )
        made = _extended(extend, dry_run, progress)
        _show(made, None if dry_run else extend, as_json)
        return
    if data is None:
        raise UsageError("What shall be split?", expected="DATA, or --extend NAME.dataset")
    if output is None and not dry_run:
        raise UsageError("Where to?", expected="--output NAME.dataset, or --dry-run")
    plan = SplitPlan.made(
        validation=validation,
        test=test,
        folds=folds,
        seed=seed,
        copies=copies,
        group_from=group_from,
        anew=anew,
    )
    opened = {
        "label_from": label_from,
        "root": str(root.resolve()) if root else None,
        "label_column": label_column,
        "group_by": group_by,
    }
    made = _split(data, plan, opened, None if dry_run else output, progress)
    _show(made, None if dry_run else output, as_json)


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
    from viewfinder.clean import require_place
    from viewfinder.split import open_grouped, save, split_up

    dataset = open_grouped(data, progress=progress, **opened)
    if output is not None:
        require_place(dataset, output)
    made = split_up(dataset, plan, progress)
    if output is not None:
        save(made, output, opened)
    return made


def _show(made: "SplitUp", written: Path | None, as_json: bool) -> None:
    from viewfinder.cli.tables import counts_table, stdout

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
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
