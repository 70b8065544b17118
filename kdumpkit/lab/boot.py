"""GRUB in the guest's tree: its boot images and its first configuration, made before there is any disk."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from kdumpkit.lab.disk import Layout, Volumes
from kdumpkit.lab.recipe import UEFI, Flavour

#: where the scripts below leave boot.img, core.img and BOOTX64.EFI for the disk
IMAGES = "/usr/src/lab/grub"

# What grub-mkconfig asks grub-probe about a disk that does not exist yet.
_GRUB_PROBE = """\
#!/bin/sh
root_device=@ROOT_DEVICE@ root_uuid=@ROOT_UUID@ root_abstraction=@ROOT_ABSTRACTION@
boot_device=@BOOT_DEVICE@ boot_uuid=@BOOT_UUID@ table=@TABLE@ place=hd0,@TABLE@@BOOT_NUMBER@
target= of=root
for word in "$@"; do
    case "$word" in
        --target=*) target=${word#--target=} ;;
        /boot*|"$boot_device") of=boot ;;
    esac
    [ "$previous" = -t ] && target=$word
    previous=$word
done
if [ $of = boot ] || [ "$root_device" = "$boot_device" ]; then
    device=$boot_device uuid=$boot_uuid abstraction=
else
    device=$root_device uuid=$root_uuid abstraction=$root_abstraction
fi
case "$target" in
    device) echo "$device" ;;
    disk) echo /dev/vda ;;
    fs) echo ext2 ;;
    fs_uuid) echo "$uuid" ;;
    partmap) echo $table ;;
    abstraction) [ -z "$abstraction" ] || echo "$abstraction" ;;
    drive) echo "($place)" ;;
    compatibility_hint) echo "$place" ;;
    bios_hints) echo "$place" ;;
    hints_string) echo "--hint-bios=$place --hint-efi=$place --hint-baremetal=ahci0,${place#hd0,}" ;;
    *) exit 1 ;;
esac
"""

# A path as GRUB sees it, which starts at the /boot partition where there is one.
_RELATIVE_PATH = r"""
cat > /run/grub-mkrelpath << 'END'
#!/bin/sh
for path in "$@"; do :; done
printf '%s\n' "${path#/boot}"
END
chmod 755 /run/grub-mkrelpath
mount --bind /run/grub-mkrelpath /usr/bin/grub-mkrelpath
"""

_PREPARE = """
set -eu
for device in @ROOT_DEVICE@ @BOOT_DEVICE@; do
    mkdir -p "$(dirname "$device")"
    : > "$device"
done
: > /dev/disk/by-uuid/@ROOT_UUID@
: > /dev/disk/by-uuid/@BOOT_UUID@
cat > /run/grub-probe
chmod 755 /run/grub-probe
mount --bind /run/grub-probe /usr/sbin/grub-probe
mkdir -p @FOLDER@ @IMAGES@
grub-editenv @FOLDER@/grubenv create
"""

_BIOS = """
mkdir -p @FOLDER@/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst @FOLDER@/i386-pc/
grub-mkimage -O i386-pc -o @FOLDER@/i386-pc/core.img -p '(hd0,@TABLE@@BOOT_NUMBER@)@PREFIX@' \
    biosdisk part_@TABLE@ ext2 normal @CORE_MODULES@
cp /usr/lib/grub/i386-pc/boot.img @FOLDER@/i386-pc/boot.img
cp @FOLDER@/i386-pc/core.img @FOLDER@/i386-pc/boot.img @IMAGES@/
"""

_UEFI = """
mkdir -p @FOLDER@/x86_64-efi /boot/efi
cp /usr/lib/grub/x86_64-efi/*.mod /usr/lib/grub/x86_64-efi/*.lst @FOLDER@/x86_64-efi/
grub-mkimage -O x86_64-efi -o @IMAGES@/BOOTX64.EFI -p /EFI/debian \
    part_@TABLE@ fat ext2 normal search search_fs_uuid @CORE_MODULES@
"""

# linux comes by itself, from the modules beside the configuration: the first word of a menu entry asks for it.
_CORE_MODULES = "configfile search serial terminal echo"


def make_first_boot_files(
    flavour: Flavour, layout: Layout, volumes: Volumes, inside: Callable[[str, bytes], object]
) -> None:
    """GRUB's files and first configuration in a tree; ``inside`` runs a script there with a standard input."""
    scripts = _PREPARE + (_RELATIVE_PATH if layout.has_boot_partition else "")
    scripts += (_UEFI if flavour.firmware == UEFI else _BIOS) + flavour.first_boot_config
    words = _words(flavour, layout, volumes)
    inside(_filled(scripts, words), _filled(_GRUB_PROBE, words).encode())


def _words(flavour: Flavour, layout: Layout, volumes: Volumes) -> dict[str, str]:
    apart = layout.has_boot_partition
    return {
        "ROOT_DEVICE": shlex.quote(layout.root_device),
        "ROOT_UUID": volumes.root_uuid,
        "ROOT_ABSTRACTION": "lvm" if layout.group else "''",
        "BOOT_DEVICE": layout.boot.device,
        "BOOT_UUID": volumes.boot_uuid if apart else volumes.root_uuid,
        "BOOT_NUMBER": str(layout.boot.number),
        "TABLE": layout.grub_table,
        "FOLDER": flavour.grub_folder,
        "PREFIX": flavour.grub_folder.removeprefix("/boot") if apart else flavour.grub_folder,
        "IMAGES": IMAGES,
        "CORE_MODULES": _CORE_MODULES,
    }


def _filled(text: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    return text
