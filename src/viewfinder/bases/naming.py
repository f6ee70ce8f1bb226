"""A base by the name that a recipe has for it."""

from pathlib import Path

from viewfinder.bases.base import Base
from viewfinder.bases.catalogue import network_named
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.from_file import FromFile
from viewfinder.bases.from_hub import PREFIX, FromHub
from viewfinder.core.errors import UsageError

USUAL_WEIGHTS = ("imagenet", "own")


def base_named(name: str, alpha: float | None = None, weights: str | None = None) -> Base:
    """The base of this name; no file is opened.

    Args:
        name: One of `viewfinder bases`; a `.keras` file; or "hub:" and a preset of KerasHub, by
            its name or its folder.
        alpha: The factor on its width, for the networks that have one.
        weights: "imagenet", "none" or a file, for a network of `viewfinder bases`; the others have
            their "own". None is what is usual.

    Raises:
        UsageError: There is no such base, or none of this width or with such weights.
    """
    base = _of_kind(name, alpha, weights)
    if base.is_catalogued:
        return base
    if alpha not in (None, 1.0):
        raise UsageError(
            f"{base.label} has one width only.", expected="no alpha", received=f"alpha {alpha:g}"
        )
    if weights not in (None, base.usual_weights):
        raise UsageError(
            f"{base.label} has its weights in it.",
            expected=f"no weights beside it, or {base.usual_weights!r}",
            received=str(weights),
        )
    return base


def _of_kind(name: str, alpha: float | None, weights: str | None) -> Base:
    preset = name.removeprefix(PREFIX)
    if preset != name:
        if not preset:
            raise UsageError(
                f"{PREFIX} names no preset.", expected=f"{PREFIX}NAME or {PREFIX}FOLDER"
            )
        return FromHub(str(_absolute(preset)) if _is_folder(preset) else preset)
    if Path(name).suffix == ".keras":
        return FromFile(_absolute(name))
    if Path(name).suffix in (".h5", ".hdf5"):
        raise UsageError(
            f"{name} is no base.",
            expected="a .keras file of a whole model",
            received="an .h5 file",
            remedy="a whole model: open it in Keras and save it as .keras; weights alone: --base "
            "names their network, --weights the file",
        )
    network = network_named(name)
    return FromCatalogue(network, alpha, weights or FromCatalogue.usual_weights)


def _is_folder(preset: str) -> bool:
    """Whether a preset is meant by its place: it is there, or written as only paths are."""
    if "://" in preset:
        return False
    return preset.startswith((".", "~", "/")) or "/" in preset or Path(preset).is_dir()


def _absolute(path: str) -> Path:
    """The same place wherever the recipe is read again."""
    return Path(path).expanduser().absolute()
