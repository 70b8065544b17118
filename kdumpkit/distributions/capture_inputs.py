"""What the capture initramfs of each family is built from: files and directories whose change makes it stale."""

from __future__ import annotations

#: kdump-tools 1:1.8.1 (/etc/kernel/postinst.d/kdump-tools and its initramfs hook): a copy of /etc/initramfs-tools,
#: the sysctls of the capture kernel, and fstab, of which mkinitramfs takes file systems and their fsck. The settings in
#: /etc/default/kdump-tools are not among them: the capture kernel reads them from the root file system.
DEBIAN = (
    "/etc/initramfs-tools",
    "/etc/initramfs-tools/conf.d",
    "/etc/initramfs-tools/hooks",
    "/etc/initramfs-tools/scripts",
    "/etc/kdump/sysctl.conf",
    "/etc/fstab",
)

#: kdump-utils 1.0.61 and the kexec-tools of EL 7 to 9 (kdumpctl: check_files_modified, check_fs_modified), from
#: their documentation and source, not from a recording: kdump.conf and its hooks are packed in, and so is the target
#: that fstab tells
ENTERPRISE_LINUX = (
    "/etc/kdump.conf",
    "/etc/kdump/pre.d",
    "/etc/kdump/post.d",
    "/etc/kdump/emergency.d",
    "/etc/fstab",
    "/etc/lvm/lvm.conf",
)

#: openSUSE's kdump 2.1 (dracut module 99kdump), from its source, not from a recording
SUSE = ("/etc/sysconfig/kdump", "/etc/fstab", "/etc/dracut.conf", "/etc/dracut.conf.d")


_INPUTS = {"debian": DEBIAN, "enterprise linux": ENTERPRISE_LINUX, "suse": SUSE}
#: builds the capture initramfs of a release anew, also where it is there, and loads it
_REBUILD = {
    "debian": "/etc/kernel/postinst.d/kdump-tools {release} && systemctl restart kdump-tools.service",
    # kdumpctl compares times; EL 7 has no `kdumpctl rebuild`
    "enterprise linux": "touch /etc/kdump.conf && systemctl restart kdump.service",
    "suse": "mkdumprd -f && systemctl restart kdump.service",
}


def capture_inputs(family: str, release: str) -> tuple[str, ...]:
    """The paths for a family's running kernel; () where nothing is known about the family.

    ``release`` adds the list of its modules, which is written anew when a driver is installed.
    """
    own = _INPUTS.get(family, ())
    return (*own, f"/lib/modules/{release}/modules.dep") if own else ()


def rebuild_remedy(family: str, release: str) -> str:
    """A line to paste that builds the capture initramfs anew and loads it; "" where it is not known."""
    return _REBUILD.get(family, "").format(release=release)
