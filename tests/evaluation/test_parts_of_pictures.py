"""Parts of pictures: their pixels, and what a model that sees only one part answers."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from viewfinder.classifier import Classifier
from viewfinder.core.errors import DataError
from viewfinder.data.sources import open_dataset
from viewfinder.evaluation.crops import (
    VIEWS,
    background_only,
    border_only,
    crop,
    measure_crops,
    scores_of,
    views_of,
)
from viewfinder.pictures.preprocessing import Preprocessing

SIDE = 40


def noise(seed: int, height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_crops_keep_their_share_at_their_place() -> None:
    pixels = noise(0, 100, 60)
    np.testing.assert_array_equal(crop(pixels, 0.7), pixels[15:85, 9:51])
    np.testing.assert_array_equal(crop(pixels, 0.5, 1, 0), pixels[50:, :30])
    assert crop(noise(0, 1, 1), 0.1).shape == (1, 1, 3)
    views = views_of(pixels, Preprocessing(height=100, width=60))
    np.testing.assert_array_equal(views[0], pixels)
    assert [one.shape for one in views] == [(100, 60, 3)] * 9
    # Their averages are those of the parts that they show.
    assert views[1].mean() == pytest.approx(pixels[15:85, 9:51].mean(), abs=2)
    assert views[5].mean() == pytest.approx(pixels[:85, :51].mean(), abs=2)


@pytest.mark.parametrize("view", [border_only, background_only])
@pytest.mark.parametrize("shape", [(40, 40, 3), (33, 61, 1), (2, 2, 3), (1, 5, 1)])
def test_without_its_centre_a_picture_does_not_depend_on_it(view, shape) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    edge = [max(1, round(0.15 * side)) for side in shape[:2]]
    other = pixels.copy()
    inside = other[edge[0] : shape[0] - edge[0], edge[1] : shape[1] - edge[1]]
    inside[...] = 255 - inside
    found = view(pixels)
    assert found.shape == shape
    np.testing.assert_array_equal(found, view(other))
    kept = [round(0.125 * side) for side in shape[:2]]
    np.testing.assert_array_equal(found[: kept[0]], pixels[: kept[0]])
    np.testing.assert_array_equal(found[:, : kept[1]], pixels[:, : kept[1]])


def test_a_background_that_is_smooth_is_restored() -> None:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    smooth = (20 + 150 * rows + 60 * columns - 90 * rows * columns)[:, :, None]
    pixels = np.rint(smooth).astype(np.uint8)
    pixels[10:30, 10:30] = 255
    assert np.abs(background_only(pixels) - smooth).max() < 2
    assert (
        border_only(pixels)[20, 20] == round(float(border_only(pixels)[6:34, 6:34].mean()))
    ).all()


def test_the_scores_of_views() -> None:
    labels = np.array([0] * 12 + [1] * 8)
    wrong = 1 - labels
    answers = np.stack([labels, labels, labels, wrong, labels])
    answers[0, :3] = 1  # the whole pictures that are answered wrongly
    found = scores_of(labels, answers)
    assert (found.whole.value, found.majority.value) == (17 / 20, 12 / 20)
    centre, border, background, _ = found.views
    assert [one.name for one in found.views] == list(VIEWS)
    assert (centre.lost, centre.gained, centre.tells) == (0, 3, None)
    assert (background.lost, background.gained) == (17, 0)
    assert border.tells
    assert not background.tells
    assert border.p_majority == pytest.approx(binomtest(0, 8).pvalue)
    assert background.p == pytest.approx(4 * binomtest(0, 17).pvalue)


class ByCorner(Classifier):
    """Answers by the corner's brightness, so that the border tells the label."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        dog = images[:, :3, :3].mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - dog, dog], axis=1)


def test_a_model_that_looks_at_the_border_is_found_out(tmp_path: Path) -> None:
    for number in range(40):
        name = ("cats", "dogs")[number % 2]
        pixels = noise(number, 60, 60)
        pixels[:8] = pixels[-8:] = pixels[:, :8] = pixels[:, -8:] = 60 + 130 * (number % 2)
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    (tmp_path / "cats/broken.png").write_bytes(b"nothing")
    classifier = ByCorner(None, ("cats", "dogs"), Preprocessing(height=SIDE, width=SIDE))  # type: ignore[arg-type]
    found = measure_crops(classifier, open_dataset(tmp_path))
    by_name = {one.name: one for one in found.views}
    assert found.table["view"].tolist() == ["whole", *by_name]
    assert found.table["accuracy"].tolist()[1:] == [one.accuracy.value for one in found.views]
    assert "border only" in found._repr_html_()
    assert (found.count, found.whole.value) == (40, 1)
    assert by_name["border only"].accuracy.value == 1
    assert by_name["border only"].tells
    assert by_name["background only"].tells
    assert by_name["centre crop"].accuracy.value < 0.8
    assert by_name["centre crop"].p < 0.05
    for file in tmp_path.glob("*/*.png"):
        file.write_bytes(b"nothing")
    with pytest.raises(DataError, match="None of the pictures can be read"):
        measure_crops(classifier, open_dataset(tmp_path))
