"""What is on a board.

for release in list_releases(board):
    print(release.name, release.digest, release.current)
find_release(board, "demo", "current")
"""

from __future__ import annotations

from dataclasses import dataclass

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.release.layout import TARGET_FILE, Release, board_dir, is_digest, root_of
from spanbit_deploy.release.shell import shell_words
from spanbit_deploy.transports import Transport

CURRENT = "current"
_DIGEST_LEAST = 4  # characters of a digest that a user may leave it at

# A line a release, the newest first: name, digest, KiB, when it was put there or made current (0: the board
# does not say, as where its `date` knows no -r and the release was never current), current, signed, target.
_LIST = """
cd "$1" 2>/dev/null || exit 0
shift
for name in "$@"; do
    link=$(link_of "$name/current")
    ls -1t "$name/releases" 2>/dev/null | while read -r digest; do
        folder=$name/releases/$digest
        [ -d "$folder" ] || continue
        kib=$(du -sk "$folder" | cut -f1)
        when=$(date -r "$folder" +%s 2>/dev/null) ||
            when=$(sed -n "s/^\\([0-9]*\\) $digest\\$/\\1/p" "$name/history" 2>/dev/null | tail -n 1)
        current=no; [ "$link" = "releases/$digest" ] && current=yes
        signed=no; [ -f "$folder/$name.spb.sig" ] && signed=yes
        echo "$name $digest $kib ${when:-0} $current $signed $(sed 1q "$folder/target" 2>/dev/null)"
    done
done
"""
_NAMES = 'cd "$1" 2>/dev/null || exit 0; for f in */releases; do [ -d "$f" ] && echo "${f%/releases}"; done'


@dataclass(frozen=True)
class Listed:
    """A release that is on the board."""

    name: str
    digest: str
    target: str
    kib: int  # on its disk
    since: int  # put there or last made current, by the board's clock, seconds since 1970; 0: unknown
    current: bool
    signed: bool

    @property
    def release(self) -> Release:
        """Its place."""
        return Release(self.name, self.digest, root_of(self.name), self.target)


def list_releases(board: Transport, name: str = "") -> tuple[Listed, ...]:
    """All releases of a name, or of all names; the newest of each name first."""
    names = [name] if name else board.run(("sh", "-c", _NAMES, "sh", board_dir())).text.split()
    done = board.run(shell_words(_LIST, board_dir(), *names))
    found = [_parse(line) for line in done.text.splitlines()]
    whole = [listed for listed in found if listed is not None]
    return tuple(sorted(whole, key=lambda listed: listed.name))


def find_release(board: Transport, name: str, wanted: str) -> Release:
    """The release that a user means: `current`, a digest, or the beginning of one.

    Raises:
        SpanbitError: BOARD: there is none; USAGE: there are two.
    """
    listed = list_releases(board, name)
    found = [
        one for one in listed if (one.current if wanted == CURRENT else one.digest.startswith(wanted.lower()))
    ]
    if len(found) == 1 and (wanted == CURRENT or len(wanted) >= _DIGEST_LEAST):
        return found[0].release
    if wanted != CURRENT and (len(found) > 1 or len(wanted) < _DIGEST_LEAST):
        raise SpanbitError(
            f"{wanted!r} does not say which release",
            where=board.name,
            why=f"there are {', '.join(one.digest for one in listed)}" if listed else "there is none",
            fix=f"give {_DIGEST_LEAST} characters or more, so many that only one begins with them",
            code=ExitCode.USAGE,
        )
    there = ", ".join(one.digest for one in listed)
    what = f"no release of {name} is current" if wanted == CURRENT else f"{name} has no release {wanted}"
    raise board.failure(
        what,
        why=f"there are {there}" if there else f"nothing of {name} is on this board",
        fix=f"push it: spanbit push {name}.spb --on {board.name}",
    )


def current_digest(board: Transport, name: str) -> str:
    """The digest of the current release, "" if there is none."""
    link = f"{root_of(name)}/current"
    said = board.run(shell_words('link_of "$1"', link)).text.strip()
    folder, _, digest = said.rpartition("/")
    return digest if folder == "releases" and is_digest(digest) else ""


def target_of(board: Transport, release: Release) -> str:
    """What its runner was built for, "" if it does not say."""
    return _word(board.run(("cat", f"{release.folder}/{TARGET_FILE}")).text)


def _parse(line: str) -> Listed | None:
    """None: a folder of somebody else's."""
    parts = line.split(" ")
    if len(parts) != 7 or not is_digest(parts[1]) or not (parts[2].isdigit() and parts[3].isdigit()):
        return None
    name, digest, kib, since, current, signed, target = parts
    return Listed(_word(name), digest, _word(target), int(kib), int(since), current == "yes", signed == "yes")


def _word(text: str) -> str:
    """From a board, for a terminal."""
    return "".join(c for c in text.strip() if c.isprintable() and not c.isspace())[:64]
