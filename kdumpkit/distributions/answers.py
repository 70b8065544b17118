"""What a distribution answers with: plain values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kdumpkit.command import Command
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.packages import Packages
from kdumpkit.facts.unknown import Unknown


@dataclass(frozen=True)
class PackageNeed:
    """A package that kdump, or reading its dumps, needs on the host."""

    name: str
    why: str
    #: False: the host works without it, with less comfort
    required: bool = True


@dataclass(frozen=True)
class SymbolPackages:
    """Where the debug symbols of one kernel release come from.

    ``packages`` are tried in order, one of them is enough; their names are made from the release as the distribution
    makes those of its own kernels. ``vmlinux_path`` is where the file lies once it is installed.
    """

    release: str
    packages: tuple[str, ...]
    vmlinux_path: str
    #: one sentence: what to do where the archive that is set up does not have the package
    if_not_found: str
    #: a line to paste on the host (or here) that installs the first of them
    install: str
    #: a line to paste on the host that tells which package the kernel is from
    owner: str
    #: shell lines for :attr:`if_not_found`; a person pastes them, the kit does not run them
    if_not_found_commands: tuple[str, ...] = ()

    @property
    def name_note(self) -> str:
        """What the name rests on: kernels that others made may not follow it."""
        return f"{self.packages[0]} is guessed from the kernel's release; {self.owner} tells which package that is from"


@dataclass(frozen=True)
class CaptureFacts:
    """What of a host decides over its capture kernel, and how that is loaded.

    ``release`` and ``machine`` are those of uname. ``settings`` are kdump's own, None where they were not read.
    ``el_machine`` is what kdumpctl asks the machine, None where the family does not ask or it told nothing.
    ``packages`` are the installed ones where :attr:`Distribution.capture_by_packages` is set, None where they are not
    known.
    """

    release: str
    machine: str
    settings: KdumpSettings | None = None
    el_machine: ElMachine | None = None
    packages: Packages | None = None


@dataclass(frozen=True)
class SizingFacts:
    """What the size of a reservation depends on.

    ``ram_bytes`` is System RAM in /proc/iomem, ``machine`` and ``release`` are those of uname. ``files`` are the boot
    loader's files that exist, by path. ``estimate`` is what :meth:`Distribution.estimate_command` printed; None where
    there is no such command or it failed. ``el_machine`` is what kdumpctl asks the machine; None where the family does
    not ask, Unknown where it did not answer.
    """

    ram_bytes: int
    machine: str
    release: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    estimate: str | None = None
    el_machine: ElMachine | Unknown | None = None


@dataclass(frozen=True)
class CrashkernelRecommendation:
    """A value for ``crashkernel=`` and what it reserves here, with the reason and where the rule comes from."""

    value: str
    #: what ``value`` reserves on this much RAM
    size_bytes: int
    why: str
    source: str
    #: the value that the distribution's package sets, and what that reserves here (0: nothing)
    packaged_value: str
    packaged_bytes: int


@dataclass(frozen=True)
class FileEdit:
    """New content for one file. ``before`` None: it does not exist yet; ``after`` None: it is removed."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class BootLoaderEdit:
    """The edits after which exactly one ``crashkernel=`` value is in force; no edits: the settings say so already.

    ``commands`` are run after the edits, and also where only the menu is not what the settings say. ``rewrites`` are
    the files that they write anew: those are kept before, and putting them back is the way back.
    """

    #: the file that carries the value afterwards
    carrier: str
    edits: tuple[FileEdit, ...]
    commands: tuple[Command, ...]
    rewrites: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingsWanted:
    """What the settings of kdump should say; None leaves alone what is there. ``enabled``: switched on as a whole."""

    enabled: bool = True
    directory: str | None = None
    collector: str | None = None
    dump_level: int | None = None


@dataclass(frozen=True)
class KdumpService:
    """The distribution's kdump: its unit and its settings file."""

    unit: str
    settings_path: str
    #: what loads and unloads the capture kernel by the distribution's own tool
    load: Command
    unload: Command


@dataclass(frozen=True)
class CaptureFiles:
    """The kernel and the kdump initramfs that are to be loaded for one release.

    The ``_link`` paths are what the distribution's own tool follows (None: it uses no links). ``build`` makes the
    initramfs where it is missing.
    """

    kernel: str
    initramfs: str
    kernel_link: str | None
    initramfs_link: str | None
    build: Command


@dataclass(frozen=True)
class KexecLoad:
    """An explicit ``kexec -p``: the command, the way back, and why each part is what it is."""

    command: Command
    unload: Command
    kernel: str
    initramfs: str
    capture_command_line: str
    #: words of the running command line that were left out
    removed: tuple[str, ...]
    #: words that were added
    added: tuple[str, ...]
    #: kexec_file_load, which checks the kernel's signature, was chosen (``-s``)
    signed: bool
    reasons: tuple[str, ...] = ()


class DumpState(StrEnum):
    """What the *name* of a dump says; whether its content is complete is for those who open it."""

    FINISHED = "finished"
    INCOMPLETE = "incomplete"
    LOG_ONLY = "log only"
    EMPTY = "empty directory"


@dataclass(frozen=True)
class ListedFile:
    """A line of a directory listing. ``modified_at``: seconds since the epoch; ``kind``: find's letter (f, d, l)."""

    path: str
    kind: str
    size_bytes: int
    modified_at: float


@dataclass(frozen=True)
class DumpCandidate:
    """One dump. ``path`` is None where no dump was saved (LOG_ONLY, EMPTY), ``dmesg_path`` where no log was.

    ``stamp`` is the time in the name, as the capture kernel's clock and time zone had it.
    """

    directory: str
    stamp: str
    state: DumpState
    path: str | None
    size_bytes: int
    modified_at: float
    dmesg_path: str | None
    #: what the distribution itself noted beside the dump; "" where it notes nothing
    note: str = ""
