"""The search for a vmlinux on this machine, as a command whose answer can be recorded."""

from __future__ import annotations

from kdumpkit.command import Command


def find_symbols_command(build_id: str, release: str, given: str) -> Command:
    """Prints one JSON document: the vmlinux of this build, and every candidate with why it was taken or not."""
    argv = ["python", "-m", "kdumpkit.analysis.symbols", "--build-id", build_id, "--release", release]
    if given:
        argv += ["--given", given]
    return Command(tuple(argv), timeout_s=120, title=f"search this machine for a vmlinux with build id {build_id}")
