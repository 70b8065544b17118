"""How SUSE's kdump lays out its dumps: ``<directory>/[<host>-]YYYY-MM-DD-HH-MM/`` with vmcore, dmesg and README.txt.

There is no name for an unfinished dump: README.txt is written before the dump ("likely incomplete") and once more after
it, with what became of it. So the listing brings the beginning of each README.txt along.

**Source**: ``dracut/kdump-save`` of openSUSE's kdump 2.1, and ``kdumptool/savedump.cc`` for releases up to 1.0, whose
directories have a colon in the time and whose README.txt is written at the end only, without a status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.distributions.answers import DumpCandidate, DumpState, ListedFile
from kdumpkit.distributions.dump_listing import (
    DumpDirectory,
    checked_directory,
    dump_directories,
    oldest_first,
    parse_files,
)

_DIRECTORY = re.compile(r"(?s:.+-)?(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}[-:][0-9]{2})")
_README = "README.txt"
_DMESG = ("dmesg", "dmesg.txt")
#: so much of each README.txt is read
_README_BYTES = 4096
_MARK = b"README "
_UNFINISHED = "likely incomplete"
_STATUS = re.compile(r"^vmcore status:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_OLD_HEAD = "Kernel crashdump"

# a listing ended by NULs, then for each README.txt its name and its beginning, both ended by a NUL
_LIST = r"""
find -H "$1" -mindepth 1 -maxdepth 2 -printf '%y %s %T@ %p\0'
status=$?
find -H "$1" -mindepth 2 -maxdepth 2 -type f -name README.txt -exec sh -c '
  for file; do printf "README %s\0" "$file"; head -c 4096 -- "$file" | tr "\000" " "; printf "\0"; done' sh {} +
exit $status
"""


@dataclass(frozen=True)
class SavedNote:
    """What README.txt says about the dump beside it; ``status`` is its ``vmcore status:``, None without such a line."""

    status: str | None
    unfinished: bool
    #: the file of a release that writes it after the dump only
    old: bool

    @property
    def shown(self) -> str:
        """What it says, in a few words."""
        if self.unfinished:
            return f"{_README}: {_UNFINISHED}"
        if self.status is not None:
            return f"{_README}: vmcore status: {self.status[:120]}"
        return f"{_README} of a release that writes it after the dump" if self.old else f"{_README} says nothing of it"

    @property
    def saved(self) -> bool:
        """True where it says that the dump was saved as a whole."""
        if self.unfinished:
            return False
        return self.old if self.status is None else self.status == "saved successfully"


def listing_command(directory: str) -> Command:
    """Lists two levels and the beginning of each README.txt.

    Exit status 1 is accepted: the directory is absent (before the first dump), or a file went away while it was listed.
    """
    argv = ("sh", "-c", _LIST, "sh", checked_directory(directory))
    return Command(argv, timeout_s=60, as_root=True, accepted=(0, 1), title=f"find -H {directory}, and its README.txt")


def parse_note(text: str) -> SavedNote:
    """What a README.txt says.

    >>> parse_note("If you see this text the crash dump is likely incomplete.").saved
    False
    >>> parse_note("vmcore status: saved successfully").saved
    True
    """
    statuses = _STATUS.findall(text)
    unfinished = _UNFINISHED in text
    old = not statuses and not unfinished and text.lstrip().startswith(_OLD_HEAD)
    return SavedNote(statuses[-1] if statuses else None, unfinished, old)


def parse_listing(listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
    """The dumps below ``directory``, oldest first by name and then by time of change."""
    files, notes = _split(listing)
    found = dump_directories(files, directory, _DIRECTORY.fullmatch)
    return oldest_first(_candidate(folder, notes.get(f"{folder.path}/{_README}")) for folder in found)


def _split(listing: bytes) -> tuple[tuple[ListedFile, ...], dict[str, SavedNote]]:
    entries = listing.split(b"\0")[:-1]
    listed: list[bytes] = []
    notes: dict[str, SavedNote] = {}
    waiting = iter(entries)
    for entry in waiting:
        if not entry.startswith(_MARK):
            listed.append(entry)
            continue
        # the last one may be cut off before its text
        text = next(waiting, None)
        if text is not None:
            path = entry[len(_MARK) :].decode("utf-8", "surrogateescape")
            notes[path] = parse_note(text[:_README_BYTES].decode("utf-8", "replace"))
    return parse_files(b"".join(entry + b"\0" for entry in listed)), notes


def _candidate(folder: DumpDirectory, note: SavedNote | None) -> DumpCandidate:
    matched = _DIRECTORY.fullmatch(folder.name)
    stamp = matched["stamp"] if matched else ""
    log = folder.first(*_DMESG)
    said = note.shown if note is not None else f"there is no {_README}"
    vmcore = folder.files.get("vmcore")
    if vmcore is None:
        return folder.without_dump(stamp, log, said)
    # without a README.txt nothing says that the dump was saved to its end
    finished = note is not None and note.saved and vmcore.size_bytes > 0
    state = DumpState.FINISHED if finished else DumpState.INCOMPLETE
    size_bytes, changed = vmcore.size_bytes, vmcore.modified_at
    return DumpCandidate(folder.path, stamp, state, vmcore.path, size_bytes, changed, log.path if log else None, said)
