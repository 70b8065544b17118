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

from kdumpkit.lab.enterprise_linux import DEFAULT_GRUB, VARIANT, enterprise_linux, kdump_conf
from kdumpkit.lab.recipe import GuestFile

# Source: /etc/os-release of AlmaLinux 9.4
_OS_RELEASE = f"""\
NAME="AlmaLinux"
VERSION="9.4 (Seafoam Ocelot)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.4"
PLATFORM_ID="platform:el9"
PRETTY_NAME="AlmaLinux 9.4 (Seafoam Ocelot)"
{VARIANT}
ANSI_COLOR="0;34"
LOGO="fedora-logo-icon"
CPE_NAME="cpe:/o:almalinux:almalinux:9::baseos"
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
    default_grub=DEFAULT_GRUB + "GRUB_ENABLE_BLSCFG=true\n",
    kdump_conf=kdump_conf("#failure_action shell\n", "#auto_reset_crashkernel yes\n"),
    kdump_sysconfig=_KDUMP_SYSCONFIG,
    programs=("grubby", "kernel-install", "bls-menu", "bls-mkconfig"),
    files=(GuestFile("/etc/sysconfig/kernel", "UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n"),),
)
