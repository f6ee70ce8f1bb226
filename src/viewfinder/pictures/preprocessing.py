"""The preprocessing of pictures: one record that is stored with the model.

The store, training, evaluation and prediction use the same record, so that a picture has the same
pixels in each of them. Conversion to floats happens inside the model, which takes 0 to 255.
"""

from importlib.metadata import version
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from viewfinder.pictures.codecs.types import Color as Color

Side = Annotated[int, Field(ge=1, le=4096)]
Level = Annotated[int, Field(ge=0, le=255)]
ResizePolicy = Literal["stretch", "crop", "pad"]

# Raised whenever `decode.py`, `isolate.py` or `resize.py` gives other pixels.
PIXELS_VERSION = 3


def decoder_versions() -> dict[str, str]:
    """Return the versions of the decoders: another version may give other pixels."""
    return {name: version(name) for name in ("pillow", "simplejpeg", "opencv-python-headless")}


class Preprocessing(BaseModel):
    """The steps from a picture's bytes to a model's input.

    A picture is decoded, turned upright (EXIF), composited on `background` where it is transparent,
    converted to `color`, cut to the central share `zoom` of both sides, with `isolate` put on
    `background` without its scene (:func:`viewfinder.pictures.isolate.isolate`), and resized to
    `height` × `width` by `resize`:

    - `stretch` fits both sides and ignores the aspect ratio (Keras's `target_size`);
    - `crop` fits the shorter side and keeps the centre;
    - `pad` fits the longer side and fills the rest with `background`.

    Shrinking averages over the area that a pixel covers; enlarging is bilinear.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: Side
    width: Side
    color: Color = "rgb"
    resize: ResizePolicy = "stretch"
    background: tuple[Level, Level, Level] = (255, 255, 255)
    isolate: bool = False
    zoom: Annotated[float, Field(gt=0, le=1)] = 1.0
    pixels_version: int = PIXELS_VERSION

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of a prepared picture: (height, width, channels)."""
        return self.height, self.width, 3 if self.color == "rgb" else 1
