"""Files of a host, written whole or not at all, and taken away."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandFailed, DiskFull, KdumpkitError, NotVerified
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.file_states import MISSING_SH, checked_path
from kdumpkit.hosts.process import last_line


@dataclass(frozen=True)
class Written:
    """A file as it lies on the host after :func:`write_file`."""

    #: where it really lies: where the path is a link, what that leads to
    path: str
    size_bytes: int
    #: permission bits
    mode: int
    #: there was a file before
    replaced: bool
    record: int = -1


# The content goes to a temporary file beside the target, is synced, gets the old file's owner, mode, SELinux label
# and attributes, and takes its place by one rename. The directory is synced too: a panic may follow soon.
_WRITE_SH = r"""
mode=$2; umask 077
t=$(readlink -f -- "$1" && echo x) || { echo "its directory is not there: No such file or directory" >&2; exit 20; }
t=${t%?x}
if [ -e "$t" ] && [ ! -f "$t" ]; then echo "it is not a regular file" >&2; exit 21; fi
dir=${t%/*}; dir=${dir:-/}
tmp=$(mktemp -- "$dir/.${t##*/}.XXXXXX") || exit 22
trap 'rm -f -- "$tmp"' EXIT
trap 'exit 129' HUP INT TERM PIPE
dd bs=65536 conv=fsync status=none of="$tmp" || exit 23
replaced=0
kept=" $mode"
if [ -e "$t" ]; then
  replaced=1
  kept=$(stat -c '%u:%g %a' -- "$t") || exit 24
  cp --attributes-only --preserve=all --no-preserve=timestamps -- "$t" "$tmp" 2>/dev/null ||
    { chown "${kept% *}" "$tmp" 2>/dev/null; chmod "${kept#* }" "$tmp"; }
  if [ "$(stat -c '%u:%g %a' -- "$tmp")" != "$kept" ]; then
    echo "its owner and mode ($kept) cannot be kept" >&2; exit 25
  fi
else chmod "$mode" "$tmp" || exit 24
fi
mv -fT -- "$tmp" "$t" || exit 26
trap - EXIT
sync -- "$dir" 2>/dev/null || sync
printf '%s %s\n%s\0' "$replaced" "${kept#* }" "$t"
exec cat -- "$t"
"""

_REMOVE_SH = (
    MISSING_SH
    + r"""
if [ -d "$1" ] && [ ! -L "$1" ]; then echo "it is a directory" >&2; exit 21; fi
if [ -e "$1" ] || [ -L "$1" ]; then
  rm -f -- "$1" || exit 22
  if [ -e "$1" ] || [ -L "$1" ]; then echo "it is still there" >&2; exit 23; fi
  dir=${1%/*}; sync -- "${dir:-/}" 2>/dev/null || sync
  echo removed
else missing "$1"
fi
"""
)

_FULL = ("No space left on device", "Disk quota exceeded")


def write_file(
    host: Host, path: str, data: bytes, *, mode: int | None = None, as_root: bool = True, timeout_s: float = 60.0
) -> Written:
    """The file, holding ``data``: written beside its place, synced, renamed, and read back in the same command.

    An existing file keeps its owner and mode; a new one gets ``mode`` (0644 where it is None). A link stays a link,
    and what it leads to is written. Directories are not made.

    Raises:
        DiskFull: no room there. CommandFailed: any other failure. In both cases the old file is as it was, and
        nothing is left beside it.
        NotVerified: it was written, and what is read back differs.
    """
    checked_path(path)
    result = host.run(
        Command(
            ("sh", "-c", _WRITE_SH, "kdumpkit", path, f"{0o644 if mode is None else mode:o}"),
            stdin=data,
            timeout_s=timeout_s,
            as_root=as_root,
            title=f"write {path}",
            inline=True,
        )
    )
    if not result.ok:
        raise _not_written(host, path, result)
    head, _, rest = result.stdout.partition(b"\n")
    target, _, back = rest.partition(b"\0")
    fields = head.split()
    if len(fields) != 2 or back != data:
        raise NotVerified(
            f"{host.name}: {path} was written, and what is read back from it differs "
            f"({len(data)} bytes written, {len(back)} bytes read)",
            f"does something else write it? on {host.name}: ls -l --time-style=full-iso {path}",
        )
    return Written(
        target.decode("utf-8", "surrogateescape"), len(back), int(fields[1], 8), fields[0] == b"1", result.record
    )


def remove_file(host: Host, path: str, *, as_root: bool = True) -> bool:
    """Whether there was a file (or a link, which is not followed): it is gone now. Directories are refused.

    Raises CommandFailed where it cannot be removed, or one may not look whether it is there.
    """
    checked_path(path)
    result = host.run(
        Command(("sh", "-c", _REMOVE_SH, "kdumpkit", path), as_root=as_root, title=f"remove {path}", inline=True)
    )
    word = result.text.strip()
    if result.ok and word in ("removed", "absent"):
        return word == "removed"
    why = "not permitted to look for it" if result.ok else last_line(result.stderr)
    raise CommandFailed(f"{host.name}: {path} was not removed: {why}", f"on {host.name}: ls -ld {path}")


def _not_written(host: Host, path: str, result: CommandResult) -> KdumpkitError:
    said = last_line(result.stderr) or f"status {result.exit_status}"
    directory = path.rpartition("/")[0] or "/"
    if any(words in said for words in _FULL):
        return DiskFull(
            f"{host.name}: no room for {path}: {said}; nothing was changed",
            f"make room on {host.name}: df -h {directory}; df -i {directory}",
        )
    return CommandFailed(
        f"{host.name}: {path} was not written: {said}", f"on {host.name}: ls -ld {directory}; findmnt -T {directory}"
    )
