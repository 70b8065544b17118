"""File systems that were mounted, and those of them that were frozen or read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, counted, listed

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_MOUNTS = 10_000
_MOST_SHOWN = 200
_LONGEST_NAME = 300
#: include/linux/fs.h: SB_RDONLY, or MS_RDONLY before 4.14; include/linux/mount.h: MNT_READONLY
_SB_READ_ONLY = 1
_MNT_READ_ONLY = 0x40


@dataclass(frozen=True)
class Mount:
    """One mount of the first mount namespace."""

    source: str
    target: str
    #: such as ``ext4``
    kind: str
    read_only: bool
    #: somebody had frozen it (fsfreeze, a snapshot): whoever writes waits; None where this kernel does not keep that
    frozen: bool | None


@dataclass(frozen=True)
class Mounts:
    """All mounts of the first mount namespace."""

    mounts_in_all: int
    #: by kind of file system
    by_kind: dict[str, int]
    #: frozen ones first, then in the order of mounting, at most 200
    mounts: tuple[Mount, ...]


def read_mounts(session: DrgnSession) -> Mounts:
    """Mounts out of an open dump."""
    from drgn.helpers.linux.fs import for_each_mount

    found = []
    kinds: dict[str, int] = {}
    for number, mount in enumerate(for_each_mount(session.program)):
        if number >= _MOST_MOUNTS:
            break
        read = _read_mount(mount)
        kinds[read.kind] = kinds.get(read.kind, 0) + 1
        found.append(read)
    found.sort(key=lambda mount: not mount.frozen)
    return Mounts(len(found), dict(sorted(kinds.items())), tuple(found[:_MOST_SHOWN]))


def _read_mount(mount: Any) -> Mount:
    from drgn.helpers.linux.fs import mount_dst, mount_fstype, mount_src

    block = mount.mnt.mnt_sb.read_()
    read_only = bool(block.s_flags.value_() & _SB_READ_ONLY or mount.mnt.mnt_flags.value_() & _MNT_READ_ONLY)
    try:
        frozen: bool | None = bool(block.s_writers.frozen.value_())
    except AttributeError:  # before 3.6
        frozen = None
    return Mount(_text(mount_src(mount)), _text(mount_dst(mount)), _text(mount_fstype(mount)), read_only, frozen)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")[:_LONGEST_NAME]


def describe_mounts(found: Mounts) -> tuple[SectionTable, ...]:
    """The mounts; kernel file systems such as proc are counted and not listed."""
    shown = [mount for mount in found.mounts if mount.source.startswith("/") or mount.frozen or ":" in mount.source]
    shown += [mount for mount in found.mounts if mount not in shown and mount.kind in ("tmpfs", "fuse", "overlay")]
    rows = tuple(
        (
            mount.target,
            mount.source,
            mount.kind,
            ", ".join(word for word, true in (("frozen", mount.frozen), ("read-only", mount.read_only)) if true),
        )
        for mount in shown
    )
    frozen = [mount.target for mount in found.mounts if mount.frozen]
    kinds = listed([f"{number} {kind}" for kind, number in found.by_kind.items()], 40)
    sentence = f"{counted(found.mounts_in_all, 'mount')}: {kinds}."
    if frozen:
        sentence += f" Frozen, so that whoever writes there waits: {listed(frozen)}."
    return (SectionTable("Mounts", sentence, ("on", "what", "kind", ""), rows),)


SECTION = Section("mounts", Mounts, read_mounts, describe_mounts)
