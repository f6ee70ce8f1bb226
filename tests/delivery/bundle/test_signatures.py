"""A signature holds for the bundle as it was signed, and for one pair of keys."""

import zipfile
from pathlib import Path

import pytest

import bundles_by_hand as made
from small import copied
from viewfinder.core.errors import RunError, UsageError
from viewfinder.delivery.bundle.pack import bundle
from viewfinder.delivery.bundle.signature import sign
from viewfinder.delivery.bundle.verify import verify
from viewfinder.run import Run

pytest.importorskip("model_signing", reason="the extra [sign] is not installed")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return pair(tmp_path, "key")


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Files of a private key, as OpenSSL writes them, and of its public key."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    format = serialization.PrivateFormat.TraditionalOpenSSL
    paths = folder / f"{name}.pem", folder / f"{name}.pub"
    paths[0].write_bytes(private.private_bytes(pem, format, plain))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    paths[1].write_bytes(private.public_key().public_bytes(pem, public))
    return paths


def signed(path: Path, key: Path, members: dict[str, bytes] | None = None) -> Path:
    members = members or made.contents()
    manifest = made.manifest(members)
    first = {"viewfinder.json": manifest, "signature.json": sign(manifest, key)}
    return made.write(path, first | members)


def test_the_owner_of_the_key_is_recognised(trained: Run, tmp_path: Path, keys) -> None:
    run = copied(trained.folder, tmp_path)
    assert verify(bundle(run, key=keys[0]), key=keys[1]).signed is True


def test_another_key_is_refused(tmp_path: Path, keys) -> None:
    path = signed(tmp_path / "pets.bundle", keys[0])
    assert verify(path, key=keys[1]).signed is True
    with pytest.raises(RunError, match="no valid signature by the owner"):
        verify(path, key=pair(tmp_path, "other")[1])


def test_a_signature_does_not_hold_for_another_content(tmp_path: Path, keys) -> None:
    """The author of a changed bundle states its new hashes, and copies the signature."""
    with zipfile.ZipFile(signed(tmp_path / "pets.bundle", keys[0])) as archive:
        signature = archive.read("signature.json")
    members = made.contents(**{"card.md": b"# Other pets\n"})
    first = {"viewfinder.json": made.manifest(members), "signature.json": signature}
    path = made.write(tmp_path / "changed.bundle", first | members)
    assert verify(path).signed is None
    with pytest.raises(RunError, match="no valid signature by the owner"):
        verify(path, key=keys[1])


@pytest.mark.parametrize("signature", [b"", b"{}", b"[]", b"\xff\x00", b"[" * 100_000])
def test_a_damaged_signature_is_refused(tmp_path: Path, keys, signature: bytes) -> None:
    members = made.contents()
    first = {"viewfinder.json": made.manifest(members), "signature.json": signature}
    path = made.write(tmp_path / "pets.bundle", first | members)
    with pytest.raises(RunError, match="no valid signature by the owner"):
        verify(path, key=keys[1])


def test_a_bundle_without_a_signature_is_refused(tmp_path: Path, keys) -> None:
    with pytest.raises(RunError, match="is not signed"):
        verify(made.bundle(tmp_path / "pets.bundle"), key=keys[1])


def test_keys_that_cannot_be_used_are_named(tmp_path: Path, keys) -> None:
    path = signed(tmp_path / "pets.bundle", keys[0])
    with pytest.raises(UsageError, match=r"The public key .*key\.pem cannot be used"):
        verify(path, key=keys[0])
    with pytest.raises(UsageError, match=r"The private key .*key\.pub cannot be used"):
        sign(b"{}", keys[1])
    with pytest.raises(UsageError, match="Cannot read the key"):
        verify(path, key=tmp_path / "none.pub")
