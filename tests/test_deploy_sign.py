"""Signed bundles: OpenSSH's format both ways, and boards that refuse what nobody they trust has signed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from deploy_helpers import keygen, make_bundle, public_key
from spanbit.cli.main import main
from spanbit.errors import ExitCode, SpanbitError
from spanbit_deploy.signature import (
    NAMESPACE,
    make_key,
    read_key,
    read_public_key,
    sign,
    signature_beside,
    signer_of,
    verified_key,
)
from spanbit_deploy.transports import Local

Cli = Callable[..., tuple[int, str, str]]
DATA = b"a bundle, or anything else"


def no_question(what: str) -> str:
    raise AssertionError(what)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "release"
    make_key(path, "release@example.org")
    return path


def openssh_verifies(folder: Path, signature: str, data: bytes, signers: str) -> bool:
    (folder / "sig").write_text(signature)
    (folder / "signers").write_text(signers)
    command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", "me"]
    command += ["-f", str(folder / "signers"), "-s", str(folder / "sig")]
    return subprocess.run(command, input=data, capture_output=True, check=False).returncode == 0


def test_openssh_verifies_ours(key: Path, tmp_path: Path) -> None:
    signature, signers = sign(DATA, read_key(key, no_question)), f"me {public_key(key)}\n"
    assert openssh_verifies(tmp_path, signature, DATA, signers)
    assert not openssh_verifies(tmp_path, signature, DATA + b".", signers)
    assert signer_of(DATA, signature, signers) == "me"
    assert (key.stat().st_mode & 0o777, signer_of(DATA + b".", signature, signers)) == (0o600, "")


def test_we_verify_openssh_s(tmp_path: Path) -> None:
    key = keygen(tmp_path / "id_ed25519", passphrase="")
    (tmp_path / "data").write_bytes(DATA)
    for namespace, good in ((NAMESPACE, True), ("file", False)):
        subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(tmp_path / "data")],
            check=True,
        )
        signature = (tmp_path / "data.sig").read_text()
        assert bool(verified_key(DATA, signature)) == good
        (tmp_path / "data.sig").unlink()
    rsa = keygen(tmp_path / "id_rsa", "rsa")
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(rsa), str(tmp_path / "data")],
        check=True,
    )
    assert not verified_key(DATA, (tmp_path / "data.sig").read_text())  # Ed25519 alone
    with pytest.raises(SpanbitError, match="not an Ed25519 key"):
        read_key(rsa, no_question)
    with pytest.raises(SpanbitError, match="no Ed25519 public key"):
        read_public_key(rsa.with_suffix(".pub"))


def test_damaged_signatures(key: Path) -> None:
    good = sign(DATA, read_key(key, no_question))
    assert verified_key(DATA, good) == public_key(key)
    lines = good.splitlines()
    body = "".join(lines[1:-1])
    for at in range(0, len(body), 7):
        other = "A" if body[at] != "A" else "B"
        text = "\n".join((lines[0], body[:at] + other + body[at + 1 :], lines[-1]))
        assert verified_key(DATA, text) == ""
    for text in ("", "x", lines[0], "\n".join(lines[:-1]), "\n".join((lines[0], body[:40], lines[-1]))):
        assert verified_key(DATA, text) == ""
    assert signer_of(DATA, good, f"# {public_key(key)}\nyou ssh-ed25519 AAAA\n") == ""


def test_a_passphrase_is_asked_for(tmp_path: Path) -> None:
    make_key(tmp_path / "key", "me", "long words")
    asked: list[str] = []

    def ask(what: str) -> str:
        asked.append(what)
        return "long words"

    assert verified_key(DATA, sign(DATA, read_key(tmp_path / "key", ask))) and "key" in asked[0]
    with pytest.raises(SpanbitError, match="passphrase is wrong"):
        read_key(tmp_path / "key", lambda _: "short words")
    # OpenSSH reads it, too.
    words = ["ssh-keygen", "-y", "-P", "long words", "-f", str(tmp_path / "key")]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said.split()[:2] == public_key(tmp_path / "key").split()
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(SpanbitError, match="never written over"):
        make_key(tmp_path / "key", "me")
    assert (tmp_path / "key").read_bytes() == before


def test_a_signature_of_another_bundle(key: Path, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    assert signature_beside(bundle) == ""
    (tmp_path / "tiny.spb.sig").write_text(sign(bundle.read_bytes(), read_key(key, no_question)))
    assert signature_beside(bundle)
    make_bundle(tmp_path, seed=1)
    with pytest.raises(SpanbitError, match=r"spanbit sign tiny\.spb") as caught:
        signature_beside(bundle)
    assert caught.value.code == ExitCode.BAD_BUNDLE


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("SPANBIT_BOARD_DIR", str(tmp_path / "board"))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return (int(ended.value.code or 0), *capsys.readouterr())

    return call


@pytest.mark.parametrize("with_keygen", [True, False], ids=["ssh-keygen on the board", "none there"])
def test_a_board_that_takes_signed_bundles_only(
    with_keygen: bool, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = tmp_path / "board"
    bundle, mine, others = str(make_bundle(tmp_path)), str(tmp_path / "my.key"), str(tmp_path / "other.key")
    for path in (mine, others):
        assert cli("keygen", path, "--no-passphrase")[0] == 0
    if not with_keygen:
        tools = tmp_path / "bin"
        tools.mkdir()
        for folder in ("/usr/bin", "/bin"):
            for name in os.listdir(folder):
                if name != "ssh-keygen" and not (tools / name).exists():
                    (tools / name).symlink_to(f"{folder}/{name}")
        run = Local.run

        def bare(self, command, *, timeout=60.0):  # type: ignore[no-untyped-def]
            return run(self, ("/usr/bin/env", f"PATH={tools}", *command), timeout=timeout)

        monkeypatch.setattr(Local, "run", bare)
    assert cli("push", bundle, "--on", "host")[0] == 0  # of the time before
    before = os.readlink(board / "tiny" / "current")
    code, out, err = cli("trust", mine + ".pub", "--as", "me@example.org", "--on", "host")
    assert code == 0 and "me@example.org" in out, err
    assert (board / "board.toml").read_text() == "require_signature = true\n"

    def refused(said: str, *command: str) -> None:
        code, _, err = cli(*command, "--on", "host")
        assert (code, said in err, "Traceback" in err) == (ExitCode.BOARD, True, False), err
        assert os.readlink(board / "tiny" / "current") == before
        assert not list(board.rglob(".*")) and len(os.listdir(board / "tiny" / "releases")) == count

    count = 1
    make_bundle(tmp_path, seed=1)
    refused("it is not signed", "push", bundle)
    refused("it is not signed", "run", bundle)  # nor is it run there
    refused("it is not signed", "activate", "tiny", before.rpartition("/")[2])
    assert cli("sign", bundle, "--key", others)[0] == 0
    refused("nobody of its allowed_signers", "push", bundle)

    assert cli("sign", bundle, "--key", mine)[0] == 0
    assert cli("push", bundle, "--on", "host")[0] == 0
    before, count = os.readlink(board / "tiny" / "current"), 2
    assert (board / "tiny" / "current" / "tiny.spb.sig").read_text() == Path(f"{bundle}.sig").read_text()
    assert '"signed": true' in cli("releases", "--on", "host", "--json")[1]

    assert cli("trust", others + ".pub", "--as", "other", "--on", "host")[0] == 0
    assert len((board / "allowed_signers").read_text().splitlines()) == 2
    shutil.copy(f"{bundle}.sig", tmp_path / "kept")
    # A board's file that is damaged never means "take anything".
    for text, said in (
        ("require_signature = maybe", "cannot be used"),
        ('require_signature = "no"', "neither"),
    ):
        (board / "board.toml").write_text(text)
        refused(said, "push", bundle)
    (board / "board.toml").write_text("require_signatures = true\n")
    refused("unknown key: require_signatures", "push", bundle)
    (board / "board.toml").write_text("require_signature = true\n")
    (board / "allowed_signers").write_text("")
    refused("nobody of its allowed_signers", "push", bundle)


def test_names_of_signers(tmp_path: Path, cli: Cli) -> None:
    cli("keygen", str(tmp_path / "key"), "--no-passphrase")
    for name in ("a b", "*", "x\ny", ""):
        code, _, err = cli("trust", str(tmp_path / "key.pub"), "--as", name, "--on", "host")
        assert code == ExitCode.USAGE and "--as" in err
    assert not (tmp_path / "board" / "board.toml").exists()
