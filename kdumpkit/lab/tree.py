"""The guest's root tree: a folder with everything that the disk image will hold.

The tree is made by mmdebstrap and finished in a chroot. That chroot has its own mount and process namespaces and a
``/dev`` with nothing but null, zero, full, random, urandom and tty: no script of a package can see this machine's
disks, and whatever it leaves running dies with it.
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from kdumpkit.lab.boot import make_first_boot_files
from kdumpkit.lab.disk import Layout, Volumes
from kdumpkit.lab.keys import LabKeys
from kdumpkit.lab.package_source import write_package_source
from kdumpkit.lab.process import Say, run_here
from kdumpkit.lab.recipe import Flavour, GuestFile
from kdumpkit.lab.sources import newest_kernels, read_package_sources, read_transport_options

_ENTER = """
set -eu
tree=$1; shift
mount -t tmpfs -o mode=755 lab-dev "$tree/dev"
for name in null zero full random urandom tty; do
    : > "$tree/dev/$name"
    mount --bind "/dev/$name" "$tree/dev/$name"
done
ln -s /proc/self/fd "$tree/dev/fd"
mkdir -p "$tree/dev/shm" "$tree/dev/pts" "$tree/dev/disk/by-uuid"
mount -t proc lab-proc "$tree/proc"
mount -t sysfs -o ro lab-sys "$tree/sys"
# Names of the archives are looked up as this machine does it; the guest's own file stays as it is below.
mount --bind "$(readlink -f /etc/resolv.conf)" "$tree/etc/resolv.conf"
mount -t tmpfs lab-run "$tree/run"
mount -t tmpfs lab-tmp "$tree/tmp"
exec chroot "$tree" "$@"
"""

_FINISH = """
set -eu
useradd --create-home --shell /bin/bash "$1"
install -d -m 700 /root/.ssh
install -m 600 /run/authorized_keys /root/.ssh/authorized_keys
install -d -m 700 -o "$1" -g "$1" "/home/$1/.ssh"
install -m 600 -o "$1" -g "$1" /run/authorized_keys "/home/$1/.ssh/authorized_keys"
systemctl --quiet enable ssh.service
shift
systemctl --quiet mask "$@"
# An empty id would make each fresh overlay's boot a first boot, with units of its own.
rm -f /etc/machine-id
systemd-machine-id-setup
mkdir -p /var/log/journal
apt-get clean
rm -f /etc/apt/apt.conf.d/99mmdebstrap
sed -i '/^force-unsafe-io/d' /etc/dpkg/dpkg.cfg.d/99mmdebstrap
"""


_UNPACK = """
set -eu
mkdir -p /usr/src/lab && cd /usr/src/lab
apt-get download "$@"
for name in "$@"; do
    dpkg-deb -x "$name"_*.deb "$name"
    rm "$name"_*.deb
