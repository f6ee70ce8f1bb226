"""`viewfinder lr-find`: a suggestion, a plot, and JSON; nothing else is left behind."""

import numpy as np
import pytest
from PIL import Image

from small import small_words, write_few_digits


@pytest.mark.usefixtures("whole_plots")
def test_the_digits_get_a_rate_that_trains_them(viewfinder, tmp_path):
    digits = write_few_digits(tmp_path / "digits")
    words = ["lr-find", digits, *small_words(), "--low", "1e-4", "--high", "10", "--steps", "80"]
    shown = viewfinder(*words)
    assert shown.code == 0
    assert shown.out.startswith("Learning rate: 0.0")
    assert "a tenth of the rate at which the smoothed loss was lowest" in shown.out
    assert "The recipe has 0.005." in shown.out
    assert "fastest" not in shown.out, "where single batches decide, nothing is said"
    with Image.open(tmp_path / "lr-find.png") as plot:
        assert plot.format == "PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"digits", "lr-find.png"}

    again = viewfinder(*words, "--json", "--quiet").json
    assert again["schema"] == 1
    assert f"Learning rate: {again['suggestion']:g}," in shown.out
    assert 1e-3 <= again["suggestion"] <= 0.1
    assert again["rates"] == sorted(again["rates"])
    assert len(again["rates"]) == len(again["losses"]) == len(again["smoothed"])


def test_groups_are_kept_together_there_too(viewfinder, tmp_path):
    digits = write_few_digits(tmp_path / "digits")
    words = ["lr-find", digits / "train", *small_words(), "--steps", "10", "--group-from"]
    ended = viewfinder(*words, r"^(\d\d)")
    assert "Groups from file names: 120 pictures in 4 groups." in ended.err
    viewfinder(*words, r"^(0)", "-q").refused(3, "too few groups to be split")


def test_limits_in_the_wrong_order_are_a_usage_error(viewfinder, tmp_path):
    digits = write_few_digits(tmp_path / "digits")
    ended = viewfinder("lr-find", digits, *small_words(), "--low", "1", "--high", "0.1", "-q")
    ended.refused(2, "low = 1, high = 0.1")


ON_BASE = ["--base", "MobileNetV2", "--alpha", "0.35", "--weights", "none", "--image-size", "32"]


def test_a_dense_head_gets_a_rate_by_the_features_that_it_is_fitted_on(
    viewfinder, tmp_path, monkeypatch
):
    from viewfinder.training import lr_find

    seen = []

    def watched(model, batches, **options):
        seen.append((model, batches))
        return range_test(model, batches, **options)

    range_test = lr_find.range_test
    monkeypatch.setattr(lr_find, "range_test", watched)
    digits = write_few_digits(tmp_path / "digits")
    words = [*ON_BASE, "--head", "dense", "--cut", "block_3_expand_relu", "--batch-size", "16"]
    shown = viewfinder("lr-find", digits, *words, "--steps", "60", "--low", "1e-5")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("Learning rate: 0.0")
    ((model, batches),) = seen
    assert model.name == "head"
    rows = batches.features.reshape(-1, batches.features.shape[-1])
    assert rows.shape[1] == model.input_shape[1]
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-3)
    assert set(np.round(rows.std(axis=0), 2)) <= {0.0, 1.0}


def test_a_linear_head_has_no_rate_and_the_refusal_names_one_that_has(viewfinder, tmp_path):
    digits = write_few_digits(tmp_path / "digits")
    refused = viewfinder("lr-find", digits, *ON_BASE)
    refused.refused(2, "A linear head is solved", "--set 'model.dense=[128]'")
