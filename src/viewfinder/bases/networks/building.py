"""Builds any base; only this file distinguishes the kinds of bases."""

from pathlib import Path

from viewfinder.bases.base import Base
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.from_file import FromFile
from viewfinder.bases.from_hub import FromHub
from viewfinder.bases.from_wheel import FromWheel
from viewfinder.bases.naming import base_named
from viewfinder.bases.networks.built import BuiltBase
from viewfinder.bases.networks.hub import build_preset
from viewfinder.bases.networks.lite import build_lite
from viewfinder.bases.networks.network import build_network
from viewfinder.bases.networks.own import build_own
from viewfinder.core.progress import Progress


def build_base(
    name: str,
    *,
    input_shape: tuple[int, int, int],
    alpha: float | None = None,
    weights: str | Path | None = None,
    cut: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> BuiltBase:
    """Build a base by its name, with its weights and its scaling of pixels.

    Args:
        name: "EfficientNetLite0", a network of `keras.applications` ("InceptionV3",
            "MobileNetV2" …), a `.keras` file of a model that takes pixels from 0 to 255, or "hub:"
            and a preset of KerasHub, by name or folder.
        input_shape: (height, width, channels) in pixels.
        alpha: The factor on the width of layers, for networks that have one.
        weights: For a network of `keras.applications` "imagenet" (from the caches, or downloaded;
            the default), "none" (drawn from `seed`), or a file (`*_no_top.h5`, `.weights.h5`,
            `.keras`). EfficientNetLite0 has "imagenet" and "none"; other bases have weights of
            their own.
        cut: The layer at which the network ends; None for the last.
        seed: The seed of random weights.
        progress: Reports the source of weights, and shows a download.

    Raises:
        UsageError: There is no such base, width or layer, or it takes other pictures.
        DataError: The base or its weights are missing, damaged, or another network's.
    """
    base = base_named(name, alpha, None if weights is None else str(weights))
    source = base.obtain(min(input_shape[:2]), progress)
    return build_from(base, source, input_shape=input_shape, cut=cut, seed=seed, progress=progress)


def build_from(
    base: Base,
    source: Path | None,
    *,
    input_shape: tuple[int, int, int],
    cut: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> BuiltBase:
    """Build a base from the result of :meth:`Base.obtain`; raises as :func:`build_base`."""
    match base:
        case FromCatalogue():
            return build_network(base, source, input_shape=input_shape, cut=cut, seed=seed)
        case FromWheel():
            return build_lite(base, source, input_shape=input_shape, cut=cut, seed=seed)
        case FromFile():
            return build_own(base, input_shape=input_shape, cut=cut, progress=progress)
        case FromHub() if source:
            return build_preset(base, source, input_shape=input_shape, cut=cut)
    raise NotImplementedError(type(base))
