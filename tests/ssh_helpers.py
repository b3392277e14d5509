"""For the tests of the SSH transport: a home folder's files, and what a login gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy_helpers import Sshd
from spanbit.errors import SpanbitError
from spanbit_deploy.transports import Ssh, settings_of


def config(home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)


def home_with_key(home: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes `home` the home folder: its ssh config has the key, there are no known hosts, no agent."""
    (home / ".ssh").mkdir()
    config(home, f"Host *\n  IdentityFile {sshd.key}\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


def know(home: Path, line: str) -> Path:
    path = home / ".ssh" / "known_hosts"
    path.write_text(line)
    return path


def url(sshd: Sshd) -> str:
    return f"ssh://127.0.0.1:{sshd.port}"


def login(address: str, accept: str = "") -> str:
    with Ssh(settings_of(address, accept_host_key=accept)) as board:
        return board.run(("echo", "it's  $HOME; here")).text


def refusal(address: str, accept: str = "") -> SpanbitError:
    with pytest.raises(SpanbitError) as caught:
        login(address, accept)
    return caught.value
