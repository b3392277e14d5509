"""Debian packages of another architecture, fetched and unpacked into a folder of our own.

    fetch(Path("work"))        # work/root/ then holds busybox, dropbear, sftp-server, libraries, kernel

apt runs with a root of its own (package lists, cache, an empty list of installed packages), but with the
host's sources, keys, logins and proxies. It changes nothing on the host and needs no root.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.tools import missing_tools

TOOLS = {"apt-get": "apt", "apt-cache": "apt", "apt-config": "apt", "dpkg-deb": "dpkg"}
_PROGRAMS = ("busybox-static", "dropbear-bin", "openssh-sftp-server")
_KERNELS = ("linux-image-cloud-arm64", "linux-image-virtual")  # Debian's, Ubuntu's
_ARCH = "arm64"
_TIMEOUT_S = 600
# Of the host's settings only these: its hooks would clean the host's own cache.
_HOST_SETTINGS = re.compile(r"Acquire::(?:(?:http|https)::|Retries |Check-Valid-Until |Check-Date )")
_UBUNTU_PORTS = "http://ports.ubuntu.com/ubuntu-ports"  # Ubuntu keeps ARM apart from its main mirrors


def fetch(work: Path) -> Path:
    """The virtual board's programs and its kernel; the folder that holds the unpacked files.

    Raises:
        SpanbitError: no apt here, or a download failed.
    """
    environment = _prepare(work)
    _download(_PROGRAMS, work, environment)
    _run(("apt-get", "-q", "download", _kernel(work, environment)), work, environment)
    return _unpack(work)


def fetch_programs(work: Path, names: Sequence[str]) -> Path:
    """The same for any packages, with all that they need.

    Raises:
        SpanbitError: as `fetch`.
    """
    _download(names, work, _prepare(work))
    return _unpack(work)


def _prepare(work: Path) -> dict[str, str]:
    absent = missing_tools(TOOLS)
    if absent:
        raise SpanbitError(
            "the virtual board's image cannot be built here",
            why=f"{', '.join(absent)} not found: it is built from Debian packages",
            fix="use a Debian or Ubuntu system, or --on host, or a board of your own (ssh://USER@HOST)",
            code=ExitCode.BOARD,
        )
    environment = {**os.environ, "APT_CONFIG": str(_configure(work)), "LC_ALL": "C"}
    # A source without ARM packages fails here and harms nobody; what is really missing fails below.
    _run(("apt-get", "-q", "update"), work, environment, must=False)
    return environment


def _download(names: Sequence[str], work: Path, environment: dict[str, str]) -> None:
    _run(
        ("apt-get", "-qy", "--no-install-recommends", "--download-only", "install", *names), work, environment
    )


def _unpack(work: Path) -> Path:
    root = work / "root"
    root.mkdir()
    for package in sorted([*work.glob("cache/archives/*.deb"), *work.glob("*.deb")]):
        _run(("dpkg-deb", "-x", str(package), str(root)), work, {**os.environ, "LC_ALL": "C"})
    return root


def _configure(work: Path) -> Path:
    for folder in ("cache/archives/partial", "state/lists/partial", "none"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    host = subprocess.run(("apt-config", "dump"), capture_output=True, text=True, check=True).stdout
    lines = [
        f'Dir::State "{work}/state";',
        f'Dir::State::status "{work}/status";',
        f'Dir::Cache "{work}/cache";',
        f'Dir::Log "{work}";',
        f'Dir::Etc::parts "{work}/none";',
        f'Dir::Etc::main "{work}/none/apt.conf";',
        f'Dir::Etc::preferencesparts "{work}/none";',
        f'APT::Architecture "{_ARCH}";',
        f'APT::Architectures {{ "{_ARCH}"; }};',
        'APT::Sandbox::User "";',  # the sandbox' user may not write here
        'Acquire::Languages "none";',
        'Debug::NoLocking "true";',
        *(line for line in host.splitlines() if _HOST_SETTINGS.match(line)),
    ]
    ubuntu = _ubuntu_release()
    if ubuntu:
        sources = work / "sources.list"
        sources.write_text(
            "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] "
            f"{_UBUNTU_PORTS} {ubuntu} main universe\n"
        )
        lines += [f'Dir::Etc::sourcelist "{sources}";', f'Dir::Etc::sourceparts "{work}/none";']
    path = work / "apt.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


def _ubuntu_release() -> str:
    """Ubuntu's code name, empty on any other system."""
    path = Path("/etc/os-release")
    said = (
        dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
        if path.is_file()
        else {}
    )
    return said.get("VERSION_CODENAME", "").strip('"') if said.get("ID", "").strip('"') == "ubuntu" else ""


def _kernel(work: Path, environment: dict[str, str]) -> str:
    """The package with the newest kernel, by the package that always depends on it."""
    for name in _KERNELS:
        said = _run(("apt-cache", "depends", "--important", name), work, environment, must=False)
        found = re.search(r"Depends: (linux-image-\d\S*)", said)
        if found:
            return found.group(1)
    raise SpanbitError(
        "no ARM kernel is in this system's package sources",
        why=f"looked for {' and '.join(_KERNELS)} ({_ARCH})",
        fix="check the network and /etc/apt/sources.list, then run `spanbit board up` again",
        code=ExitCode.BOARD,
    )


def _run(command: tuple[str, ...], work: Path, environment: dict[str, str], *, must: bool = True) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise SpanbitError(
            f"{command[0]} took more than {_TIMEOUT_S} s",
            fix="check the network",
            code=ExitCode.TIMEOUT,
        ) from error
    if must and done.returncode:
        raise SpanbitError(
            "cannot get the packages of the virtual board",
            where=" ".join(command[:4]),
            why=done.stdout.strip()[-1000:],
            fix="check the network and the disk, then run `spanbit board up` again",
            code=ExitCode.BOARD,
        )
    return done.stdout
