"""Boards that take signed bundles only.

    trust(lock, "release@example.org", "ssh-ed25519 AAAA...")
    check_signed(lock, folder, "demo")            # raises where the board wants a signature and there is none

On the board, in its folder: `board.toml` with `require_signature = true`, and `allowed_signers`, in OpenSSH's
format. The board itself checks with `ssh-keygen -Y verify`; where it has no ssh-keygen, the bytes that are on
it are checked here against its own list.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.release.layout import board_dir
from spanbit_deploy.release.lock import Lock
from spanbit_deploy.signature import NAMESPACE, signer_of
from spanbit_deploy.transports import Transport

_tomllib: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

CONFIG = "board.toml"
SIGNERS = "allowed_signers"
_KEY = "require_signature"
_SIZE_MAX = 1 << 16

# $1 signers, $2 signature, $3 bundle, $4 namespace. Prints who has signed it.
_VERIFY = """
command -v ssh-keygen > /dev/null || exit 90
ssh-keygen -Y verify < /dev/null 2>&1 | grep -q 'unknown option' && exit 90
who=$(ssh-keygen -Y find-principals -f "$1" -s "$2" | head -n 1)
[ -n "$who" ] && ssh-keygen -Y verify -n "$4" -f "$1" -I "$who" -s "$2" < "$3" > /dev/null && echo "$who"
"""
# Each file is replaced by a rename. The signers come first: a board never asks for what nobody can give.
_TRUST = """
cat "$1/allowed_signers" 2>/dev/null | grep -vxF "$2" > "$1/.signers.$3.tmp"
echo "$2" >> "$1/.signers.$3.tmp" && mv -f "$1/.signers.$3.tmp" "$1/allowed_signers" || exit 1
grep -v '^ *require_signature' "$1/board.toml" 2>/dev/null > "$1/.config.$3.tmp"
echo "require_signature = true" >> "$1/.config.$3.tmp" && mv -f "$1/.config.$3.tmp" "$1/board.toml"
"""


def trust(lock: Lock, who: str, public_key: str) -> None:
    """From now on the board takes bundles only that this key, or another one it trusts, has signed.

    Raises:
        SpanbitError: USAGE: `who` is not one word; BOARD: it cannot be written.
    """
    if not who or any(c.isspace() or c in ',*?!"#' for c in who) or not who.isprintable():
        raise SpanbitError(
            f"{who!r} is not a signer's name",
            why="it is one word, like an e-mail address",
            fix="give one with --as NAME",
            code=ExitCode.USAGE,
        )
    line = f"{who} {public_key}"
    lock.sh(_TRUST, board_dir(), line, "trust", what="cannot write the board's list of signers")


def requires_signature(board: Transport) -> bool:
    """Whether the board is set up so.

    Raises:
        SpanbitError: BOARD: its configuration is no TOML, or has another type: it is not passed over.
    """
    path = f"{board_dir()}/{CONFIG}"
    if board.run(("test", "-e", path)).exit_code:
        return False
    said = _toml(board, path)
    value = said.get(_KEY, False)
    unknown = ", ".join(sorted(set(said) - {_KEY}))
    if not isinstance(value, bool) or unknown:
        why = f"it has an unknown key: {unknown}" if unknown else f"{_KEY} is neither true nor false"
        raise board.failure("the board's configuration cannot be used", where=path, why=why)
    return value


def check_signed(board: Transport, folder: str, name: str) -> str:
    """Who has signed the bundle in `folder` on the board; "" where the board asks for no signature.

    Raises:
        SpanbitError: BOARD: it asks for one, and there is none by anybody that it trusts.
    """
    if not requires_signature(board):
        return ""
    bundle, signature = f"{folder}/{name}.spb", f"{folder}/{name}.spb.sig"
    signers = f"{board_dir()}/{SIGNERS}"
    if board.run(("test", "-f", signature)).exit_code:
        raise _unsigned(board, name)
    done = board.run(("sh", "-c", _VERIFY, "sh", signers, signature, bundle, NAMESPACE))
    who = done.text.strip()
    if done.exit_code == 90:  # it has no ssh-keygen, or one that cannot verify
        text = board.get(signature, _SIZE_MAX).decode(errors="replace")
        known = board.get(signers, _SIZE_MAX).decode(errors="replace")
        who = signer_of(board.get(bundle), text, known)
    if not who:
        why = f"nobody of its {SIGNERS} has signed this bundle"
        raise _refused(board, name, why, "sign it with a key that this board trusts (spanbit trust)")
    return "".join(c for c in who if c.isprintable())[:100]


def refuse_unsigned(board: Transport, name: str) -> None:
    """Raises SpanbitError BOARD where the board asks for a signature."""
    if requires_signature(board):
        raise _unsigned(board, name)


def _unsigned(board: Transport, name: str) -> SpanbitError:
    return _refused(board, name, "it is not signed", f"sign it: spanbit sign {name}.spb --key KEY")


def _refused(board: Transport, name: str, why: str, fix: str) -> SpanbitError:
    return board.failure(f"the board takes signed bundles only, and refuses {name}", why=why, fix=fix)


def _toml(board: Transport, path: str) -> dict[str, Any]:
    try:
        said: dict[str, Any] = _tomllib.loads(board.get(path, _SIZE_MAX).decode())
        return said
    except (_tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise board.failure(
            "the board's configuration cannot be used", where=path, why=str(error), fix="mend it there"
        ) from error
