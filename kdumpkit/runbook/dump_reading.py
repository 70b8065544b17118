"""How stage 06 gets at a dump on the host: a verified copy of it here, or reading it where it lies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from kdumpkit.errors import CommandTimeout, DiskFull, HostLost
from kdumpkit.facts.text import size_text, transfer_text
from kdumpkit.hosts.base import Fetched, Progress
from kdumpkit.hosts.fetch import digest_command, look_at, parse_digest
from kdumpkit.hosts.on_host import OnHost
from kdumpkit.hosts.pace import Pace
from kdumpkit.parameters import Parameters
from kdumpkit.runbook.session import Session

#: before each new try of a fetch that broke off, in seconds; after the last one the loss is an error
FETCH_PAUSES_S = (5.0, 30.0)


#: value of ``dump_reading`` with which nothing is copied
IN_PLACE = "in-place"
#: longest time for one program that reads a dump on a host: a slow line must not end it
IN_PLACE_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class DumpOnHost:
    """A dump that stays where it is, and what it is known by."""

    path: str
    size_bytes: int
    sha256: str
    #: number of the record of the digest
    record: int


def on_host(parameters: Parameters) -> OnHost:
    """The host as a program that runs by itself reaches it."""
    return OnHost(parameters.ssh_destination or parameters.host, parameters.host, parameters.ssh_config)


def read_dump_on_host(session: Session, path: str) -> DumpOnHost:
    """Size and digest of the dump, both told by the host; nothing of it comes here.

    Raises CommandFailed where it cannot be read there, and HostError and its kinds.
    """
    found = look_at(session.target, path)
    session.tell_wait(f"the host computes the digest of the dump, {size_text(found.size_bytes)}", 0.0)
    result = session.target.run(digest_command(found))
    return DumpOnHost(path, found.size_bytes, parse_digest(result, session.parameters.host, path), result.record)


def fetch_dump(session: Session, path: str, local: Path) -> Fetched:
    """A verified copy of the dump, its rate and the time left told on the way. Raises what ``Host.fetch`` raises.

    A fetch that broke off is taken up again, behind what came, before it is given up.
    """
    try:
        return _fetch_on(session, path, local)
    except DiskFull as error:
        raise DiskFull(
            error.message, f"{error.hint}; or leave the dump on the host: dump_reading: {IN_PLACE}"
        ) from error


def _fetch_on(session: Session, path: str, local: Path) -> Fetched:
    tell = _tell_transfer(session)
    for pause_s in FETCH_PAUSES_S:
        try:
            return session.target.fetch(path, local, tell)
        except (HostLost, CommandTimeout):
            session.clock.sleep(pause_s)
    return session.target.fetch(path, local, tell)


def _tell_transfer(session: Session) -> Progress:
    # the session's clock stands still while nothing is recorded, and nothing told here enters the notebook
    began, pace = time.monotonic(), Pace()

    def tell(done_bytes: int, total_bytes: int) -> None:
        pace.tell(done_bytes, total_bytes)
        words = transfer_text(done_bytes, total_bytes, pace.bytes_per_s, pace.left_s)
        words += "; both digests are compared" if done_bytes == total_bytes else ""
        elapsed_s = time.monotonic() - began
        session.tell_wait(f"copying the dump: {words}", elapsed_s, elapsed_s + pace.left_s if pace.left_s else 0.0)

    return tell
