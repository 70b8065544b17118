"""Dumps with a kernel log of our own writing, and the vmlinux-like files that go with them."""

from __future__ import annotations

from pathlib import Path

from tests.vmcore import dumps

BANNER = "Linux version 6.1.0-56-cloud-amd64 (x@y) (gcc-12) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-01-01)"
REPORT = """\
nfs: server 192.0.2.1 not responding, still trying
BUG: kernel NULL pointer dereference, address: 0000000000000018
#PF: supervisor read access in kernel mode
Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: 1 PID: 458 Comm: widgetd Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-1
Hardware name: Example Server/Board, BIOS 1.2.3 01/02/2024
RIP: 0010:widget_poll+0x1b/0x80 [widget]
Call Trace:
 <TASK>
 widget_ioctl+0x12/0x90 [widget]
 __x64_sys_ioctl+0x8b/0xd0
 do_syscall_64+0x5b/0x80
 entry_SYSCALL_64_after_hwframe+0x64/0xce
 </TASK>
Modules linked in: widget(OE) ext4 nfs
---[ end trace 0000000000000000 ]---
Kernel panic - not syncing: Fatal exception
"""


def vmcoreinfo(build_id: str | None = dumps.BUILD_ID) -> bytes:
    """VMCOREINFO with the ring buffer's layout; without BUILD-ID as kernels before 5.9 had it."""
    text = dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT
    line = f"BUILD-ID={dumps.BUILD_ID}\n"
    assert line in text
    return text.replace(line, f"BUILD-ID={build_id}\n" if build_id else "").encode()


def write_dump(path: Path, report: str = REPORT, *, build_id: str | None = dumps.BUILD_ID, flat: bool = True) -> Path:
    """A dump whose log is the banner and a report."""
    lines = [(1_000_000_000, BANNER.encode())]
    lines += [(100_000_000_000 + n * 1000, line.encode()) for n, line in enumerate(report.splitlines())]
    content = dumps.kdump(dumps.pages(dumps.ringbuffer(lines)), vmcoreinfo(build_id))
    path.write_bytes(dumps.flattened(content) if flat else content)
    return path
