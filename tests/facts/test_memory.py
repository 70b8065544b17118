"""iomem, kernel_command_line, crashkernel, kexec_crash: what is reserved and what is loaded."""

from __future__ import annotations

import pytest

from kdumpkit.command import command
from kdumpkit.errors import CommandTimeout, ParseError
from kdumpkit.facts.crashkernel import CrashkernelKind, CrashkernelRange, parse_crashkernel, requested_reservation
from kdumpkit.facts.iomem import PATH as IOMEM
from kdumpkit.facts.iomem import Iomem, iomem_from, parse_iomem
from kdumpkit.facts.kernel_command_line import PATH as CMDLINE
from kdumpkit.facts.kernel_command_line import kernel_command_line_from, parse_kernel_command_line
from kdumpkit.facts.kexec_crash import (
    LOAD_DISABLED,
    LOADED,
    LOCKDOWN,
    SECURELEVEL,
    SIZE,
    Lockdown,
    kexec_crash_from,
    parse_crash_size,
    parse_lockdown,
)
from kdumpkit.facts.reading import ask
from kdumpkit.facts.survey import Survey
from kdumpkit.facts.unknown import Unknown, Why

from .conftest import TreeHost, file_states

MIB, GIB = 1 << 20, 1 << 30

IOMEM_2G = b"""00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-7ffdffff : System RAM
  01000000-0220bb07 : Kernel code
  6f000000-7effffff : Crash kernel
7ffe0000-7fffffff : Reserved
fd00000000-ffffffffff : Reserved
"""
IOMEM_HIGH_LOW = b"""00001000-bfffffff : System RAM
  af000000-beffffff : Crash kernel
100000000-83fffffff : System RAM
  81f000000-83effffff : Crash kernel
"""


def iomem(data: bytes) -> Iomem:
    found = parse_iomem(data)
    assert isinstance(found, Iomem)
    return found


def test_iomem_with_one_reservation() -> None:
    found = iomem(IOMEM_2G)
    assert found.crash_kernel_bytes == 256 * MIB
    assert len(found.crash_kernel) == 1
    assert found.system_ram_bytes == (0x9FC00 - 0x1000) + (0x7FFE0000 - 0x100000)
    assert [line.depth for line in found.ranges[:4]] == [0, 0, 0, 1]


def test_iomem_with_a_high_and_a_low_part() -> None:
    found = iomem(IOMEM_HIGH_LOW)
    assert [part.size_bytes for part in found.crash_kernel] == [256 * MIB, 512 * MIB]
    assert found.crash_kernel_bytes == 768 * MIB


def test_iomem_without_reservation_is_zero_and_not_unknown() -> None:
    assert iomem(b"00001000-7fffffff : System RAM\n").crash_kernel_bytes == 0


def test_iomem_zeros_are_not_a_size_of_one() -> None:
    found = parse_iomem(b"00000000-00000000 : System RAM\n  00000000-00000000 : Crash kernel\n", (3,))
    assert isinstance(found, Unknown)
    assert found.why is Why.NOT_PERMITTED
    assert found.records == (3,)


@pytest.mark.parametrize(
    "data", [b"", b"nonsense\n", b"2-1 : System RAM\n", b"1-zz : x\n", b"00000000-00000fff Reserved\n"]
)
def test_iomem_malformed(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_iomem(data)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, Why.ABSENT), ("denied", Why.NOT_PERMITTED), (b"", Why.NOT_UNDERSTOOD), ("cut", Why.NOT_UNDERSTOOD)],
)
def test_iomem_states(content: bytes | str | None, why: Why) -> None:
    found = iomem_from(file_states({IOMEM: content}))
    assert isinstance(found, Unknown)
    assert found.why is why


# A real one: Debian 12 in the situation that the field notes tell
TWO_TOKENS = (
    b"BOOT_IMAGE=/boot/vmlinuz-6.1.0-56-cloud-amd64 root=UUID=6f7c ro crashkernel=256M crashkernel=384M-:128M quiet\n"
)


def test_command_line_words_in_order() -> None:
    found = parse_kernel_command_line(TWO_TOKENS, (2,))
    assert found.values("crashkernel") == ("256M", "384M-:128M")
    assert found.values("root") == ("UUID=6f7c",)
    assert found.has("quiet")
    assert not found.has("splash")
    assert found.values("quiet") == ()
    assert found.records == (2,)


