"""`viewfinder lr-find`: a suggestion, a plot, and JSON; nothing else is left behind."""

from PIL import Image

from small import small_words, write_few_digits


def test_the_digits_get_a_rate_that_trains_them(viewfinder, tmp_path):
    digits = write_few_digits(tmp_path / "digits")
    words = ["lr-find", digits, *small_words(), "--low", "1e-4", "--high", "10", "--steps", "80"]
    shown = viewfinder(*words)
    assert shown.code == 0
    assert shown.out.startswith("Learning rate: 0.0")
    assert "a tenth of the rate at which the smoothed loss was lowest" in shown.out
    assert "The recipe has 0.005." in shown.out
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
    assert "--group-from: 120 pictures in 4 groups." in ended.err
    viewfinder(*words, r"^(0)", "-q").refused(3, "too few groups to be split")


def test_limits_in_the_wrong_order_are_a_usage_error(viewfinder, tmp_path):
    digits = write_few_digits(tmp_path / "digits")
    ended = viewfinder("lr-find", digits, *small_words(), "--low", "1", "--high", "0.1", "-q")
    ended.refused(2, "low = 1, high = 0.1")
