"""ImageNet weights on this computer: found in the caches, or downloaded."""

import hashlib
from pathlib import Path

from viewfinder.bases.catalogue import Network, Published, published_weights
from viewfinder.core.errors import DataError
from viewfinder.core.files import cache_folder, keras_home, locked_in_turn
from viewfinder.core.progress import Progress
from viewfinder.fetch.catalogue import Address, RemoteFile
from viewfinder.fetch.download import Patience, download
from viewfinder.fetch.trust import Checksums


def weights_folder() -> Path:
    """Return the folder of downloaded weights in the user's cache."""
    return cache_folder() / "weights"


def find_weights(published: Published) -> Path | None:
    """Return the file if it is in the user's cache or in Keras's; its content is not checked."""
    for folder in (weights_folder(), keras_home() / "models"):
        if (folder / published.name).is_file():
            return folder / published.name
    return None


def obtain_weights(
    network: Network,
    alpha: float | None = None,
    side: int | None = None,
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """Return the ImageNet weights of a network, after downloading them if needed.

    Args:
        network: The network.
        alpha: Its width; None for the full width.
        side: The side of the pictures, for weights of several sides.
        progress: Reports the source, and shows the download.
        patience: The attempts and waits of a download.

    Raises:
        UsageError: There are no weights of this width.
        DataError: The weights cannot be downloaded, or differ from the published ones. The remedy
            names the address and the path for the file.
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
    waiting = "Waiting for another process that downloads the weights."
    with locked_in_turn(lock, progress, waiting):
        if not target.exists():
            _fetch(published, target, progress, patience)
    return target


def _fetch(
    published: Published, target: Path, progress: Progress, patience: Patience | None
) -> None:
    """Download to a temporary name, verify, and rename."""
    progress.say(f"Downloading {published.url}")
    arrived = target.with_name(f"{target.name}.download")
    address = Address(published.url)
    try:
        download(address, arrived, patience=patience, progress=progress)
    except DataError as error:
        raise DataError(
            f"The weights {published.name} are not on this computer, and cannot be downloaded.",
            expected=f"the file in {target.parent} or {keras_home() / 'models'}",
            received=error.fact,
            remedy=f"obtain {published.url} and put it there, or give a file as `weights`",
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
        progress.say(f"{published.name} has no published checksum; stored this one.")
        return
    kind = "md5" if len(published.checksum) == 32 else "sha256"
    with arrived.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != published.checksum:
        raise DataError(
            f"{published.url} differs from the published file.",
            expected=f"{kind.upper()} {published.checksum}",
            received=f"{kind.upper()} {found}, {arrived.stat().st_size:,} bytes",
            remedy="try again later, or obtain the file elsewhere and check its checksum",
        )
