"""Bases by their names in recipes."""

from pathlib import Path

from viewfinder.bases.base import Base
from viewfinder.bases.catalogue import network_named
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.from_file import FromFile
from viewfinder.bases.from_hub import PREFIX, FromHub
from viewfinder.bases.from_wheel import FromWheel, installed_weights
from viewfinder.bases.lite.plan import NAME as LITE
from viewfinder.core.errors import UsageError

USUAL_WEIGHTS = ("imagenet", "own")


def base_named(name: str, alpha: float | None = None, weights: str | None = None) -> Base:
    """Return the base of this name, without opening a file.

    Args:
        name: "EfficientNetLite0", a network of `keras.applications`, a `.keras` file, or "hub:" and
            a preset of KerasHub, by name or folder.
        alpha: The factor on the width of layers, for networks that have one.
        weights: "imagenet", "none" or a file, for a network of `keras.applications`; "imagenet" or
            "none" for EfficientNetLite0; "own" for the others. None for the default.

    Raises:
        UsageError: There is no such base, width or weights.
    """
    base = _of_kind(name, alpha, weights)
    if isinstance(base, FromCatalogue):
        return base
    if alpha not in (None, 1.0):
        raise UsageError(
            f"{base.label} has one width only.", expected="no alpha", received=f"alpha {alpha:g}"
        )
    if weights not in (None, base.usual_weights) and not isinstance(base, FromWheel):
        raise UsageError(
            f"{base.label} has weights of its own.",
            expected=f"no `weights`, or {base.usual_weights!r}",
            received=str(weights),
        )
    return base


def default_base() -> str:
    """Return the name of the base that is used where none is named."""
    return LITE if installed_weights() else "MobileNetV2"


def _of_kind(name: str, alpha: float | None, weights: str | None) -> Base:
    preset = name.removeprefix(PREFIX)
    if preset != name:
        if not preset:
            raise UsageError(
                f"{PREFIX!r} needs a preset.", expected=f"{PREFIX}NAME or {PREFIX}FOLDER"
            )
        return FromHub(str(_absolute(preset)) if _is_folder(preset) else preset)
    if Path(name).suffix == ".keras":
        return FromFile(_absolute(name))
    if Path(name).suffix in (".h5", ".hdf5"):
        raise UsageError(
            f"{name} is not a base.",
            expected="a .keras file of a whole model",
            received="an .h5 file",
            remedy="for a whole model, open it in Keras and save it as .keras; for weights alone, "
            "give their network as `base` and the file as `weights`",
        )
    if name == LITE:
        return FromWheel(weights or FromWheel.usual_weights)
    network = network_named(name)
    return FromCatalogue(network, alpha, weights or FromCatalogue.usual_weights)


def _is_folder(preset: str) -> bool:
    """Whether a preset is given as a folder: it exists, or is written as a path."""
    if "://" in preset:
        return False
    return preset.startswith((".", "~", "/")) or "/" in preset or Path(preset).is_dir()


def _absolute(path: str) -> Path:
    """Return an absolute path, so that the recipe does not depend on the working folder."""
    return Path(path).expanduser().absolute()
