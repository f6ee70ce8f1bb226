"""Reading, writing and listing picture files as Keras 2 does, with Pillow.

Pixels are those that Keras reads: EXIF orientation is ignored unless requested, transparency is
dropped by the conversion to RGB. Training with :func:`viewfinder.train` treats both correctly.
"""

import io
import operator
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from numbers import Real
from pathlib import Path
from typing import IO, Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from viewfinder.core.files import read_regular

Array = NDArray[Any]

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
MODES = {"rgb": 3, "rgba": 4, "grayscale": 1}
RESAMPLING = {
    name: getattr(Image.Resampling, name.upper())
    for name in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
}
_ORIENTATION = 0x0112
_DEEP_GRAYS = ("L", "I;16", "I")


def load_img(
    path: str | os.PathLike[str] | bytes | io.BytesIO,
    grayscale: bool = False,
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    *,
    exif: bool = False,
) -> Image.Image:
    """Load a picture.

    Args:
        path: A path, or a `BytesIO`.
        grayscale: Keras 1's name for `color_mode="grayscale"`.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (height, width), of which further numbers are ignored as in Keras; None
            keeps the picture's own size.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: Cut the largest centred part of the target's aspect ratio out before
            resizing.
        exif: Turn the picture upright by its EXIF orientation, which Keras ignores.

    Raises:
        ValueError: `color_mode` or `interpolation` is unknown.
        TypeError: `path` is of another type.
        OSError: The file cannot be read, or is not a picture.
    """
    mode = "grayscale" if grayscale else color_mode
    check_choice("color_mode", mode, MODES)
    if not isinstance(path, str | os.PathLike | bytes | io.BytesIO):
        raise TypeError(f"`path` should be a path or a BytesIO. Received: {type(path).__name__}")
    data = path if isinstance(path, io.BytesIO) else io.BytesIO(read_regular(os.fsdecode(path)))
    with _errors_of(path), Image.open(data) as opened:
        image = _converted(ImageOps.exif_transpose(opened) if exif else opened, mode)
        image.load()
    if target_size is None:
        return image
    size = target_size[:2] if isinstance(target_size, tuple | list) else target_size
    return resized(image, size, interpolation, keep_aspect_ratio)


def read_picture(path: str, mode: str, exif: bool) -> tuple[Image.Image, bool]:
    """Return a file's picture, with the pixels of :func:`load_img`, and whether it is turned.

    JPEGs are decoded by simplejpeg, which gives Pillow's pixels in two thirds of the time.
    """
    data = read_regular(path)
    with _errors_of(path), Image.open(io.BytesIO(data)) as opened:
        turned = bool(opened.getexif().get(_ORIENTATION, 1) != 1)
        if opened.format == "JPEG" and opened.mode == "RGB" and mode == "rgb":
            # What simplejpeg refuses, Pillow may read, or refuses with its own message.
            with suppress(ValueError):
                image = Image.fromarray(simplejpeg.decode_jpeg(data, "RGB"))
                if exif and turned:
                    image.getexif().update(opened.getexif())
                    image = ImageOps.exif_transpose(image)
                return image, turned
        image = _converted(ImageOps.exif_transpose(opened) if exif else opened, mode)
        image.load()
    return image, turned


def img_to_array(
    img: Image.Image, data_format: str | None = None, dtype: str | None = None
) -> Array:
    """Return a picture's pixels, float32 unless `dtype`, shape (h, w, C) or (C, h, w).

    Raises:
        ValueError: `data_format` is unknown, or `img` is an array of other than 2 or 3 axes.
    """
    data_format = resolved_format(data_format)
    pixels = np.asarray(img, dtype=dtype or _floatx())
    if pixels.ndim not in (2, 3):
        raise ValueError(f"Expected a picture with 2 or 3 axes. Received shape: {pixels.shape}")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return pixels.transpose(2, 0, 1) if data_format == "channels_first" else pixels


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None
) -> Image.Image:
    """Return an array of shape (h, w, C) or (C, h, w) as a picture.

    Args:
        x: 1, 3 or 4 channels.
        data_format: "channels_last" or "channels_first"; Keras's own setting by default.
        scale: Stretch the values to 0–255.
        dtype: The dtype of the computation, float32 by default.

    Raises:
        ValueError: The array has another number of axes or channels.
    """
    data_format = resolved_format(data_format)
    pixels = np.asarray(x, dtype=dtype or _floatx())
    if pixels.ndim != 3:
        raise ValueError(
            f"Expected an array of 3 axes: rows, columns, channels. Received shape: {pixels.shape}"
        )
    if data_format == "channels_first":
        pixels = pixels.transpose(1, 2, 0)
    if scale:
        pixels = pixels - pixels.min()
        peak = pixels.max()
        pixels = pixels / peak * 255 if peak else pixels
    channels = pixels.shape[2]
    if channels in (3, 4):
        return Image.fromarray(pixels.astype(np.uint8), "RGBA" if channels == 4 else "RGB")
    if channels == 1:
        deep = pixels.max() > 255
        return Image.fromarray(pixels[..., 0].astype(np.int32 if deep else np.uint8))
    raise ValueError(f"Expected 1, 3 or 4 channels. Received shape: {np.shape(x)}")


