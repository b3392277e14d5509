"""The SSH transport against a real sshd: ssh_config, agent, jumps, verbs, timeouts."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_helpers import (
    Proxy,
    Sshd,
    answers,
    fingerprint,
    free_port,
    keygen,
    make_bundle,
    public_key,
    running_sshd,
    spanbit,
    wait_until,
)
from spanbit.cbuild import cache_dir
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets.machine import this_arch
from spanbit_deploy.transports import Ssh, settings_of, ssh_files
from spanbit_deploy.transports import ssh as ssh_module
from ssh_helpers import config, home_with_key, know, login, refusal, url

FORWARD = """import os, socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 4096): s.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(4096): os.write(1, data)
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("ssh") / "sshd") as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Path:
    return home_with_key(tmp_path, sshd, monkeypatch)


def test_a_known_key_lets_in_and_words_arrive_as_they_are(sshd: Sshd, home: Path) -> None:
    know(home, sshd.known_hosts_line())
    assert login(url(sshd)) == "it's  $HOME; here\n"


def test_ssh_config_is_honoured(sshd: Sshd, home: Path) -> None:
    (home / ".ssh" / "conf.d").mkdir()
    (home / ".ssh" / "conf.d" / "pi.conf").write_text(
        f"Host pi\n  HostName 127.0.0.1\n  Port {sshd.port}\n  IdentityFile {sshd.key}\n"
        f"  UserKnownHostsFile ~/keys\n  User {getpass.getuser()}\n  ConnectTimeout 7\n"
    )
    config(home, "Include conf.d/*.conf\n\nHost other\n  Port 1\n")
    (home / "keys").write_text(sshd.known_hosts_line())
    settings = settings_of("ssh://pi")
    assert (settings.host, settings.port, settings.connect_timeout) == ("127.0.0.1", sshd.port, 7)
    assert settings.known_hosts[0] == home / "keys"
    assert settings_of("ssh://bob@pi:99").user == "bob"
    assert settings_of("ssh://bob@pi:99").port == 99
    assert settings_of("ssh://other").port == 1
    assert login("ssh://pi")


@pytest.mark.parametrize("way", ["ProxyJump", "ProxyCommand"])
def test_through_another_host(way: str, sshd: Sshd, home: Path) -> None:
    # "far" can only be reached through the proxy: its own address leads nowhere.
    (home / "forward.py").write_text(FORWARD)
    proxy = {
        "ProxyJump": "ProxyJump near",
        "ProxyCommand": f"ProxyCommand {sys.executable} {home}/forward.py %h %p",
    }[way]
    config(
        home,
        f"Host near\n  HostName 127.0.0.1\n  Port {sshd.port}\n"
        f"Host far\n  HostName localhost\n  Port {sshd.port}\n  {proxy}\nHost *\n  IdentityFile {sshd.key}\n",
    )
    know(home, f"[localhost]:{sshd.port} {public_key(sshd.host_key)}\n")
    if way == "ProxyJump":  # the host between is checked as well
        assert "unknown" in refusal("ssh://far").what
        know(home, f"[localhost]:{sshd.port},{sshd.known_hosts_line()}")
    assert login("ssh://far")


