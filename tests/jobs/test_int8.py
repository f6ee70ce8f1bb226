"""Runs that predict in 8 bits: what is evaluated is what is served."""

import keras
import numpy as np
import onnx
import pandas as pd
import pytest

import viewfinder as vf
from small import small_recipe
from viewfinder.core.errors import UsageError
from viewfinder.data.store.live import some_pixels
from viewfinder.recipe.named import recipe_named
from viewfinder.runtime.onnx import OnnxModel
from viewfinder.runtime.quantizing import Agreement

BASE = {
    "model.base": "EfficientNetLite0",
    "model.weights": "none",
    "input.size": [32, 32],
    "int8": True,
}


def trained(recipe, digits, runs) -> vf.Run:
    return vf.train(digits, recipe, output=runs, name="run", progress=vf.Progress(0))


def of_test_pictures(run: vf.Run) -> tuple[np.ndarray, pd.DataFrame]:
    test = run.dataset.only("test")
    rows = run.predictions[run.predictions["split"] == "test"]
    assert list(rows["locator"]) == list(test.table["locator"])
    return some_pixels(test, run.recipe.preprocessing, len(test)), rows


def require_int8(run: vf.Run) -> Agreement:
    """Check that the run's predictions are those of a network in 8 bits."""
    path = run.folder / "model.onnx"
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(path).graph.node}
    pixels, rows = of_test_pictures(run)
    answers = OnnxModel(path)(pixels)
    np.testing.assert_allclose(np.stack(list(rows["probabilities"])), answers, atol=1e-4)
    found = Agreement.stated(OnnxModel(path).facts)
    assert found
    assert found.in_words() in run.model_summary
    by_keras = np.asarray(run.model(pixels.astype(np.float32)))
    again = Agreement.of(by_keras.astype(float), answers.astype(float))
    assert (again.pictures, again.same_label) == (found.pictures, found.same_label)
    assert again.difference == pytest.approx(found.difference, abs=1e-3)
    assert found.difference > 1e-4  # float32 has more digits
    return found


def test_a_linear_head_is_fitted_on_the_features_that_are_served(digits, tmp_path):
    run = trained(recipe_named("transfer").changed(BASE), digits, tmp_path)
    assert not (run.folder / "best.keras").exists()
    require_int8(run)
    assert isinstance(run.model, keras.Model)
    assert vf.load(run.folder).starts_at_once
    with pytest.raises(UsageError, match="float32"):
        vf.bundle(run, tmp_path / "run.bundle", keras=True)
    bundle = vf.load(vf.bundle(run, tmp_path / "run.bundle"))
    pixels, _ = of_test_pictures(run)
    np.testing.assert_array_equal(
        bundle.probabilities(pixels), run.classifier.probabilities(pixels)
    )


def test_the_export_of_what_keras_trained_is_quantized(digits, tmp_path, exports):
    run = trained(small_recipe(int8=True), digits, tmp_path)
    found = require_int8(run)
    assert found.same_label >= 0.9 * found.pictures
