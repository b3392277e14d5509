"""For the tests of spanbit_deploy: a small bundle, a real sshd on the loopback, a TCP proxy that fails."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from spanbit.bundle import write_bundle
from spanbit.graph.ops import BinaryConv, Graph, Head, MaxPool, Padding, Shape, StemConv, Threshold
from spanbit.passes import compile_graph
from spanbit.targets import Target, load_target


def assert_golden(target: Target, runner: str, bundle: Path, *, threads: int, count: int) -> None:
    """On the target's emulated core the runner finds all `count` golden records of a bundle equal."""
    command = (*target.qemu, runner, str(bundle), "--threads", str(threads))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (bundle.name, done.stdout)
    said = json.loads(done.stdout)
    assert said["golden"] == {"count": count, "ok": True}
    assert said["threads"] == threads
    assert (said["isa"], said["arch"]) == (target.isa, target.arch)


def make_bundle(folder: Path, *, seed: int = 0, target: str = "rpi4") -> Path:
    """tiny.spb with all operators on 8x8 images, and 30 labelled images in tiny.test.npz."""
    draw = np.random.default_rng(seed)

    def threshold(name: str, spread: int) -> Threshold:
        return Threshold(name, draw.integers(-spread, spread, 16).astype(np.int32), np.zeros(16, np.uint8))

    graph = Graph(
        "tiny",
        Shape(1, 8, 8),
        (
            StemConv(
                "stem", draw.integers(-20, 20, (16, 1, 3, 3)).astype(np.int8), 1, 1, np.zeros(1, np.uint8)
            ),
            threshold("stem.bits", 500),
            BinaryConv(
                "conv1", draw.integers(-1, 2, (16, 16, 3, 3)).astype(np.int8), 1, 1, Padding.MINUS_ONE
            ),
            MaxPool("pool"),
            threshold("conv1.bits", 10),
            BinaryConv(
                "conv2", draw.choice(np.array([-1, 1], np.int8), (16, 16, 3, 3)), 1, 1, Padding.MINUS_ONE
            ),
            threshold("conv2.bits", 10),
            Head(
                "head",
                draw.integers(-8, 8, (10, 256)).astype(np.int8),
                np.full(10, 0.01, np.float32),
                np.zeros(10, np.float32),
            ),
        ),
    )
    images = draw.integers(0, 256, (30, 8, 8, 1)).astype(np.uint8)
    path = folder / "tiny.spb"
    path.write_bytes(write_bundle(compile_graph(graph, load_target(target)), images[:2]))
    np.savez(folder / "tiny.test.npz", images=images, labels=draw.integers(0, 10, 30))
    return path


def spanbit(*arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own."""
    return subprocess.run(
        spanbit_command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **environment},
    )


def spanbit_command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from spanbit.cli.main import main; main()", *arguments]


def wait_until(true: Callable[[], object], seconds: float = 20) -> None:
    """Polls; fails when it takes longer."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return path


def public_key(path: Path) -> str:
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def fingerprint(path: Path) -> str:
    """As OpenSSH itself says it."""
    done = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


@dataclass(frozen=True)
class Sshd:
    """A running sshd; log in with `key` as the current user."""

    port: int
    key: Path
    host_key: Path

    def known_hosts_line(self, port: int | None = None) -> str:
        return f"[127.0.0.1]:{port or self.port} {public_key(self.host_key)}\n"


@contextmanager
def running_sshd(folder: Path, *, file_limit: int = 0, sftp: bool = True) -> Iterator[Sshd]:
    """A real OpenSSH server with a config of its own. `file_limit`: no file may grow beyond so many bytes."""
    folder.mkdir()
    host_key, key = keygen(folder / "host_key"), keygen(folder / "key")
    (folder / "authorized").write_text(public_key(key) + "\n")
    port = free_port()
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        # Whatever this user's shell does at its start is not looked at: no .bashrc is in this HOME.
        f"SetEnv HOME={folder}\nKbdInteractiveAuthentication no\n"
        f"{'Subsystem sftp internal-sftp' if sftp else ''}\n"
    )
    if os.geteuid() == 0:  # where a root's sshd shuts itself in; Debian's service makes it
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", str(folder / "config")],
            stderr=log,
            stdin=subprocess.DEVNULL,
            # Python ignores SIGXFSZ; passed on, a write beyond the limit is an error and no death.
            restore_signals=False,
        )
        if file_limit:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
    try:
        wait_until(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield Sshd(port, key, host_key)
    finally:
        process.terminate()
        process.wait(10)


class Proxy:
    """A TCP proxy to a port. `cut_after`: ends the connection behind so many bytes; `delay_s`: a chunk.

    `cut` ends all connections now; new ones are taken where `once`. `mute` passes nothing on any more.
    """

    def __init__(self, port: int, *, cut_after: int = 0, once: bool = True, delay_s: float = 0) -> None:
        self._target, self._cut, self._once, self._delay = port, cut_after, once, delay_s
        self.cuts, self.muted = 0, False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def cut(self) -> None:
        self.cuts += 1
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mute(self) -> None:
        self.muted = True

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.cuts and not self._once:  # the network stays away
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            limit = 0 if self.cuts else self._cut
            self._open += [near, far]
            threading.Thread(target=self._pump, args=(near, far, limit), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, 0), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int) -> None:
        passed = 0
        try:
            while data := source.recv(4096):
                passed += len(data)
                if self.muted:
                    continue
                if limit and passed > limit:
                    self.cuts += 1
                    break
                if self._delay and sink.getpeername()[1] == self._target:
                    time.sleep(self._delay)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
