"""Where a distribution switches kdump on by itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KdumpDefault:
    """Where a distribution switches kdump on by itself; ``uefi_machines`` only where they are started by UEFI."""

    source: str
    machines: tuple[str, ...]
    uefi_machines: tuple[str, ...]
    least_threads: int
    least_ram_bytes: int
    below_ram_bytes: int
    #: free space in /var that the installer asks for, in times RAM and swap
    free_times: int
    #: a line to paste that switches it on
    remedy: str
