"""A dump that the distribution would delete again, as too little stays free after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.checks.kept_free import check_kept_free
from kdumpkit.facts.dump_target import DumpTarget, FileSystemSpace
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.unknown import Unknown, Why
from tests.checks.facts import MOUNT

MIB = 1 << 20
UNREAD = Unknown("df", Why.NOT_ANSWERED)
SETTINGS = KdumpSettings(("/etc/sysconfig/kdump",), "/var/crash", keep_free_bytes=64 * MIB, records=(1,))
MEMORY = Meminfo(2048 * MIB, None, None, None, 300 * MIB, (3,))


def target(free_mib: int) -> DumpTarget:
    space = FileSystemSpace("/", "btrfs", 40960 * MIB, (40960 - free_mib) * MIB, free_mib * MIB)
    return DumpTarget(DumpTargetKind.LOCAL, "/var/crash", True, None, MOUNT, space, (2,))


@pytest.mark.parametrize(
    ("free_mib", "status"),
    [
        (2112, Status.PASS),
        (2111, Status.WARN),
        (364, Status.WARN),
        (363, Status.FAIL),
        (0, Status.FAIL),
    ],
)
def test_room_against_what_has_to_stay_free(free_mib: int, status: Status) -> None:
    (finding,) = check_kept_free(SETTINGS, target(free_mib), MEMORY)
    assert (finding.id, finding.status) == ("dump_target.kept_free", status)
    assert finding.records == (1, 2, 3)
    if status is not Status.PASS:
        assert "deleted again" in finding.reason
        assert "64 MiB" in finding.reason


def test_families_that_delete_nothing_and_network_targets_have_no_such_finding() -> None:
    assert check_kept_free(replace(SETTINGS, keep_free_bytes=None), target(0), MEMORY) == ()
    assert check_kept_free(SETTINGS, replace(target(0), kind=DumpTargetKind.NFS), MEMORY) == ()
    assert check_kept_free(UNREAD, target(0), MEMORY) == ()


def test_what_could_not_be_read_is_unknown() -> None:
    (unread,) = check_kept_free(SETTINGS, replace(target(0), space=UNREAD), MEMORY)
    assert unread.status is Status.UNKNOWN
    (unread,) = check_kept_free(SETTINGS, target(0), UNREAD)
    assert unread.status is Status.UNKNOWN
    # without the lower bound it is never more than a warning
    (finding,) = check_kept_free(SETTINGS, target(0), replace(MEMORY, kernel_bytes=None))
    assert finding.status is Status.WARN
