"""The crop map: answers, flips and controls of a classifier whose answers are known."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

import viewfinder as vf
from viewfinder.explain.crops import GRID, ZOOMS, crop_map
from viewfinder.pages.explanations.crops import draw_crops
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing


@dataclass(frozen=True)
class ByLight:
    """Says "day" with the mean level as its probability; counts the pictures it was given."""

    classes = ("night", "day")
    preprocessing = Preprocessing(height=8, width=8, color="gray")
    seen: list[int]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(len(images))
        day = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - day, day], axis=1)


def shaded(top: float, bottom: float) -> np.ndarray:
    levels = np.full((80, 100), round(255 * top), np.uint8)
    levels[40:] = round(255 * bottom)
    return levels


def test_crops_cover_the_picture_and_flip_where_the_light_does():
    classifier = ByLight([])
    found = crop_map(classifier, shaded(0.95, 0.3))
    assert sum(classifier.seen) == len(found.crops) + 1 == 1 + len(ZOOMS) * GRID**2 == 197
    assert (found.whole.label, round(found.whole.probability, 2)) == ("day", 0.62)
    for zoom in ZOOMS:
        some = [one for one in found.crops if one.zoom == zoom]
        assert min(one.top for one in some) == min(one.left for one in some) == 0
        assert max(one.bottom for one in some) in (79, 80)
        assert max(one.right for one in some) in (99, 100)
    assert {one.label for one in found.flips} == {"night"}
    assert all(one.top >= 20 for one in found.flips)
    assert found.mildest.zoom == max(one.zoom for one in found.flips) == 0.55
    assert found.smallest.zoom == 0.4
    level = shaded(0.95, 0.3)[found.mildest.top : found.mildest.bottom].mean() / 255
    assert found.mildest.of_answer == pytest.approx(level, abs=0.02)


def test_the_whole_picture_is_answered_as_predict_answers_it(tmp_path):
    """A large JPEG is decoded at a reduced size, which its crops are not."""
    path = tmp_path / "noise.jpg"
    noise = np.random.default_rng(3).integers(0, 256, (400, 600), np.uint8)
    noise[::2] //= 8
    Image.fromarray(noise).save(path, quality=30)
    classifier = ByLight([])
    expected = classifier.probabilities(
        prepare(path.read_bytes(), classifier.preprocessing).pixels[None]
    )
    whole = crop_map(classifier, path).whole
    assert whole.probability == expected.max()
    at_full_size = crop_map(classifier, np.asarray(Image.open(path))).whole
    assert at_full_size.probability != whole.probability


def test_near_even_answers_are_no_flips():
    undecided = crop_map(ByLight([]), shaded(0.9, 0.2))
    assert not undecided.whole.is_decided
    assert undecided.flips == []
    assert undecided.mildest is None
    near = crop_map(ByLight([]), shaded(0.95, 0.42))  # down to 0.42: another label, but not decided
    assert "night" in {one.label for one in near.crops}
    assert near.flips == []


@pytest.mark.parametrize(
    ("others", "flipped", "is_evidence"),
    [((0.95, 0.95), 0, True), ((0.95, 0.3), 19, False)],
)
def test_controls_say_whether_a_flip_is_unusual(tmp_path, others, flipped, is_evidence):
    for number in range(30):  # a third has the other answer
        levels = shaded(0.1, 0.1) if number % 3 == 0 else shaded(*others)
        Image.fromarray(levels).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    dataset = vf.open(tmp_path, needs_labels=False)
    found = crop_map(ByLight([]), shaded(0.95, 0.3), controls=dataset)
    assert (found.controls.pictures, found.controls.flipped) == (19, flipped)
    assert found.controls.p == pytest.approx((1 + flipped) / 20)
    assert found.controls.is_evidence == is_evidence
    assert f"of {flipped} of 19 other pictures" in found.controls.sentence


def test_the_figure_has_a_cell_for_each_crop_and_marks_flips():
    found = crop_map(ByLight([]), shaded(0.95, 0.3))
    figure = draw_crops(found)
    whole, flip, *zooms = figure.axes
    frame = whole.patches[-1].get_bbox().bounds
    assert frame[:2] == (found.mildest.left, found.mildest.top)
    assert flip.images[0].get_array().shape[0] == found.mildest.bottom - found.mildest.top
    assert [axes.images[0].get_array().shape for axes in zooms] == [(GRID, GRID, 3)] * len(ZOOMS)
    crosses = [text for axes in zooms for text in axes.texts if text.get_text() == "×"]
    assert len(crosses) == len(found.flips)
    assert all(mark in figure.texts[0].get_text() for mark in ("×", "○", "violet"))


@pytest.mark.parametrize("options", [{"zooms": ()}, {"zooms": (1.0,)}, {"grid": 0}])
def test_crops_out_of_range_are_refused(options):
    with pytest.raises(vf.ViewfinderError, match="no crops"):
        crop_map(ByLight([]), shaded(1, 0), **options)
