"""Debian 12, BIOS, root on a plain ext4 partition, two cloud kernels, kdump-tools as its package installs it.

What is the lab's own and not Debian's default, and why:

* ``quick`` units are masked and GRUB does not wait: a boot under software emulation takes 20 s instead of 40.
* ``KDUMP_CMDLINE_APPEND`` is Debian's own default with ``systemd.mask=`` words behind it, so that the capture
  kernel does not start what it has no use for (network, ssh).
* The initramfs holds a short list of modules (``MODULES=list``): a guess from the build machine's hardware would
  be wrong, and "most" takes GRUB seconds to read under emulation.
* ``latest_sysctls-<kernel>`` stands beside the kdump initrd. Without it kdump-tools 1.8 builds that initrd again
  at its first load, which takes 90 s under emulation.
* ``LOAD_KEXEC=false``: otherwise ``reboot`` may jump past GRUB and miss a new ``crashkernel=``.
* makedumpfile is left out: kdump-tools 1.8 only recommends it, so that a host without it is a real find.
* grub.cfg is generated before kdump-tools is there: the first boot has no reservation.
"""

from __future__ import annotations

from kdumpkit.lab.recipe import MIB, Flavour, GuestFile

_CAPTURE_MASKS = (
    "networking.service",
    "ifupdown-pre.service",
    "ssh.service",
    "systemd-journal-flush.service",
    "systemd-timesyncd.service",
    "systemd-random-seed.service",
)

_INTERFACES = """\
auto lo
iface lo inet loopback

# QEMU's user network: always this address, so that no DHCP client has to run
auto eth0
iface eth0 inet static
    address 10.0.2.15/24
    gateway 10.0.2.2
"""

_GRUB_DEFAULTS = """\
# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.

GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 net.ifnames=0"
GRUB_TERMINAL=serial
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
"""

_INITRAMFS_HOOK = """\
#!/bin/sh
case "$1" in prereqs) exit 0 ;; esac
. /usr/share/initramfs-tools/hook-functions
force_load virtio_pci
force_load virtio_blk
force_load virtio_net
"""

FLAVOUR = Flavour(
    name="debian",
    suite="bookworm",
    hostname="kdumpkit-lab",
    packages=(
        "systemd-sysv",
        "udev",
        "kmod",
        "procps",
        "ifupdown",
        "iproute2",
        "openssh-server",
        "sudo",
        "grub-pc",
        "initramfs-tools",
        "busybox",
        "zstd",
        "file",
        "bsdextrautils",
        "ucf",
        # what makedumpfile and crash pull in and what would take the guest minutes to unpack
        "perl",
        "libdw1",
        "binutils",
    ),
    kernel_package=r"linux-image-(6)\.(1)\.(0)-(\d+)-cloud-amd64",
    kernel_count=2,
    late_packages=("kexec-tools", "kdump-tools"),
    offered_packages=("makedumpfile", "crash"),
    preseed=(
        "kexec-tools kexec-tools/load_kexec boolean false",
        "kdump-tools kdump-tools/use_kdump boolean true",
        "grub-pc grub-pc/install_devices multiselect",
        "grub-pc grub-pc/install_devices_empty boolean true",
    ),
    early_files=(
        GuestFile("/etc/initramfs-tools/conf.d/lab", "MODULES=list\nCOMPRESS=zstd\n"),
        GuestFile("/etc/initramfs-tools/hooks/lab", _INITRAMFS_HOOK, 0o755),
        GuestFile("/etc/fstab", "UUID={root_uuid} / ext4 errors=remount-ro 0 1\n"),
    ),
    files=(
        GuestFile("/etc/hostname", "kdumpkit-lab\n"),
        GuestFile("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 kdumpkit-lab\n::1 localhost\n"),
        GuestFile("/etc/network/interfaces", _INTERFACES),
        GuestFile("/etc/default/grub", _GRUB_DEFAULTS),
        GuestFile("/etc/ssh/sshd_config.d/lab.conf", "PasswordAuthentication no\nUseDNS no\n"),
        GuestFile("/etc/sudoers.d/ops", "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440),
        GuestFile("/etc/machine-id", ""),
        GuestFile("/etc/resolv.conf", "# the guest reaches nothing but its own disk\n"),
    ),
    appended=(
        (
            "/etc/default/kdump-tools",
            "\n# The lab's own: Debian's default, and units that the capture kernel does without.\n"
            'KDUMP_CMDLINE_APPEND="reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1 irqpoll usbcore.nousb '
            + " ".join(f"systemd.mask={unit}" for unit in _CAPTURE_MASKS)
            + '"\n',
        ),
    ),
    masked_units=(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "e2scrub_reap.service",
        "fstrim.timer",
        "getty@tty1.service",
        "serial-getty@ttyS0.service",
        "ifupdown-pre.service",
        "systemd-udev-settle.service",
        "kexec.service",
        "kexec-load.service",
        "systemd-pstore.service",
        "grub-common.service",
    ),
    second_login="ops",
    disk_bytes=4096 * MIB,
    memory_bytes=1024 * MIB,
    cpus=2,
)
