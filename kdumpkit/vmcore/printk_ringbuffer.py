"""The kernel log of Linux 5.10 and later, decoded from the dump's memory with the layout that VMCOREINFO gives.

Three rings: descriptors (state and place of the text), infos (time, length) and text. A descriptor's number counts
up for ever; the place in its ring is the number modulo the ring's size.

Source: kernel/printk/printk_ringbuffer.c and .h; the layout is exported by log_buf_vmcoreinfo_setup().
"""

from __future__ import annotations

from kdumpkit.errors import VmcoreError
from kdumpkit.vmcore.log_record import KernelLog, LogRecord
from kdumpkit.vmcore.memory import DumpMemory
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo

#: states of a descriptor that hold a record
_COMMITTED, _FINALIZED = 1, 2
#: both ends of a text's place are odd where it has none; this one means "an empty line"
_NO_TEXT_EMPTY_LINE = 3
#: CONFIG_LOG_BUF_SHIFT goes up to 25, log_buf_len= to 2 GiB; a descriptor is there for each 32 bytes
_MOST_COUNT_BITS = 26
_MOST_SIZE_BITS = 31

_NEEDED_SIZES = ("prb_desc", "printk_info")
_NEEDED_OFFSETS = (
    "printk_ringbuffer.desc_ring",
    "printk_ringbuffer.text_data_ring",
    "prb_desc_ring.count_bits",
    "prb_desc_ring.descs",
    "prb_desc_ring.infos",
    "prb_desc_ring.head_id",
    "prb_desc_ring.tail_id",
    "prb_desc.state_var",
    "prb_desc.text_blk_lpos",
    "prb_data_blk_lpos.begin",
    "prb_data_blk_lpos.next",
    "printk_info.ts_nsec",
    "printk_info.text_len",
    "prb_data_ring.size_bits",
    "prb_data_ring.data",
)


def read_printk_ringbuffer(info: Vmcoreinfo, memory: DumpMemory) -> KernelLog:
    """All records, oldest first. Raises VmcoreError where VMCOREINFO lacks the layout or the rings are not there."""
    sizes, offsets = info.sizes, info.offsets
    missing = [name for name in _NEEDED_SIZES if name not in sizes]
    missing += [name for name in _NEEDED_OFFSETS if name not in offsets]
    if missing:
        raise VmcoreError(f"VMCOREINFO does not give the layout of the kernel's log: {', '.join(missing)} missing")
    word, order = memory.word_bytes, memory.byte_order
    counter = offsets.get("atomic_long_t.counter", 0)

    ring = memory.word(info.symbols["prb"])
    descriptors_at = ring + offsets["printk_ringbuffer.desc_ring"]
    texts_at = ring + offsets["printk_ringbuffer.text_data_ring"]
    count_bits = memory.number(descriptors_at + offsets["prb_desc_ring.count_bits"], 4)
    size_bits = memory.number(texts_at + offsets["prb_data_ring.size_bits"], 4)
    if not 0 < count_bits <= _MOST_COUNT_BITS or not 0 < size_bits <= _MOST_SIZE_BITS:
        raise VmcoreError(
            f"the kernel's log is damaged: its rings would have 2^{count_bits} records and 2^{size_bits} bytes"
        )
    count, size = 1 << count_bits, 1 << size_bits
    head = memory.word(descriptors_at + offsets["prb_desc_ring.head_id"] + counter)
    tail = memory.word(descriptors_at + offsets["prb_desc_ring.tail_id"] + counter)

    descriptor_bytes, info_bytes = sizes["prb_desc"], sizes["printk_info"]
    descriptors = memory.partial(memory.word(descriptors_at + offsets["prb_desc_ring.descs"]), count * descriptor_bytes)
    infos = memory.partial(memory.word(descriptors_at + offsets["prb_desc_ring.infos"]), count * info_bytes)
    texts = memory.partial(memory.word(texts_at + offsets["prb_data_ring.data"]), size)

    id_bits = word * 8 - 2
    id_mask = (1 << id_bits) - 1
    state_at = offsets["prb_desc.state_var"] + counter
    place_at = offsets["prb_desc.text_blk_lpos"]

    def number(raw: bytes, at: int, length: int) -> int:
        return int.from_bytes(raw[at : at + length], order)

    records: list[LogRecord] = []
    lost = 0
    for step in range(min((head - tail) & id_mask, count - 1) + 1):
        identity = (tail + step) & id_mask
        at = (identity % count) * descriptor_bytes
        info_at = (identity % count) * info_bytes
        if not descriptors.intact(at, at + descriptor_bytes) or not infos.intact(info_at, info_at + info_bytes):
            lost += 1
            continue
        state = number(descriptors.content, at + state_at, word)
        if state & id_mask != identity or state >> id_bits not in (_COMMITTED, _FINALIZED):
            continue
        begin = number(descriptors.content, at + place_at + offsets["prb_data_blk_lpos.begin"], word)
        following = number(descriptors.content, at + place_at + offsets["prb_data_blk_lpos.next"], word)
        length = number(infos.content, info_at + offsets["printk_info.text_len"], 2)
        if begin & 1 and following & 1:
            if begin != _NO_TEXT_EMPTY_LINE or following != _NO_TEXT_EMPTY_LINE:
                lost += 1
                continue
            text = b""
        else:
            start, end = begin % size, following % size
            if begin >> size_bits != following >> size_bits and end:
                start = 0  # a text that does not fit before the end of the ring is put at its start
            elif not end:
                end = size
            # the number of the descriptor stands before the text
            if end - start < word or not texts.intact(start, end) or number(texts.content, start, word) != identity:
                lost += 1
                continue
            text = texts.content[start + word : min(end, start + word + length)]
        nanoseconds = number(infos.content, info_at + offsets["printk_info.ts_nsec"], 8)
        caller = None
        if "printk_info.caller_id" in offsets:
            caller = number(infos.content, info_at + offsets["printk_info.caller_id"], 4)
        records.append(LogRecord(nanoseconds, text, caller))
    return KernelLog("printk ring buffer", tuple(records), lost)
