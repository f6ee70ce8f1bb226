"""`viewfinder bases`: the networks to build on."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import Alpha, AsJson, Quiet, verbosity

if TYPE_CHECKING:
    from viewfinder.bases.base import Base
    from viewfinder.bases.speeds import Speed


def bases(
    name: Annotated[
        str | None,
        typer.Argument(help="Show this base only: one of the list, a FILE.keras, or hub:PRESET."),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Measure this base's speed; may be given again."),
    ] = None,
    alpha: Alpha = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List the networks to build on: size, input, speed here, and which weights are at hand."""
    from viewfinder.bases.catalogue import BASES
    from viewfinder.bases.naming import base_named
    from viewfinder.bases.speeds import remembered_speeds
    from viewfinder.cli.tables import stdout, table
    from viewfinder.core.progress import Progress

    shown = [base_named(one) for one in ([name] if name else BASES)]
    wanted = [base_named(one, alpha) for one in measure or ()]
    if wanted:
        from viewfinder.bases.networks.speed import measure_speed

        for base in wanted:
            measure_speed(base, progress=Progress(verbosity(quiet, False)))
    speeds = remembered_speeds()
    listed = [_json(base, speeds.get(base.name)) for base in shown]
    if as_json:
        print_json({"schema": 1, "bases": listed})
        return
    rows = [_row(base.label, found) for base, found in zip(shown, listed, strict=True)]
    headings = ["base", "parameters", "alpha", "input", "at least", "pictures/s", "weights here"]
    stdout().print(table(headings, rows, numbers=True, whole_names=True))


def _json(base: "Base", speed: "Speed | None") -> dict[str, Any]:
    """A base as `--json` prints it; see docs/formats.md."""
    from dataclasses import asdict

    size = base.takes().size
    return {
        "name": base.name,
        "parameters": {f"{alpha:g}": count for alpha, count in base.parameters().items()},
        "input_size": size[0] if size and size[0] == size[1] else size,
        "least_size": base.least_size,
        "preprocessing": base.scaling_in_words,
        "speed": asdict(speed) if speed else None,
        "weights": [{"alpha": alpha, "file": str(path)} for alpha, path in base.at_hand()],
    }


def _row(label: str, found: dict[str, Any]) -> list[str]:
    """The same as a row of the table."""
    counts = sorted({min(found["parameters"].values()), max(found["parameters"].values())})
    widths = sorted(float(alpha) for alpha in found["parameters"])
    has_alpha = len(widths) > 1
    here = sorted({one["alpha"] for one in found["weights"]})
    said = "yes" if here else "–"
    if here and has_alpha:
        said = "alpha " + ", ".join(f"{alpha:g}" for alpha in here)
    size = found["input_size"]
    return [
        label,
        "–".join(f"{count / 1e6:.1f}" for count in counts) + " M",
        f"{widths[0]:g}–{widths[-1]:g}" if has_alpha else "",
        f"{size[1]} × {size[0]}" if isinstance(size, tuple) else str(size or "any"),
        str(found["least_size"] or ""),
        _speed_in_words(found["speed"], has_alpha),
        said,
    ]


def _speed_in_words(speed: dict[str, Any] | None, has_alpha: bool) -> str:
    if speed is None:
        return "–"
    width = f" (alpha {speed['alpha']:g})" if has_alpha else ""
    return f"{speed['pictures_per_s']:.3g}{width}"
