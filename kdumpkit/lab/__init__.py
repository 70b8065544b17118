"""A disposable virtual machine whose kernel really panics.

``up`` builds and starts it, ``down`` removes it; it is a host like any other, reached over ssh.
"""

from __future__ import annotations

from kdumpkit.errors import LabError
from kdumpkit.lab.lab import HOST, LabStatus, down, kernel_release, ssh_argv, status, up
from kdumpkit.lab.requirements import check_requirements, install_requirements, missing_packages
from kdumpkit.lab.symbols import fetch_symbols, find_symbols

__all__ = [
    "HOST",
    "LabError",
    "LabStatus",
    "check_requirements",
    "down",
    "fetch_symbols",
    "find_symbols",
    "install_requirements",
    "kernel_release",
    "missing_packages",
    "ssh_argv",
    "status",
    "up",
]
