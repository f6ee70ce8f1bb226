"""Muon for convolutional networks: orthogonalizes the steps of kernels."""

import math
import re
from typing import Any

import keras
from keras import ops
from typing_extensions import override

# A convolution's kernel, (rows, columns, channels in, channels out). Keras names the kernel of a
# depthwise convolution, which mixes no channels, differently.
_KERNEL = re.compile(r"(^|/)kernel$")


class Muon(keras.optimizers.Muon):
    """Keras's Muon, extended to convolutions, which Keras leaves to AdamW.

    A step is the running mean of the gradient, orthogonalized by the Newton–Schulz iteration: its
    singular values become nearly equal, so that rare directions are learned as fast as frequent
    ones. A convolution's kernel is reshaped to a matrix (rows · columns · channels in, channels
    out). Steps have the length of Adam's, a root mean square of 0.2 per entry, so that one learning
    rate and one weight decay suit both: biases, norms and the excluded layers use AdamW.

    Sources: K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024,
    kellerjordan.github.io/posts/muon; the length from Liu and others 2025, arXiv:2502.16982.
    """

    @override
    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Return approximately the nearest orthogonal matrix, in the kernel's shape.

        Each step of the iteration multiplies the matrix by a polynomial of the square matrix of its
        inner products. These polynomials commute, so this method multiplies the polynomials first:
        the kernel's matrix enters two products in all, instead of two for each step.
        """
        wide = ops.reshape(x, _as_matrix(x.shape))
        is_tall = wide.shape[0] > wide.shape[1]
        wide = ops.transpose(wide) if is_tall else wide
        wide = wide / (ops.norm(wide) + 1e-7)  # no singular value is above 1
        products = wide @ ops.transpose(wide)
        polynomial = identity = ops.eye(wide.shape[0], dtype=wide.dtype)
        for _ in range(steps):
            factor = self.muon_a * identity + (
                self.muon_b * products + self.muon_c * products @ products
            )
            polynomial = factor @ polynomial
            products = factor @ products @ factor
        nearly_orthogonal = polynomial @ wide
        return ops.reshape(
            ops.transpose(nearly_orthogonal) if is_tall else nearly_orthogonal, x.shape
        )

    @override
    def lr_adjust(self, x: Any) -> Any:
        """Scale a step to Adam's root mean square, whatever the sides of its matrix."""
        return x * (math.sqrt(max(_as_matrix(x.shape))) * self.rms_rate)

    @override
    def _should_use_adamw(self, variable: Any) -> bool:
        is_excluded = any(re.search(layer, variable.path) for layer in self.exclude_layers)
        if len(variable.shape) == 4 and _KERNEL.search(variable.path) and not is_excluded:
            return False
        return bool(super()._should_use_adamw(variable))


def _as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the product of all axes but the last, and the last axis."""
    return math.prod(shape[:-1]), shape[-1]
