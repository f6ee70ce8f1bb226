"""Each benchmark runs, on tiny input: its figures are for the docs, not for a test."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
NOT_BENCHMARKS = {
    "faithfulness.py",
    "harness.py",
    "photos.py",
    "course_script.py",
    "transfer_script.py",
}
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.name not in NOT_BENCHMARKS)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_benchmark_runs(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), "--smoke"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "saved" in done.stdout
