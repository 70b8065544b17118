"""A vmlinux by its build id from a debuginfod server, kept where all symbols are kept.

Source: debuginfod(8), section WEBAPI: ``GET /buildid/BUILDID/debuginfo``. What comes is believed only where its own
build id is the one that was asked for.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from kdumpkit.analysis.symbols import symbols_folder
from kdumpkit.errors import NotAVmcore, SymbolsMismatch, UsageError
from kdumpkit.hosts.base import Progress
from kdumpkit.hosts.download import check_web_address, download
from kdumpkit.vmcore.elf import read_build_id
from kdumpkit.vmcore.view import FileView

_BUILD_ID = re.compile(r"[0-9a-f]{8,128}\Z")


def fetch_vmlinux(build_id: str, url: str, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """The kept vmlinux, fetched now where it is not there yet.

    Raises what :func:`kdumpkit.hosts.download.download` raises, and SymbolsMismatch where the server gives a file of
    another build.
    """
    server = check_web_address(url)
    if not _BUILD_ID.match(build_id):
        raise UsageError(f"{build_id} is not a build id")
    kept = (folder or symbols_folder(os.environ)) / build_id / "vmlinux"
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f".vmlinux-{secrets.token_hex(6)}")
    what = f"the debug symbols of build id {build_id}"
    download(f"{server}/buildid/{build_id}/debuginfo", part, what=what, progress=progress)
    try:
        found = _build_id_of(part)
        if found != build_id:
            raise SymbolsMismatch(
                f"the server gave a file with build id {found or 'none'} for {build_id}: it was thrown away",
                "tell whoever runs that server",
            )
        part.rename(kept)
    finally:
        part.unlink(missing_ok=True)
    return kept


def _build_id_of(path: Path) -> str | None:
    try:
        with FileView(path) as view:
            return read_build_id(view)
    except NotAVmcore:
        return None
