"""The initramfs of the capture kernel, and whether something that it was built from is newer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.facts.directory_tree import DIRECTORIES, DirectoryTree, FoundFile, parse_find
from kdumpkit.facts.reading import answered, record_numbers, records_of
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host

_FORMAT = r"%Y\t%s\t%T@\t%p\t%l\0"
#: the release in the names of Debian (initrd.img-<release>), EL (initramfs-<release>kdump.img) and SUSE
#: (initrd-<release>-kdump)
_NAMES = (
    re.compile(r"initrd\.img-(?P<release>[0-9].*)"),
    re.compile(r"initramfs-(?P<release>[0-9].*?)kdump\.img"),
    re.compile(r"initrd-(?P<release>[0-9].*?)-kdump"),
    re.compile(r"(?:vmlinuz|Image|image|vmlinux)-(?P<release>[0-9].*?)(?:\.[gx]z)?"),
)


@dataclass(frozen=True)
class BuildInput:
    """A file or directory that the initramfs is built from. ``modified_s`` counts from the epoch."""

    path: str
    modified_s: float


@dataclass(frozen=True)
class CaptureInitramfs:
    """``path`` is what is loaded by name, ``file`` what that leads to; None: it is not there, or leads to nothing.

    ``release`` is the kernel that its name says it is for, ``kernel_release`` that of the capture kernel; None where
    the names tell none (SUSE's ``/var/lib/kdump/initrd``). ``inputs`` are those that are there.
    """

    path: str
    file: FoundFile | None
    release: str | None
    kernel_release: str | None
    inputs: tuple[BuildInput, ...]
    records: tuple[int, ...] = ()

    @property
    def newer_inputs(self) -> tuple[BuildInput, ...]:
        """The inputs that were changed after it was built, newest first. () where it is not there.

        Times are whole seconds: what was written in the second in which it was built does not count as newer.
        """
        if self.file is None:
            return ()
        built = self.file.modified_s
        newer = [found for found in self.inputs if found.modified_s > built]
        return tuple(sorted(newer, key=lambda found: (-found.modified_s, found.path)))


def release_in_name(path: str) -> str | None:
    """The kernel release that a kernel's or an initramfs's file name carries; None where it carries none.

    A kernel below ``/usr/lib/modules`` carries it in the name of its directory.
    """
    directory, _, name = path.rpartition("/")
    if directory.rpartition("/")[0].endswith("/lib/modules"):
        return directory.rpartition("/")[2]
    return next((found["release"] for pattern in _NAMES if (found := pattern.fullmatch(name))), None)


def read_build_inputs(
    host: Host, paths: Sequence[str], *, as_root: bool = True
) -> tuple[tuple[BuildInput, ...], tuple[int, ...]] | Unknown:
    """When each of these was changed, with the entries of directories, by one ``find``; and the records of that.

    What is not there is left out. A directory counts with its own time, which tells of entries that were removed.
    """
    command = Command(
        ("find", "-H", *paths, "-maxdepth", "1", "-printf", _FORMAT),
        timeout_s=30,
        as_root=as_root,
        # status 1: one of them is not there
        accepted=(0, 1),
        title="when what the capture initramfs is built from was changed",
    )
    tree = answered(host, command, lambda result: parse_find(result.stdout, record_numbers(result.record)))
    if isinstance(tree, Unknown):
        return tree
    return tuple(BuildInput(file.path, file.modified_s) for file in tree.files), tree.records


def capture_initramfs_from(
    tree: DirectoryTree | Unknown,
    path: str,
    kernel_path: str,
    inputs: tuple[tuple[BuildInput, ...], tuple[int, ...]] | Unknown,
) -> CaptureInitramfs | Unknown:
    """The initramfs at ``path`` and the kernel at ``kernel_path``, by the survey's listing and the inputs' times.

    The kernel's file is an input too: a kernel that was installed anew under the same release is newer.
    """
    if isinstance(tree, Unknown):
        return tree
    if isinstance(inputs, Unknown):
        return inputs
    if path.rpartition("/")[0] not in DIRECTORIES:
        return Unknown(path, Why.NOT_ANSWERED, f"only {', '.join(DIRECTORIES)} are looked into", tree.records)
    file, kernel = _behind(tree, path), _behind(tree, kernel_path)
    found = inputs[0]
    if kernel is not None and kernel.path not in {other.path for other in found}:
        found = (*found, BuildInput(kernel.path, kernel.modified_s))
    return CaptureInitramfs(
        path,
        file,
        release_in_name(file.path if file is not None else path),
        release_in_name(kernel.path if kernel is not None else _target_of(tree, kernel_path)),
        found,
        record_numbers(*records_of(tree), *inputs[1]),
    )


def _target_of(tree: DirectoryTree, path: str) -> str:
    # the text of a link that leads out of what was listed
    file = tree.get(path)
    return path if file is None or file.link_target is None else file.link_target


def _behind(tree: DirectoryTree, path: str) -> FoundFile | None:
    # what a path leads to; find has sizes and times of a link itself, so the file behind it is looked up by its name
    file = tree.get(path)
    for _ in range(8):
        if file is None or file.link_target is None:
            break
        target = file.link_target
        file = tree.get(target if target.startswith("/") else f"{file.directory}/{target}")
    return file if file is not None and file.kind == "f" and file.link_target is None else None
