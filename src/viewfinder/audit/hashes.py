"""A perceptual hash: 64 bits that hardly change when a picture is resized or encoded again.

The method is pHash (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010): each of the 8 × 8 lowest frequencies of the discrete cosine transform of a gray
32 × 32 picture gives one bit, set above their median.
"""

import numpy as np
from numpy.typing import NDArray

SIDE = 32
_LOW = 8

Hashes = NDArray[np.uint64]


def _cosines() -> NDArray[np.float32]:
    """Return the first eight rows of the orthonormal DCT-II of 32 values, float32, `(8, 32)`."""
    frequency, index = np.mgrid[0:_LOW, 0:SIDE]
    basis = np.cos(np.pi * frequency * (2 * index + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)


_COSINES = _cosines()
# Mirroring a picture negates the waves that are odd from left to right.
_MIRROR = np.where(np.arange(_LOW) % 2, -1, 1).astype(np.float32)


def perceptual_hash(thumbnail: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the hash of a picture, and that of its mirror image (left and right exchanged).

    Args:
        thumbnail: The gray picture, uint8, shape `(32, 32)`.

    Returns:
        Two integers of 64 bits, the lowest frequency in the highest bit.
    """
    frequencies = _COSINES @ thumbnail.astype(np.float32) @ _COSINES.T
    return _bits(frequencies), _bits(frequencies * _MIRROR)


def _bits(frequencies: NDArray[np.float32]) -> int:
    # Faster than `np.median`, which would take longer than everything else here.
    ordered = np.sort(frequencies, axis=None)
    above = frequencies > (ordered[_LOW * _LOW // 2 - 1] + ordered[_LOW * _LOW // 2]) / 2
    return int.from_bytes(np.packbits(above).tobytes(), "big")


def distances(first: Hashes, second: Hashes) -> NDArray[np.uint8]:
    """Return the Hamming distances of hashes, 0 to 64; shapes are broadcast."""
    return np.asarray(np.bitwise_count(first ^ second), np.uint8)
