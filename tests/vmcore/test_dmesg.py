from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.command import CommandResult
from kdumpkit.errors import VmcoreError
from kdumpkit.vmcore.dmesg import dump_log_command, parse_dumped_log, read_kernel_log
from kdumpkit.vmcore.memory import DumpMemory, MemoryFault
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo, parse_vmcoreinfo
from tests.vmcore import dumps

LINES = [(1_500_000_000 + number * 1000, b"line %d" % number) for number in range(20)]
INFO = parse_vmcoreinfo((dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode())


def memory_of(content: dict[int, bytes], base: int = dumps.MAP_START, missing: tuple[int, ...] = ()) -> DumpMemory:
    """Physical memory seen at ``base``; pages whose number is in ``missing`` are not there."""
    found = {number: page for number, page in dumps.pages(content).items() if number not in missing}

    def read_bytes(address: int, size: int) -> bytes:
        out = b""
        at = address - base
        while len(out) < size:
            page = found.get(at // dumps.PAGE)
            if page is None:
                raise MemoryFault(f"no page at {at:#x}")
            out += page[at % dumps.PAGE :][: size - len(out)]
            at = (at // dumps.PAGE + 1) * dumps.PAGE
        return out

    return DumpMemory(read_bytes, 8, "little")


def run(path: Path) -> CommandResult:
    command = dump_log_command(path)
    done = subprocess.run(command.argv, capture_output=True, timeout=60, check=False)
    return CommandResult(command, done.returncode, done.stdout, done.stderr, 0, 0)


def test_ring_buffer() -> None:
    log = read_kernel_log(INFO, memory_of(dumps.ringbuffer(LINES)))
    assert [record.text for record in log.records] == [text for _, text in LINES]
    assert log.records[3].nanoseconds == 1_500_003_000
    assert log.records[3].caller == 77
    assert (log.format, log.lost) == ("printk ring buffer", 0)
    assert log.text.splitlines()[2] == b"[    1.500002] line 2"


@pytest.mark.parametrize("length", range(1, 90, 4))
def test_ring_buffer_that_went_round(length: int) -> None:
    lines = [(number, b"%04d" % number + b"x" * length) for number in range(300)]
    log = read_kernel_log(INFO, memory_of(dumps.ringbuffer(lines)))
    texts = [record.text for record in log.records]
    assert texts == [text for _, text in lines][-len(texts) :]
    # at least as many as fit into the text ring, or as there are descriptors
    assert len(texts) >= min(64, 4096 // (length + 20) - 2)


def test_record_of_several_lines_and_empty_record() -> None:
    log = read_kernel_log(INFO, memory_of(dumps.ringbuffer([(1000, b"a\nb"), (2000, b"")])))
    assert log.text == b"[    0.000001] a\n[    0.000001] b\n[    0.000002] \n"


def test_missing_page_costs_its_records_only() -> None:
    lines = [(number, b"%04d" % number + b"x" * 200) for number in range(30)]
    content = dumps.ringbuffer(lines, size_bits=14)
    whole = read_kernel_log(INFO, memory_of(content))
    log = read_kernel_log(INFO, memory_of(content, missing=(0x100 + 32,)))
    assert len(whole.records) == 30
    assert 0 < len(log.records) < 30
    assert len(log.records) + log.lost == 30
    assert set(log.records) < set(whole.records)


def test_descriptor_that_is_being_written_is_left_out() -> None:
    content = dumps.ringbuffer(LINES)
    at = dumps.PAGE + 0x100000
    descriptors = bytearray(content[at])
    slot = ((1 << 62) - 2 + 5) % 64
    descriptors[slot * 24 + 7] &= 0x3F  # reserved
    log = read_kernel_log(INFO, memory_of(content | {at: bytes(descriptors)}))
    assert b"line 5" not in [record.text for record in log.records]
    assert len(log.records) == 19


def test_layout_missing() -> None:
    info = parse_vmcoreinfo(dumps.RINGBUFFER_LAYOUT.replace("OFFSET(prb_desc_ring.descs)=8\n", "").encode())
    with pytest.raises(VmcoreError, match=r"prb_desc_ring\.descs missing"):
        read_kernel_log(info, memory_of(dumps.ringbuffer(LINES)))
    with pytest.raises(VmcoreError, match="neither prb nor log_buf"):
        read_kernel_log(Vmcoreinfo(), memory_of({}))


def test_damaged_rings() -> None:
    content = dumps.ringbuffer(LINES)
    content[0x100000] = content[0x100000][:64] + b"\xff\xff\xff\x7f" + content[0x100000][68:]
    with pytest.raises(VmcoreError, match="damaged"):
        read_kernel_log(INFO, memory_of(content))


@settings(deadline=None)
@given(st.integers(0x100000, 0x100000 + 40 * 4096), st.binary(min_size=1, max_size=64))
def test_no_damage_breaks_it(place: int, noise: bytes) -> None:
    content = dumps.ringbuffer(LINES)
    flat = bytearray(40 * 4096 + 64)
    for address, raw in content.items():
        flat[address - 0x100000 : address - 0x100000 + len(raw)] = raw
    flat[place - 0x100000 : place - 0x100000 + len(noise)] = noise
    try:
        read_kernel_log(INFO, memory_of({0x100000: bytes(flat)}))
    except VmcoreError:
        pass


def old_log(name: str) -> tuple[Vmcoreinfo, dict[int, bytes]]:
    """Records of 3.5 to 5.9 in a buffer of 512 bytes that went round once."""

    def record(nanoseconds: int, text: bytes) -> bytes:
        length = (16 + len(text) + 3) // 4 * 4
        head = nanoseconds.to_bytes(8, "little") + length.to_bytes(2, "little") + len(text).to_bytes(2, "little")
        return (head + bytes(4) + text).ljust(length, b"\0")

    first = b"".join(record(number * 1_000_000, b"old %d" % number) for number in range(5))
    start = 300
    end_marker = bytes(16)
    second = record(5_000_000, b"after the turn")
    buffer = second.ljust(start, b"\xee") + first + end_marker
    buffer = buffer.ljust(512, b"\0")
    base = dumps.MAP_START + 0x100000
    numbers = (base + 4096).to_bytes(8, "little") + (512).to_bytes(4, "little")
    numbers += start.to_bytes(4, "little") + len(second).to_bytes(4, "little")
    info = Vmcoreinfo(
        symbols={"log_buf": base, "log_buf_len": base + 8, "log_first_idx": base + 12, "log_next_idx": base + 16},
        sizes={name: 16},
        offsets={f"{name}.ts_nsec": 0, f"{name}.len": 8, f"{name}.text_len": 10, f"{name}.dict_len": 12},
    )
    return info, {0x100000: numbers, 0x101000: buffer}


@pytest.mark.parametrize("name", ["printk_log", "log"])
def test_record_buffer(name: str) -> None:
    info, content = old_log(name)
    log = read_kernel_log(info, memory_of(content))
    assert log.format == "record buffer"
    assert [record.text for record in log.records] == [b"old %d" % n for n in range(5)] + [b"after the turn"]
    assert log.text.splitlines()[-1] == b"[    0.005000] after the turn"


def test_record_buffer_without_end_is_left() -> None:
    info, content = old_log("printk_log")
    # the next index is never met
    raw = bytearray(content[0x100000])
    raw[16:20] = (7).to_bytes(4, "little")
    log = read_kernel_log(info, memory_of(content | {0x100000: bytes(raw)}))
    assert len(log.records) <= 40


@pytest.mark.parametrize(("written", "expected"), [(7, b"<5>one\n"), (40, b"e and last\n")])
def test_text_buffer(written: int, expected: bytes) -> None:
    base = dumps.MAP_START + 0x100000
    size = 16
    text = (b"<5>one\n" if written == 7 else b"x" * (written - len(expected) - 5) + b"first" + expected).ljust(written)
    ring = bytearray(size)
    for number, character in enumerate(text):
        ring[number % size] = character
    numbers = (base + 4096).to_bytes(8, "little") + size.to_bytes(4, "little")
    numbers += written.to_bytes(4, "little") + min(written, size).to_bytes(4, "little")
    symbols = {"log_buf": base, "log_buf_len": base + 8, "log_end": base + 12, "logged_chars": base + 16}
    log = read_kernel_log(Vmcoreinfo(symbols=symbols), memory_of({0x100000: numbers, 0x101000: bytes(ring)}))
    assert log.format == "text buffer"
    assert log.text == text[-size:]


@pytest.mark.parametrize("flat", [False, True], ids=["plain", "flattened"])
def test_out_of_a_dump_by_drgn(tmp_path: Path, flat: bool) -> None:
    content = dumps.kdump(dumps.pages(dumps.ringbuffer(LINES)), "\n".join(INFO.lines).encode())
    path = tmp_path / "dump.202611230534"
    path.write_bytes(dumps.flattened(content) if flat else content)
    log = parse_dumped_log(run(path))
    assert log.splitlines()[-1] == b"[    1.500019] line 19"
    assert len(log.splitlines()) == 20


def test_dump_by_qemu_without_utsname(tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(dumps.kdump(dumps.pages(dumps.ringbuffer(LINES)), "\n".join(INFO.lines).encode(), system=b""))
    assert parse_dumped_log(run(path)).endswith(b"line 19\n")


@pytest.mark.parametrize(
    ("cut", "words"),
    [(0, "is empty"), (40, "cannot be read"), (5000, "cut off"), (12_000, "cut off"), (16_500, "cut off")],
)
def test_cut_dump_ends_with_a_sentence(tmp_path: Path, cut: int, words: str) -> None:
    content = dumps.kdump(dumps.pages(dumps.ringbuffer(LINES)), "\n".join(INFO.lines).encode())
    path = tmp_path / "vmcore"
    path.write_bytes(content[:cut])
    result = run(path)
    assert result.exit_status == 1
    assert b"Traceback" not in result.stderr
    with pytest.raises(VmcoreError, match=words):
        parse_dumped_log(result)


def test_death_by_signal_is_said() -> None:
    result = CommandResult(dump_log_command(Path("vmcore"), sys.executable), -7, b"", b"", 0, 0)
    with pytest.raises(VmcoreError, match="killed by signal 7"):
        parse_dumped_log(result)