def test_a_jump_in_a_circle(home: Path) -> None:
    config(home, "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    assert "circle" in refusal("ssh://a").what


def test_agent_has_the_key_with_a_passphrase(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = keygen(tmp_path / "secret", passphrase="long words")
    with running_sshd(tmp_path / "sshd2") as server:
        (tmp_path / "sshd2" / "authorized").write_text(public_key(secret) + "\n")
        config(home, f"Host *\n  IdentityFile {secret}\n")
        know(home, server.known_hosts_line())
        error = refusal(url(server))
        assert "passphrase" in error.why and "ssh-add" in error.fix

        (tmp_path / "ask").write_text("#!/bin/sh\necho long words\n")
        (tmp_path / "ask").chmod(0o700)
        agent_socket = str(tmp_path / "agent")
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", agent_socket], stdout=subprocess.DEVNULL)
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", agent_socket)
            wait_until(lambda: os.path.exists(agent_socket))
            ask = {"SSH_ASKPASS": str(tmp_path / "ask"), "SSH_ASKPASS_REQUIRE": "force"}
            subprocess.run(
                ["ssh-add", str(secret)], env={**os.environ, **ask}, check=True, capture_output=True
            )
            assert login(url(server))
        finally:
            agent.terminate()
            agent.wait()


def test_no_entry_says_why(sshd: Sshd, home: Path) -> None:
    know(home, sshd.known_hosts_line())
    config(home, f"Host *\n  IdentityFile {keygen(home / 'stranger')}\n")
    error = refusal(url(sshd))
    assert "none of our keys" in error.why and "ssh-copy-id" in error.fix
    nobody = free_port()
    assert not answers(nobody)
    assert "refused" in refusal(f"ssh://127.0.0.1:{nobody}").why.lower()
    assert "no host 'no.such.invalid'" in refusal("ssh://no.such.invalid").why


def test_a_host_that_never_answers(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        config(home, "Host *\n  ConnectTimeout 1\n")
        error = refusal(f"ssh://127.0.0.1:{mute.getsockname()[1]}")
    assert error.code in (ExitCode.BOARD, ExitCode.TIMEOUT)


@pytest.mark.parametrize(
    "bad",
    ["ssh://", "ssh://u:secret@h", "ssh://h/path", "ssh://h:99999", "ftp://h", "ssh://-oProxyCommand=x"],
)
def test_bad_addresses(bad: str, home: Path) -> None:
    with pytest.raises(SpanbitError) as caught:
        settings_of(bad)
    assert caught.value.code == ExitCode.USAGE


def test_verbs(sshd: Sshd, home: Path, tmp_path: Path) -> None:
    know(home, sshd.known_hosts_line())
    data = os.urandom(300_000)
    seen: list[int] = []
    with Ssh(settings_of(url(sshd))) as board:
        board.put(data, f"{tmp_path}/a file", seen.append)
        assert board.get(f"{tmp_path}/a file", len(data)) == data
        assert seen == sorted(seen) and seen[-1] == len(data)
        with pytest.raises(SpanbitError, match="larger than expected"):
            board.get(f"{tmp_path}/a file", 100)
        with pytest.raises(SpanbitError, match="cannot read"):
            board.get(f"{tmp_path}/absent")
        with pytest.raises(SpanbitError, match="cannot write"):
            board.put(b"x", f"{tmp_path}/no/such/folder")
        done = board.run(("sh", "-c", "echo out; echo err >&2; exit 3"))
        assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
        assert len(board.run(("head", "-c", "3000000", "/dev/zero")).stdout) == 3_000_000


def test_a_command_that_takes_too_long_is_killed(sshd: Sshd, home: Path, tmp_path: Path) -> None:
    know(home, sshd.known_hosts_line())
    with Ssh(settings_of(url(sshd))) as board:
        with pytest.raises(SpanbitError) as caught:
            board.run(("sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60"), timeout=0.7)
        assert caught.value.code == ExitCode.TIMEOUT
        pid = (tmp_path / "pid").read_text().strip()
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().split()[2] == "Z"
        assert board.run(("echo", "alive")).text == "alive\n"


def test_endless_output_is_stopped(sshd: Sshd, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know(home, sshd.known_hosts_line())
    monkeypatch.setattr(ssh_module, "OUTPUT_MAX", 1 << 20)
    with Ssh(settings_of(url(sshd))) as board, pytest.raises(SpanbitError, match="was stopped"):
        board.run(("yes",))


def test_without_sftp_files_go_through_a_shell(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANBIT_BOARD_DIR", str(tmp_path / "board"))
    data = os.urandom(300_000)
    with running_sshd(tmp_path / "sshd2", sftp=False) as server:
        config(home, f"Host *\n  IdentityFile {server.key}\n")
        know(home, server.known_hosts_line())
        with Ssh(settings_of(url(server))) as board:
            seen: list[int] = []
            board.put(data, f"{tmp_path}/it's a file", seen.append)
            assert (tmp_path / "it's a file").read_bytes() == data == board.get(f"{tmp_path}/it's a file")
            assert seen == sorted(seen) and seen[-1] == len(data)
            board.put(b"", f"{tmp_path}/empty")
            assert board.get(f"{tmp_path}/empty") == b""
            with pytest.raises(SpanbitError, match="larger than expected"):
                board.get(f"{tmp_path}/it's a file", 100)
            for path in ("absent", "no/such/folder"):
                with pytest.raises(SpanbitError, match="cannot read"):
                    board.get(f"{tmp_path}/{path}")
            with pytest.raises(SpanbitError, match="cannot write"):
                board.put(data, f"{tmp_path}/no/such/folder")
            assert board.run(("echo", "alive")).text == "alive\n"
        done = spanbit(
            "push", str(make_bundle(tmp_path)), "--on", url(server), SPANBIT_CACHE=str(cache_dir())
        )
        assert done.returncode == 0, done.stderr


def test_a_full_disk_without_sftp(home: Path, tmp_path: Path) -> None:
    with running_sshd(tmp_path / "sshd2", sftp=False, file_limit=200_000) as server:
        config(home, f"Host *\n  IdentityFile {server.key}\n")
        know(home, server.known_hosts_line())
        with Ssh(settings_of(url(server))) as board:
            with pytest.raises(SpanbitError, match="cannot write") as caught:
                board.put(bytes(3_000_000), f"{tmp_path}/x")
            assert caught.value.code == ExitCode.BOARD


@pytest.mark.parametrize("sftp", [True, False], ids=["SFTP", "shell"])
def test_a_transfer_that_stops_ends(
    sftp: bool, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_files, "TRANSFER_TIMEOUT_S", 1.0)
    with (
        running_sshd(tmp_path / "sshd2", sftp=sftp) as server,
        Proxy(server.port) as proxy,
    ):
        config(home, f"Host *\n  IdentityFile {server.key}\n")
        know(home, server.known_hosts_line(proxy.port))
        with Ssh(settings_of(f"ssh://127.0.0.1:{proxy.port}")) as board:
            # Nothing more comes back, as with a cable that was drawn: no end, no answer.
            with pytest.raises(SpanbitError, match="lost while sending"):
                board.put(bytes(8 << 20), f"{tmp_path}/x", lambda sent: proxy.mute())
            proxy.close()


def test_a_board_that_falls_silent_is_noticed(sshd: Sshd, home: Path) -> None:
    with Proxy(sshd.port) as proxy:
        know(home, sshd.known_hosts_line(proxy.port))
        config(home, f"Host *\n  IdentityFile {sshd.key}\n  ServerAliveInterval 0.2\n")
        with Ssh(settings_of(f"ssh://127.0.0.1:{proxy.port}")) as board:
            assert board.run(("sleep", "1.5")).exit_code == 0  # silence of a command is none of the board
            proxy.mute()
            begin = time.monotonic()
            with pytest.raises(SpanbitError, match="lost while running sleep"):
                board.run(("sleep", "60"))
            assert time.monotonic() - begin < 20


def test_a_passphrase_is_asked_for_where_somebody_sits(home: Path, tmp_path: Path) -> None:
    secret, asked = keygen(tmp_path / "secret", passphrase="long words"), list[str]()
    answers_ = iter(["short words", "long words"])

    def ask(what: str) -> str:
        asked.append(what)
        return next(answers_)

    with running_sshd(tmp_path / "sshd2") as server:
        (tmp_path / "sshd2" / "authorized").write_text(public_key(secret) + "\n")
        config(home, f"Host *\n  IdentityFile {secret}\n")
        know(home, server.known_hosts_line())
        with Ssh(settings_of(url(server), ask=ask)) as board:
            assert board.run(("echo", "in")).text == "in\n"
        assert len(asked) == 2 and str(secret) in asked[0]
        with pytest.raises(SpanbitError, match="ssh-add"):
            Ssh(settings_of(url(server), ask=lambda _: "")).connect()


def test_no_password_is_asked_for_where_none_is_taken(sshd: Sshd, home: Path) -> None:
    know(home, sshd.known_hosts_line())
    config(home, f"Host *\n  IdentityFile {keygen(home / 'stranger')}\n")

    def ask(what: str) -> str:
        raise AssertionError(what)

    with pytest.raises(SpanbitError, match="ssh-copy-id"):
        Ssh(settings_of(url(sshd), ask=ask)).connect()


def test_the_command_line_shows_the_flag(sshd: Sshd, home: Path, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    where = {
        "HOME": str(home),
        "SPANBIT_BOARD_DIR": str(tmp_path / "board"),
        "SPANBIT_CACHE": str(cache_dir()),
    }
    refused = spanbit("run", str(bundle), "--on", url(sshd), **where)
    wanted = fingerprint(sshd.host_key)
    assert refused.returncode == ExitCode.BOARD
    assert f"--accept-host-key {wanted}" in refused.stderr and "Traceback" not in refused.stderr
    done = spanbit("run", str(bundle), "--on", url(sshd), "--accept-host-key", wanted, **where)
    assert done.returncode == 0, done.stderr
    assert "golden outputs: 2 of 2 equal" in done.stdout and "of 30 images" in done.stdout
    wrong = spanbit("run", str(bundle), "--on", url(sshd), "--target", "rpi-zero", **where)
    assert wrong.returncode == ExitCode.BOARD
    assert f"the board is {this_arch()}, rpi-zero is armv6" in wrong.stderr and "use --target" in wrong.stderr
