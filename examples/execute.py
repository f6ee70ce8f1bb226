"""Runs the examples, and writes each as a notebook with its output into `examples/executed/`.

python examples/execute.py [EXAMPLE …] [--options=--fetch]

Needs `pip install 'viewfinder[notebooks]'`. A notebook of an example that fails is written as well.

They share the folder `examples/executed/files`, so that 10 and 18 open the run of 9. It is emptied
before all examples run. Of each run, the checkpoints and the last model are deleted, two thirds of
the bytes.
"""

import argparse
import os
import shutil
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parent
TARGET = FOLDER / "executed"
FILES = TARGET / "files"


def execute(example: Path, options: list[str]) -> str | None:
    """Write the executed notebook of an example; return its error, if it has one."""
    FILES.mkdir(parents=True, exist_ok=True)
    notebook = jupytext.read(example)
    setup = (
        f"import sys\nsys.argv = {[example.name, *options]}\nsys.path.insert(0, {str(FOLDER)!r})\n"
        "%matplotlib inline"
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell(setup))
    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": FILES}}
    )
    error = None
    try:
        client.execute()
    except CellExecutionError as failed:
        error = f"{failed.ename}: {failed.evalue}"
    nbformat.write(notebook, TARGET / f"{example.stem}.ipynb")
    for checkpoints in FILES.glob("runs/*/checkpoint"):
        shutil.rmtree(checkpoints)
    for model in FILES.glob("runs/*/last.keras"):
        model.unlink()
    return error


def main() -> None:
    """Run the examples in turn, and exit with 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*", help="such as 03_convolutions; by default all")
    parser.add_argument("--options", default="", help="of each example: --fetch, or --data FOLDER")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not arguments.examples and FILES.exists():
        shutil.rmtree(FILES)
    failed = 0
    for example in sorted(FOLDER.glob("[0-9]*.py")):
        if not arguments.examples or example.stem in arguments.examples:
            error = execute(example, arguments.options.split())
            print(f"{example.stem}: {error or 'done'}", flush=True)
            failed += error is not None
    raise SystemExit(min(failed, 1))


if __name__ == "__main__":
    main()
