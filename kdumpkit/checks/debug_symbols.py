"""Debug symbols, matched before the crash: the commonest reason for an analysis that fails."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.debug_symbols import DebugSymbols, SymbolsState
from kdumpkit.facts.kernel_build_id import KernelBuildId
from kdumpkit.facts.unknown import Unknown


def check_debug_symbols(symbols: DebugSymbols | Unknown, *, install_command: str) -> Finding:
    """``debug_symbols.match``: a vmlinux with the running kernel's build id is on the host.

    WARN where there is none: a dump is taken without, and symbols can be fetched later. FAIL where those that are
    there are of another build, which would mislead.
    """
    id = "debug_symbols.match"
    if isinstance(symbols, Unknown):
        return unknown_finding(id, "which debug symbols are installed", symbols)
    state = symbols.state
    if isinstance(state, Unknown):
        return unknown_finding(id, "whether the symbols are those of the running kernel", state)
    running = symbols.running.build_id if isinstance(symbols.running, KernelBuildId) else "not known"
    if symbols.matching is not None:
        reason = f"{symbols.matching.path} has the running kernel's build id {running}."
        return Finding(id, Status.PASS, reason, "", symbols.records)
    if state is SymbolsState.ABSENT:
        reason = f"No vmlinux with symbols is installed; the running kernel's build id is {running}."
        return Finding(id, Status.WARN, reason, install_command, symbols.records)
    others = ", ".join(
        f"{file.path} ({file.build_id.build_id})" for file in symbols.files if isinstance(file.build_id, KernelBuildId)
    )
    reason = f"The running kernel's build id is {running}, and the symbols are of another build: {others}."
    return Finding(id, Status.FAIL, reason, install_command, symbols.records)
