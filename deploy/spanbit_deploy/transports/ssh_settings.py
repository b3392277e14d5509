"""From `ssh://[USER@]HOST[:PORT]` and the user's ssh_config to all that a connection needs.

settings = settings_of("ssh://pi@raspberrypi.local")

Honoured: Host, Match, Include, HostName, HostKeyAlias, User, Port, IdentityFile, ProxyJump, ProxyCommand,
UserKnownHostsFile, GlobalKnownHostsFile, ConnectTimeout, ServerAliveInterval. Not honoured, on purpose:
StrictHostKeyChecking. An unknown host key is never accepted silently.
"""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import paramiko
from spanbit.errors import ExitCode, SpanbitError

CONNECT_TIMEOUT_S = 10.0
ALIVE_INTERVAL_S = 15.0
Ask = Callable[[str], str]
SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
_INCLUDE_DEPTH = 8
_JUMPS_MAX = 8


@dataclass(frozen=True)
class SshSettings:
    """One host and how to get in."""

    name: str  # as the user said it, for messages
    host: str
    port: int
    user: str
    identity_files: tuple[Path, ...] = ()
    agent: bool = True  # the agent's keys are tried after the identity files
    known_hosts: tuple[Path, ...] = ()  # the first one takes accepted keys
    host_key_name: str = ""  # looked up in known_hosts instead of `host`
    proxy_command: str = ""
    jump: SshSettings | None = None
    connect_timeout: float = CONNECT_TIMEOUT_S
    alive_interval: float = ALIVE_INTERVAL_S  # seconds between two signs of life (heartbeat.py)
    ask: Ask | None = None  # asks the user for a password or passphrase; None: nobody can be asked
    accept_host_key: str = ""  # "SHA256:...": the one unknown key that is accepted and stored
    emulated: bool = False
    counted: bool = False


def settings_of(url: str, *, accept_host_key: str = "", ask: Ask | None = None) -> SshSettings:
    """Reads the URL and ~/.ssh/config; `ask` is for passwords and passphrases, of hosts between as well.

    Raises:
        SpanbitError: USAGE: not such a URL, or the config cannot be read.
    """
    _split(url)  # the cheap check first
    config = _read_config()
    return _asking(_look_up(config, url, accept_host_key, ()), ask)


def _asking(settings: SshSettings, ask: Ask | None) -> SshSettings:
    jump = None if settings.jump is None else _asking(settings.jump, ask)
    return replace(settings, ask=ask, jump=jump)


def _split(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url if "://" in url else f"ssh://{url}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_url(url, str(error)) from error
    if parts.scheme != "ssh" or not host or host.startswith("-"):
        raise _bad_url(url, "no host in it")
    if parts.password is not None:
        raise _bad_url(url, "a password does not belong on a command line: use a key (ssh-copy-id)")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _bad_url(url, "there is something behind the host")
    return unquote(parts.username or ""), host, port


def _bad_url(url: str, why: str) -> SpanbitError:
    fix = "write ssh://USER@HOST or ssh://USER@HOST:PORT"
    return SpanbitError(f"{url!r} is not a board's address", why=why, fix=fix, code=ExitCode.USAGE)


def _read_config() -> paramiko.SSHConfig:
    own = Path.home() / ".ssh" / "config"
    lines: list[str] = []
    for path in (own, SYSTEM_CONFIG):  # the first value found for a key counts
        if path.is_file():
            lines += ["Host *", *_with_includes(path, path.parent, 0)]
    try:
        return paramiko.SSHConfig.from_text("\n".join(lines))
    except Exception as error:  # paramiko raises ConfigParseError, ValueError, ... for bad lines
        raise SpanbitError("the ssh config cannot be read", where=str(own), why=str(error)) from error


def _with_includes(path: Path, base: Path, depth: int) -> list[str]:
    """The file's lines, with those of included files in place (paramiko knows no Include)."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        why = error.strerror or str(error)
        raise SpanbitError("the ssh config cannot be read", where=str(path), why=why) from error
    whole: list[str] = []
    for line in lines:
        words = line.replace("=", " ", 1).split()
        if not words or words[0].lower() != "include" or depth >= _INCLUDE_DEPTH:
            whole.append(line)
            continue
        for pattern in shlex.split(" ".join(words[1:])):
            full = base / Path(pattern).expanduser()
            matches = sorted(Path(full.anchor).glob(str(full.relative_to(full.anchor))))
            for match in matches:
                whole += _with_includes(match, base, depth + 1)
    return whole


def _look_up(
    config: paramiko.SSHConfig,
    url: str,
    accept: str,
    seen: Sequence[str],
) -> SshSettings:
    user, host, port = _split(url)
    try:
        found = config.lookup(host)
        own_port = port or int(found.get("port", 22))
        timeout = float(found.get("connecttimeout", CONNECT_TIMEOUT_S))
        alive = float(found.get("serveraliveinterval", 0)) or ALIVE_INTERVAL_S
    except Exception as error:  # `Match exec` without invoke, a port that is no number, ...
        raise SpanbitError(f"the ssh config's entry for {host} cannot be used", why=str(error)) from error
    jump, command = None, found.get("proxycommand", "")
    if found.get("proxyjump", "none").lower() != "none":
        jump = _jump(config, found["proxyjump"], accept, (*seen, host))
        command = ""
    known = _paths(found, "userknownhostsfile", ("~/.ssh/known_hosts", "~/.ssh/known_hosts2"))
    known += _paths(found, "globalknownhostsfile", ("/etc/ssh/ssh_known_hosts",))
    return SshSettings(
        name=url,
        host=found["hostname"],
        port=own_port,
        user=user or found.get("user") or getpass.getuser(),
        identity_files=tuple(Path(path).expanduser() for path in found.get("identityfile", [])),
        known_hosts=known,
        host_key_name=found.get("hostkeyalias", ""),
        proxy_command="" if command.lower() == "none" else command,
        jump=jump,
        connect_timeout=timeout,
        alive_interval=alive,
        accept_host_key=accept,
    )


def _paths(found: paramiko.SSHConfigDict, key: str, default: tuple[str, ...]) -> tuple[Path, ...]:
    said = tuple(shlex.split(found[key])) if key in found else default
    return tuple(Path(path).expanduser() for path in said if path.lower() != "none")


def _jump(config: paramiko.SSHConfig, value: str, accept: str, seen: Sequence[str]) -> SshSettings | None:
    """The last of the comma-separated hosts; each is reached by the one before it."""
    before: SshSettings | None = None
    for hop in value.split(","):
        host = _split(hop.strip())[1]
        if host in seen or len(seen) >= _JUMPS_MAX:
            raise SpanbitError("ProxyJump leads in a circle", where=host, why=" -> ".join(seen))
        settings = _look_up(config, f"ssh://{hop.strip()}", accept, seen)
        if before is not None:
            settings = replace(settings, jump=before, proxy_command="")
        before = settings
    return before
