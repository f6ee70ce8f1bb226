"""`viewfinder bases`: the networks to build on."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.listing import show_list, show_one
from viewfinder.cli.options import Alpha, ResultOptions

if TYPE_CHECKING:
    from viewfinder.bases.base import Base
    from viewfinder.bases.speeds import Speed

_HEADINGS = ["base", "parameters", "alpha", "input", "at least", "pictures/s", "weights here"]


def bases(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Show this base: one of the list, a FILE.keras, or hub:PRESET.",
            show_default=False,
        ),
    ] = None,
    *,
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Measure the speed of this base. Repeatable."),
    ] = None,
    alpha: Alpha = None,
    results: ResultOptions,
) -> None:
    """List the networks to build on, with size, input, speed and local weights, or show one."""
    from viewfinder.bases.catalogue import BASES
    from viewfinder.bases.lite.plan import NAME
    from viewfinder.bases.naming import base_named
    from viewfinder.bases.speeds import remembered_speeds

    shown = [base_named(one) for one in ([name] if name else [NAME, *BASES])]
    measured = [base_named(one, alpha) for one in measure or ()]
    if measured:
        from viewfinder.bases.networks.speed import measure_speed

        for base in measured:
            measure_speed(base, progress=results.progress)
    speeds = remembered_speeds()
    listed = [_json(base, speeds.get(base.name)) for base in shown]
    if name:
        show_one("bases", listed[0], as_json=results.as_json)
        return
    rows = [_row(base.label, one) for base, one in zip(shown, listed, strict=True)]
    show_list({"bases": listed}, _HEADINGS, rows, as_json=results.as_json)


def _json(base: "Base", speed: "Speed | None") -> dict[str, Any]:
    """A base as `--json` prints it; see docs/formats.md."""
    from dataclasses import asdict

    size = base.takes().size
    return {
        "name": base.name,
        "parameters": {f"{alpha:g}": count for alpha, count in base.parameters().items()},
        "input_size": size[0] if size and size[0] == size[1] else list(size) if size else None,
        "least_size": base.least_size,
        "preprocessing": base.scaling_in_words,
        "speed": asdict(speed) if speed else None,
        "weights": [{"alpha": alpha, "file": str(path)} for alpha, path in base.at_hand()],
    }


def _row(label: str, base: dict[str, Any]) -> list[str]:
    """A base as a row of the table."""
    counts = sorted({min(base["parameters"].values()), max(base["parameters"].values())})
    widths = sorted(float(alpha) for alpha in base["parameters"])
    has_alpha = len(widths) > 1
    local = sorted({one["alpha"] for one in base["weights"]})
    weights = "yes" if local else "–"
    if local and has_alpha:
        weights = "alpha " + ", ".join(f"{alpha:g}" for alpha in local)
    size = base["input_size"]
    return [
        label,
        "–".join(f"{count / 1e6:.1f}" for count in counts) + " M",
        f"{widths[0]:g}–{widths[-1]:g}" if has_alpha else "",
        f"{size[1]} × {size[0]}" if isinstance(size, list) else str(size or "any"),
        str(base["least_size"] or ""),
        _speed_in_words(base["speed"], has_alpha),
        weights,
    ]


def _speed_in_words(speed: dict[str, Any] | None, has_alpha: bool) -> str:
    if speed is None:
        return "–"
    width = f" (alpha {speed['alpha']:g})" if has_alpha else ""
    return f"{speed['pictures_per_s']:.3g}{width}"
