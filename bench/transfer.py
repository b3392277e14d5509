"""How fast a release goes to a board: spanbit's transport against `scp`, on the loopback, MB/s.

    python bench/transfer.py --json bench/results/transfer.json      (leave the machine alone meanwhile)
    tools/boards_page.py                                             (the figures go to docs/boards.md)

A real sshd with a key of its own is started for it. Each way sends the same random bytes, in turn, `--rounds`
times; the figure is the median. "with login" is all that sending one file takes, from nothing to a closed
connection; scp cannot do without. "open connection" is one more file over a connection that stands.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from deploy_helpers import Sshd, running_sshd
from emulate import cpu_name
from spanbit_deploy.transports import Ssh, SshSettings

MIB = (1, 64)


def measure(server: Sshd, folder: Path, size: int, rounds: int) -> dict[str, float]:
    """MB/s of each way for one file of `size` bytes."""
    known = folder / "known"
    known.write_text(server.known_hosts_line())
    source, data = folder / "source", os.urandom(size)
    source.write_bytes(data)
    settings = SshSettings(
        name="ssh://loopback",
        host="127.0.0.1",
        port=server.port,
        user=getpass.getuser(),
        identity_files=(server.key,),
        agent=False,
        known_hosts=(known,),
    )
    target = str(folder / "target")

    def ours() -> None:
        with Ssh(settings) as board:
            board.put(data, target)

    def scp() -> None:
        options = ("-q", "-F", "none", "-i", str(server.key), "-P", str(server.port))
        options += ("-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes")
        subprocess.run(("scp", *options, str(source), f"{settings.user}@127.0.0.1:{target}"), check=True)

    with Ssh(settings) as standing:

        def again() -> None:
            standing.put(data, target)

        ways: dict[str, Callable[[], None]] = {
            "scp, with login": scp,
            "spanbit, with login": ours,
            "spanbit, open connection": again,
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                begin = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - begin)
                assert Path(target).read_bytes() == data
    return {name: round(size / statistics.median(found) / 1e6, 1) for name, found in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mib", type=int, nargs="+", default=MIB, help="sizes of the file")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_sshd(folder / "sshd") as server:
            figures = {f"{mib} MiB": measure(server, folder, mib << 20, wanted.rounds) for mib in wanted.mib}
    scp = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.strip()
    said = {"unit": "MB/s, median", "rounds": wanted.rounds, "cpu": cpu_name(), "scp": scp, "sizes": figures}
    text = json.dumps(said, indent=2)
    print(text)
    if wanted.json is not None:
        wanted.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
