"""The vmlinux with debug symbols that belongs to a dump: where it was looked for, and what was found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kdumpkit.errors import NotAVmcore, SymbolsMismatch, VmcoreError
from kdumpkit.vmcore.elf import read_build_id
from kdumpkit.vmcore.view import FileView
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo


class CandidateState(StrEnum):
    """How a file that might be the vmlinux goes with the dump."""

    MATCHES = "matches"
    #: another build
    OTHER_BUILD = "other build"
    #: there, and the dump's build id is not known (kernels before 5.9), so only names speak for it
    NOT_COMPARED = "not compared"
    #: no ELF file, or one without a build id
    NOT_A_VMLINUX = "not a vmlinux"
    ABSENT = "absent"
    NOT_PERMITTED = "not permitted"


@dataclass(frozen=True)
class SymbolCandidate:
    """A file that was looked at in the search for the vmlinux."""

    path: Path
    state: CandidateState
    #: in hex; None where the file has none or could not be read
    build_id: str | None
    #: one sentence
    reason: str


@dataclass(frozen=True)
class SymbolSearch:
    """All places that were looked at, in order, and the one that was taken; None where there is none."""

    build_id: str | None
    release: str | None
    candidates: tuple[SymbolCandidate, ...]
    taken: SymbolCandidate | None

    @property
    def path(self) -> Path | None:
        return None if self.taken is None else self.taken.path


@dataclass(frozen=True)
class SymbolsMatch:
    """How a vmlinux goes with a dump."""

    #: None: VMCOREINFO has no BUILD-ID (kernels before 5.9), so nothing could be compared
    compared: bool
    build_id: str | None
    reason: str


def symbols_folder(environment: Mapping[str, str]) -> Path:
    """Where kdumpkit keeps symbols by build id: ``$XDG_CACHE_HOME/kdumpkit/symbols``, or below ``~/.cache``."""
    cache = environment.get("XDG_CACHE_HOME", "")
    # the specification has relative paths ignored
    base = Path(cache) if cache.startswith("/") else Path(environment.get("HOME", "/root")) / ".cache"
    return base / "kdumpkit" / "symbols"


def find_vmlinux(
    build_id: str | None, release: str | None, given: Path | None = None, search: Sequence[Path] = ()
) -> SymbolSearch:
    """The first vmlinux whose build id is the dump's.

    ``given`` is a file, and alone where it is set: somebody who names a file wants that file, not another.
    ``search`` are files, or folders laid out as a root is (below which usr/lib/debug is looked for); beside them
    kdumpkit's cache and this machine's /usr/lib/debug are searched. Where the dump names no build id, the first
    file that the release names is taken, and the search says so.
    """
    candidates: list[SymbolCandidate] = []
    places = [given] if given is not None else _places(build_id, release, search)
    for path in dict.fromkeys(places):
        candidate = _look_at(path, build_id)
        candidates.append(candidate)
        if candidate.state in (CandidateState.MATCHES, CandidateState.NOT_COMPARED):
            return SymbolSearch(build_id, release, tuple(candidates), candidate)
    return SymbolSearch(build_id, release, tuple(candidates), None)


def search_symbols(build_id: str | None, release: str | None, given: Path | None) -> SymbolSearch:
    """As :func:`find_vmlinux`; ``given`` may be the folder of an unpacked package too, which is looked through."""
    if given is not None and given.is_dir():
        return find_vmlinux(build_id, release, search=(given,))
    return find_vmlinux(build_id, release, given)


def check_symbols(vmcoreinfo: Vmcoreinfo, vmlinux: Path) -> SymbolsMatch:
    """Compares build ids. Raises SymbolsMismatch where they differ, and VmcoreError where vmlinux cannot be read."""
    candidate = _look_at(vmlinux, vmcoreinfo.build_id)
    if candidate.state is CandidateState.OTHER_BUILD:
        raise SymbolsMismatch(
            f"{vmlinux.name} has build id {candidate.build_id}, and the kernel that died has {vmcoreinfo.build_id}: "
            "with these symbols every function name in the report would be wrong",
            f"install the debug symbols of {vmcoreinfo.release or 'exactly that kernel'}, same version of the package",
        )
    if candidate.state is CandidateState.MATCHES:
        return SymbolsMatch(True, candidate.build_id, candidate.reason)
    if candidate.state is CandidateState.NOT_COMPARED:
        return SymbolsMatch(False, candidate.build_id, candidate.reason)
    raise VmcoreError(candidate.reason, "give the unpacked vmlinux with debug symbols, not vmlinuz")


def _places(build_id: str | None, release: str | None, search: Sequence[Path]) -> Iterator[Path]:
    roots = []
    for place in search:
        if place.is_dir():
            roots.append(place)
        else:
            yield place
    if build_id:
        yield symbols_folder(os.environ) / build_id / "vmlinux"
    for root in (*roots, Path("/")):
        debug = root / "usr/lib/debug"
        # a release comes out of the dump; with a slash in it, it would lead elsewhere
        if release and "/" not in release:
            yield debug / "boot" / f"vmlinux-{release}"
            yield debug / "lib/modules" / release / "vmlinux"
            yield debug / "usr/lib/modules" / release / "vmlinux.debug"
            yield debug / "lib/modules" / release / "vmlinux.debug"
            yield debug / "boot" / f"vmlinux-{release}.debug"
        if build_id:
            yield debug / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"


def _look_at(path: Path, wanted: str | None) -> SymbolCandidate:
    def answer(state: CandidateState, reason: str, build_id: str | None = None) -> SymbolCandidate:
        return SymbolCandidate(path, state, build_id, reason)

    try:
        # a FIFO that lies there would hold up the open for ever
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except PermissionError:
        return answer(CandidateState.NOT_PERMITTED, f"{path.name} may not be read by this user")
    except OSError:
        return answer(CandidateState.ABSENT, f"{path.name} is not there")
    try:
        with FileView(path) as view:
            build_id = read_build_id(view)
    except NotAVmcore as error:
        return answer(CandidateState.NOT_A_VMLINUX, f"{path.name} is no vmlinux: {error.message}")
    if build_id is None:
        return answer(CandidateState.NOT_A_VMLINUX, f"{path.name} carries no build id, so nothing tells whose it is")
    if wanted is None:
        reason = f"the dump names no build id, so {path.name} ({build_id}) was not compared with it"
        return answer(CandidateState.NOT_COMPARED, reason, build_id)
    if build_id == wanted:
        return answer(CandidateState.MATCHES, f"{path.name} has the dump's build id {build_id}", build_id)
    return answer(CandidateState.OTHER_BUILD, f"{path.name} is another build, {build_id}", build_id)
