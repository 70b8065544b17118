"""A disposable virtual machine whose kernel really panics.

``up`` builds and starts it, ``down`` removes it; it is a host like any other, reached over ssh.
"""

from __future__ import annotations

from kdumpkit.errors import LabError
from kdumpkit.lab.lab import DEFAULT_FLAVOUR, HOST, LabStatus, down, kernel_release, ssh_argv, status, up
from kdumpkit.lab.recipe import flavour_names, load_flavour
from kdumpkit.lab.requirements import check_requirements, install_requirements, missing_packages
from kdumpkit.lab.ssh_access import console_tail
from kdumpkit.lab.symbols import fetch_symbols, find_symbols

__all__ = [
    "DEFAULT_FLAVOUR",
    "HOST",
    "LabError",
    "LabStatus",
    "check_requirements",
    "console_tail",
    "down",
    "fetch_symbols",
    "find_symbols",
    "flavour_names",
    "install_requirements",
    "kernel_release",
    "load_flavour",
    "missing_packages",
    "ssh_argv",
    "status",
    "up",
]
