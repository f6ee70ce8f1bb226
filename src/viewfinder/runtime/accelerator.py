"""Whether the backend computes on something faster than a CPU, and what that is good at."""

import re
import sys
from pathlib import Path

from viewfinder.runtime.backend import use_backend

# What the drivers of NVIDIA and AMD leave on Linux.
_DEVICES = ("/dev/nvidiactl", "/dev/kfd")


def may_have_accelerator() -> bool:
    """Whether it is worth it to ask the backend, which takes seconds to import."""
    if sys.platform == "darwin":  # TensorFlow and JAX compute on Apple's GPU through plug-ins
        return "keras" in sys.modules
    return any(Path(device).exists() for device in _DEVICES)


# NVIDIA's Ampere, which brought units for bfloat16; cards before it only feign them.
_AMPERE = (8, 0)


def accelerator_has_bfloat16() -> bool:
    """Whether the backend sees a TPU, or a GPU that says it has units for it; imports Keras."""
    return _has_tpu() or (_compute_capability() or (0, 0)) >= _AMPERE


def has_accelerator() -> bool:
    """Whether the backend sees a GPU or a TPU; imports Keras."""
    if use_backend() == "torch":  # of whose devices Keras has no list
        import torch

        return torch.cuda.is_available()  # type: ignore[no-any-return]
    import keras

    # Not asked for by kind: JAX raises where there is none of it.
    return any(not name.lower().startswith("cpu") for name in keras.distribution.list_devices())


def _has_tpu() -> bool:
    if use_backend() == "torch":
        return False
    import keras

    return any(name.lower().startswith("tpu") for name in keras.distribution.list_devices())


def _compute_capability() -> tuple[int, ...] | None:
    """Of the first GPU, as NVIDIA counts; None where there is none, or it does not say."""
    backend = use_backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_capability() if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        said = re.fullmatch(r"(\d+)\.(\d+)", getattr(jax.devices()[0], "compute_capability", ""))
        return tuple(map(int, said.groups())) if said else None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("compute_capability")
