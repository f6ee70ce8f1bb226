"""Draws the figures of the gallery anew: `docs/gallery/EXAMPLE-FIGURE.png`.

python docs/gallery.py [EXAMPLE …]

The examples run on generated pictures and scikit-learn's digits, never on pictures of others.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "gallery"
WIDTH = 1000  # pixels


def figures(example: Path, folder: Path) -> list[Path]:
    """Run an example in a folder, and return the figures that it has written there."""
    environment = {**os.environ, "MPLBACKEND": "agg"}
    subprocess.run([sys.executable, str(example)], cwd=folder, env=environment, check=True)
    return [*folder.glob("*.png"), *folder.glob("runs/digits/plots/samples.png")]


def main(names: list[str]) -> None:
    """Keep each figure small enough to commit."""
    TARGET.mkdir(exist_ok=True)
    for example in sorted((ROOT / "examples").glob("[0-9]*.py")):
        if names and example.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for figure in figures(example, Path(folder)):
                image = Image.open(figure).convert("RGB")
                image.thumbnail((WIDTH, 4 * WIDTH))
                kept = TARGET / f"{example.stem}-{figure.stem}.png"
                image.quantize(64).save(kept, optimize=True)
                print(kept)


if __name__ == "__main__":
    main(sys.argv[1:])
