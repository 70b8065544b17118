"""What ZFS and its porting layer print when they stop. All names and numbers are invented."""

from __future__ import annotations

from .crashes import fatal


def test_assertion_of_0_6() -> None:
    block = fatal(
        "SPLError: 512:0:(dbuf.c:1952:widget_hold()) ASSERTION(RW_LOCK_HELD(&dn->dn_lock)) failed\n"
        "SPLError: 512:0:(dbuf.c:1952:widget_hold()) SPL PANIC\n"
        "SPL: Showing stack for process 512\n"
        "Pid: 512, comm: widgetd Tainted: P           ---------------    2.6.32-431.el6.x86_64 #1\n"
    )
    assert block.kind == "zfs_assert"
    assert (block.comm, block.pid, block.tainted) == ("widgetd", 512, "P")
    assert not block.panicked


def test_a_pool_whose_disks_fail_is_no_report_of_hardware() -> None:
    block = fatal(
        "Kernel panic - not syncing: Pool 'tank' has encountered an uncorrectable I/O failure and the failure mode "
        "property for this pool is set to panic.\n"
    )
    assert (block.kind, block.panicked) == ("other", True)