done
"""

# A mount and a process namespace of its own: nothing of it stays when it ends or is killed.
_ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--mount-proc")


@dataclass(frozen=True)
class Tree:
    """A finished root tree and what was put into it."""

    path: Path
    #: releases (``uname -r``) of the installed kernels, oldest first
    kernels: tuple[str, ...]


def enter_argv(tree: Path, argv: list[str]) -> list[str]:
    """The command line that runs a program in the tree, cut off from this machine."""
    return [*_ALONE, "sh", "-c", _ENTER, "lab", str(tree), *argv]


def build_tree(
    flavour: Flavour, tree: Path, layout: Layout, volumes: Volumes, keys: LabKeys, log: Path, say: Say
) -> Tree:
    """A root tree of the flavour in the new folder ``tree``, for a disk of that layout. Needs root.

    Raises LabError with the last lines of what failed; all output of the tools goes to ``log``.
    """

    def inside(script: str, *words: str, what: str, stdin: bytes = b"", timeout_s: float = 300) -> bytes:
        argv = enter_argv(tree, ["sh", "-c", script, "lab", *words])
        return run_here(argv, what=what, timeout_s=timeout_s, stdin=stdin, log=log)

    say(f"root tree: {flavour.suite}, {len(flavour.packages)} packages and what they need")
    work = tree.parent
    early = work / "early"
    _write_files(early, flavour.early_files, volumes)
    options = work / "apt.conf"
    options.write_text(read_transport_options() + 'Acquire::Languages "none";\nAPT::Install-Recommends "false";\n')
    options.chmod(0o600)
    sources = "\n".join(source.deb822() for source in read_package_sources(flavour.suite))
    run_here(
        [
            *(*_ALONE, "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
            f"--aptopt={options}",
            "--skip=cleanup/apt/lists",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            # A tree that is not finished is thrown away: nothing has to reach the disk file by file.
            "--dpkgopt=force-unsafe-io",
            f"--include={','.join(flavour.packages)}",
            f'--essential-hook=cp -a {shlex.quote(str(early))}/. "$1"',
            f"--essential-hook=printf '%s\\n' {_quoted_lines(flavour.preseed)} | chroot \"$1\" debconf-set-selections",
            *(flavour.suite, str(tree), "-"),
        ],
        what="building the root tree",
        timeout_s=600,
        stdin=sources.encode(),
        log=log,
    )
    _write_files(tree, flavour.files, volumes)
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)

    names = run_here(enter_argv(tree, ["apt-cache", "pkgnames", "linux-image-"]), what="kernels on offer", timeout_s=60)
    packages = newest_kernels(names.decode().split(), flavour.kernel_package, flavour.kernel_count)
    say(f"kernels: {', '.join(packages)}")
    install = 'apt-get install --yes --no-install-recommends "$@"'
    inside(install, *packages, what="installing the kernels")
    if flavour.late_packages:
        say(f"packages that need a kernel: {', '.join(flavour.late_packages)}")
        inside(install, *flavour.late_packages, what=f"installing {', '.join(flavour.late_packages)}")
    if flavour.unpacked_packages:
        inside(_UNPACK, *flavour.unpacked_packages, what="unpacking programs for the guest's own packages")
    make_first_boot_files(
        flavour, layout, volumes, lambda script, stdin: inside(script, what="writing grub.cfg", stdin=stdin)
    )
    for path, text in flavour.appended:
        with (tree / path.lstrip("/")).open("a") as file:
            file.write(text)
    if flavour.offered_packages:
        say(f"the guest's own package source: {', '.join(flavour.offered_packages)}")
        inside(
            "mkdir -p /srv/packages/partial && apt-get install --yes --no-install-recommends --download-only"
            ' -o Dir::Cache::archives=/srv/packages "$@"',
            *flavour.offered_packages,
            what="fetching the packages that the guest offers",
        )
        write_package_source(tree, "srv/packages")
        inside("apt-get update", what="reading the guest's own package source")
    inside(
        "cat > /run/authorized_keys\n" + _FINISH,
        flavour.second_login,
        *flavour.masked_units,
        what="finishing the root tree",
        stdin=keys.client_public.encode(),
    )
    inside("set -eu\n" + flavour.finish, what=f"finishing the {flavour.name} flavour", timeout_s=300)
    generators = tree / "etc/systemd/system-generators"
    generators.mkdir(parents=True, exist_ok=True)
    for name in flavour.masked_generators:
        (generators / name).symlink_to("/dev/null")
    keys.install_host_key(tree / "etc/ssh")
    policy.unlink()
    shutil.rmtree(early)
    options.unlink()
    return Tree(tree, tuple(package.removeprefix("linux-image-") for package in packages))


def _write_files(root: Path, files: tuple[GuestFile, ...], volumes: Volumes) -> None:
    for file in files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(volumes.fill_in(file.text))
        path.chmod(file.mode)


def _quoted_lines(lines: tuple[str, ...]) -> str:
    return " ".join(shlex.quote(line) for line in lines)
