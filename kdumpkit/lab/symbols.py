"""Debug symbols of guest kernels: fetched once by this machine's own apt, kept by build id."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from kdumpkit.errors import DiskFull, LabError
from kdumpkit.lab import paths
from kdumpkit.lab.packages import DOWNLOAD_DEADLINE_S, download_package, read_offer
from kdumpkit.lab.process import Say, last_lines
from kdumpkit.vmcore.elf import read_build_id
from kdumpkit.vmcore.view import FileView

_RELEASE = re.compile(r"[0-9][A-Za-z0-9.+~_-]{2,100}")
_CHUNK_BYTES = 1 << 20
#: package, its unpacked vmlinux (590 MB for a cloud kernel), and some air
_UNPACKED_GUESS_BYTES = 700 << 20


def find_symbols(kernel_release: str, version: str | None = None) -> Path | None:
    """The kept vmlinux of a kernel release (and of that package version, where given); None where there is none."""
    for about in sorted(paths.symbols_root().glob("*/about.json")):
        try:
            known = json.loads(about.read_text())
        except (OSError, ValueError):
            continue
        vmlinux = about.with_name("vmlinux")
        if known.get("kernel_release") != kernel_release or not vmlinux.is_file():
            continue
        if version is None or known.get("version") == version:
            return vmlinux
    return None


def fetch_symbols(kernel_release: str, progress: Say) -> Path:
    """The vmlinux with debug information of a Debian kernel, at ``<cache>/symbols/<build id>/vmlinux``.

    The package ``linux-image-<release>-dbg`` comes from this machine's own package sources, is unpacked while it is
    read, and is not kept. A second call finds what the first one kept.

    Raises LabError where the sources do not have the package or the download fails, DiskFull where there is no room.
    """
    if not _RELEASE.fullmatch(kernel_release):
        raise LabError(f"{kernel_release!r} is not a kernel release", "take what `uname -r` prints on the guest")
    package = f"linux-image-{kernel_release}-dbg"
    offered = read_offer(package)
    if offered is None:
        if kept := find_symbols(kernel_release):
            return kept
        raise LabError(
            f"the package sources of this machine do not have {package}: the analysis has no symbols for this kernel",
            "refresh them with: apt-get update",
        )
    version, size_bytes = offered
    if kept := find_symbols(kernel_release, version):
        return kept
    root = paths.symbols_root()
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.glob(".fetching-*"):
        if time.time() - leftover.stat().st_mtime > DOWNLOAD_DEADLINE_S:
            shutil.rmtree(leftover, ignore_errors=True)
    wanted = size_bytes + _UNPACKED_GUESS_BYTES
    if (free := shutil.disk_usage(root).free) < wanted:
        raise DiskFull(
            f"{package} needs {wanted >> 20} MiB below {root}, and {free >> 20} MiB are free", "make room there"
        )
    work = Path(tempfile.mkdtemp(prefix=".fetching-", dir=root))
    try:
        progress(f"debug symbols of {kernel_release}: {package} {version}, {size_bytes / 1e6:.0f} MB, fetched once")
        deb = download_package(package, version, size_bytes, work, progress)
        vmlinux = work / "vmlinux"
        _unpack(deb, f"./usr/lib/debug/boot/vmlinux-{kernel_release}", vmlinux, progress)
        deb.unlink()
        with FileView(vmlinux) as view:
            build_id = read_build_id(view)
        if build_id is None:
            raise LabError(
                f"the vmlinux of {package} has no build id to keep it by", "report it with the package's name"
            )
        (work / "about.json").write_text(
            json.dumps({"kernel_release": kernel_release, "package": package, "version": version}) + "\n"
        )
        work.chmod(0o755)
        kept = root / build_id
        shutil.rmtree(kept, ignore_errors=True)
        work.rename(kept)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(f"debug symbols kept: {kept / 'vmlinux'}")
    return kept / "vmlinux"


def _unpack(deb: Path, member: str, target: Path, progress: Say) -> None:
    # tar stops after the first hit; dpkg-deb then ends by SIGPIPE, which is no failure.
    with (
        subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as packed,
        subprocess.Popen(
            ["tar", "--extract", "--to-stdout", "--occurrence=1", member],
            stdin=packed.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as unpacked,
        target.open("wb") as file,
    ):
        if packed.stdout is None or unpacked.stdout is None or unpacked.stderr is None:
            raise LabError(f"{deb.name} could not be unpacked: no pipe", "run the command again")
        packed.stdout.close()
        last_said = time.monotonic()
        written = 0
        while chunk := unpacked.stdout.read(_CHUNK_BYTES):
            file.write(chunk)
            written += len(chunk)
            if time.monotonic() - last_said >= 2:
                last_said = time.monotonic()
                progress(f"  unpacked {written / 1e6:.0f} MB")
        said = unpacked.stderr.read()
    if unpacked.returncode != 0 or written == 0:
        raise LabError(f"{deb.name} has no {member}: {last_lines(said, 1)}", "report it with the package's name")
