"""`viewfinder bases`: the networks to build on."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.options import Alpha, AsJson, Quiet, verbosity

if TYPE_CHECKING:
    from viewfinder.bases.catalogue import Base
    from viewfinder.bases.speeds import Speed


def bases(
    name: Annotated[str | None, typer.Argument(help="Show this base only.")] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Measure this base's speed; may be given again."),
    ] = None,
    alpha: Alpha = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List the networks to build on: size, input, speed here, and which weights are at hand."""
    from viewfinder.bases.catalogue import BASES, base_named
    from viewfinder.bases.speeds import remembered_speeds
    from viewfinder.cli.tables import stdout, table
    from viewfinder.progress import Progress

    shown = [base_named(name)] if name else list(BASES.values())
    wanted = [base_named(one) for one in measure or ()]
    for base in wanted:
        base.width(alpha)
    if wanted:
        from viewfinder.models.backbones.speed import measure_speed

        for base in wanted:
            measure_speed(base, alpha, progress=Progress(verbosity(quiet, False)))
    speeds = remembered_speeds()
    if as_json:
        listed = [_json(base, speeds.get(base.name)) for base in shown]
        print(json.dumps({"schema": 1, "bases": listed}, indent=2))
        return
    rows = [_row(base, speeds.get(base.name)) for base in shown]
    headings = ["base", "parameters", "alpha", "input", "at least", "pictures/s", "weights here"]
    stdout().print(table(headings, rows, numbers=True, whole_names=True))


def _row(base: "Base", speed: "Speed | None") -> list[str]:
    from viewfinder.bases.at_hand import weights_at_hand

    counts = sorted({min(base.widths.values()), max(base.widths.values())})
    widths = sorted({alpha for alpha, _ in weights_at_hand(base)})
    here = "yes" if widths else "–"
    if widths and base.has_alpha:
        here = "alpha " + ", ".join(f"{alpha:g}" for alpha in widths)
    return [
        base.name,
        "–".join(f"{count / 1e6:.1f}" for count in counts) + " M",
        f"{min(base.widths):g}–{max(base.widths):g}" if base.has_alpha else "",
        f"{base.size}",
        f"{base.least_size}",
        _speed_in_words(base, speed),
        here,
    ]


def _speed_in_words(base: "Base", speed: "Speed | None") -> str:
    if speed is None:
        return "–"
    width = f" (alpha {speed.alpha:g})" if base.has_alpha else ""
    return f"{speed.pictures_per_s:.3g}{width}"


def _json(base: "Base", speed: "Speed | None") -> dict[str, Any]:
    """A base as `--json` prints it; see docs/formats.md."""
    from dataclasses import asdict

    from viewfinder.bases.at_hand import weights_at_hand

    return {
        "name": base.name,
        "parameters": {f"{alpha:g}": count for alpha, count in base.widths.items()},
        "input_size": base.size,
        "least_size": base.least_size,
        "preprocessing": base.scaling_in_words,
        "speed": asdict(speed) if speed else None,
        "weights": [{"alpha": alpha, "file": str(path)} for alpha, path in weights_at_hand(base)],
    }
