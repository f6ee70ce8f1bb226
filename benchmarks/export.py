"""Exports in every format, compared with `viewfinder predict` on up to 1,000 pictures.

    python benchmarks/export.py [--run RUN] [--only FORMAT …] [--smoke]

Trains the `transfer` recipe on the course's cats and dogs, unless `--run` names a run. Each export
is opened in its own program, which predicts the run's validation and test pictures. A format whose
program is not installed, and an export that is refused, are printed with the reason. Then the
network in float32 and in 8 bits are timed in turn, with one thread and four pictures a call.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import harness
import photos
import viewfinder as vf
from viewfinder.core.extras import not_installed
from viewfinder.delivery.export.formats import FORMATS, RAW

_PICTURES = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run with validation or test pictures")
    parser.add_argument("--only", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--smoke", action="store_true", help="tiny input: does it run?")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run
        if run is None:
            data = vf.open(photos.folder(Path(scratch), smoke=options.smoke))
            run = vf.train(data, vf.recipe_named("transfer"), output=scratch).folder
        rows = []
        print(f"{'export':18}{'same label':>16}{'difference':>12}{'levels':>8}{'MB':>7}  accuracy")
        folder = Path(scratch) / "exports"
        for row in exports(run, folder, options.only):
            rows.append(row)
            print(line(row), flush=True)
        timed = [speed(folder, rounds=1 if options.smoke else 9)]
    print(f"saved {harness.save('export', [one for one in timed if one], {'exports': rows})}")


def exports(run: Path, folder: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the document of each export, or its name and why there is none."""
    for name in names:
        for raw in (False, True) if name in RAW else (False,):
            title = f"{name} --raw" if raw else name
            try:
                found = vf.export(run, name, folder / title, raw=raw)
            except vf.ViewfinderError as error:
                yield {"export": title, "refused": str(error)}
            except ModuleNotFoundError as error:
                yield {"export": title, "refused": str(not_installed(error, None) or error)}
            else:
                yield {"export": title, **found.to_json()}


def speed(folder: Path, rounds: int) -> harness.Result | None:
    """Time the networks in 8 bits and in float32; None unless both were exported."""
    import onnxruntime

    found = [folder / name / "model.onnx" for name in ("onnx-int8", "onnx")]
    if not all(path.is_file() for path in found):
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1

    def contestant(path: Path) -> Callable[[], object]:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        taken, given = session.get_inputs()[0], session.get_outputs()[0]
        pixels = np.random.default_rng(0).integers(0, 256, (_PICTURES, *taken.shape[1:]))
        batches = np.split(pixels.astype(np.float32), _PICTURES // 4)
        return lambda: [session.run([given.name], {taken.name: batch}) for batch in batches]

    contestants = {path.parent.name: contestant(path) for path in found}
    timed = harness.measure(harness.Case("one thread", contestants, _PICTURES, "onnx-int8"), rounds)
    harness.show(timed)
    return timed


def line(row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"{row['export']:18}{' '.join(row['refused'].split())}"
    same = f"{row['same_label']:,} of {row['pictures']:,}"
    levels = f"{row['levels']['mean']:.2f}" if row["levels"] else ""
    text = f"{row['export']:18}{same:>16}{row['difference']:12.2g}{levels:>8}"
    text += f"{row['bytes'] / 1e6:7.1f}"
    if change := row["accuracy_change"]:
        low, high = change["interval"]
        text += f"  {change['value']:+.2%} ({low:+.2%} to {high:+.2%}), "
        text += f"{row['share_of_size']:.2f} of float32"
    return text


if __name__ == "__main__":
    main()
