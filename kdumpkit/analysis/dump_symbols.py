"""The vmlinux for a dump: given, on this machine, or from debuginfod; and what to install where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdumpkit.analysis.debuginfod import fetch_vmlinux
from kdumpkit.analysis.kernel_origin import SymbolsSource, Vendor, find_origin, symbols_source
from kdumpkit.analysis.symbols import CandidateState, SymbolSearch, search_symbols
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.errors import HostError, KdumpkitError, UsageError
from kdumpkit.hosts.base import Progress
from kdumpkit.vmcore.format import VmcoreHeader

NAME = "symbols.match"


@dataclass(frozen=True)
class DumpSymbols:
    """What was found, where it was looked for, and what would help."""

    #: None: none that fits
    vmlinux: Path | None
    #: ``given``, ``this machine`` or ``debuginfod``; empty where there is none
    where: str
    finding: Finding
    search: SymbolSearch
    vendor: Vendor
    source: SymbolsSource | None
    #: what to type to get symbols that fit
    remedy: str = ""
    #: the error of a server that was asked and did not answer
    unreachable: HostError | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values; files that are not there are left out."""
        source = self.source
        return {
            "vmlinux": None if self.vmlinux is None else str(self.vmlinux),
            "where": self.where or None,
            "build_id": self.search.build_id,
            "vendor": str(self.vendor),
            "packages": [] if source is None else list(source.packages),
            "commands": [] if source is None else list(source.commands),
            "note": None if source is None else source.note,
            "looked_at": [
                {"path": str(c.path), "state": str(c.state), "build_id": c.build_id}
                for c in self.search.candidates
                if c.state is not CandidateState.ABSENT
            ],
        }


def find_dump_symbols(
    header: VmcoreHeader,
    banner: str,
    given: Path | None = None,
    debuginfod: str | None = None,
    progress: Progress | None = None,
) -> DumpSymbols:
    """The vmlinux that belongs to a dump, and a finding about it.

    ``given`` is a file, or the folder of an unpacked package. ``banner`` is the log's ``Linux version`` line or empty.
    Raises UsageError where what is given is not there or may not be looked at; a server's failure is in the finding.
    """
    info = header.vmcoreinfo
    build_id, release = (None, header.release) if info is None else (info.build_id, header.release)
    if given is not None:
        require_there(given)
    origin = find_origin(release, banner or _uname_version(header))
    source = None if origin is None else symbols_source(origin, build_id)
    vendor = Vendor.UNKNOWN if origin is None else origin.vendor
    search = search_symbols(build_id, release, given)

    def answer(vmlinux: Path | None, where: str, finding: Finding, error: HostError | None = None) -> DumpSymbols:
        return DumpSymbols(vmlinux, where, finding, search, vendor, source, remedy, error)

    remedy = _remedy(source)
    verdict = symbols_match(search, given=given is not None, remedy=remedy)
    if search.path is not None:
        inside = given is None or (given.is_dir() and given not in search.path.parents)
        return answer(search.path, "this machine" if inside else "given", verdict)
    # a file that was named is taken, or nothing is: no other is fetched in its place
    if debuginfod is None or not build_id or (given is not None and given.is_file()):
        return answer(None, "", verdict)
    try:
        kept = fetch_vmlinux(build_id, debuginfod, progress=progress)
    except HostError as error:
        reason = f"{error.message}: {_none_here(build_id)}"
        return answer(None, "", Finding(NAME, Status.UNKNOWN, reason, remedy), error)
    except UsageError:
        raise
    except KdumpkitError as error:
        return answer(None, "", Finding(NAME, Status.FAIL, error.message, remedy))
    reason = f"the server gave a vmlinux with the dump's build id {build_id}"
    return answer(kept, "debuginfod", Finding(NAME, Status.PASS, reason))


def require_there(path: Path) -> None:
    """Raises UsageError where there is nothing at a path that somebody named, or where this user may not look."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{path} is not there", f"ls -l {path.parent}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be looked at: {error.strerror}", f"ls -ld {path.parent}") from error


def symbols_match(search: SymbolSearch, *, given: bool, remedy: str) -> Finding:
    """``symbols.match``: whether a vmlinux that was found here is that of the kernel that died.

    PASS only where build ids were compared and are equal. WARN where none is here or nothing can be compared, as the
    log carries the analysis; FAIL where what was asked for by name (``given``) does not fit. Of another build, symbols
    are never used: each name in the report would be wrong.
    """
    if search.taken is not None:
        compared = search.taken.state is CandidateState.MATCHES
        return Finding(NAME, Status.PASS if compared else Status.WARN, search.taken.reason)
    if given and len(search.candidates) == 1:
        return Finding(NAME, Status.FAIL, _misfit(search), remedy)
    if search.build_id is None:
        reason = (
            "the dump does not name its kernel's build id (kernels before 5.9 do not, and what is cut off may have had "
            "it), and no vmlinux of its release is here"
        )
    else:
        reason = _none_here(search.build_id)
        others = sum(c.state is CandidateState.OTHER_BUILD for c in search.candidates)
        if others:
            reason += f"; {others} of another build were left alone, as they give wrong names"
    # a folder that was given and holds none that fits is as wrong as a file
    return Finding(NAME, Status.FAIL if given else Status.WARN, f"{reason}: the log carries the analysis", remedy)


def _none_here(build_id: str) -> str:
    return f"no vmlinux with the dump's build id {build_id} is on this machine"


def _misfit(search: SymbolSearch) -> str:
    candidate = search.candidates[0]
    if candidate.state is CandidateState.OTHER_BUILD:
        return (
            f"{candidate.path.name} has build id {candidate.build_id}, and the kernel that died ({search.release}) has "
            f"{search.build_id}: its function names would be wrong, so it is not used"
        )
    return candidate.reason


def _remedy(source: SymbolsSource | None) -> str:
    if source is None:
        return "name the vmlinux of that kernel, as the dump does not say which release it is: --vmlinux FILE"
    return " && ".join(source.commands) if source.commands else source.note


def _uname_version(header: VmcoreHeader) -> str:
    return "" if header.kdump is None else header.kdump.utsname.get("version", "")
