"""A base from the catalogue: a network of `keras.applications`, its width and its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from viewfinder.bases.at_hand import weights_at_hand, weights_file
from viewfinder.bases.base import Base, Takes
from viewfinder.bases.catalogue import Network
from viewfinder.core.files import content_hash
from viewfinder.core.progress import Progress


@dataclass(frozen=True)
class FromCatalogue(Base):
    """A network of `keras.applications`.

    Attributes:
        network: Which.
        alpha: The factor on its width; None is the full width.
        weights: "imagenet", "none", or a file.
    """

    network: Network
    alpha: float | None = None
    weights: str = "imagenet"

    usual_weights: ClassVar[str] = "imagenet"
    is_catalogued: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.network.width(self.alpha)

    @property
    def width(self) -> float:
        """The `alpha` that is meant."""
        return self.network.width(self.alpha)

    @property
    def name(self) -> str:
        """As `keras.applications` calls it."""
        return self.network.name

    @property
    def label(self) -> str:
        """The same."""
        return self.network.name

    @property
    def least_size(self) -> int:
        """The smallest side that it takes."""
        return self.network.least_size

    @property
    def scaling_in_words(self) -> str:
        """What its pixels go through first."""
        return self.network.scaling_in_words

    def parameters(self) -> dict[float, int]:
        """Of each width that has ImageNet weights."""
        return self.network.widths

    def takes(self) -> Takes:
        """Colour pictures, of the side that its ImageNet weights were trained at."""
        return Takes((self.network.size, self.network.size), "rgb")

    def obtain(self, side: int | None = None, progress: Progress | None = None) -> Path | None:
        """Its weights: at hand, downloaded, or the file that was named."""
        side = side or self.network.size
        return weights_file(self.network, self.alpha, self.weights, side, progress)

    def at_hand(self) -> list[tuple[float, Path]]:
        """Its ImageNet weights that need no download."""
        return weights_at_hand(self.network)

    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:
        """The network, its width and its weights."""
        weights = content_hash(source) if source else f"drawn from seed {seed}"
        return {"base": self.name, "alpha": self.width, "weights": weights}
