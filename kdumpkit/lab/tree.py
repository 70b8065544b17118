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

# What grub-mkconfig asks grub-probe about a disk that does not exist yet.
_GRUB_PROBE = """\
#!/bin/sh
target=
for word in "$@"; do
    case "$word" in --target=*) target=${word#--target=} ;; esac
    [ "$previous" = -t ] && target=$word
    previous=$word
done
case "$target" in
    device) echo /dev/vda1 ;;
    disk) echo /dev/vda ;;
    fs) echo ext2 ;;
    fs_uuid) echo @UUID@ ;;
    partmap) echo msdos ;;
    abstraction) ;;
    drive) echo '(hd0,msdos1)' ;;
    compatibility_hint) echo hd0,msdos1 ;;
    bios_hints) echo hd0,msdos1 ;;
    hints_string) echo "--hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1" ;;
    *) exit 1 ;;
esac
"""

_GRUB_CONFIG = """
set -eu
: > /dev/vda1
: > /dev/disk/by-uuid/@UUID@
cat > /run/grub-probe
chmod 755 /run/grub-probe
mount --bind /run/grub-probe /usr/sbin/grub-probe
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /boot/grub/i386-pc/
grub-editenv /boot/grub/grubenv create
# Left out once: the first boot has no reservation, and the next update-grub brings it.
mv /etc/default/grub.d/kdump-tools.cfg /run/
grub-mkconfig -o /boot/grub/grub.cfg
mv /run/kdump-tools.cfg /etc/default/grub.d/
grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -p '(hd0,msdos1)/boot/grub' \
    biosdisk part_msdos ext2 normal linux configfile search serial terminal echo
cp /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/boot.img
"""

_FINISH = """
set -eu
for release in $(linux-version list); do
    /etc/kernel/postinst.d/kdump-tools "$release"
    cp /etc/kdump/sysctl.conf "/var/lib/kdump/latest_sysctls-$release"
done
newest=$(linux-version list | linux-version sort | tail -n 1)
ln -sf "/boot/vmlinuz-$newest" /var/lib/kdump/vmlinuz
ln -sf "/var/lib/kdump/initrd.img-$newest" /var/lib/kdump/initrd.img
useradd --create-home --shell /bin/bash "$1"
install -d -m 700 /root/.ssh
install -m 600 /run/authorized_keys /root/.ssh/authorized_keys
install -d -m 700 -o "$1" -g "$1" "/home/$1/.ssh"
install -m 600 -o "$1" -g "$1" /run/authorized_keys "/home/$1/.ssh/authorized_keys"
systemctl --quiet enable kdump-tools.service ssh.service
shift
systemctl --quiet mask "$@"
# An empty id would make each fresh overlay's boot a first boot, with units of its own.
rm -f /etc/machine-id
systemd-machine-id-setup
mkdir -p /var/log/journal
apt-get clean
rm -f /etc/apt/apt.conf.d/99mmdebstrap
"""


# A mount and a process namespace of its own: nothing of it stays when it ends or is killed.
_ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--mount-proc")


@dataclass(frozen=True)
class Tree:
    """A finished root tree and what was put into it."""

    path: Path
    root_uuid: str
    #: releases (``uname -r``) of the installed kernels, oldest first
    kernels: tuple[str, ...]


def enter_argv(tree: Path, argv: list[str]) -> list[str]:
    """The command line that runs a program in the tree, cut off from this machine."""
    return [*_ALONE, "sh", "-c", _ENTER, "lab", str(tree), *argv]


def build_tree(flavour: Flavour, tree: Path, root_uuid: str, keys: LabKeys, log: Path, say: Say) -> Tree:
    """A root tree of the flavour in the new folder ``tree``. Needs root.

    Raises LabError with the last lines of what failed; all output of the tools goes to ``log``.
    """

    def inside(script: str, *words: str, what: str, stdin: bytes = b"", timeout_s: float = 300) -> bytes:
        argv = enter_argv(tree, ["sh", "-c", script, "lab", *words])
        return run_here(argv, what=what, timeout_s=timeout_s, stdin=stdin, log=log)

    say(f"root tree: {flavour.suite}, {len(flavour.packages)} packages and what they need")
    work = tree.parent
    early = work / "early"
    _write_files(early, flavour.early_files, root_uuid)
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
    _write_files(tree, flavour.files, root_uuid)
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)

    names = run_here(enter_argv(tree, ["apt-cache", "pkgnames", "linux-image-"]), what="kernels on offer", timeout_s=60)
    packages = newest_kernels(names.decode().split(), flavour.kernel_package, flavour.kernel_count)
    say(f"kernels: {', '.join(packages)}")
    install = 'apt-get install --yes --no-install-recommends "$@"'
    inside(install, *packages, what="installing the kernels")
    say(f"packages that need a kernel: {', '.join(flavour.late_packages)}")
    inside(install, *flavour.late_packages, what="installing kdump-tools")
    inside(
        _GRUB_CONFIG.replace("@UUID@", root_uuid),
        what="writing grub.cfg",
        stdin=_GRUB_PROBE.replace("@UUID@", root_uuid).encode(),
    )
    for path, text in flavour.appended:
        with (tree / path.lstrip("/")).open("a") as file:
            file.write(text)
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
    generators = tree / "etc/systemd/system-generators"
    generators.mkdir(parents=True, exist_ok=True)
    for name in flavour.masked_generators:
        (generators / name).symlink_to("/dev/null")
    keys.install_host_key(tree / "etc/ssh")
    policy.unlink()
    shutil.rmtree(early)
    options.unlink()
    return Tree(tree, root_uuid, tuple(package.removeprefix("linux-image-") for package in packages))


def _write_files(root: Path, files: tuple[GuestFile, ...], root_uuid: str) -> None:
    for file in files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(file.text.replace("{root_uuid}", root_uuid))
        path.chmod(file.mode)


def _quoted_lines(lines: tuple[str, ...]) -> str:
    return " ".join(shlex.quote(line) for line in lines)
