"""Which system a host is: what uname and os-release say, by one command."""

from __future__ import annotations

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import ParseError
from kdumpkit.facts.os_release import PATHS, OsRelease, parse_os_release
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.uname import Uname, parse_uname
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host

# the shell reads it by itself, for a program is slow to start on an emulated host
_SCRIPT = f"""\
uname -nrvm || exit
file={PATHS[0]}
[ -r "$file" ] || file={PATHS[1]}
[ -r "$file" ] || exit 1
while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done <"$file"
"""


def read_system(host: Host) -> tuple[Uname | Unknown, OsRelease | Unknown]:
    """What runs there, and which distribution it is."""
    # without any os-release the names of the kernel are still an answer
    command = Command(("sh", "-c", _SCRIPT), timeout_s=20, accepted=(0, 1), title="uname and os-release", inline=True)
    found = answered(host, command, _parse)
    return (found, found) if isinstance(found, Unknown) else found


def _parse(result: CommandResult) -> tuple[Uname | Unknown, OsRelease | Unknown]:
    first, _, rest = result.stdout.partition(b"\n")
    records = record_numbers(result.record)
    uname = parse_uname(first, records)
    if not result.ok or not rest.strip():
        return uname, Unknown(PATHS[0], Why.ABSENT, "", records)
    try:
        return uname, parse_os_release(rest, records)
    except ParseError as error:
        return uname, Unknown(PATHS[0], Why.NOT_UNDERSTOOD, error.message, records)
