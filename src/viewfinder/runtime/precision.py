"""What a model computes in, on the device that there is."""

from viewfinder.runtime.backend import use_backend


def dtype_policy(precision: str) -> str:
    """The name of the Keras dtype policy for a recipe's `training.precision`.

    Half precision halves the memory and uses a GPU's matrix units. On a CPU it is slower.

    Args:
        precision: "auto", or the name of a policy.
    """
    if precision != "auto":
        return precision
    use_backend()
    import keras

    return "mixed_bfloat16" if keras.distribution.list_devices("gpu") else "float32"
