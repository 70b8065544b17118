"""Single Debian packages, fetched by this machine's own apt and never installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab.process import Say, last_lines, run_here

DOWNLOAD_DEADLINE_S = 1800
_STALL_DEADLINE_S = 180


def parse_offer(apt_cache_show: str) -> tuple[str, int] | None:
    """Version and size in bytes of the first package in the output of ``apt-cache show``."""
    stanza = apt_cache_show.strip().partition("\n\n")[0]
    version = re.search(r"^Version: (\S+)$", stanza, re.MULTILINE)
    size = re.search(r"^Size: (\d+)$", stanza, re.MULTILINE)
    return (version[1], int(size[1])) if version and size else None


def read_offer(package: str) -> tuple[str, int] | None:
    """Version and size of the package that this machine's sources offer; None where they do not, or there is no apt."""
    if shutil.which("apt-cache") is None:
        return None
    try:
        said = run_here(
            ["apt-cache", "show", "--no-all-versions", package], what=f"looking for {package}", timeout_s=60
        )
    except LabError:
        # apt-cache's way to say that it does not know the name
        return None
    return parse_offer(said.decode("utf-8", "replace"))


def download_package(package: str, version: str, size_bytes: int, folder: Path, progress: Say) -> Path:
    """The package's file in ``folder``, which must be empty. Raises LabError where apt fails or the download stands."""
    log = folder / "apt.log"
    argv = ["apt-get", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}"]
    started = last_growth = last_said = time.monotonic()
    got_bytes = 0
    with (
        log.open("wb") as sink,
        subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink) as apt,
    ):
        try:
            while apt.poll() is None:
                time.sleep(0.2)
                now = time.monotonic()
                seen = sum(path.stat().st_size for path in folder.rglob("*.deb"))
                if seen > got_bytes:
                    got_bytes, last_growth = seen, now
                if now - last_said >= 2:
                    last_said = now
                    progress(f"  {got_bytes / 1e6:.0f} of {size_bytes / 1e6:.0f} MB")
                if now - last_growth > _STALL_DEADLINE_S or now - started > DOWNLOAD_DEADLINE_S:
                    raise LabError(
                        f"the download of {package} stands at {got_bytes / 1e6:.0f} of {size_bytes / 1e6:.0f} MB",
                        "look at the network of this machine and run the command again",
                    )
        finally:
            if apt.poll() is None:
                apt.kill()
    found = list(folder.glob("*.deb"))
    if apt.returncode != 0 or len(found) != 1:
        raise LabError(
            f"{package} could not be downloaded: {last_lines(log.read_bytes())}", "refresh the lists: apt-get update"
        )
    log.unlink()
    return found[0]
