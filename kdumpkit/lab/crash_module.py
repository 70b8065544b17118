"""The lab's own kernel module, built here for the kernel of the guest.

The headers are Debian's packages, fetched by this machine's own apt, unpacked below the cache and not installed. The
compiler is this machine's: the one that the kernel was built with where it is here, else ``gcc``.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab import paths
from kdumpkit.lab.crash_kinds import MODULE
from kdumpkit.lab.packages import download_package, read_offer
from kdumpkit.lab.process import Say, run_here
from kdumpkit.lab.requirements import find_program

SOURCE = Path(__file__).parent / "module"
_RELEASE = re.compile(r"(?P<series>\d+\.\d+)\.\d+-(?P<abi>[0-9a-z.]+)(?P<flavour>-[a-z0-9-]+)?")
_HEADERS = "usr/src/linux-headers-"
_BUILD_DEADLINE_S = 300


def headers_packages(kernel_release: str) -> tuple[str, str, str]:
    """Names of the Debian packages that a module for this kernel is built with.

    >>> headers_packages("6.1.0-56-cloud-amd64")
    ('linux-headers-6.1.0-56-cloud-amd64', 'linux-headers-6.1.0-56-common', 'linux-kbuild-6.1')

    Raises LabError where the release is not of Debian's form.
    """
    match = _RELEASE.fullmatch(kernel_release)
    if match is None or match["flavour"] is None:
        raise LabError(
            f"{kernel_release!r} is not a kernel release of Debian's form: its headers' packages are not known",
            "use the lab's flavour debian",
        )
    own = kernel_release.removesuffix(match["flavour"])
    return f"linux-headers-{kernel_release}", f"linux-headers-{own}-common", f"linux-kbuild-{match['series']}"


def build_module(kernel_release: str, progress: Say) -> Path:
    """``kdumpkit_crash.ko`` with debug information for that kernel; kept, and built again where its source changed.

    Raises LabError: no compiler, no such packages, or the end of what make said.
    """
    packages = headers_packages(kernel_release)
    kept = paths.modules_root() / f"{kernel_release}-{_source_digest()}" / f"{MODULE}.ko"
    if kept.is_file():
        return kept
    make = find_program("make")
    if make is None:
        raise LabError("building the lab's kernel module needs make", "as root: apt-get install make gcc")
    headers = _fetch_headers(packages, progress)
    compiler = _find_compiler(headers / ".kernelvariables")
    progress(f"building the module {MODULE} for {kernel_release}")
    kept.parent.parent.mkdir(parents=True, exist_ok=True)
    # in /tmp or the like: the kernel's makefiles cannot build in a folder whose name has a space or a colon
    with tempfile.TemporaryDirectory(prefix="kdumpkit-module-") as folder:
        work = Path(folder)
        for path in SOURCE.iterdir():
            if path.is_file():
                shutil.copy(path, work / path.name)
        log = paths.modules_root() / "build.log"
        log.unlink(missing_ok=True)
        run_here(
            [make, "-C", str(headers), f"M={work}", f"CC={compiler}", "modules"],
            what="building the lab's kernel module",
            timeout_s=_BUILD_DEADLINE_S,
            log=log,
        )
        log.unlink()
        kept.parent.mkdir(exist_ok=True)
        partial = kept.with_suffix(".part")
        shutil.copy(work / kept.name, partial)
        partial.rename(kept)
    return kept


def _source_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in SOURCE.iterdir() if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _fetch_headers(packages: tuple[str, str, str], progress: Say) -> Path:
    """The folder that the kernel's makefiles are called in."""
    root = paths.headers_root() / packages[0].removeprefix("linux-headers-")
    folder = root / "usr/src" / packages[0]
    if (root / "complete").exists():
        return folder
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for package in packages:
        offered = read_offer(package)
        if offered is None:
            raise LabError(
                f"the package sources of this machine do not have {package}: no module can be built for that kernel",
                "refresh them with: apt-get update; or build the lab's image anew with today's kernel",
            )
        version, size_bytes = offered
        progress(f"fetching {package} {version}, {size_bytes / 1e6:.1f} MB, once")
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=root.parent) as fetched:
            deb = download_package(package, version, size_bytes, Path(fetched), progress)
            run_here(["dpkg-deb", "--extract", str(deb), str(root)], what=f"unpacking {package}", timeout_s=120)
    # the headers' makefile includes the common one by its full name
    makefile = folder / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{root}/usr/src/"))
    (root / "complete").touch()
    return folder


def _find_compiler(variables: Path) -> str:
    named = re.search(r"\bgcc-\d+\b", variables.read_text())
    for name in ([named[0]] if named else []) + ["gcc"]:
        if find_program(name):
            return name
    raise LabError(
        "building the lab's kernel module needs a C compiler",
        f"as root: apt-get install make {named[0] if named else 'gcc'}",
    )
