"""Host keys: known ones are compared, an unknown one is refused unless its very fingerprint was given.

load_known(client, settings)
client.set_missing_host_key_policy(AcceptOnly(settings))
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import paramiko
from paramiko.hostkeys import HostKeyEntry
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.transports.ssh_settings import SshSettings


class AcceptOnly(paramiko.MissingHostKeyPolicy):
    """Refuses every unknown key but the one that the user named; that one is stored."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        fingerprint = key.fingerprint
        wanted = self._settings.accept_host_key.rstrip("=")
        if wanted != fingerprint:
            other = f"; --accept-host-key names {wanted}, another key" if wanted else ""
            raise SpanbitError(
                f"the host key is unknown: {key.get_name()} {fingerprint}",
                where=self._settings.name,
                why=f"{hostname} is in no known_hosts file{other}",
                fix="compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the board "
                f"(its own screen), then add: --accept-host-key {fingerprint}",
                code=ExitCode.BOARD,
            )
        refuse_revoked(self._settings, key)
        _store(self._settings, f"{hostname} {key.get_name()} {key.get_base64()}\n")


def load_known(client: paramiko.SSHClient, settings: SshSettings) -> None:
    """Tells the client the keys of all known_hosts files; the first file's count most.

    Line by line: paramiko's own loader gives up on a file with `@cert-authority` or a damaged line in it.
    """
    known = client.get_host_keys()
    for path in reversed(settings.known_hosts):  # a later entry replaces one of the same name
        for line in _lines(path):
            with contextlib.suppress(Exception):  # a line that it cannot read makes no host known
                entry = HostKeyEntry.from_line(line)
                if entry is not None and entry.key is not None and not line.startswith("@"):
                    for name in entry.hostnames or ():
                        known.add(name, entry.key.get_name(), entry.key)


def _lines(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        lines = path.read_text(errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return []


def changed_key(settings: SshSettings, error: paramiko.BadHostKeyException) -> SpanbitError:
    """The key is not the one that is known. There is no flag that accepts it."""
    port = "" if settings.port == 22 else f":{settings.port}"
    named = settings.host_key_name or settings.host
    entry = named if not port else f"[{named}]:{settings.port}"
    files = [str(path) for path in settings.known_hosts if path.is_file()]
    return SpanbitError(
        "the host key has CHANGED: somebody may be between you and the board",
        where=settings.name,
        why=f"it shows {error.key.get_name()} {error.key.fingerprint}, known is "
        f"{error.expected_key.get_name()} {error.expected_key.fingerprint}",
        fix="if the board was installed anew, remove the old key: "
        + (f"ssh-keygen -f {files[0]} -R '{entry}'" if files else "from your known_hosts file"),
        code=ExitCode.BOARD,
    )


def refuse_revoked(settings: SshSettings, key: paramiko.PKey) -> None:
    """`@revoked` lines of known_hosts, which paramiko does not read."""
    for path in settings.known_hosts:
        for line in _lines(path):
            words = line.split()
            if words[:1] == ["@revoked"] and key.get_base64() in words:
                raise SpanbitError(
                    f"the host key is revoked: {key.fingerprint}",
                    where=settings.name,
                    why=f"{path} says so",
                    code=ExitCode.BOARD,
                )


def _store(settings: SshSettings, line: str) -> None:
    if not settings.known_hosts:
        return
    path = settings.known_hosts[0]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        old = path.read_bytes() if path.exists() else b""
        start = "\n" if old and not old.endswith(b"\n") else ""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
            file.write(start + line)
    except OSError as error:
        raise SpanbitError(
            "cannot store the accepted host key",
            where=str(path),
            why=error.strerror or str(error),
            code=ExitCode.BOARD,
        ) from error
