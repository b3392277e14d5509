"""Shell functions that the scripts on a board share. POSIX utilities are enough for them, and our own runner.

    board.run(shell_words('link_of "$1"', "demo/current"))

Three things a push needs that POSIX has no utility for: SHA-256, replacing a link to a folder in one step,
and a sync. `sha256sum`, `mv -T` and `sync` do them where the board has them (GNU, BusyBox, Toybox); else the
runner does (`spb_runner --sha256`, `--rename`, `--sync`), which lies in the release that is at work.
"""

_FUNCTIONS = r"""
# Seconds since 1970. POSIX came to know %s in 2024; awk's srand tells what it was seeded with, the time.
now() {
    seconds=$(date +%s 2>/dev/null)
    case $seconds in ''|*[!0-9]*) seconds=$(awk 'BEGIN { srand(); print srand() }') ;; esac
    echo "$seconds"
}
# link_of LINK: what it points to.
link_of() {
    set -- "$(ls -ld "$1" 2>/dev/null)"
    case $1 in *' -> '*) echo "${1##* -> }" ;; esac
}
# move FROM TO: a rename, never into a folder.
move() {
    if [ -e "$2" ] || [ -h "$2" ]; then echo "$2 is there already" >&2; return 1; fi
    mv "$1" "$2"
}
# replace FROM TO RUNNER...: a rename onto a link, in one step. Whoever answers, FROM must be gone then.
replace() {
    from=$1 to=$2; shift 2
    mv -fT "$from" "$to" && return
    for runner in "$@"; do "$runner" --rename "$from" "$to" && [ ! -h "$from" ] && return; done
    return 1
}
# sums RUNNER FILE...: a line a file, its SHA-256 first.
sums() {
    runner=$1; shift
    if command -v sha256sum > /dev/null; then sha256sum "$@"; else "$runner" --sha256 "$@"; fi
}
# write_out RUNNER FILE...: to the disk, or all that was written.
write_out() {
    runner=$1; shift
    sync "$@" || sync || "$runner" --sync
}
"""


def shell_words(script: str, *arguments: str) -> tuple[str, ...]:
    """The words of a command that runs `script` with these functions and $1, $2, ... as its arguments."""
    return ("sh", "-c", _FUNCTIONS + script, "sh", *arguments)
