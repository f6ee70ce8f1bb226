"""A training that was stopped after its last epoch, while its report was written."""

from pathlib import Path

import pytest

import viewfinder as vf
from small import copied
from viewfinder.core.errors import UsageError
from viewfinder.run import Run


def test_resuming_writes_the_report_that_is_missing(trained: Run, tmp_path: Path) -> None:
    folder = copied(trained.folder, tmp_path)
    (folder / "report.html").unlink()
    (folder / "doctor.json").unlink()
    weights = (folder / "best.keras").read_bytes()
    resumed = vf.resume(folder)
    assert (resumed.folder / "report.html").read_text().startswith("<!")
    assert (folder / "doctor.json").is_file()
    assert (folder / "best.keras").read_bytes() == weights
    with pytest.raises(UsageError, match="nothing is left to resume"):
        vf.resume(folder)
