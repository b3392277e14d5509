"""Many boards: inventories, ours and Ansible's; work on all of them at once; whose failure is remembered."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deploy_helpers import make_bundle
from spanbit.cli.main import main
from spanbit.errors import ExitCode, SpanbitError
from spanbit_deploy import inventory as inventory_module
from spanbit_deploy.fleet import failed_last, on_all, remember
from spanbit_deploy.inventory import Board, choose, read_inventory
from spanbit_deploy.profile.record import read_record
from spanbit_deploy.transports import Transport

Cli = Callable[..., tuple[int, str, str]]

TOML = """
[boards.here]
on = "host"
groups = ["near", "all64"]

[boards.four]
on = "emulated:rpi4"
target = "rpi4"
groups = ["all64"]

[boards.dead]
on = "ssh://127.0.0.1:1"
key = "~/.ssh/dead"
host_key = "SHA256:x"
"""
INI = """
[home]
kitchen ansible_host=10.0.0.7 ansible_user=pi ansible_port=2222 spanbit_target=rpi4
garage[1:2] ansible_ssh_private_key_file=~/.ssh/garage
[away]
virtual spanbit_on=board:two
[everything:children]
home
away
"""
YAML = """
home:
  hosts:
    kitchen: {ansible_host: 10.0.0.7, ansible_user: pi, ansible_port: 2222, spanbit_target: rpi4}
    garage[1:2]: {ansible_ssh_private_key_file: ~/.ssh/garage}
away:
  hosts:
    virtual: {spanbit_on: "board:two"}
everything:
  children:
    home:
    away:
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_our_own_inventory(tmp_path: Path) -> None:
    boards = read_inventory(written(tmp_path, "boards.toml", TOML))
    assert [board.name for board in boards] == ["here", "four", "dead"]
    assert boards[1] == Board("four", "emulated:rpi4", ("all64",), "rpi4")
    assert (boards[2].key, boards[2].host_key) == ("~/.ssh/dead", "SHA256:x")

    def names(*groups: str, boards_: tuple[str, ...] = ()) -> list[str]:
        return [board.name for board in choose(boards, groups=groups, names=boards_)]

    assert names() == ["here", "four", "dead"]
    assert names("all64") == ["here", "four"] and names("near", boards_=("dead",)) == ["here", "dead"]
    for wanted, said in ((("far",), "near, all64"), ((), "here, four, dead")):
        with pytest.raises(SpanbitError, match=said):
            choose(boards, groups=wanted, names=("nobody",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "no TOML"),
        ("", "nothing"),
        ("[boards]", "no board is in"),
        ('[board.x]\non = "host"', "something else"),
        ("[boards.x]", 'on = "ssh://'),
        ("[boards]\nx = 1", "no table"),
        ('[boards.x]\non = "host"\nport = 1', "unknown: port"),
        ("[boards.x]\non = 1", "not a text"),
        ('[boards.x]\non = "host"\ngroups = "a"', "not a list"),
    ],
)
def test_inventories_that_are_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match=said):
        read_inventory(written(tmp_path, "boards.toml", text))


@pytest.mark.parametrize(("name", "text"), [("hosts.ini", INI), ("hosts", INI), ("hosts.yml", YAML)])
def test_ansible_s_inventories(name: str, text: str, tmp_path: Path) -> None:
    boards = {board.name: board for board in read_inventory(written(tmp_path, name, text))}
    assert set(boards) == {"kitchen", "garage1", "garage2", "virtual"}
    assert (boards["kitchen"].on, boards["kitchen"].target) == ("ssh://pi@10.0.0.7:2222", "rpi4")
    assert (boards["garage2"].on, boards["garage2"].key) == ("ssh://garage2", "~/.ssh/garage")
    assert boards["virtual"].on == "board:two"
    assert set(boards["kitchen"].groups) == {"home", "everything"}


def test_ansible_s_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpanbitError, match="Ansible cannot read"):
        read_inventory(written(tmp_path, "hosts.yml", "[unclosed"))
    monkeypatch.setattr(inventory_module.sys, "executable", "/nonexistent/python")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SpanbitError, match="pip install ansible-core"):
        read_inventory(written(tmp_path, "hosts.ini", INI))


def test_no_more_than_so_many_at_a_time_and_none_waits_for_a_failed_one() -> None:
    boards = [Board(f"b{number}", "host") for number in range(6)]
    at_work: list[str] = []
    most, lock, together = [0], threading.Lock(), threading.Barrier(2)

    def work(transport: Transport, board: Board) -> dict[str, Any]:
        with lock:
            at_work.append(board.name)
            most[0] = max(most[0], len(at_work))
        try:
            together.wait(10)  # two are at work at once, or this fails
            if board.name == "b1":
                raise SpanbitError("no light", why="dark", code=ExitCode.TIMEOUT)
            if board.name == "b2":
                raise ValueError("a mistake of ours")
            return {"said": board.name}
        finally:
            with lock:
                at_work.remove(board.name)

    outcomes = on_all(boards, work, jobs=2)
    assert most == [2] and [outcome.board for outcome in outcomes] == boards
    assert [outcome.ok for outcome in outcomes] == [True, False, False, True, True, True]
    assert outcomes[1].as_dict()["why"] == "dark" and outcomes[5].as_dict()["said"] == "b5"
    assert "a mistake of ours" in outcomes[2].as_dict()["error"]


