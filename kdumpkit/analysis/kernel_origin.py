"""Who built a kernel, told from its release and banner, and where its debug symbols come from.

A dump may lie on a machine of any distribution, so this rests on the dump alone: ``uname -r``, and what uname or the
``Linux version`` line say of the build. Nothing is asked of a host; the commands are for a person to paste on a machine
with that distribution's package sources.

Source: the naming rules of the distributions' kernel packages: Debian's linux source package, Ubuntu's
kernel-wiki, RHEL's kernel.spec (%{kversion}-%{release}.%{arch}, +variant from EL9 on), SUSE's kernel-source
(build-id as a capability of each debuginfo package), Amazon Linux's release notes. Written from documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Vendor(StrEnum):
    """Who built the kernel, in the name that people use."""

    DEBIAN = "Debian"
    UBUNTU = "Ubuntu"
    #: RHEL, CentOS, AlmaLinux, Rocky Linux: the release does not tell them apart
    EL = "RHEL or a rebuild of it"
    UEK = "Oracle Linux, UEK"
    FEDORA = "Fedora"
    AMAZON = "Amazon Linux"
    SUSE = "SUSE"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class KernelOrigin:
    """A kernel's builder and name."""

    vendor: Vendor
    release: str
    #: of the kernel's package, such as ``6.1.192-1``, where the banner has it
    package_version: str | None = None


@dataclass(frozen=True)
class SymbolsSource:
    """Where the vmlinux of a kernel comes from."""

    #: exact names; one of them is enough; empty where the builder is not known
    packages: tuple[str, ...]
    #: shell lines, to be typed as root in this order on a machine with that distribution's package sources
    commands: tuple[str, ...]
    #: where the file lies then; None where the builder is not known
    vmlinux_path: str | None
    #: one sentence
    note: str


_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]{0,127}\Z")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}\Z")
_BUILD_ID = re.compile(r"[0-9a-f]{8,128}\Z")
_ARCH = r"(?:x86_64|aarch64|ppc64le|ppc64|s390x|i[3-6]86)"
_EL = re.compile(rf"\.el\d+[\w.]*(?P<variant>[+.](?:debug|64k|rt|64k-debug|rt-debug))?$|\.el\d+[\w.]*\.{_ARCH}")
_EL_PARTS = re.compile(rf"(?P<version>[\w.~-]+?\.{_ARCH})(?:[+.](?P<variant>[\w-]+))?$")
_UBUNTU_FLAVOURS = (
    "generic|lowlatency|aws|azure|gcp|gke|kvm|oracle|oem|raspi|ibm|nvidia|realtime|xilinx-zynqmp|intel|bluefield"
)
_UBUNTU = re.compile(rf"-\d+-(?:{_UBUNTU_FLAVOURS})(?:-[\w]+)?$")
_UBUNTU_BANNER = re.compile(r"#\d+(?:~[\d.]+(?:\.\d+)?)?-Ubuntu\b|buildd@lcy")
_DEBIAN = re.compile(
    r"^\d+\.\d+\.\d+(?:-\d+|\+deb\d+|\+bpo\.?\d*|-\d+\.bpo\.\d+|-0\.deb\d+\.\d+|-0\.bpo\.\d+|\+deb\d+\.\d+)"
    r"(?:-cloud|-rt|-16k|-octeon)?(?:\+\w+)?-(?:amd64|arm64|686(?:-pae)?|powerpc64le|s390x|armmp(?:-lpae)?|riscv64|"
    r"loong64|\d+kc-malta|mips64r2el|marvell|rpi)(?:-unsigned)?$|^\d+\.\d+\.\d+-\d+-(?:cloud-|rt-)?amd64$"
)
#: the build's number comes after the compiler, which has a version of Debian's or Ubuntu's own wherever it runs
_DEBIAN_BANNER = re.compile(r"#\d.*\bDebian (?P<version>\d[\w.+~-]*)")
_SUSE = re.compile(
    r"-(?:\d+|\d{6})(?:\.g[0-9a-f]{7,})?(?:\.\d+)*-(?:default|preempt|azure|rt|rt_debug|64kb|vanilla|kvmsmall|debug|pae|longterm)$"
)


def find_origin(release: str | None, banner: str = "") -> KernelOrigin | None:
    """Who built the kernel. ``banner`` is the ``Linux version`` line or uname's version; None without a release."""
    if not release or not _SAFE.match(release):
        return None
    version = _DEBIAN_BANNER.search(banner)
    package_version = version["version"] if version is not None else None
    return KernelOrigin(_find_vendor(release, banner), release, package_version)


def _find_vendor(release: str, banner: str) -> Vendor:
    if ".amzn" in release:
        return Vendor.AMAZON
    if "uek" in release:
        return Vendor.UEK
    if re.search(r"\.fc\d+", release):
        return Vendor.FEDORA
    if _EL.search(release):
        return Vendor.EL
    if _UBUNTU_BANNER.search(banner) or _UBUNTU.search(release):
        return Vendor.UBUNTU
    if _DEBIAN_BANNER.search(banner) or _DEBIAN.match(release):
        return Vendor.DEBIAN
    if _SUSE.search(release) or "geeko@buildhost" in banner:
        return Vendor.SUSE
    return Vendor.UNKNOWN


