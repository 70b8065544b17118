"""Which files lie in the places that matter for kernels: names, kinds and sizes from one ``find``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.text import decimal, excerpt
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host

#: kernels, their modules, their symbols (Debian, RHEL and SUSE put them in different places), capture kernels
DIRECTORIES = (
    "/boot",
    "/lib/modules",
    "/usr/lib/debug/boot",
    "/usr/lib/debug/lib/modules",
    "/usr/lib/debug/usr/lib/modules",
    "/var/lib/kdump",
)
_DEPTH = ("-mindepth", "1", "-maxdepth", "2")
_NAMES = ("vmlinu*", "init*")
_FORMAT = r"%Y\t%s\t%T@\t%p\t%l\0"


@dataclass(frozen=True)
class FoundFile:
    """One file. ``kind`` is find's letter for what it is behind links (f, d; N: a link to nothing).

    ``link_target`` is the text of a symbolic link, None for all else. ``modified_s`` counts from the epoch.
    """

    path: str
    kind: str
    size_bytes: int
    modified_s: float
    link_target: str | None

    @property
    def directory(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class DirectoryTree:
    """Every file that was found, by path. A directory that is not there has no files."""

    files: tuple[FoundFile, ...]
    records: tuple[int, ...] = ()

    def get(self, path: str) -> FoundFile | None:
        return next((file for file in self.files if file.path == path), None)

    def under(self, directory: str, prefix: str = "") -> Iterator[FoundFile]:
        """Files that lie directly in the directory and whose names begin so, by name."""
        return (file for file in self.files if file.directory == directory and file.name.startswith(prefix))


def parse_find(data: bytes, records: tuple[int, ...] = ()) -> DirectoryTree:
    """Files out of ``find -printf`` with NUL after each; empty where nothing was found. Raises ParseError."""
    files: list[FoundFile] = []
    for entry in data.split(b"\0"):
        if not entry:
            continue
        text = entry.decode("utf-8", "replace")
        fields = text.split("\t")
        if len(fields) < 5 or len(fields[0]) != 1:
            raise ParseError(f"find: {excerpt(text)} is not kind, size, time, path and link")
        # a tab in a path would move the fields; such a file is none of ours
        if len(fields) > 5:
            continue
        kind, size, modified, path, link = fields
        seconds = decimal(modified.partition(".")[0], "find")
        files.append(FoundFile(path, kind, decimal(size, "find"), float(seconds), link or None))
    return DirectoryTree(tuple(sorted(files, key=lambda file: file.path)), records)


def read_directory_tree(
    host: Host, *, as_root: bool = True, kernel_names: tuple[str, ...] = ()
) -> DirectoryTree | Unknown:
    """One command. Directories that are not there are left out.

    ``kernel_names``: patterns of kernels that are not named vmlinuz.
    """
    wanted = [word for name in (*_NAMES, *kernel_names) for word in ("-name", name, "-o")]
    command = Command(
        ("find", "-H", *DIRECTORIES, *_DEPTH, "(", *wanted, "-type", "d", ")", "-printf", _FORMAT),
        timeout_s=30,
        as_root=as_root,
        # status 1: one of the directories is not there
        accepted=(0, 1),
        title="find kernels, initrds and symbols",
    )
    return answered(host, command, lambda result: parse_find(result.stdout, record_numbers(result.record)))
