"""The networks of `keras.applications` and their published ImageNet weights, as records.

The data are in `networks.yaml`; networks come without their tops.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from viewfinder.bases.lite.plan import NAME as LITE
from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.files import read_yaml
from viewfinder.pictures.scaling import ScalingName

_SCALING_IN_WORDS = {
    "-1-1": "pixels scaled to [-1, 1]",
    "imagenet": "pixels scaled to mean 0 and deviation 1 over ImageNet",
    "caffe": "channels reversed to BGR, ImageNet's mean subtracted",
    "inside": "pixels scaled by the network's own first layers",
}


@dataclass(frozen=True)
class Network:
    """A classification network without its top.

    Attributes:
        name: Its name in `keras.applications`.
        scaling: The scaling of its pixels; "inside" by its own first layers.
        size: The side, in pixels, that its ImageNet weights were trained at.
        widths: Its parameters (trainable or not) by `alpha`, the factor on the width of its
            layers, for each width with ImageNet weights; 1.0 only without such a factor.
        url: The address of its ImageNet weights, with {alpha} and {side} for a width and a side.
        least_size: The smallest side of its input.
        checksums: MD5 or SHA-256 of the weights by `alpha`; empty where none is published.
        file: Keras's name of the weights file; empty where it is that of the URL.
        sides: The sides that weights are published for; empty where that is `size` only.
        spelled: How {alpha} is spelled in the URL, where it is not spelled as a number.
    """

    name: str
    scaling: ScalingName | Literal["inside"]
    size: int
    widths: dict[float, int]
    url: str
    least_size: int = 32
    checksums: dict[float, str] = field(default_factory=dict)
    file: str = ""
    sides: tuple[int, ...] = ()
    spelled: dict[float, str] = field(default_factory=dict)

    @property
    def has_alpha(self) -> bool:
        """Whether its width can be chosen."""
        return len(self.widths) > 1

    @property
    def scaling_in_words(self) -> str:
        """A description of its scaling, for people."""
        return _SCALING_IN_WORDS[self.scaling]

    def width(self, alpha: float | None) -> float:
        """Return `alpha`, or 1.0 for None.

        Raises:
            UsageError: This network has no such factor, or `alpha` is not above 0 and up to 4.
        """
        if alpha is not None and not self.has_alpha and alpha != 1.0:
            scalable = [network.name for network in BASES.values() if network.has_alpha]
            raise UsageError(
                f"{self.name} has one width only.",
                expected=f"no alpha, or a base that has one: {', '.join(scalable)}",
                received=f"alpha {alpha:g}",
            )
        if alpha is not None and not 0 < alpha <= 4:
            raise UsageError(
                "A base cannot have this width.",
                expected="an alpha above 0 and up to 4",
                received=f"alpha {alpha:g}",
            )
        return 1.0 if alpha is None else float(alpha)


@dataclass(frozen=True)
class Published:
    """A weights file on the web.

    Attributes:
        name: Keras's name of the file on the disk.
        url: The address.
        checksum: MD5 (32 hexadecimal digits) or SHA-256 (64); None where none is published.
    """

    name: str
    url: str
    checksum: str | None = None


def _read_networks() -> dict[str, Network]:
    networks = read_yaml(Path(__file__).with_name("networks.yaml"))
    return {name: Network(name, **fields) for name, fields in networks.items()}


BASES = _read_networks()
"""Every network by name."""


def network_named(name: str) -> Network:
    """Return the network of this name.

    Raises:
        UsageError: There is none; the message suggests the nearest name.
    """
    if name not in BASES:
        names = [LITE, *BASES]
        by_letters = {known.lower(): known for known in names}
        remedy = nearest(by_letters.get(name.lower(), name), names)
        raise UsageError(f"There is no base {name!r}.", remedy=remedy)
    return BASES[name]


def bases_with(parameters: int) -> list[tuple[str, float]]:
    """Return the names and widths of the networks with exactly this number of parameters."""
    return [
        (network.name, alpha)
        for network in BASES.values()
        for alpha, count in network.widths.items()
        if count == parameters
    ]


def published_weights(network: Network, alpha: float | None, side: int | None = None) -> Published:
    """Return the ImageNet weights of a network.

    Args:
        network: The network.
        alpha: Its width; None for the full width.
        side: The side of the pictures, in pixels. Of weights for several sides those of the
            nearest side are chosen, and the larger of two.

    Raises:
        UsageError: There are no weights of this width.
    """
    width = network.width(alpha)
    if width not in network.widths:
        raise UsageError(
            f"{network.name} with alpha {width:g} has no ImageNet weights.",
            expected=f"alpha {', '.join(f'{known:g}' for known in sorted(network.widths))}",
            received=f"alpha {width:g}",
            remedy="choose one of these, or give a file or 'none' as `weights`",
        )
    wanted = side or network.size
    chosen = min(network.sides or (network.size,), key=lambda known: (abs(known - wanted), -known))
    url = network.url.format(alpha=network.spelled.get(width, width), side=chosen)
    return Published(network.file or url.rpartition("/")[2], url, network.checksums.get(width))


def all_published(network: Network) -> list[tuple[float, Published]]:
    """Return all ImageNet weights of a network, each with its width."""
    return [
        (width, published_weights(network, width, side))
        for width in network.widths
        for side in network.sides or (network.size,)
    ]
