"""Files of a host, many in one command. Built on ``Host.run`` alone, so it is recorded and replayed for free.

A file that is absent, one that may not be read, one that cannot be read and an empty one are different answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from kdumpkit.command import Command, CommandResult
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.file_states import (
    MISSING_SH,
    Absent,
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
    "FileContent",
    "FileState",
    "NotPermitted",
    "Unreadable",
    "Written",
    "read_files",
    "remove_file",
    "write_file",
]

# First a frame for each file that says what it is, then the contents of all that can be read, by one `head` that puts a
# header before each: one program (two with modes) for any number of files, as programs are slow to start on an emulated
# host. Sizes in front would not survive a recording in which secrets were masked. Names go to head as /./name, which
# nothing in a file is by chance. A file is opened only where it is a regular one: opening others can have effects.
_STAT_SH = """  stat -L -c '@ mode %a %n' -- "$@" 2>/dev/null\n"""
_READ_MODES_SH = (
    MISSING_SH
    + r"""
max=$1; shift; set -f; IFS=
nl='
'
show() {
  echo '@ file'
  printf '%s\n' "$1"
  if [ -f "$1" ]; then
    if [ ! -r "$1" ]; then echo '@ not-permitted'
    elif { :; } 2>/dev/null <"$1"; then echo '@ content'; return 0
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
      *\**) if [ -d "$d" ] && [ ! -r "$d" ]; then echo '@ not-permitted'; return 1; fi ;;
    esac
    printf '@ '; missing "$1"
  fi
  return 1
}
for path do
  shift
  case $path in
    *\**) set +f; set -- "$@" $path; set -f ;;
    *) set -- "$@" "$path" ;;
  esac
done
for path do
  shift
  case $path in
    *"$nl"*) ;;
    *) if show "$path"; then set -- "$@" "/.$path"; fi ;;
  esac
done
if [ $# -gt 0 ]; then
@STAT@  echo '@ contents'
  head -v -c "$max" -- "$@"
  printf '\n==> @ end <==\n'
else echo '@ contents'
fi
"""
).replace("@STAT@", _STAT_SH)
_READ_SH = _READ_MODES_SH.replace(_STAT_SH, "")

_FRAME = re.compile(rb"^@ ([a-z-]+) ?([^\n]*)\n", re.MULTILINE)
_CONTENTS = b"@ contents\n"
_END = b"\n==> @ end <==\n"
_REFUSALS = (b"ermission denied", b"not permitted")
#: most bytes of paths in one command: ssh passes a command as one argument, of at most 128 KiB
_BATCH_BYTES = 48_000


def read_files(
    host: Host, paths: Iterable[str], *, max_bytes: int = 1 << 20, as_root: bool = True, modes: bool = False
) -> dict[str, FileState]:
    """The state of every file, by path, read by one command (more only for more than some 1000 paths).

    A path with ``*`` is a pattern that the host expands: each match has an entry, in the order of its bytes; a
    pattern without a match has one under its own name. At most ``max_bytes`` of each file are read; files of /proc
    and /sys, which say that they are empty, are read like others. Any bytes survive. A name with a line break in it
    is not looked at. ``modes``: permission bits are asked for too, by a program more.

    Raises what ``Host.run`` raises, and CommandFailed where the host has no working shell.
    """
    states: dict[str, FileState] = {}
    wanted = [checked_path(path) for path in dict.fromkeys(paths)]
    states.update((path, Unreadable(path, "its name has a line break")) for path in wanted if "\n" in path)
    for batch in _batches([path for path in wanted if "\n" not in path]):
        result = host.run(
            Command(
                ("sh", "-c", _READ_MODES_SH if modes else _READ_SH, "kdumpkit", str(max_bytes + 1), *batch),
                timeout_s=60.0 + len(batch),
                as_root=as_root,
                title=_title(batch),
                inline=True,
            )
        ).checked()
        states.update(parse_files(result, batch, max_bytes))
    return states


def parse_files(result: CommandResult, paths: Sequence[str], max_bytes: int) -> dict[str, FileState]:
    """The states in the answer to one command of :func:`read_files`."""
    head, found, contents = result.stdout.partition(_CONTENTS)
    frames = list(_FRAME.finditer(head))
    modes = {name: mode for mode, _, name in (frame[2].partition(b" /.") for frame in frames if frame[1] == b"mode")}
    told: dict[str, FileState | None] = {}
    readable: list[bytes] = []
    for frame, state in pairwise(frames):
        if frame[1] != b"file":
            continue
        name = head[frame.end() : max(frame.end(), state.start() - 1)]
        path = name.decode("utf-8", "surrogateescape")
        if state[1] == b"content":
            readable.append(name)
            told[path] = None
        else:
            told[path] = _state(result.record, path, state[1], state[2])
    for name, data in _split(contents, readable):
        path = name.decode("utf-8", "surrogateescape")
        told[path] = _content(result, path, name, data, modes.get(name, b""), max_bytes)
    states = {path: state for path, state in told.items() if state is not None}
    for path in paths:
        if path not in states and not (found and "*" in path):
            states[path] = Unreadable(path, "the host's answer broke off before it", result.record)
    return states


def _split(contents: bytes, names: Sequence[bytes]) -> Iterable[tuple[bytes, bytes | None]]:
    # what stands between a name's header and the next one that is there; None where a name has none
    headers = [b"==> /." + name + b" <==\n" for name in names]
    at = 0
    starts: list[tuple[int, int]] = []
    for header in headers:
        start = 0 if contents.startswith(header) and at == 0 else contents.find(b"\n" + header, max(0, at - 1))
        skip = len(header) + (0 if start == 0 and contents.startswith(header) else 1)
        starts.append((start, start + skip if start >= 0 else -1))
        at = starts[-1][1] if start >= 0 else at
    end = contents.rfind(_END)
    for number, name in enumerate(names):
        begin = starts[number][1]
        after = next((start for start, _ in starts[number + 1 :] if start >= 0), end)
        yield name, contents[begin:after] if begin >= 0 and after >= begin else None


def _content(
    result: CommandResult, path: str, name: bytes, data: bytes | None, mode: bytes, max_bytes: int
) -> FileState:
    record = result.record
    error = next((line for line in result.stderr.splitlines() if b"/." + name in line), b"")
    if error:
        if any(refusal in error for refusal in _REFUSALS):
            return NotPermitted(path, record)
        return Unreadable(path, last_line(error), record)
    if data is None:
        return Unreadable(path, "the host's answer broke off in it", record)
    bits = int(mode, 8) if re.fullmatch(rb"[0-7]{1,4}", mode) else None
    return FileContent(path, data[:max_bytes], bits, len(data) > max_bytes, record)


def _state(record: int, path: str, word: bytes, text: bytes) -> FileState:
    if word == b"absent":
        return Absent(path, record)
    if word == b"not-permitted" or (word == b"error" and any(refusal in text for refusal in _REFUSALS)):
        return NotPermitted(path, record)
    reason = {
        b"directory": "it is a directory",
        b"special": "it is not a regular file",
        b"dangling": "it is a link, and what it leads to is not there",
    }.get(word, last_line(text) or "the host gave no reason")
    return Unreadable(path, reason, record)


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
