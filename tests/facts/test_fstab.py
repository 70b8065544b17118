"""/etc/fstab, and the list of processors."""

from __future__ import annotations

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.cpus import parse_cpu_list
from kdumpkit.facts.fstab import PATH, fstab_from, parse_fstab
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import Absent, FileContent, NotPermitted

TEXT = b"""\
# /etc/fstab: static file system information.
UUID=1 / ext4 errors=remount-ro 0 1

UUID="1A2B" /boot/efi vfat umask=0077 0 1
/dev/vg/data /srv/my\\040data xfs defaults,nofail 0 2
UUID=3 none swap sw 0 0
tmpfs /tmp tmpfs nosuid
nas:/export /mnt nfs _netdev 0 0
LABEL=usb /media ext4 noauto 0 0
/srv /export none bind 0 0
PARTLABEL=old /old ext4
"""


def test_what_a_boot_cannot_do_without() -> None:
    entries = parse_fstab(TEXT)
    assert [(entry.target, entry.line) for entry in entries if entry.required] == [
        ("/", 2),
        ("/boot/efi", 4),
        ("/old", 11),
    ]
    efi, data = entries[1:3]
    assert (efi.source, efi.fstype, efi.options) == ("UUID=1A2B", "vfat", ("umask=0077",))
    assert data.target == "/srv/my data"
    with pytest.raises(ParseError, match="fstab:1"):
        parse_fstab(b"/dev/sda1 /\n")


def test_no_file_is_no_line_and_an_unread_one_is_unknown() -> None:
    assert fstab_from({PATH: Absent(PATH)}) == ()
    found = fstab_from({PATH: FileContent(PATH, TEXT, 0o644)})
    assert not isinstance(found, Unknown)
    assert len(found) == 9
    unread = fstab_from({PATH: NotPermitted(PATH)})
    assert isinstance(unread, Unknown)
    assert unread.why is Why.NOT_PERMITTED


@pytest.mark.parametrize(("text", "count"), [(b"0\n", 1), (b"0-3\n", 4), (b"0-3,8,10-11\n", 7)])
def test_threads(text: bytes, count: int) -> None:
    assert parse_cpu_list(text) == count


@pytest.mark.parametrize("text", [b"", b"\n", b"3-0", b"0-", b"all"])
def test_what_is_no_list_of_processors(text: bytes) -> None:
    with pytest.raises(ParseError):
        parse_cpu_list(text)
