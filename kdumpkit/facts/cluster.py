"""Clusters that fence a node that does not answer: pacemaker, fence_kdump, sbd."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, ask, from_file, record_numbers, records_of
from kdumpkit.facts.shell_assignments import parse_shell_assignments
from kdumpkit.facts.text import decimal, excerpt
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import Absent, FileContent


@dataclass(frozen=True)
class Sbd:
    """sbd's settings. ``watchdog_timeout_s`` is SBD_WATCHDOG_TIMEOUT, 5 where it is not set (sbd(8))."""

    path: str
    watchdog_timeout_s: int
    device: str | None


@dataclass(frozen=True)
class Cluster:
    """A node of a cluster. ``fence_kdump`` counts the lines of the CIB that name it; Unknown where it cannot be read.

    ``sbd`` None: it has no settings.
    """

    fence_kdump: int | Unknown
    sbd: Sbd | Unknown | None
    records: tuple[int, ...] = ()


COROSYNC = "/etc/corosync/corosync.conf"
#: Enterprise Linux and SUSE, then Debian
SBD_SETTINGS = ("/etc/sysconfig/sbd", "/etc/default/sbd")
PATHS = (COROSYNC, *SBD_SETTINGS)
CIB = "/var/lib/pacemaker/cib/cib.xml"
_SBD_DEFAULT_S = 5
_DIGITS = re.compile(r"[0-9]{1,6}")


def read_cluster(host: Host, files: Files) -> Cluster | Unknown | None:
    """The cluster that the host is a node of; None where it is of none, and then nothing is run.

    Of the CIB only the number of lines that name fence_kdump is asked for: the rest may hold passwords.
    """
    corosync = from_file(files, COROSYNC, lambda data: data)
    if isinstance(corosync, Unknown):
        return None if corosync.absent else corosync
    asked = record_numbers(*(files[path].record for path in PATHS if path in files))
    count = _count(host)
    sbd = _sbd(files)
    return Cluster(count, sbd, record_numbers(*asked, *records_of(count, sbd)))


def _count(host: Host) -> int | Unknown:
    command = Command(
        ("grep", "-c", "fence_kdump", "--", CIB),
        timeout_s=20,
        as_root=True,
        # status 1: no line
        accepted=(0, 1),
        title=f"lines of {CIB} that name fence_kdump",
    )
    result = ask(host, command)
    return result if isinstance(result, Unknown) else _number(result)


def _number(result: CommandResult) -> int | Unknown:
    try:
        return decimal(result.text, "grep -c")
    except ParseError as error:
        return Unknown(CIB, Why.NOT_UNDERSTOOD, error.message, record_numbers(result.record))


def _sbd(files: Files) -> Sbd | Unknown | None:
    for path in SBD_SETTINGS:
        state = files.get(path)
        if isinstance(state, FileContent):
            return from_file(files, path, lambda data, path=path: parse_sbd(data, path))  # type: ignore[misc]
        if state is not None and not isinstance(state, Absent):
            return from_file(files, path, lambda data, path=path: parse_sbd(data, path))  # type: ignore[misc]
    return None


def parse_sbd(data: bytes, path: str = SBD_SETTINGS[0]) -> Sbd:
    """Sbd's settings, a file of shell assignments. Raises ParseError for a time-out that is no number."""
    settings = parse_shell_assignments([(path, data)])
    timeout = settings.value("SBD_WATCHDOG_TIMEOUT")
    if timeout and not _DIGITS.fullmatch(timeout):
        raise ParseError(f"{path}: SBD_WATCHDOG_TIMEOUT is {excerpt(timeout)}, which is no number of seconds")
    return Sbd(path, int(timeout) if timeout else _SBD_DEFAULT_S, settings.value("SBD_WATCHDOG_DEV"))
