"""Files of a host, many in one command. Built on ``Host.run`` alone, so it is recorded and replayed for free.

A file that is absent, one that may not be read, one that cannot be read and an empty one are different answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kdumpkit.command import Command, CommandResult
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.directory import list_directory
from kdumpkit.hosts.file_states import (
    MISSING_SH,
    Absent,
    DirectoryEntry,
    EntryKind,
    FileContent,
    FileState,
    NotPermitted,
    Unreadable,
    checked_path,
)
from kdumpkit.hosts.file_writing import Written, remove_file, write_file
from kdumpkit.hosts.process import last_line

__all__ = [
    "Absent",
    "DirectoryEntry",
    "EntryKind",
    "FileContent",
    "FileState",
    "NotPermitted",
    "Unreadable",
    "Written",
    "list_directory",
    "read_file",
    "read_files",
    "remove_file",
    "write_file",
]

# Lines of the content that begin with @ get a second one, so a line that begins with "@ " is always ours. Sizes in
# front would not survive a recording in which secrets were masked. The line on standard error tells whose read error
# follows there. A file is opened only where it is a regular one: opening a device or a pipe can have effects. One
# stat for all, and head only where the size does not bound the read: programs are slow to start on an emulated host.
_READ_SH = (
    MISSING_SH
    + r"""
