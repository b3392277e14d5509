"""Logs in: agent, keys, and, where the user can be asked, passphrases and passwords.

log_in(client, settings, sock)
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import paramiko

from spanbit_deploy.transports.ssh_settings import SshSettings

_AUTH_TIMEOUT_S = 30.0
CHANNEL_TIMEOUT_S = 30.0
_ATTEMPTS = 3
# Encrypting and authenticating at once: the fastest that paramiko has, behind which its own order follows.
_FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")

Sock = socket.socket | paramiko.Channel | paramiko.ProxyCommand


def log_in(client: paramiko.SSHClient, settings: SshSettings, sock: Sock) -> None:
    """Over an open socket; raises what paramiko raises."""
    keys = [str(path) for path in settings.identity_files if path.is_file()]
    try:
        client.connect(
            settings.host_key_name or settings.host,  # only a name to look up: the socket is open
            22 if settings.host_key_name else settings.port,
            username=settings.user,
            # The stubs know one file only, paramiko takes many.
            key_filename=keys,  # type: ignore[arg-type]
            look_for_keys=settings.agent and not settings.identity_files,
            allow_agent=settings.agent,
            timeout=settings.connect_timeout,
            banner_timeout=settings.connect_timeout,
            auth_timeout=_AUTH_TIMEOUT_S,
            channel_timeout=CHANNEL_TIMEOUT_S,
            sock=sock,
            transport_factory=_transport,  # type: ignore[arg-type]
        )
    except (paramiko.AuthenticationException, paramiko.SSHException) as error:
        if not isinstance(error, paramiko.AuthenticationException) and "No authentication" not in str(error):
            raise  # paramiko has no type of its own for "there is no key to try"
        link = client.get_transport()
        if settings.ask is None or link is None or not link.is_active():
            raise
        if not (
            _with_passphrase(link, settings, settings.ask) or _with_password(link, settings, settings.ask)
        ):
            raise


def _transport(sock: socket.socket, **options: object) -> paramiko.Transport:
    link = paramiko.Transport(sock, **options)  # type: ignore[arg-type]
    wanted = link.get_security_options()
    others = tuple(cipher for cipher in wanted.ciphers if cipher not in _FAST_CIPHERS)
    wanted.ciphers = (*(cipher for cipher in _FAST_CIPHERS if cipher in wanted.ciphers), *others)
    return link


def _with_passphrase(link: paramiko.Transport, settings: SshSettings, ask: Callable[[str], str]) -> bool:
    """By the keys that are encrypted and in no agent."""
    for path in settings.identity_files:
        if not (path.is_file() and _is_encrypted(path)):
            continue
        for _ in range(_ATTEMPTS):
            words = ask(f"passphrase of {path}")
            if not words:
                break
            with contextlib.suppress(paramiko.SSHException, ValueError):
                # Annotated as a text in paramiko 5, which asks for bytes.
                key = paramiko.PKey.from_path(path, words.encode())  # type: ignore[arg-type]
                link.auth_publickey(settings.user, key)
                return link.is_authenticated()
    return False


def _is_encrypted(path: Path) -> bool:
    try:
        paramiko.PKey.from_path(path)
    except (paramiko.PasswordRequiredException, TypeError):
        return True
    except (paramiko.SSHException, ValueError, OSError):
        return False
    return False


def _with_password(link: paramiko.Transport, settings: SshSettings, ask: Callable[[str], str]) -> bool:
    """By a password, where the board takes one, also as the answer to a keyboard-interactive question."""
    try:
        link.auth_none(settings.user)
        return link.is_authenticated()  # it lets everybody in
    except paramiko.BadAuthenticationType as error:
        if not {"password", "keyboard-interactive"} & set(error.allowed_types):
            return False
    for _ in range(_ATTEMPTS):
        words = ask(f"password of {settings.user}@{settings.host}")
        if not words:
            return False
        with contextlib.suppress(paramiko.AuthenticationException):
            link.auth_password(settings.user, words)
            return link.is_authenticated()
        if not link.is_active():
            return False
    return False
