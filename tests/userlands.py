"""Userlands that a board may have, as folders of programs: POSIX and no more, BusyBox, Toybox.

with Bare(home, userland(folder, "posix")) as board: ...
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from spanbit_deploy.transports import Local, Result

NAMES = ("posix, dash", "posix, busybox sh", "busybox", "toybox, dash")

# What POSIX.1-2017 has of the utilities that spanbit uses on a board, with the letters of their options. A
# value may be glued to its letter, so digits pass.
_POSIX = {
    "awk": "Fvf",
    "cat": "u",
    "chmod": "R",
    "cp": "PfiHLRp",
    "cut": "bcdfns",
    "date": "u",
    "df": "kPt",
    "du": "aHLkxs",
    "echo": "",
    "env": "i",
    "getconf": "v",
    "grep": "EFcefilnqsvx",
    "head": "n",
    "id": "Ggnru",
    "ln": "fsLP",
    "ls": "ikqrsglonACFRHLScaftpu1mxd",
    "mkdir": "pm",
    "mv": "fi",
    "od": "vAjNtbcdosxnu",  # -An, -tu1
    "printf": "",
    "rm": "fiRr",
    "sed": "nef",
    "sleep": "",
    "tail": "fcn",
    "touch": "acdmrt",
    "tr": "Ccds",
    "uname": "amnrsv",
    "wc": "clmw",
}
_REFUSES = """#!/bin/sh
for word in "$@"; do
    case $word in
    {extra}--) ;;
    -*[!{letters}0-9,-]*) echo "POSIX has no {name} $word" >&2; exit 2 ;;
    esac
done
exec {real} "$@"
"""
_EXTRA = {  # words beside options
    "date": "*%s*) echo %s; exit ;;\n    ",  # as a strftime that does not know it
    "find": "-prune|-mtime|-exec|-name|-type|-newer) ;;\n    -rf) ;;\n    ",
}


class Bare(Local):
    """This machine with another PATH, and nothing else of its programs."""

    def __init__(self, home: Path, programs: Path) -> None:
        super().__init__(home)
        self._programs = programs

    def run(self, command: Sequence[str], *, timeout: float = 60.0) -> Result:
        enter = ("/bin/sh", "-c", 'PATH=$0; export PATH; exec "$@"', str(self._programs))
        return super().run((*enter, *command), timeout=timeout)


def userland(folder: Path, name: str) -> Path:
    """A folder of programs: none of them has sha256sum or sync, and `posix` has no `mv -T` either."""
    folder.mkdir()
    kind = name.partition(", ")[0]
    (folder / "sh").symlink_to(_program("busybox" if "busybox" in name else "dash"))
    if kind == "posix":
        for utility, letters in (*_POSIX.items(), ("find", "HL")):
            _refusing(folder / utility, letters)
        return folder
    program = _program(kind)
    listed = subprocess.run(
        [program, *(["--list"] if kind == "busybox" else [])], capture_output=True, check=True
    )
    for applet in set(listed.stdout.decode().split()) & {*_POSIX, "find"}:
        (folder / applet).symlink_to(program)
    return folder


def _refusing(path: Path, letters: str) -> None:
    text = _REFUSES.format(
        extra=_EXTRA.get(path.name, ""), letters=letters, name=path.name, real=_program(path.name)
    )
    path.write_text(text)
    path.chmod(0o755)


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/bin:/bin")
    assert found is not None, f"{name} is not installed: tools/packages.txt"
    return found
