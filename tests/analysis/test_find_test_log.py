from __future__ import annotations

from kdumpkit.actions.crash import MARK, label_line
from kdumpkit.analysis.find_test_log import MARK as MARK_IN_LOG
from kdumpkit.analysis.find_test_log import find_label

LABEL = "20261123T053400Z-web01"
BEFORE = b"[    1.000000] something\n"
LINE = f"[   40.100000] {label_line(LABEL)}\n".encode()
SYSRQ = b"[   41.690000] sysrq: Trigger a crash\n[   41.690623] Kernel panic - not syncing: sysrq triggered crash\n"
OLD_SYSRQ = (
    b"[   41.69] SysRq : Trigger a crash\n[   41.69] BUG: unable to handle kernel NULL pointer dereference\n"
    b"[   41.70] IP: [<ffffffff8143d4d6>] sysrq_handle_crash+0x16/0x20\n"
)


def test_the_mark_is_the_one_that_is_written() -> None:
    assert MARK.encode() == MARK_IN_LOG


def test_found_with_signature() -> None:
    found = find_label(BEFORE + LINE + SYSRQ, LABEL)
    assert found is not None
    assert found.by_sysrq
    assert found.uptime_s == 40.1
    assert found.line == LINE.decode().rstrip()
    assert found.panic_line is not None
    assert "sysrq triggered crash" in found.panic_line


def test_kernel_before_5_0() -> None:
    found = find_label(LINE + OLD_SYSRQ, LABEL)
    assert found is not None
    assert found.by_sysrq


def test_absent_or_another() -> None:
    assert find_label(BEFORE + SYSRQ, LABEL) is None
    assert find_label(LINE + SYSRQ, LABEL[:-1]) is None
    assert find_label(LINE.rstrip() + b"-more\n", LABEL) is None
    assert find_label(b"", LABEL) is None


def test_another_death_after_the_label() -> None:
    found = find_label(LINE + b"[   40.2] Kernel panic - not syncing: Out of memory\n", LABEL)
    assert found is not None
    assert not found.by_sysrq


def test_signature_before_the_label_does_not_count() -> None:
    found = find_label(SYSRQ + LINE, LABEL)
    assert found is not None
    assert not found.by_sysrq


def test_hostile_bytes() -> None:
    found = find_label(b"\xff\xfe\0\n" + LINE.rstrip() + b"\r\n\x80" + SYSRQ, LABEL)
    assert found is not None
    assert found.by_sysrq
