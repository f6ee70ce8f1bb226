"""True resolution and text on flat ground: pictures enlarged or drawn by Pillow are recognised."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from viewfinder.audit import Severity, audit
from viewfinder.audit.detail import true_side
from viewfinder.data.sources import open_dataset

SMALL, LARGE = 32, 128


def picture(seed: int, size: int = 512) -> Image.Image:
    """Amplitudes that fall with the frequency, as in natural pictures."""
    random = np.random.default_rng(seed)
    across, down = np.meshgrid(np.fft.rfftfreq(size), np.fft.fftfreq(size))
    falling = 1 / np.maximum(np.hypot(across, down), 1 / size)
    levels = np.fft.irfft2(np.fft.rfft2(random.normal(size=(size, size))) * falling, (size, size))
    levels = 128 + 50 * (levels - levels.mean()) / levels.std()
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")


def gray(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


@pytest.mark.parametrize("how", ["NEAREST", "BILINEAR", "BICUBIC", "LANCZOS"])
@pytest.mark.parametrize(("size", "larger"), [(32, 128), (50, 128), (32, 300), (64, 300)])
def test_an_enlarged_picture_has_its_old_size(how: str, size: int, larger: int) -> None:
    for seed in range(3):
        small = picture(seed).resize((size, size), Image.Resampling.BOX)
        large = small.resize((larger, larger), getattr(Image.Resampling, how))
        assert 0.6 * size <= true_side(gray(large)) <= 1.6 * size, seed


def test_pictures_that_are_not_enlarged_have_none() -> None:
    for seed in range(8):
        made = picture(seed)
        assert true_side(gray(made)) == 0
        assert true_side(gray(made.resize((LARGE, LARGE), Image.Resampling.LANCZOS))) == 0
    assert true_side(np.full((200, 200), 7, np.uint8)) == 0
    assert true_side(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)) == 0


def write(root: Path, count: int, *, enlarged: bool) -> Path:
    for label in ("cats", "dogs"):
        (root / label).mkdir(parents=True)
        for number in range(count):
            made = picture(number + (label == "dogs") * 1000, LARGE)
            if enlarged:
                made = made.resize((SMALL, SMALL)).resize((LARGE, LARGE), Image.Resampling.BICUBIC)
            made.save(root / label / f"{number}.png")
    return root


def message(scale: float = 1.0, ground: int = 245) -> Image.Image:
    size = round(500 * scale), round(374 * scale)
    made = Image.new("RGB", size, (ground, ground, ground))
    ImageDraw.Draw(made).multiline_text(
        (round(50 * scale), round(140 * scale)),
        "We're sorry, this picture\ncould not be found.",
        fill=(255 - ground,) * 3,
        font=ImageFont.load_default(22 * scale),
    )
    return made


def test_material_enlarged_to_four_times_its_size_is_reported(tmp_path: Path) -> None:
    found = audit(open_dataset(write(tmp_path / "big", 6, enlarged=True)))["enlarged"]
    assert found.count == 12
    assert "detail of smaller ones" in found.sentence
    assert "enlarged" not in audit(open_dataset(write(tmp_path / "plain", 6, enlarged=False)))


def test_a_message_in_place_of_a_picture_is_a_warning(tmp_path: Path) -> None:
    root = write(tmp_path / "pets", 6, enlarged=False)
    message().save(root / "cats/gone.jpg", quality=75)
    message(0.5, ground=20).save(root / "dogs/gone.gif")
    message(3).save(root / "dogs/large.jpg", quality=60)
    plain = Image.new("RGB", (200, 200), "white")  # a drawing on flat ground, with one shape
    ImageDraw.Draw(plain).ellipse((60, 60, 140, 140), fill="black")
    plain.save(root / "dogs/drawn.png")
    found = audit(open_dataset(root))["placeholder"]
    assert set(found.paths) == {"cats/gone.jpg", "dogs/gone.gif", "dogs/large.jpg"}
    assert found.severity == Severity.WARNING


def test_one_logo_in_several_classes_is_a_placeholder(tmp_path: Path) -> None:
    root = write(tmp_path / "pets", 6, enlarged=False)
    logo = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(logo).rectangle((40, 40, 60, 60), fill="red")
    for path in ("cats/a.png", "cats/b.png", "dogs/c.png"):
        logo.save(root / path)
    assert set(audit(open_dataset(root))["placeholder"].paths) == {
        "cats/a.png",
        "cats/b.png",
        "dogs/c.png",
    }