def save_img(
    path: str | os.PathLike[str] | IO[bytes],
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture file; the ending chooses the format unless `file_format` does.

    Args:
        path: A path, or a file object opened for writing bytes.
        x: As for :func:`array_to_img`.
        data_format: As for :func:`array_to_img`.
        file_format: Pillow's name of the format.
        scale: Stretch the values to 0–255.
        kwargs: Passed to Pillow.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = Path(path).suffix[1:]
    file_format = {"jpg": "jpeg"}.get((file_format or "").lower(), file_format)
    if image.mode == "RGBA" and (file_format or "").lower() == "jpeg":
        warnings.warn("JPEG has no transparency: the picture is written as RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=file_format or None, **kwargs)


def list_pictures(
    directory: str | os.PathLike[str], ext: str | tuple[str, ...] = FORMATS
) -> list[str]:
    """Return the paths of all files below `directory` whose names end in one of `ext`."""
    endings = tuple(f".{end}" for end in ([ext] if isinstance(ext, str) else ext))
    return [
        str(Path(root) / name)
        for root, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(endings)
    ]


def validate_filename(filename: str, white_list_formats: tuple[str, ...]) -> bool:
    """Whether a path names an existing file with one of the endings."""
    return filename.lower().endswith(white_list_formats) and Path(filename).is_file()


def files_of_class(directory: str, label: str, follow_links: bool) -> Iterator[str]:
    """Yield the paths of a class's pictures, relative to `directory`, in Keras's order.

    Folders come in the order of their paths, the files of each in that of their names.
    """
    folder = Path(directory) / label
    for root, _, names in sorted(os.walk(folder, followlinks=follow_links)):
        for name in sorted(names):
            if name.lower().endswith(FORMATS):
                yield f"{label}{os.sep}{(Path(root) / name).relative_to(folder)}"


def check_choice(name: str, value: Any, choices: Any) -> None:
    """Raise Keras's ValueError unless `value` is one of the choices."""
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"Invalid {name}: {value!r}. Expected one of: {listed}")


def check_number(name: str, value: Any, expected: str = "a number") -> None:
    """Raise TypeError unless `value` is a number."""
    if not isinstance(value, Real):
        raise TypeError(f"`{name}` should be {expected}. Received: {value!r}")


def checked_size(target_size: Any) -> tuple[int, int]:
    """Return (height, width).

    Raises:
        TypeError: It is no pair of whole numbers.
        ValueError: It has another length, or a side is below 1.
    """
    advice = f"`target_size` should be (height, width), such as (150, 150). Received: {target_size}"
    try:
        sides = tuple(operator.index(side) for side in target_size)
    except TypeError:
        raise TypeError(advice) from None
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(advice)
    return sides[0], sides[1]


def check_saving(folder: Any, ending: Any) -> None:
    """Raise unless pictures can be saved in a folder with an ending.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: Pillow writes no files of this ending.
    """
    if Image.registered_extensions().get(f".{ending}".lower().replace("..", ".")) not in Image.SAVE:
        raise ValueError(
            f"Invalid save_format: {ending!r}. Expected the ending of a format that Pillow writes, "
            "such as 'png' or 'jpg'."
        )
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"The folder `save_to_dir` = {folder} does not exist. Create it first: "
            f"os.makedirs({str(folder)!r})."
        )


def resolved_format(data_format: str | None) -> str:
    """Return a data format, Keras's own setting for None.

    Raises:
        ValueError: The format is unknown.
    """
    if data_format is None:
        import keras

        return str(keras.config.image_data_format())
    check_choice("data_format", data_format, ("channels_last", "channels_first"))
    return data_format


def _floatx() -> str:
    import keras

    return str(keras.config.floatx())


@contextmanager
def _errors_of(path: Any) -> Iterator[None]:
    """Turn Pillow's errors into one that names the file and the remedy."""
    try:
        yield
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = (
            "not a picture of a known kind" if isinstance(error, UnidentifiedImageError) else error
        )
        raise UnidentifiedImageError(
            f"{path} cannot be read as a picture: {why}. Remedy: `viewfinder audit FOLDER` "
            "lists every unreadable file; ImageDataGenerator(skip_unreadable=True) leaves them out."
        ) from error


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if mode == "grayscale":
        return image if image.mode in _DEEP_GRAYS else image.convert("L")
    target = mode.upper()
    return image if image.mode == target else image.convert(target)


def resized(
    image: Image.Image, target_size: Sequence[int], interpolation: str, keep_aspect_ratio: bool
) -> Image.Image:
    """Resize a picture to (height, width), as :func:`load_img` does."""
    height, width = checked_size(target_size)
    if image.size == (width, height):
        return image
    check_choice("interpolation", interpolation, RESAMPLING)
    resampling = RESAMPLING[interpolation]
    if not keep_aspect_ratio:
        return image.resize((width, height), resampling)
    across = min(image.width, image.height * width // height)
    down = min(image.height, image.width * height // width)
    left, top = (image.width - across) // 2, (image.height - down) // 2
    return image.resize((width, height), resampling, box=(left, top, left + across, top + down))
