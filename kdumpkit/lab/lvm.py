"""LVM metadata of one physical volume with one logical volume, as bytes.

A machine without device-mapper (a container, most builders) cannot run ``lvcreate``; what it would write is a label
and a text, and any LVM reads them.

Source: LVM2's on-disk format, version "LVM2 001", as described in its headers ``label/label.h`` and
``format_text/layout.h``; checked with ``pvck --dump`` of LVM2 2.03.
"""

from __future__ import annotations

import secrets
import string
import struct
import zlib
from dataclasses import dataclass

SECTOR_BYTES = 512
#: where the first physical extent begins, counted from the physical volume's start
DATA_OFFSET_BYTES = 1 << 20
EXTENT_BYTES = 4 << 20

_LABEL_SECTOR = 1
_LABEL_HEADER = struct.Struct("<8sQII8s")
_METADATA_OFFSET = 4096
_METADATA_BYTES = DATA_OFFSET_BYTES - _METADATA_OFFSET
_METADATA_MAGIC = b" LVM2 x[5A%r0N*>"
_TEXT_OFFSET = 512
_FIRST_CRC = 0xF597A6CF
#: PV header extension: its version, and the flag that says that the volume belongs to a group
_EXTENSION_VERSION, _EXTENSION_USED = 2, 1
_ID_GROUPS = (6, 4, 4, 4, 4, 4, 6)
_ID_CHARACTERS = string.digits + string.ascii_letters


@dataclass(frozen=True)
class VolumeGroup:
    """A volume group on one physical volume, whose one logical volume takes all of it."""

    name: str
    logical_volume: str
    #: size of the partition
    device_bytes: int
    #: the partition's name in the guest; LVM takes it as a hint
    device: str
    host: str
    created_s: int

    @property
    def extents(self) -> int:
        return (self.device_bytes - DATA_OFFSET_BYTES) // EXTENT_BYTES

    @property
    def logical_bytes(self) -> int:
        return self.extents * EXTENT_BYTES


def lvm_crc(data: bytes) -> int:
    """LVM's CRC-32: the usual polynomial, another start value, and nothing inverted at the end."""
    return ~zlib.crc32(data, ~_FIRST_CRC & 0xFFFFFFFF) & 0xFFFFFFFF


def new_id() -> str:
    """A random LVM identifier with its hyphens."""
    return "-".join("".join(secrets.choice(_ID_CHARACTERS) for _ in range(count)) for count in _ID_GROUPS)


def mapper_name(group: VolumeGroup) -> str:
    """Path of the logical volume below /dev/mapper, where device-mapper doubles each hyphen of a name.

    >>> mapper_name(VolumeGroup("web-vg", "root", 1 << 30, "/dev/vda2", "web", 0))
    '/dev/mapper/web--vg-root'
    """
    return f"/dev/mapper/{group.name.replace('-', '--')}-{group.logical_volume.replace('-', '--')}"


def volume_header(group: VolumeGroup, volume_id: str, group_id: str, logical_id: str) -> bytes:
    """The first MiB of the physical volume: label, metadata area and the group's description."""
    text = _metadata_text(group, volume_id, group_id, logical_id).encode("ascii") + b"\0"
    header = bytearray(DATA_OFFSET_BYTES)
    at = _LABEL_SECTOR * SECTOR_BYTES
    header[at : at + SECTOR_BYTES] = _label(volume_id, group.device_bytes)
    header[_METADATA_OFFSET : _METADATA_OFFSET + SECTOR_BYTES] = _metadata_header(text)
    at = _METADATA_OFFSET + _TEXT_OFFSET
    header[at : at + len(text)] = text
    return bytes(header)


def _label(volume_id: str, device_bytes: int) -> bytes:
    none = struct.pack("<QQ", 0, 0)
    content = (
        volume_id.replace("-", "").encode("ascii")
        + struct.pack("<Q", device_bytes)
        # data up to the end of the device, which is written as size 0
        + struct.pack("<QQ", DATA_OFFSET_BYTES, 0)
        + none
        + struct.pack("<QQ", _METADATA_OFFSET, _METADATA_BYTES)
        + none
        + struct.pack("<II", _EXTENSION_VERSION, _EXTENSION_USED)
        + none
    )
    # the checksum covers what follows it: the offset of the content, the type and the content
    checked = struct.pack("<I8s", _LABEL_HEADER.size, b"LVM2 001") + content
    checked = checked.ljust(SECTOR_BYTES - 20, b"\0")
    return struct.pack("<8sQI", b"LABELONE", _LABEL_SECTOR, lvm_crc(checked)) + checked


def _metadata_header(text: bytes) -> bytes:
    checked = struct.pack("<16sIQQ", _METADATA_MAGIC, 1, _METADATA_OFFSET, _METADATA_BYTES)
    checked += struct.pack("<QQII", _TEXT_OFFSET, len(text), lvm_crc(text), 0)
    checked = checked.ljust(SECTOR_BYTES - 4, b"\0")
    return struct.pack("<I", lvm_crc(checked)) + checked


def _metadata_text(group: VolumeGroup, volume_id: str, group_id: str, logical_id: str) -> str:
    return f"""\
{group.name} {{
id = "{group_id}"
seqno = 1
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = {EXTENT_BYTES // SECTOR_BYTES}
max_lv = 0
max_pv = 0
metadata_copies = 0

physical_volumes {{

pv0 {{
id = "{volume_id}"
device = "{group.device}"

status = ["ALLOCATABLE"]
flags = []
dev_size = {group.device_bytes // SECTOR_BYTES}
pe_start = {DATA_OFFSET_BYTES // SECTOR_BYTES}
pe_count = {group.extents}
}}
}}

logical_volumes {{

{group.logical_volume} {{
id = "{logical_id}"
status = ["READ", "WRITE", "VISIBLE"]
flags = []
creation_time = {group.created_s}
creation_host = "{group.host}"
segment_count = 1

segment1 {{
start_extent = 0
extent_count = {group.extents}

type = "striped"
stripe_count = 1

stripes = [
"pv0", 0
]
}}
}}
}}

}}
contents = "Text Format Volume Group"
version = 1

description = "written by kdumpkit for its lab"

creation_host = "{group.host}"
creation_time = {group.created_s}
"""
