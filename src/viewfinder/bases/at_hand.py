"""ImageNet weights on this computer: found where Keras or we keep them, or else downloaded."""

import hashlib
from pathlib import Path

from viewfinder.bases.catalogue import Network
from viewfinder.bases.published import Published, all_published, published_weights
from viewfinder.core.errors import DataError
from viewfinder.core.files import cache_folder, keras_home, locked_in_turn
from viewfinder.core.progress import Progress
from viewfinder.fetch.catalogue import Address, RemoteFile
from viewfinder.fetch.download import Patience, download
from viewfinder.fetch.trust import Checksums


def weights_folder() -> Path:
    """Where downloaded weights are kept, in the user's cache."""
    return cache_folder() / "weights"


def find_weights(published: Published) -> Path | None:
    """The file, if it is in the user's cache or in Keras's own; its content is not looked at."""
    for folder in (weights_folder(), keras_home() / "models"):
        if (folder / published.name).is_file():
            return folder / published.name
    return None


def weights_at_hand(network: Network) -> list[tuple[float, Path]]:
    """The ImageNet weights of a base that need no download: each width, and the file."""
    found = [(width, find_weights(published)) for width, published in all_published(network)]
    return [(width, path) for width, path in found if path]


def obtain_weights(
    network: Network,
    alpha: float | None = None,
    side: int | None = None,
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """The ImageNet weights of a base, downloaded unless they are at hand.

    Args:
        network: Without its top.
        alpha: Its width; None is the full one.
        side: The side of the pictures, which decides among weights for several sides.
        progress: Says where they come from, and how far the download is.
        patience: How long a download is tried.

    Raises:
        UsageError: There are no weights for this width.
        DataError: They cannot be downloaded, or are not those that were published. The message
            names the file, where it is to be had and where to put it.
    """
    progress = progress or Progress(0)
    published = published_weights(network, alpha, side)
    found = find_weights(published)
    if found:
        progress.detail(f"Weights: {found}")
        return found
    target = weights_folder() / published.name
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    with locked_in_turn(lock, progress, "Another process is fetching the weights: waiting for it."):
        if not target.exists():
            _fetch(published, target, progress, patience)
    return target


def weights_file(
    network: Network,
    alpha: float | None,
    weights: str | Path,
    side: int,
    progress: Progress | None = None,
) -> Path | None:
    """The file that a base's weights come from, or None where they are to be drawn.

    Args:
        network: Without its top.
        alpha: Its width; None is the full one.
        weights: "imagenet", "none", or a file.
        side: The side of the pictures, in pixels.
        progress: Says where they come from.

    Raises:
        UsageError: There are no ImageNet weights for this width.
        DataError: The weights are not at hand.
    """
    if str(weights) == "none":
        return None
    if str(weights) == "imagenet":
        return obtain_weights(network, alpha, side, progress=progress)
    path = Path(weights).expanduser()
    if not path.is_file():
        raise DataError(
            f"There is no weights file {path}.",
            remedy="the path of a file, 'imagenet', or 'none'",
        )
    return path


def _fetch(
    published: Published, target: Path, progress: Progress, patience: Patience | None
) -> None:
    """Download to another name first: what has the right name has been checked."""
    progress.say(f"From {published.url}")
    arrived = target.with_name(f"{target.name}.download")
    address = Address(published.url)
    try:
        download(address, arrived, patience=patience, progress=progress)
    except DataError as error:
        raise DataError(
            f"The weights {published.name} are not at hand, and cannot be downloaded.",
            expected=f"the file in {target.parent} or {keras_home() / 'models'}",
            received=error.fact,
            remedy=f"get {published.url} and put it there, or give --weights FILE",
        ) from error
    try:
        _check(published, address, arrived, progress)
        arrived.replace(target)
    finally:
        arrived.unlink(missing_ok=True)


def _check(published: Published, address: Address, arrived: Path, progress: Progress) -> None:
    if published.checksum is None:
        memory = Checksums(weights_folder() / "checksums.json")
        checked = memory.check(RemoteFile(published.name, (address,)), arrived)
        memory.remember(published.name, checked.sha256)
        progress.say(f"{published.name}: nobody has published a checksum; this one is remembered.")
        return
    kind = "md5" if len(published.checksum) == 32 else "sha256"
    with arrived.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != published.checksum:
        raise DataError(
            f"{published.url} has another file than was published.",
            expected=f"{kind.upper()} {published.checksum}",
            received=f"{kind.upper()} {found}, {arrived.stat().st_size:,} bytes",
            remedy="try again later; if it stays so, get the file elsewhere and check it",
        )
