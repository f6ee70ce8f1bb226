"""Trained in half precision, judged and saved in float32."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import keras

from viewfinder.models.nested import all_layers

Logs = dict[str, float]


@contextmanager
def in_float32(model: keras.Model) -> Iterator[None]:
    """Within, layers that compute in mixed precision compute in float32, and say so where saved.

    Their weights are float32 in any case.
    """
    policies = [
        (layer, layer.dtype_policy)
        for layer in all_layers(model)
        if layer.dtype_policy.name in ("mixed_bfloat16", "mixed_float16")
    ]
    try:
        for layer, _ in policies:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in policies:
            layer.dtype_policy = policy


class JudgedInFloat32(keras.callbacks.Callback):
    """Validates as the model that is kept will answer, so that both come to the same figures.

    A backend compiles the step of a validation in its first batch, and so in float32. To stand
    behind the averaged weights, whose norms are measured as fast as the model trains, and before
    other callbacks that ask the model when a validation begins.
    """

    def __init__(self) -> None:
        super().__init__()
        self._judging = ExitStack()

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """From now on in float32."""
        self._judging.enter_context(in_float32(self.model))

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Train as before."""
        self._judging.close()

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """The same where a validation was broken off."""
        self._judging.close()
