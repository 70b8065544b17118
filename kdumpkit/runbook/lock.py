"""One run at a time for a host: a lock here for processes of this machine, and one on the host for everybody."""

from __future__ import annotations

import errno
import fcntl
import getpass
import os
import shlex
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from kdumpkit.command import Command
from kdumpkit.errors import DiskFull, HostLocked, UsageError
from kdumpkit.evidence.transcript import Record
from kdumpkit.hosts.base import Host

#: on the host; /run is emptied by every boot, so a lock never outlives the crash that left it
HOST_LOCK = "/run/kdumpkit.lock"

# mkdir is atomic on every file system: who makes the folder has the lock. Prints the owner that it finds.
_TAKE = """
if mkdir "$1" 2>/dev/null; then printf '%s\\n' "$2" > "$1/owner"; fi
read -r owner < "$1/owner" && printf '%s\\n' "$owner"
"""


def lock_here(host_folder: Path) -> IO[str]:
    """An exclusive lock on a host's evidence folder, held until the file is closed.

    Raises HostLocked where another process has it, UsageError where the folder cannot be made or written.
    """
    try:
        host_folder.mkdir(parents=True, exist_ok=True)
        file = (host_folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"no room for evidence in {host_folder} on this machine: {error.strerror}; nothing was done",
                f"df -h {shlex.quote(str(host_folder.parent))}",
            ) from error
        raise UsageError(
            f"evidence cannot be written to {host_folder}: {error.strerror}; nothing was done",
            "name a folder that can be written: --set evidence_dir=DIR",
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        owner = file.read().strip() or "another process"
        file.close()
        raise HostLocked(
            f"a run of {host_folder.name} is under way here already: {owner}", "wait for it, or end it, and run again"
        ) from error
    file.truncate(0)
    file.write(f"process {os.getpid()} of {getpass.getuser()}\n")
    file.flush()
    return file


def lock_on_host(host: Host, run_id: str, owner: str = "") -> None:
    """Take the lock on the host for this run, or find that it has it already. Raises HostLocked naming the owner.

    ``owner`` is who took it when the record was made, for a replay on another machine; empty: this machine and user.
    """
    owner = owner or f"run {run_id} from {socket.gethostname()} by {getpass.getuser()}"
    result = host.run(
        Command(("sh", "-c", _TAKE, "sh", HOST_LOCK, owner), as_root=True, title=_title(run_id), inline=True)
    ).checked()
    found = result.text.strip()
    if found.split(" from ")[0] != f"run {run_id}":
        raise HostLocked(
            f"{host.name} is being changed by another run: {found or 'unknown'}",
            f"wait until it ends; if nobody is at it any more, on {host.name}: rm -r {HOST_LOCK}",
        )


def recorded_owner(records: Sequence[Record], run_id: str) -> str:
    """Who took the lock on the host when the record was made; empty where nobody did."""
    taken = (r.data["argv"] for r in records if r.kind == "command" and r.data.get("title") == _title(run_id))
    return next((str(argv[-1]) for argv in taken), "")


def _title(run_id: str) -> str:
    return f"take {HOST_LOCK} for run {run_id}"


def unlock_on_host(host: Host, run_id: str) -> None:
    """Give the lock on the host back if this run has it."""
    script = 'owner=; [ -e "$1/owner" ] && read -r owner < "$1/owner"; case "$owner" in "$2 "*) rm -r "$1";; esac'
    host.run(
        Command(
            ("sh", "-c", script, "sh", HOST_LOCK, f"run {run_id}"),
            as_root=True,
            title=f"give {HOST_LOCK} of run {run_id} back",
            inline=True,
        )
    )
