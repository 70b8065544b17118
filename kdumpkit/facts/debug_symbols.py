"""Debug symbols on the host, matched against the running kernel by build id."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.facts.directory_tree import DirectoryTree, FoundFile
from kdumpkit.facts.kernel_build_id import KernelBuildId, read_file_build_id
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host

#: so many symbol files are looked into, those of the running release first
_MOST_FILES = 6


class SymbolsState(StrEnum):
    """How the debug symbols on a host go with its running kernel."""

    PRESENT_MATCHING = "present, matching"
    PRESENT_OTHER = "present, of another build"
    ABSENT = "absent"


@dataclass(frozen=True)
class VmlinuxFile:
    """A vmlinux with symbols: where, how large, whose build."""

    path: str
    size_bytes: int
    build_id: KernelBuildId | Unknown


@dataclass(frozen=True)
class DebugSymbols:
    """All vmlinux files with symbols on the host, and how they match the running kernel."""

    running: KernelBuildId | Unknown
    files: tuple[VmlinuxFile, ...]
    records: tuple[int, ...] = ()

    @property
    def matching(self) -> VmlinuxFile | None:
        """The file whose build id is the running kernel's; None where there is none, or the kernel's is not known."""
        if isinstance(self.running, Unknown):
            return None
        wanted = self.running.build_id
        return next(
            (
                file
                for file in self.files
                if isinstance(file.build_id, KernelBuildId) and file.build_id.build_id == wanted
            ),
            None,
        )

    @property
    def state(self) -> SymbolsState | Unknown:
        """Unknown where a build id that decides it could not be read."""
        if self.matching is not None:
            return SymbolsState.PRESENT_MATCHING
        if not self.files:
            return SymbolsState.ABSENT
        if isinstance(self.running, Unknown):
            return self.running
        unread = next((file.build_id for file in self.files if isinstance(file.build_id, Unknown)), None)
        return unread or SymbolsState.PRESENT_OTHER


def vmlinux_files(tree: DirectoryTree, release: str) -> tuple[FoundFile, ...]:
    """The vmlinux files that distributions install, those of the running release first.

    Debian and Ubuntu: /usr/lib/debug/boot/vmlinux-<release>. RHEL: /usr/lib/debug/lib/modules/<release>/vmlinux.
    SUSE: /usr/lib/debug/(usr/)lib/modules/<release>/vmlinux.debug, older /usr/lib/debug/boot/vmlinux-<release>.debug.
    """
    found = [
        file
        for file in tree.files
        if file.kind == "f" and file.name.startswith("vmlinux") and file.path.startswith("/usr/lib/debug/")
    ]
    # a link is left out where the file itself is among them
    real = {_release_of(file) for file in found if file.link_target is None}
    kept = [file for file in found if file.link_target is None or _release_of(file) not in real]
    return tuple(sorted(kept, key=lambda file: (_release_of(file) != release, file.path)))


def _release_of(file: FoundFile) -> str:
    if file.name.startswith("vmlinux-"):
        return file.name.removeprefix("vmlinux-").removesuffix(".debug")
    return file.directory.rpartition("/")[2]


def read_debug_symbols(host: Host, tree: DirectoryTree, release: str, running: KernelBuildId | Unknown) -> DebugSymbols:
    """Each vmlinux on the host with its build id: two small reads for each of them."""
    files = tuple(
        VmlinuxFile(file.path, file.size_bytes, read_file_build_id(host, file.path))
        for file in vmlinux_files(tree, release)[:_MOST_FILES]
    )
    records = records_of(tree, running, *(file.build_id for file in files))
    return DebugSymbols(running, files, records)
