"""The options of `viewfinder train`, in the groups in which its help shows them."""

from pathlib import Path
from typing import Annotated

import typer

_FIT = "How it is trained"
_END = "When it ends, and going on"
_RUN = "What is kept"

OptionalData = Annotated[
    Path | None,
    typer.Argument(
        help="Folders of pictures, a saved dataset, a table of paths or pixels, idx or .npz files, "
        "or an archive. With --resume it may be left out."
    ),
]
Epochs = Annotated[
    int | None, typer.Option(help="Passes over the training pictures.", rich_help_panel=_FIT)
]
BatchSize = Annotated[int | None, typer.Option(help="Pictures in a step.", rich_help_panel=_FIT)]
LearningRate = Annotated[
    float | None, typer.Option(help="The learning rate.", rich_help_panel=_FIT)
]
Dropout = Annotated[
    float | None,
    typer.Option(help="The share of units dropped while training.", rich_help_panel=_FIT),
]
L2 = Annotated[
    float | None,
    typer.Option(help="The weight of the squared kernels in the loss.", rich_help_panel=_FIT),
]
BatchNorm = Annotated[
    bool | None,
    typer.Option(
        "--batch-norm/--no-batch-norm",
        help="Whether batch norm follows each of the network's own layers.",
        rich_help_panel=_FIT,
    ),
]
Deterministic = Annotated[
    bool | None,
    typer.Option(
        "--deterministic",
        help="Repeat bit by bit on an accelerator too; a CPU does in any case.",
        rich_help_panel=_FIT,
    ),
]
Holdout = Annotated[
    str | None,
    typer.Option(
        metavar="SPLIT",
        help="Keep this split (validation or test) for one evaluation at the end.",
    ),
]
TestShare = Annotated[
    float | None,
    typer.Option(
        "--test",
        metavar="SHARE",
        help="Set this share of each class aside for one evaluation at the end, as 0.2.",
    ),
]
Fold = Annotated[
    int | None,
    typer.Option(min=0, help="Judge by this fold: see `viewfinder split --folds`."),
]
Folds = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        help="Cross-validate: a run for each of K folds, which it holds out, judged together.",
    ),
]
AllowLeaks = Annotated[
    bool, typer.Option("--allow-leaks", help="Train though pictures are in two splits at once.")
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="METRIC=VALUE",
        help="End once it is reached, such as val_accuracy=0.95.",
        rich_help_panel=_END,
    ),
]
Hold = Annotated[
    int | None,
    typer.Option(metavar="N", help="… and has been for N epochs in a row.", rich_help_panel=_END),
]
Patience = Annotated[
    int | None,
    typer.Option(metavar="N", help="End after N epochs without progress.", rich_help_panel=_END),
]
MaxTime = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="End after such a time: 10m, 90s, 1h30m.", rich_help_panel=_END
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Go on with a run that was killed, interrupted or out of time.",
        rich_help_panel=_END,
    ),
]
Output = Annotated[Path, typer.Option(help="The folder that holds the runs.", rich_help_panel=_RUN)]
Name = Annotated[
    str | None, typer.Option(help="The run's name; numbered if taken.", rich_help_panel=_RUN)
]
StoreLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="The most disk for decoded pictures, such as 2GB.",
        rich_help_panel=_RUN,
    ),
]
TensorBoard = Annotated[
    bool,
    typer.Option("--tensorboard", help="Write logs into RUN/tensorboard.", rich_help_panel=_RUN),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show data, recipe and model; train nothing.")
]
