"""Named plans.

- `none`: no change.
- `course`: the settings of the course, exactly those of Keras's ImageDataGenerator with
  `rotation_range=40, width_shift_range=0.2, height_shift_range=0.2, shear_range=0.2,
  zoom_range=0.2, horizontal_flip=True, fill_mode="nearest"`: shear in degrees, zoom per axis. On
  pictures that are not square, Keras 3.15 exchanges height and width in the shifts and in the
  centre; here each axis keeps its own.
- `gentle`: for drawings, digits and letters, whose mirror image has another meaning: small
  rotations, shifts and zooms.
- `standard`: for photographs of objects at any position and size. Crops replace shifts and zooms:
  they show real pixels instead of filled borders, and stretch no axis by more than a quarter.
  Colours vary as between two cameras or two hours of a day.
- `strong`: for few pictures (hundreds per class or fewer) and long training: smaller crops, larger
  rotations, stronger colours, random channel mixes in every second picture, some gray or blurred
  pictures, and a hidden box in every fourth, so that no single detail or colour decides.
"""

from viewfinder.augment.blur import Blur
from viewfinder.augment.color import Brightness, ChannelMix, Contrast, Grayscale, Hue, Saturation
from viewfinder.augment.erase import Erase
from viewfinder.augment.geometry import Flip, RandomResizedCrop, Rotation, Shear, Shift, Zoom
from viewfinder.augment.plan import Plan
from viewfinder.core.errors import RecipeError, nearest

POLICIES = {
    "none": Plan(),
    "course": Plan(
        rotation=Rotation(degrees=40),
        shift=Shift(width=0.2, height=0.2),
        shear=Shear(degrees=0.2),
        zoom=Zoom(low=0.8, high=1.2),
        flip=Flip(horizontal=True),
        fill="nearest",
    ),
    "gentle": Plan(
        rotation=Rotation(degrees=10),
        shift=Shift(width=0.1, height=0.1),
        zoom=Zoom(low=0.9, high=1.1),
        fill="nearest",
    ),
    "standard": Plan(
        crop=RandomResizedCrop(scale=(0.5, 1), ratio=(4 / 5, 5 / 4)),
        rotation=Rotation(degrees=10),
        flip=Flip(horizontal=True),
        brightness=Brightness(strength=0.2),
        contrast=Contrast(strength=0.2),
        saturation=Saturation(strength=0.2),
        fill="reflect",
    ),
    "strong": Plan(
        crop=RandomResizedCrop(scale=(0.3, 1), ratio=(3 / 4, 4 / 3)),
        rotation=Rotation(degrees=20),
        shear=Shear(degrees=8),
        flip=Flip(horizontal=True),
        brightness=Brightness(strength=0.35),
        contrast=Contrast(strength=0.35),
        saturation=Saturation(strength=0.35),
        hue=Hue(degrees=12),
        channel_mix=ChannelMix(probability=0.5),
        grayscale=Grayscale(probability=0.1),
        blur=Blur(sigma=0.008, probability=0.15),
        erase=Erase(probability=0.25, area=(0.02, 0.2)),
        fill="reflect",
    ),
}


def policy(name: str) -> Plan:
    """Return the plan of this name.

    Raises:
        RecipeError: There is none; the message suggests the nearest name.
    """
    if name not in POLICIES:
        raise RecipeError(
            f"There is no augmentation policy {name!r}.", remedy=nearest(name, POLICIES)
        )
    return POLICIES[name]