def test_command_line_quotes_dashes_and_init_arguments() -> None:
    found = parse_kernel_command_line(
        b'dyndbg="file a.c +p; file b.c +p" "x=1 2" log-buf-len=1M e= -- crashkernel=9M --x'
    )
    assert found.values("dyndbg") == ("file a.c +p; file b.c +p",)
    assert found.values("x") == ("1 2",)
    assert found.values("log_buf_len") == ("1M",)
    assert found.values("e") == ("",)
    assert found.values("crashkernel") == ()
    assert found.init_arguments == ("crashkernel=9M", "--x")


def test_command_line_states() -> None:
    for data in (b"", b"\n", b"a\0b"):
        with pytest.raises(ParseError):
            parse_kernel_command_line(data)
    for content, why in ((None, Why.ABSENT), ("denied", Why.NOT_PERMITTED), (b"", Why.NOT_UNDERSTOOD)):
        found = kernel_command_line_from(file_states({CMDLINE: content}))
        assert isinstance(found, Unknown)
        assert found.why is why


def test_crashkernel_grammar() -> None:
    assert parse_crashkernel("256M").size_bytes == 256 * MIB
    at = parse_crashkernel("64m@16M")
    assert (at.kind, at.size_bytes, at.offset) == (CrashkernelKind.SIZE, 64 * MIB, 16 * MIB)
    ranges = parse_crashkernel("512M-2G:64M,2G-:128M@0x1000000")
    assert ranges.kind is CrashkernelKind.RANGES
    assert ranges.ranges == (
        CrashkernelRange(512 * MIB, 2 * GIB, 64 * MIB),
        CrashkernelRange(2 * GIB, None, 128 * MIB),
    )
    assert ranges.offset == 16 * MIB
    assert parse_crashkernel("512M,high").kind is CrashkernelKind.HIGH
    assert parse_crashkernel("72M,low").kind is CrashkernelKind.LOW
    assert parse_crashkernel("1G,cma").kind is CrashkernelKind.CMA
    assert parse_crashkernel("auto").kind is CrashkernelKind.AUTO
    assert parse_crashkernel("0").size_bytes == 0
    assert parse_crashkernel("010K").size_bytes == 8 * 1024


@pytest.mark.parametrize(
    "text",
    [
        *("", "M", "256MB", "256 M", "-", "1G-", "1G-:", "2G-1G:64M", "1G:64M", "1G-2G:64M,", "64M@", "64M@1Mx"),
        *("1G-2G:1M,high", "64M,medium", "99999999999999999999E", "٢٥٦M", "1G-2G:64M;2G-:1G", "0x", "9" * 5000),
    ],
)
def test_crashkernel_that_the_kernel_refuses(text: str) -> None:
    with pytest.raises(ParseError):
        parse_crashkernel(text)
    request = requested_reservation([text], 4 * GIB)
    assert request.size_bytes == 0


@pytest.mark.parametrize(
    ("values", "ram_bytes", "size_mib", "low_mib"),
    [
        (["256M"], 2 * GIB, 256, 0),
        (["256M", "384M-:128M"], 2 * GIB, 128, 0),
        (["384M-:128M", "256M"], 2 * GIB, 256, 0),
        (["512M,high"], 32 * GIB, 512, 256),
        (["512M,high", "72M,low"], 32 * GIB, 512, 72),
        (["72M,low", "512M,high"], 32 * GIB, 512, 72),
        # a value without suffix wins over a pair, wherever it stands
        (["128M", "512M,high", "72M,low"], 32 * GIB, 128, 0),
        (["72M,low"], 32 * GIB, 0, 0),
        (["512M-2G:64M,2G-:128M"], 2 * GIB - 64 * MIB, 128, 0),  # rounded up to 2 GiB
        (["2G-64G:256M,64G-:512M"], int(1.8 * GIB), 0, 0),
        (["2G-64G:256M,64G-:512M"], 64 * GIB, 512, 0),
        (["4G-:256M,1G-:8G"], 2 * GIB, 0, 0),
        (["4G"], 2 * GIB, 0, 0),
        (["512M-:512M"], 300 * MIB, 0, 0),
        (["auto"], 8 * GIB, 0, 0),
        ([], 8 * GIB, 0, 0),
        ([""], 8 * GIB, 0, 0),
        # a plain value that reserves nothing does not fall back to the pair
        (["64G-:1G", "512M,high"], 8 * GIB, 0, 0),
        (["512M,high", "x,low"], 8 * GIB, 0, 0),
        (["1G-2G:64M,2G-:128M,oops"], 4 * GIB, 128, 0),
        (["1G-2G:64M,oops"], 4 * GIB, 0, 0),
        (["256M", "1G,cma"], 4 * GIB, 256, 0),
    ],
)
def test_what_the_kernel_reserves(values: list[str], ram_bytes: int, size_mib: int, low_mib: int) -> None:
    request = requested_reservation(values, ram_bytes)
    assert (request.size_bytes, request.low_bytes) == (size_mib * MIB, low_mib * MIB)
    assert request.why
    assert request.total_bytes == (size_mib + low_mib) * MIB


