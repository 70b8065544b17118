"""A kernel log as records, and as the text that dmesg prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogRecord:
    """One call of printk. ``nanoseconds`` since boot; None in logs that are plain text (before 3.5)."""

    nanoseconds: int | None
    text: bytes
    #: a thread's number, or 0x80000000 + a CPU's; None where the kernel does not keep it. 0 in kernels without
    #: CONFIG_PRINTK_CALLER
    caller: int | None = None


@dataclass(frozen=True)
class KernelLog:
    """The log, oldest record first."""

    #: how the kernel kept it: ``printk ring buffer``, ``record buffer`` or ``text buffer``
    format: str
    records: tuple[LogRecord, ...]
    #: records of which a part is not in the dump
    lost: int = 0

    @property
    def text(self) -> bytes:
        """As dmesg prints it, ``[   12.345678] `` before each line; each line ends with a newline."""
        return b"".join(_lines(record) for record in self.records)


def _lines(record: LogRecord) -> bytes:
    if record.nanoseconds is None:
        return record.text
    microseconds = record.nanoseconds // 1000
    stamp = b"[%5d.%06d] " % (microseconds // 1_000_000, microseconds % 1_000_000)
    return b"".join(stamp + line + b"\n" for line in record.text.split(b"\n"))
