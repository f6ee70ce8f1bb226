"""Jobs take a path or a saved dataset in place of a dataset, and refuse anything else in words."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import viewfinder as vf
from viewfinder.core.errors import UsageError


def test_audit_takes_a_path_and_a_saved_dataset(digits: Path, tmp_path: Path) -> None:
    by_dataset = vf.audit(vf.open(digits)).findings
    assert [finding.sentence for finding in vf.audit(str(digits)).findings] == [
        finding.sentence for finding in by_dataset
    ]
    saved = vf.clean(digits, output=tmp_path / "saved.dataset")
    assert len(vf.open(saved)) == len(vf.open(saved.folder))
    assert vf.audit(saved).findings is not None
    assert vf.materialize(saved, tmp_path / "folders").folder.is_dir()


@pytest.mark.parametrize("job", [vf.train, vf.auto, vf.cross_validate, vf.find_learning_rate])
def test_every_job_opens_a_path(job: Any, tmp_path: Path) -> None:
    with pytest.raises(vf.ViewfinderError, match="nowhere"):
        job(tmp_path / "nowhere")


@pytest.mark.parametrize("job", [vf.train, vf.audit])
def test_a_table_names_from_table(job: Any) -> None:
    with pytest.raises(UsageError, match="from_table"):
        job(pd.DataFrame({"path": ["a.png"]}))
