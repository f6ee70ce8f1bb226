"""Counter-based random numbers.

Every random number has an address: (seed, operation, epoch, example, draw). The number at an
address is independent of earlier draws. So the augmentation of one picture can be repeated alone,
for any workers, batch size and order, and a resumed run uses the same numbers.

The numbers are hashes of the address by the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast
splittable pseudorandom number generators", OOPSLA 2014), in vectorised 64-bit arithmetic.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint64]

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_FACTORS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_LOW_64_BITS = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Randomness:
    """The random numbers of one seed.

    Args:
        seed: Any integer of 64 bits; equal seeds give equal numbers on every machine.
    """

    seed: int

    def bits(self, operation: str, *, epoch: int, examples: Ids, draws: int = 1) -> Ids:
        """Return uniform 64-bit integers, shape `(len(examples), draws)`.

        Args:
            operation: The purpose of the numbers; each name has a stream of its own.
            epoch: The pass over the data, from 0; -1 for draws outside of epochs.
            examples: The examples' ids, uint64, shape `(n,)`.
            draws: The numbers per example.
        """
        address = _mixed(self.seed & _LOW_64_BITS)
        address = _mixed(address ^ int(ids([operation])[0]))
        address = _mixed(address ^ (epoch & _LOW_64_BITS))
        with np.errstate(over="ignore"):
            per_example = _mixed_all(np.uint64(address) ^ np.asarray(examples, np.uint64))
            steps = np.arange(1, draws + 1, dtype=np.uint64) * np.uint64(_GOLDEN_GAMMA)
            return _mixed_all(per_example[:, None] + steps)

    def uniform(
        self, operation: str, *, epoch: int, examples: Ids, draws: int = 1
    ) -> NDArray[np.float64]:
        """Return uniform numbers in [0, 1), float64, shape `(len(examples), draws)`."""
        bits = self.bits(operation, epoch=epoch, examples=examples, draws=draws)
        return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def order(self, operation: str, *, epoch: int, examples: Ids) -> NDArray[np.intp]:
        """Return a random order of the examples: indices into `examples`, shape `(n,)`.

        Examples are sorted by their own random numbers, so the order of any two of them does not
        depend on the others.
        """
        return np.argsort(self.bits(operation, epoch=epoch, examples=examples)[:, 0], kind="stable")


def ids(names: Iterable[str]) -> Ids:
    """Return stable 64-bit ids of names (BLAKE2b), uint64, shape `(n,)`."""
    blake2b = hashlib.blake2b
    # Iterating over a pandas column is many times slower than over a list.
    listed = names.tolist() if hasattr(names, "tolist") else names
    digests = b"".join([blake2b(name.encode(), digest_size=8).digest() for name in listed])
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _mixed(z: int) -> int:
    """SplitMix64's finaliser, a bijection of 64-bit integers in which each bit affects all."""
    z = (z + _GOLDEN_GAMMA) & _LOW_64_BITS
    z = (z ^ (z >> 30)) * _FACTORS[0] & _LOW_64_BITS
    z = (z ^ (z >> 27)) * _FACTORS[1] & _LOW_64_BITS
    return z ^ (z >> 31)


def _mixed_all(z: Ids) -> Ids:
    """`_mixed` for every integer of an array; overflow reduces to 64 bits."""
    z = z + np.uint64(_GOLDEN_GAMMA)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_FACTORS[0])
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_FACTORS[1])
    return z ^ (z >> np.uint64(31))
