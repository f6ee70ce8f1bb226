"""What a model computes in, on the device that there is."""

from pathlib import Path

from viewfinder.runtime.accelerator import accelerator_has_bfloat16
from viewfinder.runtime.backend import choose_backend

# Linux's names for what multiplies bfloat16 twice as fast as float32, on x86.
_UNITS = {"avx512_bf16", "amx_bf16"}
_CPUINFO = Path("/proc/cpuinfo")


def dtype_policy(precision: str) -> str:
    """The name of the Keras dtype policy for a recipe's `training.precision`.

    bfloat16 halves the memory. "auto" takes it where the device multiplies it faster: on a
    TPU, on a GPU that has units for it (NVIDIA's since Ampere), and with TensorFlow on a CPU that
    says it has some. Elsewhere it is slower.

    Args:
        precision: "auto", or the name of a policy.
    """
    if precision != "auto":
        return precision
    is_faster = accelerator_has_bfloat16() or (
        choose_backend() == "tensorflow" and _cpu_has_bfloat16()
    )
    return "mixed_bfloat16" if is_faster else "float32"


def _cpu_has_bfloat16() -> bool:
    """Whether it has units for it; where that cannot be read, it has none."""
    try:
        flags = _CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return False
    return not _UNITS.isdisjoint(flags.split())
