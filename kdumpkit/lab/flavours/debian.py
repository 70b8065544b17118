"""Debian 12, BIOS, root on a plain ext4 partition, two cloud kernels, kdump-tools as its package installs it.

What is the lab's own and not Debian's default, and why:

* Units, generators and modules that a test machine has no use for are masked, the root is not checked at boot and
  GRUB does not wait: seconds of each boot under software emulation.
* ``KDUMP_CMDLINE_APPEND`` is Debian's own default with ``systemd.mask=`` words behind it, so that the capture
  kernel does not start what it has no use for (network, ssh).
* The initramfs holds a short list of modules (``MODULES=list``): a guess from the build machine's hardware would
  be wrong, and "most" takes GRUB seconds to read under emulation.
* ``latest_sysctls-<kernel>`` stands beside the kdump initrd. Without it kdump-tools 1.8 builds that initrd again
  at its first load, which takes 90 s under emulation.
* ``no_timer_check``: where the building machine is busy an emulated timer is late, and the kernel, the capture kernel
  too, would panic early in its boot with "IO-APIC + timer doesn't work!".
* ``LOAD_KEXEC=false``: otherwise ``reboot`` may jump past GRUB and miss a new ``crashkernel=``.
* makedumpfile is left out: kdump-tools 1.8 only recommends it, so that a host without it is a real find.
* grub.cfg is generated before kdump-tools is there: the first boot has no reservation.
"""

from __future__ import annotations

from kdumpkit.lab.recipe import MIB, Flavour, GuestFile

#: finds devices again that the initramfs has left unnamed: needed where more than the root is mounted
_UDEV_TRIGGER = "systemd-udev-trigger.service"

# Started by the capture kernel on its one processor and of no use to it: 10 s under emulation. What Debian's own
# capture does is kept: udev in the initramfs, the root remounted, /etc/kdump/sysctl.conf applied.
_CAPTURE_MASKS = (
    "networking.service",
    "ssh.service",
    _UDEV_TRIGGER,
    "systemd-journal-flush.service",
    "systemd-random-seed.service",
    "systemd-tmpfiles-setup.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-modules-load.service",
)

_MASKED_UNITS = (
    # would wait for a device or a terminal that nobody looks at
    "ifupdown-pre.service",
    "systemd-udev-settle.service",
    "getty@tty1.service",
    "getty-static.service",
    "serial-getty@ttyS0.service",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    # would do work in the middle of a timed step
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-pstore.service",
    # would boot past GRUB
    "kexec.service",
    "kexec-load.service",
    # loads modules and mounts what is not used: one or two seconds of a boot
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "proc-sys-fs-binfmt_misc.automount",
    "kmod-static-nodes.service",
    "systemd-sysusers.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "grub-common.service",
)

# Each is a process at every boot, and none of what they look for exists here.
_MASKED_GENERATORS = (
    "systemd-bless-boot-generator",
    "systemd-cryptsetup-generator",
    "systemd-getty-generator",
    "systemd-gpt-auto-generator",
    "systemd-hibernate-resume-generator",
    "systemd-integritysetup-generator",
    "systemd-rc-local-generator",
    "systemd-system-update-generator",
    "systemd-veritysetup-generator",
)

# Loaded for the emulated processor's name alone; their self-tests cost seconds of emulation at each boot.
_UNUSED_MODULES = (
    *("crct10dif_pclmul", "crc32_pclmul", "ghash_clmulni_intel", "aesni_intel"),
    *("sha1_ssse3", "sha256_ssse3", "sha512_ssse3", "serio_raw", "evdev", "qemu_fw_cfg"),
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
GRUB_CMDLINE_LINUX="console=ttyS0,115200 net.ifnames=0 no_timer_check"
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

_FIRST_BOOT_CONFIG = """
# Left out once: the first boot has no reservation, and the next update-grub brings it.
mv /etc/default/grub.d/kdump-tools.cfg /run/
grub-mkconfig -o /boot/grub/grub.cfg
mv /run/kdump-tools.cfg /etc/default/grub.d/
"""

_FINISH = """
for release in $(linux-version list); do
    /etc/kernel/postinst.d/kdump-tools "$release"
    cp /etc/kdump/sysctl.conf "/var/lib/kdump/latest_sysctls-$release"
done
newest=$(linux-version list | linux-version sort | tail -n 1)
ln -sf "/boot/vmlinuz-$newest" /var/lib/kdump/vmlinuz
ln -sf "/var/lib/kdump/initrd.img-$newest" /var/lib/kdump/initrd.img
systemctl --quiet enable kdump-tools.service
"""


def capture_settings(more_mounts: bool = False) -> tuple[str, str]:
    """What is appended to kdump-tools' settings, as (path, text), without or with file systems beside the root."""
    masks = [unit for unit in _CAPTURE_MASKS if not (more_mounts and unit == _UDEV_TRIGGER)]
    return (
        "/etc/default/kdump-tools",
        "\n# The lab's own: Debian's default, and units that the capture kernel does without.\n"
        'KDUMP_CMDLINE_APPEND="reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1 irqpoll usbcore.nousb '
        + " ".join(f"systemd.mask={unit}" for unit in masks)
        + '"\n',
    )


FLAVOUR = Flavour(
    name="debian",
    suite="bookworm",
    hostname="kdumpkit-lab",
    packages=(
        "systemd-sysv",
        # systemctl of a login that is not root needs it
        "dbus",
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
        GuestFile("/etc/modprobe.d/lab.conf", "".join(f"blacklist {name}\n" for name in _UNUSED_MODULES)),
        GuestFile("/etc/fstab", "UUID={root_uuid} / ext4 errors=remount-ro 0 0\n"),
    ),
    files=(
        GuestFile("/etc/hostname", "kdumpkit-lab\n"),
        GuestFile("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 kdumpkit-lab\n::1 localhost\n"),
        GuestFile("/etc/network/interfaces", _INTERFACES),
        GuestFile("/etc/default/grub", _GRUB_DEFAULTS),
        GuestFile("/etc/ssh/sshd_config.d/lab.conf", "PasswordAuthentication no\nUseDNS no\n"),
        GuestFile("/etc/sudoers.d/ops", "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440),
        GuestFile("/etc/resolv.conf", "# the guest reaches nothing but its own disk\n"),
    ),
    appended=(capture_settings(),),
    masked_units=_MASKED_UNITS,
    masked_generators=_MASKED_GENERATORS,
    second_login="ops",
    disk_bytes=4096 * MIB,
    memory_bytes=1024 * MIB,
    cpus=2,
    first_boot_config=_FIRST_BOOT_CONFIG,
    finish=_FINISH,
)
