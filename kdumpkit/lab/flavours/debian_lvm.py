"""As ``debian``, with the root file system on LVM and /boot on a partition of its own, as Debian's installer does it.

Real: lvm2 in the guest and in both of its initial RAM disks, a volume group with a hyphen in its name (so that the
root device is ``/dev/mapper/kdumpkit--lab--vg-root``), GRUB's configuration by path instead of by UUID. The lab's own
beside what ``debian`` names:

* The volume group's metadata were written by kdumpkit/lab/lvm.py: a builder without device-mapper cannot run lvcreate.
* There is no swap volume.
* The capture kernel looks for devices once more (``systemd-udev-trigger``, which ``debian`` masks): without that it
  waits for the other file systems of /etc/fstab, gives up after 90 s and writes no dump.
"""

from __future__ import annotations

from dataclasses import replace

from kdumpkit.lab.flavours.debian import FLAVOUR as DEBIAN
from kdumpkit.lab.flavours.debian import capture_settings
from kdumpkit.lab.recipe import LVM, GuestFile

_FSTAB = """\
/dev/mapper/kdumpkit--lab--vg-root / ext4 errors=remount-ro 0 0
UUID={boot_uuid} /boot ext4 defaults 0 0
"""


def _with_device_mapper(file: GuestFile) -> GuestFile:
    return replace(file, text=file.text + "force_load dm_mod\n") if file.path.endswith("/hooks/lab") else file


FLAVOUR = replace(
    DEBIAN,
    name="debian-lvm",
    root_on=LVM,
    appended=(capture_settings(more_mounts=True),),
    packages=(*DEBIAN.packages, "lvm2"),
    early_files=(
        *(_with_device_mapper(file) for file in DEBIAN.early_files if file.path != "/etc/fstab"),
        GuestFile("/etc/fstab", _FSTAB),
    ),
    masked_units=(
        *DEBIAN.masked_units,
        # watch snapshots, mirrors and thin pools; there are none
        "lvm2-monitor.service",
        "lvm2-lvmpolld.socket",
        "blk-availability.service",
    ),
)