max=$1; shift; set -f; IFS=
nl='
'
meta() {
  for f do shift; if [ -f "$f" ] && [ -r "$f" ]; then set -- "$@" "$f"; fi; done
  if [ $# -gt 0 ]; then stat -L -c '%a %s %n' -- "$@" 2>/dev/null; fi
}
content() {
  IFS=' ' read -r mode size name <&3
  if [ "$name" != "$1" ]; then
    mode=; size=0
    IFS=' ' read -r mode size <<EOF
$(stat -L -c '%a %s' -- "$1" 2>/dev/null)
EOF
  fi
  echo '@ content'
  if [ "${size:-0}" -gt 0 ] && [ "$size" -lt "$max" ]; then sed 's/^@/@@/' <"$1"
  else { head -c "$max" | sed 's/^@/@@/'; } <"$1"
  fi
  printf '\n@ mode %s\n' "$mode"
}
show() {
  echo '@ file'; echo '@ file' >&2
  case $1 in
    *"$nl"*) printf '%s\n' "$1" | sed 's/^@/@@/' ;;
    *) printf '%s\n' "$1" ;;
  esac
  if [ -f "$1" ]; then
    if [ ! -r "$1" ]; then echo '@ not-permitted'
    elif { :; } 2>/dev/null <"$1"; then content "$1"
    else { :; } 2>&1 <"$1" | tail -n 1 | sed 's/.*: /@ error /'
    fi
  elif [ -d "$1" ]; then echo '@ directory'
  elif [ -e "$1" ]; then echo '@ special'
  elif [ -L "$1" ]; then
    target=$(readlink -- "$1")
    case $target in /*) ;; *) target=${1%/*}/$target ;; esac
    if [ "$(missing "$target")" = not-permitted ]; then echo '@ not-permitted'; else echo '@ dangling'; fi
  else
    d=${1%%\**}; d=${d%/*}; d=${d:-/}
    case $1 in
      *\**) if [ -d "$d" ] && [ ! -r "$d" ]; then echo '@ not-permitted'; return; fi ;;
    esac
    printf '@ '; missing "$1"
  fi
}
for path do
  shift
  case $path in
    *\**) set +f; set -- "$@" $path; set -f ;;
    *) set -- "$@" "$path" ;;
  esac
done
for path do show "$path"; done 3<<EOF
$(meta "$@")
EOF
echo '@ end'
"""
)

_FRAME = re.compile(rb"^@ ([a-z-]+) ?([^\n]*)\n", re.MULTILINE)
_STUFFED = re.compile(rb"^@@", re.MULTILINE)
_REFUSALS = (b"ermission denied", b"not permitted")
#: most bytes of paths in one command: ssh passes a command as one argument, of at most 128 KiB
_BATCH_BYTES = 48_000


def read_file(host: Host, path: str, *, max_bytes: int = 1 << 20, as_root: bool = True) -> FileState:
    """The state of one file. See :func:`read_files`; ``path`` is taken as it stands, a ``*`` in it is no pattern."""
    if "*" in path:
        raise ValueError(f"a pattern is for read_files: {path!r}")
    return read_files(host, [path], max_bytes=max_bytes, as_root=as_root)[path]


def read_files(
    host: Host, paths: Iterable[str], *, max_bytes: int = 1 << 20, as_root: bool = True
) -> dict[str, FileState]:
    """The state of every file, by path, read by one command (more only for more than some 1000 paths).

    A path with ``*`` is a pattern that the host expands: each match has an entry, in the order of its bytes; a
    pattern without a match has one under its own name. At most ``max_bytes`` of each file are read; files of /proc
    and /sys, which say that they are empty, are read like others. Any bytes survive.

    Raises what ``Host.run`` raises, and CommandFailed where the host has no working shell.
    """
    states: dict[str, FileState] = {}
    for batch in _batches([checked_path(path) for path in dict.fromkeys(paths)]):
        result = host.run(
            Command(
                ("sh", "-c", _READ_SH, "kdumpkit", str(max_bytes + 1), *batch),
                timeout_s=60.0 + len(batch),
                as_root=as_root,
                title=_title(batch),
            )
        ).checked()
        states.update(parse_files(result, batch, max_bytes))
    return states


def parse_files(result: CommandResult, paths: Sequence[str], max_bytes: int) -> dict[str, FileState]:
    """The states in the answer to one command of :func:`read_files`."""
    states: dict[str, FileState] = {}
    errors = re.split(rb"^@ file\n", result.stderr, flags=re.MULTILINE)[1:]
    frames = list(_FRAME.finditer(result.stdout))
    number = -1
    for index, frame in enumerate(frames[:-1]):
        if frame[1] != b"file":
            continue
        number += 1
        state, name = frames[index + 1], _between(result.stdout, frame, frames[index + 1])
        path = name.decode("utf-8", "surrogateescape")
        error = errors[number] if number < len(errors) else b""
        after = frames[index + 2] if index + 2 < len(frames) else None
        states[path] = _state(result, path, state, after, error, max_bytes)
    whole = bool(frames) and frames[-1][1] == b"end"
    for path in paths:
        if path not in states and not (whole and "*" in path):
            states[path] = Unreadable(path, "the host's answer broke off before it", result.record)
    return states


def _state(
    result: CommandResult,
    path: str,
    state: re.Match[bytes],
    after: re.Match[bytes] | None,
    error: bytes,
    max_bytes: int,
) -> FileState:
    record = result.record
    word, text = state[1], state[2]
    if word == b"absent":
        return Absent(path, record)
    if word == b"not-permitted" or (word == b"error" and any(refusal in text for refusal in _REFUSALS)):
        return NotPermitted(path, record)
    if word != b"content":
        reason = {
            b"directory": "it is a directory",
            b"special": "it is not a regular file",
            b"dangling": "it is a link, and what it leads to is not there",
        }.get(word, last_line(text) or "the host gave no reason")
        return Unreadable(path, reason, record)
    if error:
        if any(refusal in error for refusal in _REFUSALS):
            return NotPermitted(path, record)
        return Unreadable(path, last_line(error), record)
    if after is None or after[1] != b"mode":
        return Unreadable(path, "the host's answer broke off in it", record)
    data = _STUFFED.sub(b"@", _between(result.stdout, state, after))
    mode = int(after[2], 8) if re.fullmatch(rb"[0-7]{1,4}", after[2]) else None
    return FileContent(path, data[:max_bytes], mode, len(data) > max_bytes, record)


def _between(stdout: bytes, before: re.Match[bytes], after: re.Match[bytes]) -> bytes:
    # the newline before a frame line is the frame's
    return stdout[before.end() : max(before.end(), after.start() - 1)]


def _batches(paths: Sequence[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    size_bytes = 0
    for path in paths:
        cost = len(path.encode("utf-8", "surrogateescape")) + 8
        if batch and size_bytes + cost > _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
        batch.append(path)
        size_bytes += cost
    if batch:
        yield batch


def _title(paths: Sequence[str]) -> str:
    return f"read {paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