def symbols_source(origin: KernelOrigin, build_id: str | None = None) -> SymbolsSource:
    """The exact package and the commands that install it."""
    release = origin.release
    known_id = build_id if build_id and _BUILD_ID.match(build_id) else None
    if origin.vendor is Vendor.DEBIAN:
        package = f"linux-image-{release}-dbg"
        pinned = f"{package}={origin.package_version}" if origin.package_version else package
        return SymbolsSource(
            (package,),
            ("apt-get update", f"apt-get install --yes {pinned}"),
            f"/usr/lib/debug/boot/vmlinux-{release}",
            "it is in the same archive as the kernel and leaves it with the kernel; older ones are in Debian's "
            "snapshot archive, by the kernel's exact version",
        )
    if origin.vendor is Vendor.UBUNTU:
        packages = (f"linux-image-unsigned-{release}-dbgsym", f"linux-image-{release}-dbgsym")
        return SymbolsSource(
            packages,
            (
                "apt-get install --yes ubuntu-dbgsym-keyring",
                'for part in "" -updates; do echo "deb http://ddebs.ubuntu.com $(lsb_release -cs)$part main restricted '
                'universe multiverse"; done > /etc/apt/sources.list.d/ddebs.list',
                "apt-get update",
                f"apt-get install --yes {packages[0]} || apt-get install --yes {packages[1]}",
            ),
            f"/usr/lib/debug/boot/vmlinux-{release}",
            "debug symbols are in an archive of their own, ddebs, some days behind the kernels",
        )
    if origin.vendor is Vendor.SUSE:
        flavour = release.rpartition("-")[2]
        package = f"kernel-{flavour}-debuginfo"
        wanted = f"'debuginfo(build-id)={known_id}'" if known_id else f"{package}={release.removesuffix('-' + flavour)}"
        return SymbolsSource(
            (package,),
            (f"zypper --plus-content debug install {wanted}",),
            f"/usr/lib/debug/lib/modules/{release}/vmlinux.debug",
            "it is in the Debuginfo channel of the product; on older releases below /usr/lib/debug/boot or "
            "/usr/lib/debug/usr/lib/modules",
        )
    if origin.vendor in (Vendor.EL, Vendor.FEDORA, Vendor.AMAZON, Vendor.UEK):
        return _rpm_source(origin)
    return SymbolsSource(
        (),
        (),
        None,
        "the release names no distribution that kdumpkit knows: the vmlinux is with whoever built this kernel, "
        + (f"and its build id is {known_id}" if known_id else "in the top folder of that build"),
    )


def _rpm_source(origin: KernelOrigin) -> SymbolsSource:
    release = origin.release
    parts = _EL_PARTS.match(release)
    version, variant = (parts["version"], parts["variant"]) if parts is not None else (release, None)
    family = "kernel"
    if origin.vendor is Vendor.UEK:
        family = "kernel-uek"
    elif re.search(r"\.rt\d", version) and origin.vendor is Vendor.EL:
        family = "kernel-rt"
    if variant:
        family = f"{family}-{variant}"
    if origin.vendor is Vendor.AMAZON and ".amzn2023" in release and not release.startswith("6.1."):
        # kernels later than the release's first one have their series in the package's name
        family = f"kernel{'.'.join(release.split('.')[:2])}"
    package = f"{family}-debuginfo-{version}"
    old = re.search(r"\.(?:el[567]|amzn[12])\b", release)
    if old:
        commands = (f"yum install --enablerepo='*debug*' -y {package}",)
    else:
        commands = (f"dnf install --enablerepo='*debug*' -y {package}",)
    notes = {
        Vendor.EL: "it is in the distribution's debug repository: on RHEL `subscription-manager repos --enable "
        "'rhel-*-baseos-debug-rpms'`, on rebuilds a repository whose name ends in debug or debuginfo",
        Vendor.FEDORA: "it is in the repositories fedora-debuginfo and updates-debuginfo; Fedora's own debuginfod "
        "has it as well",
        Vendor.AMAZON: "it is in the debuginfo repository of the same release version (--releasever)",
        Vendor.UEK: "it is in Oracle's debuginfo archive, oss.oracle.com, folder of the release, debuginfo",
    }
    return SymbolsSource((package,), commands, f"/usr/lib/debug/lib/modules/{release}/vmlinux", notes[origin.vendor])


def changelog_command(origin: KernelOrigin, word: str) -> str:
    """A command that looks for a function in the changes of that distribution's newest kernel; empty: none known."""
    if not _FUNCTION.match(word):
        return ""
    if origin.vendor in (Vendor.DEBIAN, Vendor.UBUNTU):
        return f"apt-get changelog linux-image-{origin.release} | grep -n -i -B3 -A3 {word}"
    if origin.vendor in (Vendor.EL, Vendor.FEDORA, Vendor.UEK):
        return f"dnf repoquery --changelogs kernel | grep -n -i -B3 -A3 {word}"
    if origin.vendor is Vendor.AMAZON:
        return f"rpm -q --changelog kernel | grep -n -i -B3 -A3 {word}"
    if origin.vendor is Vendor.SUSE:
        return f"rpm -q --changelog kernel-default | grep -n -i -B3 -A3 {word}"
    return ""