def test_an_interruption_is_remembered(tmp_path: Path) -> None:
    boards = [Board(f"b{number}", "host") for number in range(4)]
    inventory, begun = tmp_path / "boards.toml", threading.Event()

    def work(transport: Transport, board: Board) -> dict[str, Any]:
        if board.name == "b1":
            begun.wait(10)
            time.sleep(0.5)
        return {}

    def told(line: str) -> None:  # b0 is done, b1 at work
        begun.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_all(boards, work, jobs=1, told=told, finished=lambda done: remember(inventory, "push", done))
    assert set(failed_last(inventory, "push")) >= {"b2", "b3"}
    with pytest.raises(SpanbitError, match="no board has failed"):
        failed_last(inventory, "doctor")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("SPANBIT_BOARD_DIR", ".spanbit-test")
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return (int(ended.value.code or 0), *capsys.readouterr())

    return call


def test_a_push_to_many(tmp_path: Path, cli: Cli) -> None:
    inventory, bundle = str(written(tmp_path, "boards.toml", TOML)), str(make_bundle(tmp_path))
    code, out, err = cli("push", bundle, "--inventory", inventory, "--jobs", "3")
    assert code == ExitCode.BOARD, err
    assert "2 of 3 boards: done" in out and "Connection refused" in out and "--retry-failed" in err
    # One of them is mended; those that were done are left alone.
    written(tmp_path, "boards.toml", TOML.replace("ssh://127.0.0.1:1", "host").replace('"SHA256:x"', '""'))
    code, out, err = cli("push", bundle, "--inventory", inventory, "--retry-failed", "--json")
    said = json.loads(out)
    assert code == 0 and [board["board"] for board in said["boards"]] == ["dead"] and said["failed"] == 0
    assert said["boards"][0]["target"] == "host"
    code, _, err = cli("push", bundle, "--inventory", inventory, "--retry-failed")
    assert code == ExitCode.USAGE and "no board has failed" in err
    code, out, _ = cli("push", bundle, "--inventory", inventory, "--group", "near", "--json")
    assert code == 0 and [board["board"] for board in json.loads(out)["boards"]] == ["here"]


def test_a_profile_of_many(tmp_path: Path, cli: Cli) -> None:
    inventory, bundle = str(written(tmp_path, "boards.toml", TOML)), str(make_bundle(tmp_path))
    runs = tmp_path / "runs"
    (runs / "dead").mkdir(parents=True)
    asked = ("--inventory", inventory, "--rounds", "3", "--out", str(runs), "--json")
    code, out, err = cli("profile", bundle, *asked)
    here, four, dead = json.loads(out)["boards"]
    assert code == ExitCode.BOARD, err
    assert here["p50_ms"] > 0 and four["note"] == "emulated, not a board's time" and not dead["ok"]
    assert read_record(runs / "here").runs[0].figures.on == "host"
    assert read_record(runs / "four").runs[0].figures.target == "rpi4"
    assert not list((runs / "dead").iterdir())
    # A folder with something else in it is one board's failure, before anything is timed.
    (runs / "here" / "profile.json").rename(runs / "here" / "thesis.tex")
    code, out, _ = cli("profile", bundle, *asked, "--board", "here", "--board", "four")
    here, four = json.loads(out)["boards"]
    assert code == ExitCode.USAGE and "not the folder of a run" in here["error"] and four["ok"]
    code, _, err = cli("profile", bundle, "--on", "host", "--inventory", inventory)
    assert code == ExitCode.USAGE and "leave one of them out" in err


def test_options_that_contradict(tmp_path: Path, cli: Cli) -> None:
    bundle = str(make_bundle(tmp_path))
    for options, said in (
        ((), "--on PLACE for one board"),
        (("--on", "host", "--inventory", "x.toml"), "leave one of them out"),
        (("--on", "host", "--group", "a"), "no inventory"),
        (("--inventory", str(tmp_path / "absent.toml")), "cannot read"),
    ):
        code, _, err = cli("push", bundle, *options)
        assert code in (ExitCode.USAGE, ExitCode.BAD_INPUT) and said in err


def test_the_role_is_good_ansible() -> None:
    role = Path(__file__).resolve().parent.parent / "deploy" / "ansible" / "roles"
    play = f"- hosts: all\n  roles: [{{role: {role}/spanbit_push}}]\n"
    done = subprocess.run(
        [inventory_module.ansible_program("ansible-playbook"), "--syntax-check", "-i", "x,", "/dev/stdin"],
        input=play,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
