"""Operations that repeat bit by bit, where a backend has others."""

import os

from viewfinder.runtime.backend import choose_backend

_XLA_FLAG = "--xla_gpu_deterministic_ops=true"


def use_deterministic_operations() -> str:
    """Have the backend use none but operations that repeat, from now on, in this process.

    On a CPU the operations of an image classifier repeat in any case. On an accelerator they may
    become slower; one that has no deterministic form raises an error of the backend's own.

    Returns:
        What was done, as a line.
    """
    backend = choose_backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        return "Deterministic: TensorFlow's op determinism is on."
    if backend == "jax":
        flags = os.environ.get("XLA_FLAGS", "")
        if _XLA_FLAG in flags:
            return f"Deterministic: XLA_FLAGS has {_XLA_FLAG}."
        os.environ["XLA_FLAGS"] = f"{flags} {_XLA_FLAG}".strip()
        return (
            f"Deterministic: {_XLA_FLAG} is now in XLA_FLAGS, which JAX reads once. A process in "
            "which it has computed before has to be started anew with it."
        )
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    return "Deterministic: torch.use_deterministic_algorithms is on."
