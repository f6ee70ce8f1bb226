"""`viewfinder bundle` and `viewfinder verify`: a run as one file, and a check of such a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import AsJson


def bundle(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    *,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="By default RUN.bundle, beside the run.")
    ] = None,
    keras: Annotated[
        bool,
        typer.Option(
            "--keras", help="Add best.keras, for explanations, maps and further training."
        ),
    ] = False,
    golden: Annotated[
        Literal["run", "none"],
        typer.Option(
            help="Pictures that travel in the file, to verify it: 8 of the run's test or "
            "validation pictures, or none where they are private."
        ),
    ] = "run",
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Store a threshold: 'precision >= 0.99 for cats'. Repeatable.",
        ),
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option(metavar="KEY", help="Sign with a private key: PEM, elliptic curve."),
    ] = None,
) -> None:
    """Write a run as one file that predicts anywhere: model, classes, preprocessing, model card.

    The file is verified before it takes its name. `predict`, `evaluate` and `verify` take it.
    """
    from viewfinder.cli.tables import print_lines
    from viewfinder.delivery.bundle.pack import bundle as write_bundle

    path = write_bundle(
        run,
        output,
        keras=keras,
        golden=golden == "run",
        thresholds=threshold or (),
        key=sign,
    )
    size = path.stat().st_size / 1e6
    print_lines(f"Bundle: {path} ({size:,.1f} MB)")


def verify(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A file written by `bundle`.")],
    *,
    key: Annotated[
        Path | None,
        typer.Option(metavar="KEY", help="Require a signature by the owner of this public key."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle's hashes, and predict its golden pictures with each model in it."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.delivery.bundle.verify import TOLERANCE
    from viewfinder.delivery.bundle.verify import verify as verified

    found = verified(path, key=key)
    if as_json:
        print_json(found.to_json())
        return
    lines = [f"{path}: every member has its hash."]
    if found.pictures:
        lines.append(
            f"Golden pictures: {found.pictures}, of them prepared as the same pixels: "
            f"{found.same_pixels}."
        )
    else:
        lines.append("It has no golden pictures, so no prediction was compared.")
    for name, difference in found.differences.items():
        if difference is not None:
            lines.append(
                f"{name}: probabilities differ by {difference:.1e} at most "
                f"(allowed: {TOLERANCE:.0e})."
            )
    if found.signed:
        lines.append(f"Signed by the owner of {key}.")
    print_lines(*lines)
