"""Signatures of bundles in the format of the OpenSSF's model-signing, with a pair of keys, offline.

What is signed is the manifest, which has the hash of every other member.
"""

import tempfile
from pathlib import Path

from viewfinder.classifier.bundle import MANIFEST, SIGNATURE, Bundle
from viewfinder.core.errors import RunError, UsageError
from viewfinder.core.files import read_regular


def sign(manifest: bytes, key: Path) -> bytes:
    """Return the signature of a manifest.

    Args:
        manifest: The content of `viewfinder.json`.
        key: A private key (PEM, elliptic curve, without a password).

    Raises:
        UsageError: The key cannot be used.
    """
    from model_signing import signing

    _require_file(key)
    with tempfile.TemporaryDirectory() as folder:
        model, signature = Path(folder) / MANIFEST, Path(folder) / SIGNATURE
        model.write_bytes(manifest)
        try:
            config = signing.Config().use_elliptic_key_signer(private_key=key)
            config.sign(model, signature)
        except Exception as error:  # `cryptography` and `model_signing` share no base class
            raise _unusable(key, "private", error) from error
        return signature.read_bytes()


def require_signature(bundle: Bundle, key: Path) -> None:
    """Raise unless a bundle has a signature by the owner of a key.

    Args:
        bundle: The bundle.
        key: The public key (PEM, elliptic curve).

    Raises:
        RunError: There is no signature by this key.
        UsageError: The key cannot be read.
    """
    from model_signing import verifying

    _require_file(key)
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except Exception as error:
        raise _unusable(key, "public", error) from error
    if SIGNATURE not in bundle.files:
        raise RunError(
            f"The bundle {bundle.path} is not signed.",
            expected=f"a signature by the owner of {key}",
            remedy="ask its owner for a signed bundle: viewfinder bundle RUN --sign KEY",
        )
    with tempfile.TemporaryDirectory() as folder:
        for name in (MANIFEST, SIGNATURE):
            (Path(folder) / name).write_bytes(bundle.files[name])
        try:
            config.verify(Path(folder) / MANIFEST, Path(folder) / SIGNATURE)
        except Exception as error:  # a damaged signature may raise anything
            raise RunError(
                f"The bundle {bundle.path} has no valid signature by the owner of {key}.",
                received=str(error).partition("\n")[0][:200],
                remedy="do not use it, unless you trust where it comes from",
            ) from error


def _require_file(key: Path) -> None:
    try:
        read_regular(key)
    except OSError as error:
        raise UsageError(f"Cannot read the key {key}.", received=error.strerror) from error


def _unusable(key: Path, kind: str, error: Exception) -> UsageError:
    return UsageError(
        f"The {kind} key {key} cannot be used.",
        expected="an elliptic-curve key in a PEM file, such as `openssl ecparam -name prime256v1 "
        "-genkey -noout -out key.pem` writes, without a password",
        received=str(error).partition("\n")[0][:200],
    )
