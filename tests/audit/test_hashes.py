"""The perceptual hash against SciPy's cosine transform."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dctn

from viewfinder.audit.hashes import distances, perceptual_hash


def thumbnail(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (32, 32), dtype=np.uint8)


def hash_by_scipy(image: np.ndarray) -> int:
    low = dctn(image.astype(np.float64), norm="ortho")[:8, :8].ravel()
    return int("".join("1" if value > np.median(low) else "0" for value in low), 2)


@given(st.integers(0, 10_000))
def test_hash_is_of_the_lowest_frequencies(seed: int) -> None:
    image = thumbnail(seed)
    assert perceptual_hash(image) == (hash_by_scipy(image), hash_by_scipy(image[:, ::-1]))


def test_distances_count_bits() -> None:
    random = np.random.default_rng(0)
    one, other = random.integers(0, 2**63, (2, 50), dtype=np.uint64)
    expected = [(int(a) ^ int(b)).bit_count() for a, b in zip(one, other, strict=True)]
    assert distances(one, other).tolist() == expected
