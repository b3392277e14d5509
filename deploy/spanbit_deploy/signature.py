"""Ed25519 signatures in OpenSSH's own format (SSHSIG), so that `ssh-keygen -Y verify` checks them on a board.

    text = sign(bundle_bytes, read_key(Path("release.key"), ask))        # the content of demo.spb.sig
    who = signer_of(bundle_bytes, text, allowed_signers_text)            # "release@example.org", or ""

The format is OpenSSH's PROTOCOL.sshsig; all strings carry their length in four bytes, big-endian. Signed is

    "SSHSIG" | namespace | reserved "" | "sha512" | SHA-512 of the file

and the signature file holds, in base64 between two lines of text,

    "SSHSIG" | version 1 | public key | namespace | reserved "" | "sha512" | signature

`ssh-keygen -Y sign -n spanbit -f release.key demo.spb` writes the same file, and can use keys in an agent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)
from spanbit.cli.files import read_file
from spanbit.errors import ExitCode, SpanbitError

NAMESPACE = "spanbit"
"""Of all signatures here: one that was made for another purpose is none of a bundle."""

_MAGIC = b"SSHSIG"
_KIND = b"ssh-ed25519"
_HASH = b"sha512"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_LINE = 70

Ask = Callable[[str], str]
"""Asks the user for a secret."""


def make_key(path: Path, comment: str, passphrase: str = "") -> None:
    """Writes a new key pair, `path` (readable by its owner alone) and `path`.pub; never over another.

    Raises:
        SpanbitError: one of the files is there, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    for name, data, mode in ((path, private, 0o600), (_public_path(path), public, 0o644)):
        try:
            with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(data if data is private else data + f" {comment}\n".encode())
        except OSError as error:
            raise SpanbitError(
                "cannot write the key",
                where=str(name),
                why=error.strerror or str(error),
                fix="name another file; a key is never written over",
            ) from error


def read_key(path: Path, ask: Ask) -> Ed25519PrivateKey:
    """An OpenSSH private key; `ask` gets its passphrase, if it has one.

    Raises:
        SpanbitError: BAD_INPUT: it is none, not Ed25519, or the passphrase is wrong.
    """
    data, passphrase = read_file(path), None
    fix = "make one with `spanbit keygen FILE`, or name your ~/.ssh/id_ed25519"
    for _ in range(2):
        try:
            key = load_ssh_private_key(data, passphrase)
        except TypeError:  # it has a passphrase
            passphrase = ask(f"passphrase of {path}").encode()
            continue
        except (ValueError, UnsupportedAlgorithm) as error:
            why = "the passphrase is wrong" if passphrase else str(error)
            raise SpanbitError("cannot read the private key", where=str(path), why=why, fix=fix) from error
        if isinstance(key, Ed25519PrivateKey):
            return key
        break
    raise SpanbitError("the key is not an Ed25519 key", where=str(path), fix=fix)


def sign(data: bytes, key: Ed25519PrivateKey) -> str:
    """The content of the signature file."""
    signature = _string(_KIND) + _string(key.sign(_to_be_signed(data)))
    blob = _MAGIC + struct.pack(">I", 1) + _string(_public_blob(key.public_key()))
    blob += _string(NAMESPACE.encode()) + _string(b"") + _string(_HASH) + _string(signature)
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join((_BEGIN, *lines, _END, ""))


def signer_of(data: bytes, signature: str, allowed_signers: str) -> str:
    """Who of the allowed signers has signed the data; "" if none has.

    `allowed_signers` is the file of that name of ssh-keygen: a name and a key a line. Lines with options are
    for ssh-keygen alone and are passed over here.
    """
    public = verified_key(data, signature)
    for line in allowed_signers.splitlines():
        words = line.split()
        if public and words[1:3] == public.split() and not words[0].startswith("#"):
            return words[0]
    return ""


def verified_key(data: bytes, signature: str) -> str:
    """The public key ("ssh-ed25519 AAAA...") whose signature of the data it is; "" if it is none."""
    try:
        lines = signature.strip().splitlines()
        if lines[0] != _BEGIN or lines[-1] != _END:
            return ""
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
        if blob[:6] != _MAGIC or struct.unpack_from(">I", blob, 6)[0] != 1:
            return ""
        key, namespace, _, digest, raw = _strings(blob[10:], 5)
        kind, public = _strings(key, 2)
        signed_kind, value = _strings(raw, 2)
        if (kind, signed_kind, namespace, digest) != (_KIND, _KIND, NAMESPACE.encode(), _HASH):
            return ""
        Ed25519PublicKey.from_public_bytes(public).verify(value, _to_be_signed(data))
    except (ValueError, IndexError, struct.error, binascii.Error, InvalidSignature):
        return ""
    return f"{_KIND.decode()} {base64.b64encode(key).decode()}"


def read_public_key(path: Path) -> str:
    """ "ssh-ed25519 AAAA..." of a .pub file.

    Raises:
        SpanbitError: it holds another kind of key, or none.
    """
    words = read_file(path).decode(errors="replace").split()
    if len(words) < 2 or words[0] != _KIND.decode():
        raise SpanbitError(
            "this is no Ed25519 public key",
            where=str(path),
            fix="name the .pub file that `spanbit keygen` has written",
        )
    return " ".join(words[:2])


def signature_beside(bundle: Path) -> str:
    """The content of demo.spb.sig beside demo.spb, checked; "" if there is none.

    Raises:
        SpanbitError: BAD_BUNDLE: it is not a signature of this bundle.
    """
    path = bundle.with_name(bundle.name + ".sig")
    if not path.is_file():
        return ""
    text = read_file(path).decode(errors="replace")
    if not verified_key(read_file(bundle), text):
        raise SpanbitError(
            "the signature is not one of this bundle",
            where=str(path),
            why="the bundle was made anew since it was signed, or one of the files is damaged",
            fix=f"sign it again: spanbit sign {bundle.name} --key KEY; or remove {path.name}",
            code=ExitCode.BAD_BUNDLE,
        )
    return text


def _public_path(path: Path) -> Path:
    return path.with_name(path.name + ".pub")


def _to_be_signed(data: bytes) -> bytes:
    digest = hashlib.sha512(data).digest()
    return _MAGIC + _string(NAMESPACE.encode()) + _string(b"") + _string(_HASH) + _string(digest)


def _public_blob(key: Ed25519PublicKey) -> bytes:
    return _string(_KIND) + _string(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _strings(data: bytes, count: int) -> list[bytes]:
    """So many strings and nothing behind them; ValueError else."""
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from(">I", data)
        if size > len(data) - 4:
            raise ValueError("a string is cut off")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    if data:
        raise ValueError("there is something behind the last string")
    return found
