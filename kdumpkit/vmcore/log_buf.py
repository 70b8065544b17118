"""The kernel log of Linux before 5.10: records in one buffer (3.5 to 5.9), or plain text (before 3.5).

Source: kernel/printk.c (struct log, 3.5 to 3.10), kernel/printk/printk.c (struct printk_log, 3.11 to 5.9) and
log_buf_kexec_setup() there, which exports the layout.
"""

from __future__ import annotations

from kdumpkit.errors import VmcoreError
from kdumpkit.vmcore.log_record import KernelLog, LogRecord
from kdumpkit.vmcore.memory import DumpMemory
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo

_MOST_BYTES = 1 << 31


def read_log_buf(info: Vmcoreinfo, memory: DumpMemory) -> KernelLog:
    """All records, oldest first. Raises VmcoreError where VMCOREINFO lacks the layout or the buffer is not there."""
    needed = ("log_buf", "log_buf_len")
    if any(name not in info.symbols for name in needed):
        raise VmcoreError("VMCOREINFO does not say where the kernel's log is: neither prb nor log_buf is in it")
    address = memory.word(info.symbols["log_buf"])
    size = memory.number(info.symbols["log_buf_len"], 4)
    if not 0 < size <= _MOST_BYTES:
        raise VmcoreError(f"the kernel's log is damaged: its buffer would have {size} bytes")
    if "log_first_idx" in info.symbols and "log_next_idx" in info.symbols:
        return _read_records(info, memory, address, size)
    if "log_end" in info.symbols:
        return _read_text(info, memory, address, size)
    raise VmcoreError("VMCOREINFO does not say where the kernel's log begins and ends")


def _read_records(info: Vmcoreinfo, memory: DumpMemory, address: int, size: int) -> KernelLog:
    # struct log became struct printk_log in 3.11
    name = next((name for name in ("printk_log", "log") if name in info.sizes), None)
    if name is None or any(f"{name}.{member}" not in info.offsets for member in ("ts_nsec", "len", "text_len")):
        raise VmcoreError("VMCOREINFO does not give the layout of the records in the kernel's log")
    header_bytes = info.sizes[name]
    time_at, length_at, text_at = (info.offsets[f"{name}.{member}"] for member in ("ts_nsec", "len", "text_len"))
    place = memory.number(info.symbols["log_first_idx"], 4)
    end = memory.number(info.symbols["log_next_idx"], 4)
    buffer = memory.partial(address, size)
    order = memory.byte_order
    records: list[LogRecord] = []
    lost = walked = 0
    # each record moves on by its own length, so once around the buffer is the end of it, damaged or not
    while place != end and walked <= size:
        if place + header_bytes > size or not buffer.intact(place, place + header_bytes):
            lost += 1
            break
        length = int.from_bytes(buffer.content[place + length_at : place + length_at + 2], order)
        if length == 0:
            # the rest of the buffer was too small for a record: the next is at its start
            walked += size - place
            place = 0
            continue
        text_bytes = int.from_bytes(buffer.content[place + text_at : place + text_at + 2], order)
        text_start = place + header_bytes
        if length < header_bytes + text_bytes or place + length > size:
            lost += 1
            break
        if buffer.intact(place, text_start + text_bytes):
            nanoseconds = int.from_bytes(buffer.content[place + time_at : place + time_at + 8], order)
            records.append(LogRecord(nanoseconds, buffer.content[text_start : text_start + text_bytes]))
        else:
            lost += 1
        place += length
        walked += length
    return KernelLog("record buffer", tuple(records), lost)


def _read_text(info: Vmcoreinfo, memory: DumpMemory, address: int, size: int) -> KernelLog:
    written = memory.number(info.symbols["log_end"], 4)
    kept = size
    if "logged_chars" in info.symbols:
        kept = min(kept, memory.number(info.symbols["logged_chars"], 4))
    kept = min(kept, written)
    buffer = memory.partial(address, size)
    start, end = (written - kept) % size, written % size
    content = buffer.content[start : start + kept] if start + kept <= size else buffer.content[start:]
    if start + kept > size:
        content += buffer.content[:end]
    records = tuple(LogRecord(None, line) for line in content.splitlines(keepends=True))
    return KernelLog("text buffer", records, len(buffer.gaps))
