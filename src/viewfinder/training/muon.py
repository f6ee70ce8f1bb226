"""Muon for networks of convolutions: steps that turn in all directions alike."""

import math
import re
from typing import Any

import keras
from keras import ops

# A convolution's, (rows, columns, channels in, channels out); not a depthwise one's, which has
# another name and mixes no channels.
_KERNEL = re.compile(r"(^|/)kernel$")


class Muon(keras.optimizers.Muon):
    """Keras's Muon, which leaves convolutions to Adam, made to take them too.

    A step is the gradient's running mean with its singular values brought near one another by
    Newton's and Schulz's iteration: what shows rarely in the gradient is learned as fast as what
    always does. A convolution's kernel counts as the matrix (rows · columns · channels in, channels
    out). Steps have the length of Adam's, a root mean square of 0.2 an entry, so that one learning
    rate and one decay suit both: biases, norms and the excluded layers stay with Adam.

    Sources: K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024,
    kellerjordan.github.io/posts/muon; the length from Liu and others 2025, arXiv:2502.16982.
    """

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The kernel's matrix, its singular values brought near 1, in the kernel's shape.

        Each of the iteration's steps multiplies the matrix by a polynomial of the square matrix
        of its inner products. These polynomials commute, so they are multiplied first, in the small
        square: the kernel's matrix takes part in two products in all, and not in two a step.
        """
        wide = ops.reshape(x, _as_matrix(x.shape))
        is_tall = wide.shape[0] > wide.shape[1]
        wide = ops.transpose(wide) if is_tall else wide
        wide = wide / (ops.norm(wide) + 1e-7)  # no singular value is above 1
        products = wide @ ops.transpose(wide)
        whole = identity = ops.eye(wide.shape[0], dtype=wide.dtype)
        for _ in range(steps):
            factor = self.muon_a * identity + (
                self.muon_b * products + self.muon_c * products @ products
            )
            whole = factor @ whole
            products = factor @ products @ factor
        nearly_orthogonal = whole @ wide
        return ops.reshape(
            ops.transpose(nearly_orthogonal) if is_tall else nearly_orthogonal, x.shape
        )

    def lr_adjust(self, x: Any) -> Any:
        """The step at Adam's length: the longer a matrix's sides, the smaller its entries are."""
        return x * (math.sqrt(max(_as_matrix(x.shape))) * self.rms_rate)

    def _should_use_adamw(self, variable: Any) -> bool:
        is_excluded = any(re.search(layer, variable.path) for layer in self.exclude_layers)
        if len(variable.shape) == 4 and _KERNEL.search(variable.path) and not is_excluded:
            return False
        return bool(super()._should_use_adamw(variable))


def _as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Everything but the last axis, and the last axis."""
    return math.prod(shape[:-1]), shape[-1]
