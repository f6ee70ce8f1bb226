"""The plots of a run are those of its files, pixel by pixel, however often they are drawn."""

import pandas as pd
import pytest
from PIL import Image

from folders import files_below
from small import copied
from viewfinder.run import Run

pytestmark = pytest.mark.usefixtures("whole_plots")


def test_the_plots_of_a_run_are_pictures(trained):
    names = {path.name for path in (trained.folder / "plots").iterdir()}
    drawn = {"accuracy", "confusion", "loss", "precision-recall", "reliability", "roc"}
    pictures = {f"{name}.png" for name in drawn | {"mistakes", "samples"}}
    assert names == pictures | {f"{name}.svg" for name in drawn}
    for name in pictures:
        with Image.open(trained.folder / "plots" / name) as image:
            image.load()
            assert min(image.size) > 100


def test_evaluate_and_report_make_the_same_again(trained, tmp_path, own_cache):
    """Also in another place, and with no store in the cache."""
    run = Run.open(copied(trained.folder, tmp_path))
    before = {name: (run.folder / name).read_bytes() for name in files_below(run.folder)}
    for name in ("metrics.json", "predictions.parquet", "report.html", "plots/loss.png"):
        (run.folder / name).unlink()
    assert run.evaluate() == trained.metrics
    assert run.report() == run.folder / "report.html"
    pd.testing.assert_frame_equal(run.predictions, trained.predictions)
    after = {name: (run.folder / name).read_bytes() for name in files_below(run.folder)}
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"predictions.parquet"}  # Parquet may note who wrote it
