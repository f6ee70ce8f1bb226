"""`viewfinder convolve`: convolution and pooling of a picture, by hand."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import AsJson


def convolve(
    picture: Annotated[Path, typer.Argument(help="File of a picture.")],
    *,
    filter: Annotated[
        str,
        typer.Option(
            metavar="NAME|NUMBERS",
            help="Filter by name, such as sobel-x, sharpen, blur or course-edges, or 9 or 25 "
            "numbers, row by row: '0 1 0 1 -4 1 0 1 0'.",
        ),
    ] = "edges",
    stride: Annotated[int, typer.Option(min=1, help="Step of the filter.")] = 1,
    padding: Annotated[
        Literal["valid", "same"],
        typer.Option(help="At the edge: no padding, or zeros that keep the size."),
    ] = "valid",
    pool: Annotated[
        Literal["max", "mean"] | None, typer.Option(help="Pooling after the convolution.")
    ] = None,
    pool_size: Annotated[int, typer.Option(min=1, help="Side of the pooling window.")] = 2,
    pool_stride: Annotated[
        int | None, typer.Option(min=1, help="Step of the window; by default its side.")
    ] = None,
    color: Annotated[
        bool, typer.Option("--color", help="Convolve red, green and blue, rather than gray.")
    ] = False,
    output: Annotated[Path, typer.Option(metavar="FILE", help="PNG to write.")] = Path(
        "convolve.png"
    ),
    as_json: AsJson = False,
) -> None:
    """Convolve a picture with one filter, then pool it; draw each step with its shape."""
    from viewfinder.cli.tables import print_lines, print_table
    from viewfinder.explain import convolution
    from viewfinder.explain.reading import plain_pixels
    from viewfinder.pages.explanations.convolution import draw_convolution
    from viewfinder.pages.plots import save

    weights = convolution.filter_weights(filter)
    steps = {"picture": plain_pixels(picture, "rgb" if color else "gray").astype(float)}
    steps["convolution"] = convolution.convolve(
        steps["picture"], weights, stride=stride, padding=padding
    )
    if pool:
        steps[f"{pool} pooling"] = convolution.pool(
            steps["convolution"], pool, size=pool_size, stride=pool_stride
        )
    name = filter if filter in convolution.FILTERS else "by numbers"
    save(draw_convolution(weights, name, steps), output)
    if as_json:
        print_json(
            {
                "schema": 1,
                "picture": str(picture),
                "output": str(output),
                "filter": weights.tolist(),
                "steps": [
                    {
                        "step": step,
                        "shape": list(values.shape),
                        "range": [values.min(), values.max()],
                    }
                    for step, values in steps.items()
                ],
            }
        )
        return
    rows = [
        [step, " × ".join(map(str, values.shape)), f"{values.min():.4g}", f"{values.max():.4g}"]
        for step, values in steps.items()
    ]
    print_table(["step", "height × width × channels", "lowest", "highest"], rows, numbers=True)
    print_lines(f"Figure: {output}")
