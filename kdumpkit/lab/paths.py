"""Where the lab keeps its files: everything below ``$XDG_CACHE_HOME/kdumpkit`` (``~/.cache/kdumpkit``)."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder of everything that kdumpkit can fetch or build again."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The base directory specification has relative values ignored.
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "kdumpkit"


def lab_root() -> Path:
    """The lab's own folder: images, and while a machine runs its files."""
    return cache_root() / "lab"


def images_root() -> Path:
    """One folder per built image, ``<flavour>-<digest>``; survives ``lab down``."""
    return lab_root() / "images"


def run_root() -> Path:
    """Overlay, control socket and state of the running machine; gone after ``lab down``."""
    return lab_root() / "run"


def console_log() -> Path:
    """What the guest said on its serial console since the machine was started, over all its reboots."""
    return lab_root() / "console.log"


def ssh_config() -> Path:
    """OpenSSH client configuration that knows the host ``kdumpkit-lab``."""
    return lab_root() / "ssh_config"


def symbols_root() -> Path:
    """Debug symbols by build id, ``<build id>/vmlinux``; survives ``lab down``."""
    return cache_root() / "symbols"


def headers_root() -> Path:
    """Unpacked kernel headers, one folder per release; survives ``lab down``."""
    return cache_root() / "headers"


def modules_root() -> Path:
    """The lab's own kernel module, one folder per release and source; survives ``lab down``."""
    return cache_root() / "modules"
