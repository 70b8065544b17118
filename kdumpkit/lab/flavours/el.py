"""A machine laid out like CentOS 7: BIOS, root on a plain ext4 partition, GRUB 2 under its names, rpm and yum, kdump.

As on CentOS 7: os-release and the release files; /boot/grub2/grub.cfg with ``linux16`` lines, written by
``grub2-mkconfig`` from /etc/default/grub; ``grub2-set-default``, ``grub2-reboot``, ``grub2-editenv``; an rpm database
with two kernels, and kexec-tools (which brings kdump.service, kdumpctl, /etc/kdump.conf and /etc/sysconfig/kdump) in a
package source but not installed; /boot/initramfs-<kernel>kdump.img; dumps as
/var/crash/127.0.0.1-YYYY-MM-DD-HH:MM:SS/vmcore with vmcore-dmesg.txt beside it.

What is the lab's own, beside what ``debian`` and kdumpkit/lab/enterprise_linux.py name:

* The kernels are Debian's: ``uname -r`` says 6.1.0-NN-cloud-amd64 and the package that owns /boot/vmlinuz-<that> is
  kernel-6.1.0-NN.cloud.x86_64. ``crashkernel=auto`` reserves nothing on such a kernel; the first boot has no
  ``crashkernel=`` at all.
* ``yum`` is dnf under that name, with ``makecache fast`` as well; there is no ``dnf``, as on CentOS 7, and no
  ``grubby``, unlike there. A kernel's package carries its initramfs instead of running dracut, and its scriptlets run
  ``grub2-mkconfig`` instead of ``new-kernel-pkg``.
* mkdumprd dumps to the root file system and refuses any other target. ``kdumpctl`` has no ``propagate``.
* Network by ifupdown, no SELinux, no firewalld, no package beside those that kdump is about.
"""

from __future__ import annotations

from kdumpkit.lab.enterprise_linux import DEFAULT_GRUB, VARIANT, enterprise_linux, kdump_conf

# Source: /etc/os-release of CentOS 7.9
_OS_RELEASE = f"""\
NAME="CentOS Linux"
VERSION="7 (Core)"
ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="7"
PRETTY_NAME="CentOS Linux 7 (Core)"
{VARIANT}
ANSI_COLOR="0;31"
CPE_NAME="cpe:/o:centos:centos:7"
"""

# Source: the lists of kexec-tools 2.0.15 for x86_64. KEXEC_ARGS is empty there.
_KDUMP_SYSCONFIG = """\
# Kernel version for the capture kernel; empty: the running one
KDUMP_KERNELVER=""

# Empty: the running kernel's own command line
KDUMP_COMMANDLINE=""

# Taken off that command line
KDUMP_COMMANDLINE_REMOVE="hugepages hugepagesz slub_debug quiet log_buf_len swiotlb"

# Put behind it
KDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off udev.children-max=2 \
panic=10 acpi_no_memhotplug transparent_hugepage=never nokaslr novmcoredd hest_disable"

KEXEC_ARGS=""

KDUMP_BOOTDIR="/boot"
KDUMP_IMG="vmlinuz"
KDUMP_IMG_EXT=""
"""

FLAVOUR = enterprise_linux(
    "el",
    os_release=_OS_RELEASE,
    release_text="CentOS Linux release 7.9.2009 (Core)\n",
    release_file="/etc/centos-release",
    default_grub=DEFAULT_GRUB,
    kdump_conf=kdump_conf("#default shell\n"),
    kdump_sysconfig=_KDUMP_SYSCONFIG,
)
