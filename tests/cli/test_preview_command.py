"""`viewfinder preview`."""

from pathlib import Path

import pytest


@pytest.mark.usefixtures("whole_plots")
def test_a_sheet_by_settings_of_ones_own(viewfinder, digits: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    done = viewfinder(
        *("preview", digits, "--recipe", "tiny", "--output", sheet),
        *("--set", "training.mixup=0.5", "--set", "training.augment={rotation: {degrees: 30}}"),
    )
    assert done.code == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert "turns by up to 30 degrees" in done.out
    assert "blends 50 % with another of their batch, and their labels" in done.out
