"""Named plans; `course` held against Keras's own ImageDataGenerator, parameter by parameter."""

import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from scipy import stats

from oracles import smooth_pictures
from viewfinder.augment import POLICIES, Plan, Samples, policy
from viewfinder.augment.geometry import Motion
from viewfinder.core.errors import RecipeError
from viewfinder.core.randomness import Randomness

SIDE = 60
IDS = np.arange(40, dtype=np.uint64)


def the_courses_generator(fill: str = "nearest", cval: float = 0) -> ImageDataGenerator:
    return ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
        fill_mode=fill,
        cval=cval,
    )


def as_keras_names_them(samples: Samples, row: int) -> dict[str, float]:
    """One picture's parameters as `ImageDataGenerator.apply_transform` takes them.

    Keras calls the matrix's first axis x, and then exchanges the axes, so that `tx` moves along
    the columns in the end.
    """
    values = dict(zip(samples.columns, samples.values[row], strict=True))
    return {
        "theta": values.get("rotation.degrees", 0),
        "tx": values.get("shift.x", 0) * SIDE,
        "ty": values.get("shift.y", 0) * SIDE,
        "shear": values.get("shear.degrees", 0),
        "zx": values.get("zoom.x", 1),
        "zy": values.get("zoom.y", 1),
        "flip_horizontal": bool(values.get("flip.horizontal", 0)),
    }


def differences_from_keras(plan: Plan, channels: int) -> np.ndarray:
    pixels = smooth_pictures(len(IDS), SIDE, SIDE, channels)
    samples = plan.sample(Randomness(11), 0, IDS)
    generator = the_courses_generator(plan.fill, plan.fill_level)
    theirs = [
        generator.apply_transform(picture.astype(np.float32), as_keras_names_them(samples, i))
        for i, picture in enumerate(pixels)
    ]
    return np.abs(plan.apply(pixels, samples) - np.array(theirs))


@pytest.mark.parametrize("fill", ["nearest", "reflect"])
@pytest.mark.parametrize("channels", [1, 3])
def test_course_makes_kerass_pictures_from_kerass_parameters(fill: str, channels: int) -> None:
    plan = policy("course").model_copy(update={"fill": fill})
    assert differences_from_keras(plan, channels).max() <= 1


@pytest.mark.parametrize("part", ["rotation", "shift", "shear", "zoom", "flip", None])
def test_each_of_courses_parts_is_kerass_with_a_shear_that_shows(part: str | None) -> None:
    settings = policy("course").model_dump() | {"shear": {"degrees": 30}}
    plan = Plan(**{part: settings[part]} if part else settings)
    assert differences_from_keras(plan, channels=3).max() <= 1


def test_constant_fill_is_kerass_but_for_a_seam() -> None:
    # SciPy's constant starts hard at the last pixel's middle; here the last pixel blends into it.
    plan = policy("course").model_copy(update={"fill": "constant", "fill_level": 255})
    assert (differences_from_keras(plan, 3) > 1).mean() < 0.04


def test_wrap_is_the_whole_picture_repeated_where_kerass_loses_a_row() -> None:
    plan = policy("course").model_copy(update={"fill": "wrap"})
    differs = differences_from_keras(plan, 3) > 2
    assert 0.01 < differs.mean() < 0.35


def test_course_draws_what_keras_draws() -> None:
    generator = the_courses_generator()
    np.random.seed(0)  # Keras draws from the global state.
    theirs = [generator.get_random_transform((SIDE, SIDE, 3)) for _ in range(4000)]
    samples = policy("course").sample(Randomness(0), 0, np.arange(4000, dtype=np.uint64))
    ours = [as_keras_names_them(samples, i) for i in range(4000)]
    for name in ours[0]:
        columns = [np.array([float(row[name]) for row in rows]) for rows in (ours, theirs)]
        assert stats.ks_2samp(*columns).pvalue > 1e-3, name
        np.testing.assert_allclose(columns[0].min(), columns[1].min(), rtol=0.01)
        np.testing.assert_allclose(columns[0].max(), columns[1].max(), rtol=0.01)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_comes_back_from_json(name: str) -> None:
    assert Plan.model_validate_json(policy(name).model_dump_json()) == policy(name)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_keeps_what_is_in_the_picture_in_view(name: str) -> None:
    """Half of the pixels at least show the picture itself, not what fills its borders."""
    moves = {key: it for key, it in policy(name) if isinstance(it, Motion)}
    plan = Plan(**moves, fill="constant")
    white = np.full((200, 40, 40, 1), 255, np.uint8)
    ids = np.arange(200, dtype=np.uint64)
    shown = plan.apply(white, plan.sample(Randomness(0), 0, ids)).mean(axis=(1, 2, 3)) / 255
    assert shown.min() > 0.5
    assert shown.mean() > 0.75


def test_an_unknown_policy_suggests_the_nearest() -> None:
    with pytest.raises(RecipeError, match="There is no augmentation policy 'coarse'") as refusal:
        policy("coarse")
    assert refusal.value.remedy == (
        "did you mean 'course'? (known: none, course, gentle, standard, strong)"
    )
