"""Where debug symbols of Enterprise Linux's, Fedora's and Amazon Linux's kernels come from, by who made the kernel.

Source: the distributions' documentation of their debuginfo archives. Old releases leave the mirrors: what is in a vault
is fetched by its exact name.
"""

from __future__ import annotations

import shlex

from kdumpkit.distributions.answers import SymbolPackages
from kdumpkit.distributions.el_packages import KernelNames, kernel_names


def vmlinux_path(release: str) -> str:
    """Where kernel-debuginfo puts the vmlinux of a release."""
    return f"/usr/lib/debug/lib/modules/{release}/vmlinux"


def symbol_packages(release: str, id: str, version: tuple[int, ...], tool: str) -> SymbolPackages:
    """The symbols of a release. ``id`` is that of os-release, ``version`` that of Enterprise Linux (() for Fedora)."""
    names = kernel_names(release)
    install = f"{'debuginfo-install' if tool == 'yum' else 'dnf debuginfo-install'} {names.installed_as}"
    where, lines = _archive(names, id, version, tool)
    owner = f"rpm --query --file /lib/modules/{release}"
    return SymbolPackages(release, (names.debuginfo,), vmlinux_path(release), where, install, owner, lines)


def _archive(names: KernelNames, id: str, version: tuple[int, ...], tool: str) -> tuple[str, tuple[str, ...]]:
    major = version[0] if version else 0
    machine = names.machine.removeprefix(".") or "x86_64"
    common = f"{names.source}-debuginfo-common-{machine}-{names.version}{names.machine}"
    if id == "centos" and major == 7:
        base = f"http://debuginfo.centos.org/7/{machine}"
        urls = tuple(shlex.quote(f"{base}/{package}.rpm") for package in (common, names.debuginfo))
        return (
            "CentOS 7 is no longer on the mirrors; its debug symbols are on debuginfo.centos.org, by the kernel's very "
            "version: those of another build are of no use",
            (*(f"wget {url}" for url in urls), f"rpm -ivh {common}.rpm {names.debuginfo}.rpm"),
        )
    if id == "ol":
        base = f"https://oss.oracle.com/ol{major}/debuginfo"
        # those of the unbreakable kernel have no machine in the name of the common part
        shared = f"kernel-uek-debuginfo-common-{names.version}{names.machine}"
        packages = (shared if names.package == "kernel-uek" else common, names.debuginfo)
        return (
            "Oracle's debug symbols are on oss.oracle.com, beside the repositories of yum.oracle.com",
            (
                *(f"wget {shlex.quote(f'{base}/{package}.rpm')}" for package in packages),
                "rpm -ivh " + " ".join(f"{package}.rpm" for package in packages),
            ),
        )
    if id == "rhel":
        repository = f"rhel-{major}-for-{machine}-baseos-debug-rpms" if major > 7 else "rhel-7-server-debug-rpms"
        return (
            "the repository with debug symbols has to be enabled for the subscription",
            (f"subscription-manager repos --enable={repository}", f"{tool} install {names.debuginfo}"),
        )
    vaults = {
        "almalinux": "AlmaLinux keeps older kernels' symbols in vault.almalinux.org",
        "rocky": "Rocky Linux keeps older kernels' symbols in dl.rockylinux.org/vault",
        "centos": "CentOS Stream's debug symbols are on debuginfo.centos.org",
        "fedora": "Fedora's older builds are in koji.fedoraproject.org, by the kernel's exact version",
        "amzn": "Amazon Linux has its debug symbols in repositories of its own, which are there and off",
    }
    where = vaults.get(id, "the distribution's debuginfo repository has to be set up")
    line = f"{tool} install --enablerepo='*debug*' {names.debuginfo}"
    return f"{where}; symbols are of use only for the very build of the kernel", (line,)
