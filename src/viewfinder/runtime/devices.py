"""The devices of the backend, and the numeric precision that suits them."""

import re
import sys
from pathlib import Path

from viewfinder.runtime.backend import choose_backend, use_backend

# Device files of the drivers of NVIDIA and AMD on Linux.
_DEVICES = ("/dev/nvidiactl", "/dev/kfd")
# NVIDIA's Ampere, the first with units for bfloat16; older cards emulate it.
_AMPERE = (8, 0)
# Linux's names of the x86 units that multiply bfloat16 twice as fast as float32.
_UNITS = {"avx512_bf16", "amx_bf16"}
_CPUINFO = Path("/proc/cpuinfo")


def may_have_accelerator() -> bool:
    """Whether an accelerator is possible; imports no backend, which takes seconds."""
    if sys.platform == "darwin":  # TensorFlow and JAX compute on Apple's GPU through plug-ins
        return "keras" in sys.modules
    return any(Path(device).exists() for device in _DEVICES)


def accelerator_has_bfloat16() -> bool:
    """Whether the backend has a TPU, or a GPU with units for bfloat16; imports Keras."""
    return _has_tpu() or (_compute_capability() or (0, 0)) >= _AMPERE


def has_accelerator() -> bool:
    """Whether the backend has a GPU or a TPU; imports Keras."""
    if use_backend() == "torch":  # Keras cannot list its devices
        import torch

        return torch.cuda.is_available()  # type: ignore[no-any-return]
    import keras

    # All devices, because JAX raises for a kind that is absent.
    return any(not name.lower().startswith("cpu") for name in keras.distribution.list_devices())


def dtype_policy(precision: str) -> str:
    """Return the name of the Keras dtype policy for a recipe's `training.precision`.

    bfloat16 halves the memory. "auto" chooses it where the device multiplies it faster: on a TPU,
    on a GPU with units for it (NVIDIA's since Ampere), and with TensorFlow on a CPU with such
    units. Elsewhere it is slower.

    Args:
        precision: "auto", or the name of a policy.
    """
    if precision != "auto":
        return precision
    is_faster = accelerator_has_bfloat16() or (
        choose_backend() == "tensorflow" and _cpu_has_bfloat16()
    )
    return "mixed_bfloat16" if is_faster else "float32"


def _has_tpu() -> bool:
    if use_backend() == "torch":
        return False
    import keras

    return any(name.lower().startswith("tpu") for name in keras.distribution.list_devices())


def _compute_capability() -> tuple[int, ...] | None:
    """Return NVIDIA's compute capability of the first GPU; None if there is none or unknown."""
    backend = use_backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_capability() if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        stated = re.fullmatch(r"(\d+)\.(\d+)", getattr(jax.devices()[0], "compute_capability", ""))
        return tuple(map(int, stated.groups())) if stated else None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("compute_capability")


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU has units for bfloat16; False where that cannot be read."""
    try:
        flags = _CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return False
    return not _UNITS.isdisjoint(flags.split())
