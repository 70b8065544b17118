"""As ``debian``, booted by UEFI firmware (OVMF, without Secure Boot) from a GUID partition table.

Real: the firmware, GRUB's EFI program, the EFI system partition at /boot/efi with Debian's stub grub.cfg that points
to /boot/grub/grub.cfg, ``/sys/firmware/efi``. The lab's own beside what ``debian`` names:

* GRUB's program was made by ``grub-mkimage`` and lies where Debian's installer puts it as well as under the name for
  removable media, which is what firmware without any boot entry starts; there is no shim.
* The capture kernel looks for devices once more (``systemd-udev-trigger``, which ``debian`` masks): without that it
  waits for the other file systems of /etc/fstab, gives up after 90 s and writes no dump.
"""

from __future__ import annotations

from dataclasses import replace

from kdumpkit.lab.flavours.debian import FLAVOUR as DEBIAN
from kdumpkit.lab.flavours.debian import capture_settings
from kdumpkit.lab.recipe import UEFI, GuestFile

_FSTAB = """\
UUID={root_uuid} / ext4 errors=remount-ro 0 0
UUID={esp_id} /boot/efi vfat umask=0077 0 0
"""

FLAVOUR = replace(
    DEBIAN,
    name="debian-uefi",
    firmware=UEFI,
    appended=(capture_settings(more_mounts=True),),
    packages=(*(name for name in DEBIAN.packages if name != "grub-pc"), "grub-efi-amd64"),
    preseed=tuple(line for line in DEBIAN.preseed if not line.startswith("grub-pc")),
    early_files=(
        *(file for file in DEBIAN.early_files if file.path != "/etc/fstab"),
        GuestFile("/etc/fstab", _FSTAB),
    ),
)
