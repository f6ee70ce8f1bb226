"""How a file's pixels differ from plain 8-bit RGB or gray, in words; decoding does not need it."""

from typing import Any, cast

from PIL import Image

_BITS_PER_SAMPLE = 258
# Where a PNG's header names its bits per sample.
_PNG_DEPTH = 24


def traits_of(opened: Any, loaded: Image.Image, data: bytes) -> tuple[str, ...]:
    """What is odd about these pixels.

    Args:
        opened: The file as Pillow opened it, with what it says of itself.
        loaded: The same with its pixels.
        data: The file's bytes.

    Returns:
        Some of "CMYK", "16-bit", "transparent" or "opaque alpha", "several frames".
    """
    found = {
        "CMYK": loaded.mode == "CMYK",
        "16-bit": _is_deep(opened, data),
        "transparent": False,
        "opaque alpha": False,
        "several frames": _has_several_frames(opened),
    }
    if loaded.has_transparency_data:
        found["transparent" if _shows_through(loaded) else "opaque alpha"] = True
    return tuple(trait for trait, is_there in found.items() if is_there)


def _is_deep(opened: Any, data: bytes) -> bool:
    """Pillow reads 16-bit colour as 8-bit, so its mode does not tell."""
    if opened.format == "PNG":
        return data[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10"
    bits = (getattr(opened, "tag_v2", None) or {}).get(_BITS_PER_SAMPLE, ())
    return opened.mode.startswith("I;16") or (isinstance(bits, tuple) and 16 in bits)


def _shows_through(loaded: Image.Image) -> bool:
    """Whether any pixel is not opaque; without a copy, for the picture may be large."""
    if "transparency" in loaded.info:  # a colour or palette entry; who declares it, uses it
        return True
    extrema = cast(tuple[tuple[int, int], ...], loaded.getextrema())
    return extrema[-1][0] < 255


def _has_several_frames(opened: Any) -> bool:
    try:
        return bool(opened.is_animated)
    except Exception:  # a broken later frame is no fault of the first
        return False
