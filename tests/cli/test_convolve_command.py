"""`viewfinder convolve`: each step as printed and drawn equals `vf.convolve` and `vf.pool`."""

import numpy as np
import pytest
from PIL import Image

import viewfinder as vf

LEVELS = np.random.default_rng(3).integers(0, 256, (20, 30)).astype(np.uint8)


def test_steps_have_the_values_of_the_library(viewfinder, tmp_path):
    Image.fromarray(LEVELS).save(tmp_path / "noise.png")
    words = ("--filter", "1 0 -1 2 0 -2 1 0 -1", "--pool", "mean", "--pool-size", "3")
    document = viewfinder("convolve", "noise.png", *words, "--stride", "2", "--json").document(
        "convolve"
    )
    by_hand = vf.convolve(LEVELS, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], stride=2)
    pooled = vf.pool(by_hand, "mean", size=3)
    _, convolved, last = document["steps"]
    assert convolved["shape"] == [*by_hand.shape, 1]
    assert convolved["range"] == pytest.approx([by_hand.min(), by_hand.max()])
    assert last["shape"] == [*pooled.shape, 1]
    assert last["range"] == pytest.approx([pooled.min(), pooled.max()])
    assert (tmp_path / "convolve.png").exists()


def test_the_figure_shows_each_step_clipped_to_the_levels():
    from viewfinder.explain.convolution import filter_weights
    from viewfinder.pages.explanations.convolution import draw_convolution

    edges = vf.convolve(LEVELS[:, :, None], "edges")
    steps = {"picture": LEVELS[:, :, None].astype(float), "convolution": edges}
    figure = draw_convolution(filter_weights("edges"), "edges", steps)
    picture, weights, result = figure.axes
    assert np.array_equal(picture.images[0].get_array(), LEVELS)
    assert [text.get_text() for text in weights.texts] == ["-1"] * 4 + ["8"] + ["-1"] * 4
    assert np.array_equal(result.images[0].get_array(), np.clip(edges, 0, 255)[:, :, 0])


def test_broken_pictures_and_filters_are_named(viewfinder, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    viewfinder("convolve", "broken.jpg").refused(3, "broken.jpg", "Received")
    viewfinder("convolve", "none.jpg").refused(3, "none.jpg", "missing")
    Image.fromarray(LEVELS).save(tmp_path / "noise.png")
    viewfinder("convolve", "noise.png", "--filter", "sobelx").refused(2, "did you mean 'sobel-x'")
    viewfinder("convolve", "noise.png", "--pool", "max", "--pool-size", "99").refused(
        2, "at least 99 × 99"
    )
