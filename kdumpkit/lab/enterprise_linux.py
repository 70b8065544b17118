"""What the flavours that are laid out like Enterprise Linux share: Debian's machine under other names and tools.

What they have in common with Enterprise Linux: paths, file formats, commands and their exit statuses, as documented
for it. What they are made of is Debian: kernel, GRUB, systemd, kexec, makedumpfile, crash, rpm and dnf are Debian's
builds; kdumpctl, mkdumprd and the capture's init are short programs of the lab (kdumpkit/lab/guest). A crash here says
nothing about a Red Hat kernel, dracut or the real kexec-tools.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kdumpkit.lab.flavours.debian import FLAVOUR as DEBIAN
from kdumpkit.lab.recipe import Flavour, GuestFile

_GUEST = Path(__file__).parent / "guest"
_WORK = "/usr/src/lab"

_KDUMP_SERVICE = """\
[Unit]
Description=Crash recovery kernel arming
After=network.target network-online.target remote-fs.target basic.target
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/usr/bin/kdumpctl start
ExecStop=/usr/bin/kdumpctl stop
ExecReload=/usr/bin/kdumpctl reload
RemainAfterExit=yes
StartLimitInterval=0

[Install]
WantedBy=multi-user.target
"""

_REPOSITORY = """\
[lab]
name=Packages on this machine's own disk
baseurl=file:///srv/repo
enabled=1
gpgcheck=0
metadata_expire=never
"""

_DNF = """\
[main]
gpgcheck=0
installonly_limit=3
clean_requirements_on_remove=False
install_weak_deps=False
"""

#: Debian keeps the package database of a login in its home; Enterprise Linux has one for the machine.
_RPM_MACROS = "%_dbpath /var/lib/rpm\n"


#: an imitation says so in its own name
VARIANT = "VARIANT=\"kdumpkit's lab: Enterprise Linux only in its layout, over Debian's kernel and programs\""

# What the installers of EL 7 and EL 9 write, without crashkernel=; console and time-out are the lab's.
DEFAULT_GRUB = """\
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR="$(sed 's, release .*$,,g' /etc/system-release)"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL=serial
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 net.ifnames=0 no_timer_check quiet"
GRUB_DISABLE_RECOVERY="true"
"""


def kdump_conf(last: str, first: str = "") -> str:
    """The text of /etc/kdump.conf as its package brings it; releases differ in its ``first`` and ``last`` lines."""
    return f"""\
# kdump.conf: where a dump goes and how it is made; see kdump.conf(5)
#
{first}#raw /dev/vg/lv_kdump
#ext4 LABEL=/boot
#nfs my.server.com:/export/tmp
#ssh user@my.server.com
#sshkey /root/.ssh/kdump_id_rsa
path /var/crash
core_collector makedumpfile -l --message-level 7 -d 31
{last}"""


def guest_text(name: str) -> str:
    """The text of a program that runs in the guest or while it is built."""
    return (_GUEST / f"{name}.sh").read_text()


def enterprise_linux(
    name: str,
    *,
    os_release: str,
    release_text: str,
    release_file: str,
    default_grub: str,
    kdump_conf: str,
    kdump_sysconfig: str,
    programs: tuple[str, ...] = (),
    files: tuple[GuestFile, ...] = (),
) -> Flavour:
    """A flavour laid out like Enterprise Linux; ``programs`` are more files of the guest folder for its build."""
    replaced = ("/etc/default/grub",)
    kept = tuple(file for file in DEBIAN.files if file.path not in replaced)
    version = next(line for line in os_release.splitlines() if line.startswith("VERSION_ID="))
    release_version = version.partition("=")[2].strip('"').partition(".")[0]
    work = (
        *((program, guest_text(program)) for program in ("kdumpctl", "mkdumprd", "capture-init", *programs)),
        ("kdump.service", _KDUMP_SERVICE),
        ("kdump.conf", kdump_conf),
        ("kdump.sysconfig", kdump_sysconfig),
    )
    return replace(
        DEBIAN,
        name=name,
        packages=(
            *DEBIAN.packages,
            *("rpm", "dnf", "createrepo-c", "cpio"),
            # libraries of the programs in the guest's own packages
            *("libxenmisc4.17", "liblzo2-2", "libelf1", "zlib1g", "libsnappy1v5", "libncursesw6"),
        ),
        late_packages=(),
        offered_packages=(),
        unpacked_packages=("kexec-tools", "makedumpfile", "crash", "busybox-static"),
        preseed=tuple(line for line in DEBIAN.preseed if line.startswith("grub-pc")),
        files=(
            *kept,
            GuestFile("/etc/default/grub", default_grub),
            GuestFile("/usr/lib/os-release", os_release),
            GuestFile("/etc/os-release", os_release),
            GuestFile("/etc/redhat-release", release_text),
            GuestFile("/etc/system-release", release_text),
            GuestFile(release_file, release_text),
            GuestFile("/etc/rpm/macros", _RPM_MACROS),
            GuestFile("/etc/yum.repos.d/lab.repo", _REPOSITORY),
            GuestFile("/etc/dnf/dnf.conf", _DNF),
            GuestFile("/etc/dnf/vars/releasever", f"{release_version}\n"),
            *files,
            *(GuestFile(f"{_WORK}/{path}", text, 0o755) for path, text in work),
        ),
        appended=(),
        grub_folder="/boot/grub2",
        first_boot_config=guest_text("first-boot-el"),
        finish=guest_text("finish-el"),
    )
