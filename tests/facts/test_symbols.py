"""kernel_build_id and debug_symbols: whose symbols these are."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.debug_symbols import DebugSymbols, SymbolsState, VmlinuxFile, read_debug_symbols, vmlinux_files
from kdumpkit.facts.directory_tree import DirectoryTree, read_directory_tree
from kdumpkit.facts.kernel_build_id import (
    NOTES,
    KernelBuildId,
    find_build_id,
    kernel_build_id_from,
    notes_of,
    parse_kernel_notes,
    read_file_build_id,
)
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.local import LocalHost

from .conftest import TreeHost, file_states

# /sys/kernel/notes of a running 6.18 kernel: build id, two notes of Linux, two of Xen
REAL_NOTES = bytes.fromhex(
    "040000001400000003000000474e55004a5a9b0affb66c437abcd455d2738af879985fa90600000004000000010100004c696e75780000"
    "0000000000060000001e000000000100004c696e7578000000362e312e3130322d312e3138322e616d7a6e323032332e7838365f36340000"
    "00040000000c0000001300000058656e000000000100000001ffffff3f04000000080000001200000058656e0000fe780300000000"
)
RUNNING = "4a5a9b0affb66c437abcd455d2738af879985fa9"
RELEASE = "6.1.0-55-amd64"


def note(name: bytes, kind: int, content: bytes, order: str = "<", alignment: int = 4) -> bytes:
    def padded(data: bytes) -> bytes:
        return data + b"\0" * (-len(data) % alignment)

    return struct.pack(order + "III", len(name) + 1, len(content), kind) + padded(name + b"\0") + padded(content)


def elf(notes: bytes, order: str = "<", wide: bool = True, by_section: bool = False, far: int = 0) -> bytes:
    """An ELF file with one note segment, or with one note section and a segment that points at other bytes."""
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    header = 64 if wide else 52
    entry = 56 if wide else 32
    at = header + entry + far
    end = at + len(notes)
    segment = 0 if by_section else at
    if wide:
        numbers = struct.pack(order + "HHIQQQIHHHHHH", 4, 62, 1, 0, header, end, 0, header, entry, 1, 64, 1, 0)
        program = struct.pack(order + "IIQQQQQQ", 4, 4, segment, 0, 0, len(notes), len(notes), 4)
        section = struct.pack(order + "IIQQQQIIQQ", 0, 7, 0, 0, at, len(notes), 0, 0, 4, 0)
    else:
        numbers = struct.pack(order + "HHIIIIIHHHHHH", 4, 3, 1, 0, header, end, 0, header, entry, 1, 40, 1, 0)
        program = struct.pack(order + "IIIIIIII", 4, segment, 0, 0, len(notes), len(notes), 4, 4)
        section = struct.pack(order + "IIIIIIIIII", 0, 7, 0, 0, at, len(notes), 0, 0, 4, 0)
    return ident + numbers + program + b"\xff" * far + notes + section


def test_notes_of_a_running_kernel() -> None:
    assert parse_kernel_notes(REAL_NOTES, (2,)) == KernelBuildId(NOTES, RUNNING, (2,))
    assert [name for name, _, _ in notes_of(REAL_NOTES)] == [b"GNU", b"Linux", b"Linux", b"Xen", b"Xen"]


def test_notes_of_this_machine_are_understood() -> None:
    path = Path(NOTES)
    if not path.exists():
        pytest.skip("this kernel shows no notes")
    assert len(parse_kernel_notes(path.read_bytes()).build_id) in (32, 40)


def test_notes_of_a_big_endian_kernel() -> None:
    assert parse_kernel_notes(note(b"GNU", 3, b"\xab" * 20, ">")).build_id == "ab" * 20


def build_id_of(file: bytes) -> str:
    return find_build_id(lambda offset, length: file[offset : offset + length], "vmlinux")


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 11, REAL_NOTES[:30], REAL_NOTES[36:], note(b"GNU", 1, b"x" * 20), b"\xff" * 64]
)
def test_notes_without_build_id(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_kernel_notes(data)


@pytest.mark.parametrize(
    ("content", "why"), [(None, Why.ABSENT), ("denied", Why.NOT_PERMITTED), (b"", Why.NOT_UNDERSTOOD)]
)
def test_notes_states(content: bytes | str | None, why: Why) -> None:
    found = kernel_build_id_from(file_states({NOTES: content}))
    assert isinstance(found, Unknown)
    assert found.why is why


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("by_section", [True, False])
@pytest.mark.parametrize("far", [0, 20_000])
def test_build_id_of_an_elf_file(order: str, wide: bool, by_section: bool, far: int) -> None:
    notes = note(b"Linux", 1, b"zz", order) + note(b"GNU", 3, bytes(range(20)), order)
    assert build_id_of(elf(notes, order, wide, by_section, far)) == bytes(range(20)).hex()


def test_notes_aligned_to_eight() -> None:
    # the name ends at 16, and so does a note of 12 + 4 bytes; with 5 bytes of name the content starts at 24
    data = struct.pack("<III", 5, 4, 1) + b"abcd\0" + b"\0" * 7 + b"1234" + b"\0" * 4
    assert list(notes_of(data, "<", 8)) == [(b"abcd", 1, b"1234")]


@pytest.mark.parametrize(
    "data",
    [b"", b"text", b"\x7fELF", b"\x7fELF" + b"\x09" * 80, elf(b""), elf(note(b"GNU", 3, b"")), elf(REAL_NOTES)[:70]],
)
def test_files_without_build_id(data: bytes) -> None:
    with pytest.raises(ParseError):
        build_id_of(data)


def test_table_sizes_are_bounded() -> None:
    asked: list[int] = []
    head = bytearray(elf(REAL_NOTES))
    struct.pack_into("<HHHH", head, 0x36, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)

    def read_at(offset: int, length: int) -> bytes:
        asked.append(length)
        return bytes(head[offset : offset + length])

    with contextlib.suppress(ParseError):
        find_build_id(read_at, "x")
    assert len(asked) > 1
    assert max(asked) <= 1 << 16


def test_build_id_over_a_host_takes_small_reads(tree: TreeHost) -> None:
    tree.write("/usr/lib/debug/boot/vmlinux-1", elf(REAL_NOTES, far=300_000))
    found = read_file_build_id(tree, "/usr/lib/debug/boot/vmlinux-1")
    assert found == KernelBuildId("/usr/lib/debug/boot/vmlinux-1", RUNNING, (0, 1))
    assert len(tree.commands) == 2


def test_build_id_states_over_a_host(tree: TreeHost) -> None:
    missing = read_file_build_id(tree, "/nope")
    assert isinstance(missing, Unknown)
    assert missing.why is Why.ABSENT
    tree.write("/text", b"hello")
    text = read_file_build_id(tree, "/text")
    assert isinstance(text, Unknown)
    assert text.why is Why.NOT_UNDERSTOOD
    tree.answers["dd"] = (1, b"", b"dd: failed to open '/x': Permission denied\n")
    denied = read_file_build_id(tree, "/x")
    assert isinstance(denied, Unknown)
    assert denied.why is Why.NOT_PERMITTED
    assert denied.records == (2,)


def test_build_id_of_a_program_of_this_machine() -> None:
    over_host = read_file_build_id(LocalHost(), "/bin/sh")
    assert isinstance(over_host, KernelBuildId)
    assert over_host.build_id == build_id_of(Path("/bin/sh").read_bytes())


def directory_tree(tree: TreeHost) -> DirectoryTree:
    found = read_directory_tree(tree)
    assert isinstance(found, DirectoryTree)
    return found


def test_vmlinux_files_of_all_families(tree: TreeHost) -> None:
    for path in (
        f"/usr/lib/debug/boot/vmlinux-{RELEASE}",
        "/usr/lib/debug/boot/vmlinux-5.0",
        "/usr/lib/debug/lib/modules/5.14.0-1.el9.x86_64/vmlinux",
        "/usr/lib/debug/usr/lib/modules/6.4.0-1-default/vmlinux.debug",
        "/boot/vmlinux-6.4.0-1-default.xz",
        f"/boot/vmlinuz-{RELEASE}",
    ):
        tree.write(path, b"x")
    link = tree.root / f"usr/lib/debug/lib/modules/{RELEASE}"
    link.mkdir()
    (link / "vmlinux").symlink_to(tree.root / f"usr/lib/debug/boot/vmlinux-{RELEASE}")
    assert [file.path for file in vmlinux_files(directory_tree(tree), RELEASE)] == [
        f"/usr/lib/debug/boot/vmlinux-{RELEASE}",
        "/usr/lib/debug/boot/vmlinux-5.0",
        "/usr/lib/debug/lib/modules/5.14.0-1.el9.x86_64/vmlinux",
        "/usr/lib/debug/usr/lib/modules/6.4.0-1-default/vmlinux.debug",
    ]


def test_symbols_match_by_build_id_and_not_by_name(tree: TreeHost) -> None:
    path = f"/usr/lib/debug/boot/vmlinux-{RELEASE}"
    running = KernelBuildId(NOTES, RUNNING, (9,))
    (tree.root / "boot").mkdir()
    none = read_debug_symbols(tree, directory_tree(tree), RELEASE, running)
    assert none.state is SymbolsState.ABSENT
    tree.write(path, elf(note(b"GNU", 3, b"\x01" * 20)))
    other = read_debug_symbols(tree, directory_tree(tree), RELEASE, running)
    assert other.state is SymbolsState.PRESENT_OTHER
    assert other.matching is None
    tree.write("/usr/lib/debug/boot/vmlinux-other", elf(REAL_NOTES))
    matching = read_debug_symbols(tree, directory_tree(tree), RELEASE, running)
    assert matching.state is SymbolsState.PRESENT_MATCHING
    assert matching.matching is not None
    assert matching.matching.path == "/usr/lib/debug/boot/vmlinux-other"
    assert 9 in matching.records


def test_symbols_that_cannot_be_compared_are_unknown() -> None:
    unknown = Unknown("x", Why.NOT_PERMITTED)
    file = VmlinuxFile("/v", 1, KernelBuildId("/v", "aa"))
    assert DebugSymbols(unknown, (file,)).state is unknown
    assert DebugSymbols(KernelBuildId(NOTES, "bb"), (VmlinuxFile("/v", 1, unknown),)).state is unknown
    assert DebugSymbols(KernelBuildId(NOTES, "aa"), (VmlinuxFile("/w", 1, unknown), file)).matching is file
