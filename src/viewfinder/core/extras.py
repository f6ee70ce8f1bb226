"""Packages that only some commands need: the extra of the installation that brings each of them."""

from importlib.util import find_spec

from viewfinder.core.errors import UsageError

INSTALL_BACKEND = (
    "pip install 'viewfinder[cpu]' (TensorFlow), 'viewfinder[jax]' or 'viewfinder[torch]'"
)
_EVALUATE = "pip install 'viewfinder[evaluate]'"

# The command that installs a package, by the name under which it is imported. Packages with a
# message of their own are not listed.
_INSTALLED_BY = {
    **dict.fromkeys(("keras", "h5py", "tf2onnx"), INSTALL_BACKEND),
    "onnx": "pip install 'viewfinder[base]'",
    "openvino": "pip install 'viewfinder[openvino]'",
    "model_signing": "pip install 'viewfinder[sign]'",
    "tensorflow": "pip install 'viewfinder[cpu]'",
    **dict.fromkeys(
        ("jinja2", "matplotlib", "pandas", "pyarrow", "scipy", "sklearn", "xxhash"), _EVALUATE
    ),
}


def not_installed(error: ModuleNotFoundError, install: str | None = None) -> UsageError | None:
    """Return the error about an optional package that is missing; None for any other module.

    Args:
        error: What the import raised.
        install: The command that installs all that is needed; by default that for the package.
    """
    package = (error.name or "").partition(".")[0]
    if package not in _INSTALLED_BY or find_spec(package) is not None:
        return None
    return UsageError(
        f"This needs the package {package}, which is not installed.",
        remedy=install or _INSTALLED_BY[package],
    )
