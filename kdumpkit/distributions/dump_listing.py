"""What lies in a dump directory, as every family lists it: directories named by a time, with the files of one dump."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import DumpCandidate, DumpState, ListedFile
from kdumpkit.errors import ParameterError

#: kind, size in bytes, time of change and path
FORM = r"%y %s %T@ %p\0"


@dataclass(frozen=True)
class DumpDirectory:
    """A directory of one dump, or of none yet; ``files`` are the regular files right in it, by name."""

    name: str
    path: str
    modified_at: float
    files: Mapping[str, ListedFile]

    def first(self, *names: str) -> ListedFile | None:
        """The first of these names that is there."""
        return next((self.files[name] for name in names if name in self.files), None)

    def without_dump(self, stamp: str, log: ListedFile | None, note: str = "") -> DumpCandidate:
        """What to say of it where no dump is in it: a log alone, or nothing."""
        state = DumpState.LOG_ONLY if log else DumpState.EMPTY
        changed = log.modified_at if log else self.modified_at
        return DumpCandidate(self.path, stamp, state, None, 0, changed, log.path if log else None, note)


def checked_directory(directory: str) -> str:
    """The path itself. Raises ParameterError where it is not absolute."""
    if not directory.startswith("/") or "\0" in directory:
        raise ParameterError(f"{directory!r} is not an absolute path", "give the dump directory as /var/crash")
    return directory


def listing_command(directory: str) -> Command:
    """Lists two levels: kind, size in bytes, time of change and path, each file ended by NUL.

    Exit status 1 is accepted: the directory is absent (before the first dump), or a file went away while it was listed.
    """
    # -H: the directory itself may be a link to another file system
    argv = ("find", "-H", checked_directory(directory), "-mindepth", "1", "-maxdepth", "2", "-printf", FORM)
    return command(*argv, timeout_s=60, as_root=True, accepted=(0, 1))


def parse_files(listing: bytes) -> tuple[ListedFile, ...]:
    """The files of a listing; entries that are cut off or not understood are left out."""
    files = []
    for entry in listing.split(b"\0")[:-1]:
        words = entry.decode("utf-8", "surrogateescape").split(" ", 3)
        if (
            len(words) == 4
            and words[1].isascii()
            and words[1].isdigit()
            and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", words[2])
        ):
            files.append(ListedFile(words[3], words[0], int(words[1]), float(words[2])))
    return tuple(files)


def dump_directories(
    files: Iterable[ListedFile], directory: str, is_dump: Callable[[str], object]
) -> tuple[DumpDirectory, ...]:
    """The directories right below ``directory`` whose name ``is_dump`` takes for that of a dump."""
    root = directory.rstrip("/") + "/"
    found: dict[str, ListedFile] = {}
    contents: dict[str, dict[str, ListedFile]] = {}
    for file in files:
        below = file.path.removeprefix(root).split("/")
        if not file.path.startswith(root) or not is_dump(below[0]):
            continue
        if len(below) == 1 and file.kind == "d":
            found[below[0]] = file
        elif len(below) == 2 and file.kind == "f":
            contents.setdefault(below[0], {})[below[1]] = file
    return tuple(
        DumpDirectory(name, root + name, listed.modified_at, contents.get(name, {})) for name, listed in found.items()
    )


def oldest_first(found: Iterable[DumpCandidate]) -> tuple[DumpCandidate, ...]:
    """By the time in the name, then by the time of change. Some releases have a colon where later ones have not."""
    key: Callable[[DumpCandidate], tuple[str, float, str]] = lambda dump: (
        dump.stamp.replace(":", "-"),
        dump.modified_at,
        dump.path or dump.directory,
    )
    return tuple(sorted(found, key=key))
