"""Host keys against a real sshd: unknown, changed, revoked, hashed, by another name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_helpers import Sshd, fingerprint, keygen, public_key, running_sshd
from spanbit.errors import ExitCode
from ssh_helpers import config, home_with_key, know, login, refusal, url


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("ssh") / "sshd") as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Path:
    return home_with_key(tmp_path, sshd, monkeypatch)


def test_an_unknown_key_is_refused_until_its_fingerprint_is_given(sshd: Sshd, home: Path) -> None:
    wanted = fingerprint(sshd.host_key)
    error = refusal(url(sshd))
    assert error.code == ExitCode.BOARD
    assert wanted in error.what and f"--accept-host-key {wanted}" in error.fix
    assert not (home / ".ssh" / "known_hosts").exists()

    error = refusal(url(sshd), "SHA256:" + "A" * 43)
    assert wanted in error.what and "another key" in error.why
    assert not (home / ".ssh" / "known_hosts").exists()

    other = "other.example ssh-ed25519 AAAA"  # without a newline at its end
    known = know(home, other)
    assert login(url(sshd), wanted)
    assert known.read_text() == f"{other}\n{sshd.known_hosts_line()}"
    assert login(url(sshd))  # stored: no flag is needed any more
    # OpenSSH itself reads what was stored.
    found = subprocess.run(["ssh-keygen", "-f", str(known), "-F", f"[127.0.0.1]:{sshd.port}"], check=False)
    assert found.returncode == 0


def test_a_changed_key_is_refused_whatever_is_said(sshd: Sshd, home: Path) -> None:
    other = keygen(home / "other")
    line = f"[127.0.0.1]:{sshd.port} {public_key(other)}\n"
    known = know(home, line)
    for accept in ("", fingerprint(sshd.host_key)):
        error = refusal(url(sshd), accept)
        assert "CHANGED" in error.what and error.code == ExitCode.BOARD
        assert fingerprint(sshd.host_key) in error.why and fingerprint(other) in error.why
        assert f"ssh-keygen -f {known} -R '[127.0.0.1]:{sshd.port}'" in error.fix
    assert known.read_text() == line


def test_a_key_of_another_type_counts_as_changed(sshd: Sshd, home: Path) -> None:
    know(home, f"[127.0.0.1]:{sshd.port} {public_key(keygen(home / 'rsa', 'rsa'))}\n")
    assert "CHANGED" in refusal(url(sshd), fingerprint(sshd.host_key)).what


def test_a_revoked_key_is_refused(sshd: Sshd, home: Path) -> None:
    revoked = f"not a line\n@cert-authority * x y\n@revoked * {public_key(sshd.host_key)}\n"
    know(home, revoked)
    assert "revoked" in refusal(url(sshd), fingerprint(sshd.host_key)).what
    know(home, revoked + sshd.known_hosts_line())
    assert "revoked" in refusal(url(sshd)).what


def test_hashed_known_hosts(sshd: Sshd, home: Path) -> None:
    known = know(home, sshd.known_hosts_line())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert "127.0.0.1" not in known.read_text()
    assert login(url(sshd))


def test_host_key_alias(sshd: Sshd, home: Path) -> None:
    config(
        home,
        f"Host pi\n  HostName 127.0.0.1\n  Port {sshd.port}\n  IdentityFile {sshd.key}\n  HostKeyAlias me\n",
    )
    know(home, f"me {public_key(sshd.host_key)}\n")
    assert login("ssh://pi")


def test_strict_host_key_checking_no_changes_nothing(sshd: Sshd, home: Path) -> None:
    config(home, f"Host *\n  IdentityFile {sshd.key}\n  StrictHostKeyChecking no\n")
    assert "unknown" in refusal(url(sshd)).what
