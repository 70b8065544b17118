"""A machine laid out like AlmaLinux 9.4: as ``el``, with boot entries in /boot/loader/entries and grubby.

As on an EL 9: os-release of a clone; one file per kernel in /boot/loader/entries, ``saved_entry`` and ``kernelopts`` in
/boot/grub2/grubenv; ``grub2-mkconfig`` writes grub.cfg and leaves the entries alone (EL 9.3 and later), unless it is
given ``--update-bls-cmdline``; ``grubby`` edits them; ``dnf`` beside ``yum``; ``kdumpctl`` with ``reset-crashkernel``,
``get-default-crashkernel`` and an ``estimate`` that may rebuild the capture initramfs; ``kexec -s``. The newest
kernel's entry has its words itself; the older one's says ``$kernelopts``, as on a machine that was once an EL 8.

What is the lab's own, beside what ``el`` names:

* GRUB really boots what the entries say, read at each boot, but not by a ``blscfg`` module, which Debian's GRUB does
  not have: grub.cfg holds a function of that name in GRUB's script language (kdumpkit/lab/guest/bls-menu.sh). It
  sorts entries by name as text, where GRUB's module compares versions.
* ``grubby`` and ``kernel-install`` are short programs of the lab. grubby knows --info, --update-kernel with --args
  and --remove-args (ALL changes /etc/default/grub as well, unless --no-etc-grub-update is given), --default-kernel,
  --default-index, --default-title, --set-default and --set-default-index; any other option ends with status 1.
* kernel-core and kernel-modules are not packages of their own: ``kernel`` holds everything.
"""

from __future__ import annotations

from kdumpkit.lab.enterprise_linux import enterprise_linux
from kdumpkit.lab.recipe import GuestFile

# Source: /etc/os-release of AlmaLinux 9.4
_OS_RELEASE = """\
NAME="AlmaLinux"
VERSION="9.4 (Seafoam Ocelot)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.4"
PLATFORM_ID="platform:el9"
PRETTY_NAME="AlmaLinux 9.4 (Seafoam Ocelot)"
VARIANT="kdumpkit's lab: Enterprise Linux only in its layout, over Debian's kernel and programs"
ANSI_COLOR="0;34"
LOGO="fedora-logo-icon"
CPE_NAME="cpe:/o:almalinux:almalinux:9::baseos"
"""

# The settings that an EL 9 installer writes, without crashkernel=; console and time-out are the lab's.
_DEFAULT_GRUB = """\
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR="$(sed 's, release .*$,,g' /etc/system-release)"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL=serial
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 net.ifnames=0 no_timer_check quiet"
GRUB_DISABLE_RECOVERY="true"
GRUB_ENABLE_BLSCFG=true
"""

_KDUMP_CONF = """\
# kdump.conf: where a dump goes and how it is made; see kdump.conf(5)
#
#auto_reset_crashkernel yes
#raw /dev/vg/lv_kdump
#ext4 LABEL=/boot
#nfs my.server.com:/export/tmp
#ssh user@my.server.com
#sshkey /root/.ssh/kdump_id_rsa
path /var/crash
core_collector makedumpfile -l --message-level 7 -d 31
#failure_action shell
"""

# Source: gen-kdump-sysconfig.sh of kdump-utils for x86_64
_KDUMP_SYSCONFIG = """\
# Kernel version for the capture kernel; empty: the running one
KDUMP_KERNELVER=""

# Empty: the running kernel's own command line
KDUMP_COMMANDLINE=""

# Taken off that command line
KDUMP_COMMANDLINE_REMOVE="hugepages hugepagesz slub_debug quiet log_buf_len swiotlb hugetlb_cma ignition.firstboot"

# Put behind it
KDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off udev.children-max=2 \
panic=10 acpi_no_memhotplug transparent_hugepage=never nokaslr hest_disable novmcoredd cma=0 hugetlb_cma=0 \
pcie_ports=compat"

# Load by kexec_file_load(2)
KEXEC_ARGS="-s"

KDUMP_IMG="vmlinuz"
KDUMP_IMG_EXT=""

VMCORE_CREATION_NOTIFICATION="yes"
"""

FLAVOUR = enterprise_linux(
    "el-bls",
    os_release=_OS_RELEASE,
    release_text="AlmaLinux release 9.4 (Seafoam Ocelot)\n",
    release_file="/etc/almalinux-release",
    default_grub=_DEFAULT_GRUB,
    kdump_conf=_KDUMP_CONF,
    kdump_sysconfig=_KDUMP_SYSCONFIG,
    programs=("grubby", "kernel-install", "bls-menu", "bls-mkconfig"),
    files=(GuestFile("/etc/sysconfig/kernel", "UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n"),),
)
