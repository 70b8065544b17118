"""The guest's disk: partition table, file systems, LVM and boot code, written into a file without a loop device."""

from __future__ import annotations

import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab.lvm import DATA_OFFSET_BYTES, VolumeGroup, mapper_name, new_id, volume_header
from kdumpkit.lab.process import run_here
from kdumpkit.lab.recipe import LVM, MIB, UEFI, Flavour

SECTOR_BYTES = 512
#: first sector of the first partition; GRUB's core lies between the boot sector and here
FIRST_SECTOR = 2048
_BOOT_CODE_BYTES = 440
#: a GUID partition table has a copy at the end of the disk
_GPT_TAIL_BYTES = MIB
_ESP_BYTES = 64 * MIB
_BOOT_BYTES = 320 * MIB

_ESP, _BOOT, _ROOT = "esp", "boot", "root"
#: sfdisk's words for a partition's type: (in a DOS table, in a GUID table)
_TYPES = {
    _ESP: ("ef", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"),
    _BOOT: ("83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4"),
    _ROOT: ("83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4"),
    LVM: ("8e", "E6D6D379-F507-44C2-A23C-238F2A3DF928"),
}


@dataclass(frozen=True)
class Volumes:
    """Names of the file systems of one image; made anew for each."""

    root_uuid: str
    boot_uuid: str
    #: serial number of the EFI system partition's FAT, as blkid shows it: ``1A2B-3C4D``
    esp_id: str

    def fill_in(self, text: str) -> str:
        """The text with its ``{root_uuid}``, ``{boot_uuid}`` and ``{esp_id}`` replaced."""
        for name, value in (("root_uuid", self.root_uuid), ("boot_uuid", self.boot_uuid), ("esp_id", self.esp_id)):
            text = text.replace("{" + name + "}", value)
        return text


@dataclass(frozen=True)
class Partition:
    """One partition: what it is for and where it lies."""

    role: str
    number: int
    start_bytes: int
    size_bytes: int

    @property
    def device(self) -> str:
        """Its name in the guest."""
        return f"/dev/vda{self.number}"


@dataclass(frozen=True)
class Layout:
    """Where everything lies on the disk of a flavour."""

    table: str
    partitions: tuple[Partition, ...]
    #: the volume group on the last partition; None where the root file system is on the partition itself
    group: VolumeGroup | None

    def find(self, role: str) -> Partition | None:
        return next((partition for partition in self.partitions if partition.role == role), None)

    @property
    def root_device(self) -> str:
        """Device of the root file system in the guest."""
        return mapper_name(self.group) if self.group else self.partitions[-1].device

    @property
    def boot(self) -> Partition:
        """The partition that GRUB reads /boot from."""
        return self.find(_BOOT) or self.partitions[-1]

    @property
    def has_boot_partition(self) -> bool:
        return self.find(_BOOT) is not None

    @property
    def grub_table(self) -> str:
        """The partition table's name in GRUB, which is also the module that reads it with ``part_`` before."""
        return "gpt" if self.table == "gpt" else "msdos"


def new_volumes() -> Volumes:
    """Random names for the file systems of a new image."""
    serial = uuid.uuid4().hex[:8].upper()
    return Volumes(str(uuid.uuid4()), str(uuid.uuid4()), f"{serial[:4]}-{serial[4:]}")


def plan_layout(flavour: Flavour) -> Layout:
    """The disk of a flavour: the last partition gets what the others leave."""
    roles = [(_ESP, _ESP_BYTES)] if flavour.firmware == UEFI else []
    if flavour.root_on == LVM:
        roles.append((_BOOT, _BOOT_BYTES))
    table = "gpt" if flavour.firmware == UEFI else "dos"
    at = FIRST_SECTOR * SECTOR_BYTES
    partitions: list[Partition] = []
    for role, size in roles:
        partitions.append(Partition(role, len(partitions) + 1, at, size))
        at += size
    rest = flavour.disk_bytes - at - (_GPT_TAIL_BYTES if table == "gpt" else 0)
    last = Partition(LVM if flavour.root_on == LVM else _ROOT, len(partitions) + 1, at, rest)
    group = None
    if flavour.root_on == LVM:
        # the names that Debian's installer gives
        group = VolumeGroup(f"{flavour.hostname}-vg", "root", rest, last.device, flavour.hostname, int(time.time()))
    return Layout(table, (*partitions, last), group)


def write_disk(
    layout: Layout, volumes: Volumes, tree: Path, grub: Path, disk: Path, size_bytes: int, log: Path
) -> None:
    """Write a bootable disk with the files of ``tree``; ``grub`` is the folder with its boot images.

    Where /boot has a partition of its own, that folder of the tree is moved out of it.
    Raises LabError with the words of the program that failed.
    """
    boot_code = (grub / "boot.img").read_bytes() if layout.table == "dos" else b""
    core = (grub / "core.img").read_bytes() if layout.table == "dos" else b""
    efi_program = (grub / "BOOTX64.EFI").read_bytes() if layout.find(_ESP) else b""
    with disk.open("wb") as file:
        file.truncate(size_bytes)
    run_here(
        ["sfdisk", "--quiet", str(disk)],
        what="partitioning the disk image",
        timeout_s=30,
        stdin=_partition_script(layout).encode(),
        log=log,
    )
    last = layout.partitions[-1]
    root_offset, root_bytes = last.start_bytes, last.size_bytes
    if layout.group:
        _write_at(disk, last.start_bytes, volume_header(layout.group, new_id(), new_id(), new_id()))
        root_offset, root_bytes = root_offset + DATA_OFFSET_BYTES, layout.group.logical_bytes
    if (boot := layout.find(_BOOT)) is not None:
        apart = tree.with_name("boot")
        (tree / "boot").rename(apart)
        (tree / "boot").mkdir()
        _write_ext4(apart, disk, boot.start_bytes, boot.size_bytes, volumes.boot_uuid, "boot", log)
    if (esp := layout.find(_ESP)) is not None:
        _write_esp(disk, esp, volumes, efi_program, _grub_stub(layout, volumes), log)
    _write_ext4(tree, disk, root_offset, root_bytes, volumes.root_uuid, "root", log)
    if core:
        room = (FIRST_SECTOR - 1) * SECTOR_BYTES
        if len(core) > room:
            raise LabError(f"GRUB's core has {len(core)} bytes and only {room} fit before the partition", "report it")
        _write_at(disk, 0, boot_code[:_BOOT_CODE_BYTES])
        _write_at(disk, SECTOR_BYTES, core)


def _partition_script(layout: Layout) -> str:
    lines = [f"label: {layout.table}"]
    for partition in layout.partitions:
        kind = _TYPES[partition.role][layout.table == "gpt"]
        active = ", bootable" if layout.table == "dos" and partition is layout.boot else ""
        sectors = partition.size_bytes // SECTOR_BYTES
        lines.append(f"start={partition.start_bytes // SECTOR_BYTES}, size={sectors}, type={kind}{active}")
    return "\n".join(lines) + "\n"


def _write_ext4(tree: Path, disk: Path, offset: int, size: int, volume_uuid: str, label: str, log: Path) -> None:
    run_here(
        [
            *("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-U", volume_uuid, "-d", str(tree)),
            # Tables left for later would be written by the guest, under emulation, while it is being timed.
            *("-E", f"offset={offset},lazy_itable_init=0,lazy_journal_init=0"),
            *(str(disk), f"{size // 1024}k"),
        ],
        what=f"writing the {label} file system",
        timeout_s=300,
        log=log,
    )


def _grub_stub(layout: Layout, volumes: Volumes) -> str:
    # What grub-install puts on the EFI partition: where the real configuration is.
    uuid_, folder = (volumes.boot_uuid, "/grub") if layout.has_boot_partition else (volumes.root_uuid, "/boot/grub")
    return f"search.fs_uuid {uuid_} root\nset prefix=($root)'{folder}'\nconfigfile $prefix/grub.cfg\n"


def _write_esp(disk: Path, esp: Partition, volumes: Volumes, program: bytes, stub: str, log: Path) -> None:
    image = f"{disk}@@{esp.start_bytes}"
    sectors = str(esp.size_bytes // SECTOR_BYTES)
    serial = volumes.esp_id.replace("-", "")
    with tempfile.TemporaryDirectory(prefix="esp-", dir=disk.parent) as folder:
        grub, config = Path(folder) / "grubx64.efi", Path(folder) / "grub.cfg"
        grub.write_bytes(program)
        config.write_text(stub)
        for argv in (
            ["mformat", "-i", image, "-F", "-c", "1", "-N", serial, "-v", "ESP", "-T", sectors, "::"],
            ["mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"],
            ["mcopy", "-i", image, str(grub), "::/EFI/BOOT/BOOTX64.EFI"],
            ["mcopy", "-i", image, str(grub), str(config), "::/EFI/debian/"],
        ):
            run_here(argv, what="writing the EFI system partition", timeout_s=60, log=log)


def _write_at(disk: Path, offset: int, data: bytes) -> None:
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(data)
