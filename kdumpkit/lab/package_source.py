"""A package source inside the guest, so that it can install something without any network."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab.process import run_here


def write_package_source(tree: Path, folder: str) -> list[str]:
    """Make ``folder`` of the tree the only package source of the guest; returns the names of its packages.

    The source is not signed and marked as trusted: it lies on the guest's own disk.
    Raises LabError where the folder has no package.
    """
    packages = tree / folder
    for leftover in ("lock", "partial"):
        path = packages / leftover
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    stanzas: list[str] = []
    names: list[str] = []
    for deb in sorted(packages.glob("*.deb")):
        # apt's cache writes the epoch's colon as %3a; a file: source would decode that.
        plain = deb.with_name(deb.name.replace("%3a", "."))
        deb.rename(plain)
        said = run_here(["dpkg-deb", "--field", str(plain)], what="reading a package", timeout_s=30)
        control = said.decode("utf-8").rstrip("\n")
        content = plain.read_bytes()
        stanzas.append(
            f"{control}\nFilename: ./{plain.name}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
        names.append(next(line.split(": ", 1)[1] for line in control.splitlines() if line.startswith("Package: ")))
    if not stanzas:
        raise LabError("the packages that the guest should offer were not fetched", "build the image again")
    index = "\n".join(stanzas).encode()
    (packages / "Packages").write_bytes(index)
    # Without a Release file apt asks for the index under every compression and calls each one an error.
    digest = hashlib.sha256(index).hexdigest()
    (packages / "Release").write_text(f"Date: {_now_utc()}\nSHA256:\n {digest} {len(index)} Packages\n")
    for path in (tree / "etc/apt/sources.list.d").glob("*"):
        path.unlink()
    (tree / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:/{folder} ./\n")
    for path in (tree / "var/lib/apt/lists").iterdir():
        if path.is_file():
            path.unlink()
    return names


def _now_utc() -> str:
    return datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S UTC")