def test_low_part_by_machine_and_cma_apart() -> None:
    assert requested_reservation(["1G,high"], 64 * GIB, "aarch64").low_bytes == 128 * MIB
    request = requested_reservation(["256M", "1G,cma"], 8 * GIB)
    assert (request.total_bytes, request.cma_bytes, request.winner) == (256 * MIB, GIB, "256M")


def test_zero_is_explained() -> None:
    request = requested_reservation(["2G-64G:256M,64G-:512M"], int(1.8 * GIB))
    assert "no range matches" in request.why
    assert "1.875 GiB" in request.why
    assert "RHEL" in requested_reservation(["auto"], GIB).why


def kexec_files(**changes: bytes | str | None) -> dict[str, bytes | str | None]:
    files: dict[str, bytes | str | None] = dict.fromkeys((*LOADED, *SIZE, LOAD_DISABLED, LOCKDOWN, SECURELEVEL))
    names = {"loaded": LOADED[1], "size": SIZE[1], "disabled": LOAD_DISABLED, "lockdown": LOCKDOWN}
    files.update({names.get(name, name): content for name, content in changes.items()})
    return files


def test_kexec_of_debian_12() -> None:
    found = kexec_crash_from(
        file_states(
            kexec_files(
                loaded=b"1\n", size=b"134217728\n", disabled=b"0\n", lockdown=b"[none] integrity confidentiality\n"
            )
        )
    )
    assert (found.loaded, found.size_bytes, found.load_disabled) == (True, 128 * MIB, False)
    assert found.lockdown is Lockdown.NONE
    assert isinstance(found.securelevel, Unknown)
    assert found.securelevel.absent


def test_zero_is_a_value() -> None:
    found = kexec_crash_from(file_states(kexec_files(loaded=b"0\n", size=b"0\n")))
    assert found.loaded is False
    assert found.size_bytes == 0


def test_only_the_new_place_is_there() -> None:
    files = kexec_files()
    files[LOADED[0]], files[SIZE[0]] = b"1\n", b"268435456\n"
    found = kexec_crash_from(file_states(files))
    assert (found.loaded, found.size_bytes) == (True, 256 * MIB)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, Why.ABSENT),
        ("denied", Why.NOT_PERMITTED),
        (b"", Why.NOT_UNDERSTOOD),
        (b"maybe\n", Why.NOT_UNDERSTOOD),
        (b"2\n", Why.NOT_UNDERSTOOD),
        ("I/O error", Why.NOT_ANSWERED),
    ],
)
def test_loaded_that_cannot_be_read_is_not_zero(content: bytes | str | None, why: Why) -> None:
    found = kexec_crash_from(file_states(kexec_files(loaded=content)))
    assert isinstance(found.loaded, Unknown)
    assert found.loaded.why is why


def test_lockdown_and_size_malformed() -> None:
    assert parse_lockdown(b"none [integrity] confidentiality\n") is Lockdown.INTEGRITY
    for data in (b"", b"none integrity\n", b"[chaos]\n"):
        with pytest.raises(ParseError):
            parse_lockdown(data)
    for data in (b"", b"-1\n", b"1e9\n", b"0x10\n"):
        with pytest.raises(ParseError):
            parse_crash_size(data)


def test_reservation_and_loaded_in_one_command(tree: TreeHost) -> None:
    tree.write(CMDLINE, TWO_TOKENS)
    tree.write(IOMEM, IOMEM_2G)
    tree.write(LOADED[1], b"1\n")
    tree.write(SIZE[1], b"268435456\n")
    survey = Survey(tree)
    found = survey.reservation
    assert isinstance(found.iomem, Iomem)
    assert found.iomem.crash_kernel_bytes == found.kexec_crash.size_bytes == 256 * MIB
    assert found.records == (0,)
    assert survey.kexec_crash.loaded is True
    assert len(tree.commands) == 1


def test_a_time_out_is_not_answered(tree: TreeHost) -> None:
    tree.answers["uname"] = CommandTimeout("no end within 5 s")
    found = ask(tree, command("uname"))
    assert isinstance(found, Unknown)
    assert found.why is Why.NOT_ANSWERED
