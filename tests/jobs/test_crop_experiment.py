"""The crop experiment: trained both ways, and compared on the same pictures."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from small import small_words
from viewfinder.core.errors import UsageError
from viewfinder.evaluation.crop_training import compare_crop_training
from viewfinder.jobs.crops import crop_experiment
from viewfinder.run import open_run

SIDE = 20


def write_framed(root: Path) -> Path:
    """Gray pictures: the frame tells the label, the centre is noise."""
    for number in range(60):
        label, split = number % 2, ("train", "validation", "test")[number // 2 % 3]
        pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
        pixels[:3] = pixels[-3:] = pixels[:, :3] = pixels[:, -3:] = 40 + 170 * label
        folder = root / split / ("cats", "dogs")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def test_both_ways_are_trained_and_compared(viewfinder, tmp_path: Path) -> None:
    data = write_framed(tmp_path / "framed")
    words = small_words(training__epochs=6)
    command = [
        "crops",
        data,
        "--seeds",
        "1",
        "--output",
        tmp_path / "runs",
        "--image-size",
        "16",
        *words,
        "--json",
    ]
    done = viewfinder(*command)
    assert done.code == 0, done.err
    found = done.document("crops")
    assert (found["split"], found["count"], found["zoom"]) == ("test", 20, 0.7)
    (whole, cropped), (seed,) = (open_run(one) for one in found["runs"][0]), found["seeds"]
    # Only whole pictures show the frame.
    assert seed["whole"]["value"] > 0.9
    assert seed["cropped"]["value"] < 0.9
    assert found["difference"] == pytest.approx(
        cropped.metrics["test"]["accuracy"] - whole.metrics["test"]["accuracy"]
    )
    assert json.loads((Path(found["folder"]) / "crops.json").read_text()) == found
    assert cropped.dataset.table.equals(whole.dataset.table)
    assert {path.name for path in Path(found["folder"]).iterdir()} == {
        "crops.json",
        "cropped-0",
        "plan.json",
        "whole-0",
    }  # no copies of pictures
    # The model of crops crops what it predicts.
    locator = whole.dataset.table["locator"].iloc[0]
    with Image.open(data / locator) as picture:
        centre = np.asarray(picture)[3:17, 3:17]
    (answer,) = cropped.classifier.predict(data / locator)
    (expected,) = whole_pictures(cropped).predict(centre)
    assert answer.probabilities == expected.probabilities

    # Of a stopped experiment, finished trainings are kept and the others trained.
    written = {path: path.stat().st_mtime_ns for path in whole.folder.iterdir()}
    shutil.rmtree(cropped.folder)
    plan = Path(found["folder"]) / "plan.json"
    older = json.loads(plan.read_text())
    del older["recipe"]["input"]["isolate"]  # as if the key were new
    plan.write_text(json.dumps(older))
    again = [*command[:-1], "--resume", found["folder"], "--json"]
    assert viewfinder(*again).document("crops") == found
    assert {path: path.stat().st_mtime_ns for path in whole.folder.iterdir()} == written
    other = viewfinder(*again, "--zoom", "0.8")
    assert other.code == 2
    assert "these differ: zoom" in other.err


def whole_pictures(run):
    """The run's classifier, without the crop."""
    preprocessing = run.classifier.preprocessing.model_copy(update={"zoom": 1.0})
    return replace(run.classifier, preprocessing=preprocessing)


def test_what_cannot_be_tried_is_refused(tmp_path: Path) -> None:
    for options in ({"zoom": 1.0}, {"zoom": 0.0}, {"seeds": 0}):
        with pytest.raises(UsageError, match="no crop experiment"):
            crop_experiment(tmp_path, **options)


def drawn(*rows: str) -> NDArray[np.bool_]:
    return np.array([[letter == "x" for letter in row] for row in rows])


def test_a_picture_counts_once_over_all_seeds() -> None:
    whole = drawn("xxxxxx......", "xxxxxx......", "x...........")
    cropped = drawn("xxxxxxxxxxx.", "xxxxxxxxxxx.", "xxxxxxxxxxx.")
    found = compare_crop_training(whole, cropped)
    assert [one.whole.value for one in found.seeds] == [6 / 12, 6 / 12, 1 / 12]
    assert [(one.only_whole, one.only_cropped) for one in found.seeds] == [(0, 5), (0, 5), (0, 10)]
    assert (found.more_whole, found.more_cropped) == (0, 10)
    assert found.p == pytest.approx(binomtest(0, 10).pvalue)
    assert found.difference == pytest.approx((33 - 13) / 36)
    assert found.interval[0] < found.difference < found.interval[1]
    assert "crops answers more" in found.sentence
    assert "whole pictures answers more" in compare_crop_training(cropped, whole).sentence
    assert "cannot be told apart" in compare_crop_training(whole, whole).sentence
