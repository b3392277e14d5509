"""Two virtual boards as a fleet: `spanbit push --inventory`, and the Ansible role with the same push."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_helpers import make_bundle, spanbit
from spanbit.errors import ExitCode
from spanbit_deploy.board import board_settings, down, up
from spanbit_deploy.inventory import ansible_program
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.transports import Ssh
from spanbit_deploy.watcher import Watcher

NAMES = ("one", "two")
ROLES = Path(__file__).resolve().parent.parent / "deploy" / "ansible" / "roles"
INVENTORY = "[boards]\none spanbit_on=board:one\ntwo spanbit_on=board:two\ngone spanbit_on=board:gone\n"
PLAYBOOK = """
- hosts: boards
  gather_facts: false
  roles: [spanbit_push]
  tasks:
    - ansible.builtin.debug: {msg: "runs={{ spanbit_release }}"}
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("fleet") / "hosts.ini"
    path.write_text(INVENTORY)
    for name in NAMES:
        up(Watcher(), name)
    yield path
    for name in NAMES:
        down(name)


def current() -> set[str]:
    found = set()
    for name in NAMES:
        with Ssh(board_settings(name)) as board:
            found.add(current_digest(board, "tiny"))
    return found


def play(inventory: Path, bundle: Path, **variables: object) -> tuple[int, dict[str, dict[str, int]], str]:
    """The playbook's exit code, what became of each host, and its output."""
    book = inventory.with_name("push.yml")
    book.write_text(PLAYBOOK)
    command = [sys.executable, "-c", "from spanbit.cli.main import main; main()"]
    given = {"spanbit_bundle": str(bundle), "spanbit_command": command, **variables}
    done = subprocess.run(
        [ansible_program("ansible-playbook"), "-i", str(inventory), "-e", json.dumps(given), str(book)],
        env={**os.environ, "ANSIBLE_ROLES_PATH": str(ROLES), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    recap = {}
    for line in done.stdout.partition("PLAY RECAP")[2].splitlines()[1:]:
        name, _, counts = line.partition(":")
        pairs = (part.split("=") for part in counts.split())
        recap[name.strip()] = {key: int(value) for key, value in pairs} if counts else {}
    return done.returncode, recap, done.stdout + done.stderr


def test_a_push_to_both_and_the_role_does_the_same(inventory: Path, tmp_path: Path) -> None:
    # By our own command: the board that is not there stops nobody.
    bundle = make_bundle(tmp_path)
    done = spanbit("push", str(bundle), "--inventory", str(inventory), "--json")
    assert done.returncode == ExitCode.BOARD, done.stderr
    said = {board["board"]: board for board in json.loads(done.stdout)["boards"]}
    assert said["one"]["ok"] and said["two"]["ok"] and not said["gone"]["ok"]
    first = said["one"]["digest"]
    assert current() == {first}

    # The role finds it there.
    code, recap, out = play(inventory, bundle)
    assert code != 0 and recap["gone"]["failed"] == 1, out  # said, and it stops nobody
    assert all(recap[name]["failed"] == recap[name]["changed"] == 0 for name in NAMES), out
    assert out.count(f"runs={first}") == 2

    # And puts another one there, taken back where its check fails.
    make_bundle(tmp_path, seed=1)
    _, recap, out = play(inventory, bundle, spanbit_check="false")
    assert all(recap[name]["failed"] == 1 for name in NAMES), out
    assert f"{first} is current again" in out and current() == {first}
    _, recap, out = play(inventory, bundle)
    assert all(recap[name]["changed"] == 1 for name in NAMES), out
    assert len(current()) == 1 and current() != {first}
