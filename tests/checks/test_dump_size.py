"""Room for a dump: measured and bounded, the reserve for root, what compression may save."""

from __future__ import annotations

import pytest

from kdumpkit.checks.dump_size import check_dump_fits
from kdumpkit.checks.finding import Status
from kdumpkit.facts.dump_size import CoreCollector, DumpSizeBounds, MemoryUsage, PageClass
from kdumpkit.facts.dump_target import DumpTarget, FileSystemSpace
from kdumpkit.facts.kdump_settings import DumpTargetKind
from kdumpkit.facts.unknown import Unknown, Why

from . import facts
from .facts import GIB, MIB, UNKNOWNS
from .test_checks import agrees

PASS, WARN, FAIL, UNKNOWN, SKIP = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN, Status.SKIP
#: 400 MiB of kernel pages, 1 GiB of user pages, the rest of 4 GiB free
PAGES = {PageClass.KERNEL: 102400, PageClass.USER: 262144, PageClass.FREE: 684032}
USAGE = MemoryUsage({kind: PAGES.get(kind, 0) for kind in PageClass}, 0, 4096, 1048576, False, (21,))
BOUNDS = DumpSizeBounds(100 * MIB, 2 * GIB, (13,))
PLAIN = CoreCollector(31, False)


def reserving(available_bytes: int, for_root_bytes: int) -> DumpTarget:
    free = available_bytes + for_root_bytes
    return facts.target(space=FileSystemSpace("/var", "ext4", 20 * GIB, 20 * GIB - free, available_bytes))


@pytest.mark.parametrize(
    ("free_bytes", "status", "words"),
    [
        (4 * GIB, PASS, ["4 GiB free at /var (ext4) for /var/crash", "level 31 takes 402.6 MiB", "measured"]),
        (403 * MIB, PASS, ["403 MiB free"]),
        (402 * MIB, WARN, ["fits only if it compresses well"]),
        (101 * MIB, WARN, ["compresses"]),
        (100 * MIB, FAIL, ["not reckoned to make less than 100.6 MiB"]),
        (0, FAIL, ["0 bytes free"]),
    ],
)
def test_measured(free_bytes: int, status: Status, words: list[str]) -> None:
    finding = check_dump_fits(facts.target(free_bytes), BOUNDS, USAGE)
    agrees(finding, status, *words)
    assert finding.id == "dump_target.fits"
    assert bool(finding.remedy) is (status is not PASS)
    assert 21 in finding.records


def test_a_measured_dump_counts_by_the_level_that_is_set() -> None:
    all_but_free = CoreCollector(16, True)
    assert check_dump_fits(facts.target(GIB), BOUNDS, USAGE).status is PASS
    agrees(check_dump_fits(facts.target(GIB), BOUNDS, USAGE, collector=all_but_free), WARN, "level 16 takes 1.399 GiB")


def test_without_compression_there_is_no_hope() -> None:
    agrees(check_dump_fits(facts.target(400 * MIB), BOUNDS, USAGE, collector=PLAIN), FAIL, "does not compress")
    agrees(check_dump_fits(facts.target(50 * MIB), BOUNDS, collector=PLAIN), FAIL, "does not compress")


def test_the_reserve_for_root_counts_and_is_told() -> None:
    finding = check_dump_fits(reserving(300 * MIB, 200 * MIB), BOUNDS, USAGE)
    agrees(finding, PASS, "484 MiB free", "184 MiB of it kept for root", "would not without", "300 MiB is free for")
    roomy = check_dump_fits(reserving(600 * MIB, 200 * MIB), BOUNDS, USAGE)
    agrees(roomy, PASS, "kept for root")
    assert "would not without" not in roomy.reason
    assert "kept for root" not in check_dump_fits(facts.target(), BOUNDS, USAGE).reason


def test_what_the_settings_want_left_over() -> None:
    agrees(check_dump_fits(facts.target(450 * MIB), BOUNDS, USAGE), PASS)
    short = check_dump_fits(facts.target(450 * MIB), BOUNDS, USAGE, keep_free_bytes=64 * MIB, keep_dumps=3)
    agrees(short, WARN, "less 64 MiB that the settings want left over", "The 3 newest dumps are kept")


def test_a_kernel_that_makedumpfile_does_not_list() -> None:
    new = MemoryUsage(USAGE.pages, 0, 4096, 1048576, True, (21,))
    agrees(check_dump_fits(facts.target(), BOUNDS, new), PASS, "does not list this kernel")


@pytest.mark.parametrize(
    ("free_bytes", "status", "words"),
    [
        (2 * GIB, PASS, ["at most the 2 GiB of RAM"]),
        (GIB, WARN, ["at most the 2 GiB", "about 100 MiB", "/proc/meminfo"]),
        (100 * MIB, WARN, ["about 100 MiB"]),
        (99 * MIB, WARN, ["only if it compresses well"]),
        (24 * MIB, FAIL, ["less than 25 MiB"]),
    ],
)
def test_bounded(free_bytes: int, status: Status, words: list[str]) -> None:
    finding = check_dump_fits(facts.target(free_bytes), BOUNDS)
    agrees(finding, status, *words)
    assert "measured" not in finding.reason


def test_bounds_stand_in_where_it_could_not_be_measured() -> None:
    failed = Unknown("makedumpfile --mem-usage /proc/kcore", Why.ABSENT, "status 127", (22,))
    finding = check_dump_fits(facts.target(GIB), BOUNDS, failed)
    agrees(finding, WARN, "at most the 2 GiB", "It was not measured: makedumpfile")
    assert set(finding.records) >= {13, 14, 22}


def test_bounds_that_say_little() -> None:
    agrees(check_dump_fits(facts.target(GIB), DumpSizeBounds(None, 2 * GIB)), WARN, "is not known")
    other = check_dump_fits(facts.target(50 * MIB), BOUNDS, collector=CoreCollector(1, True))
    agrees(other, WARN, "level 1 leaves in more")


def test_elsewhere_and_unknown() -> None:
    remote = facts.target(kind=DumpTargetKind.SSH, remote="root@safe")
    agrees(check_dump_fits(remote, BOUNDS, USAGE), SKIP, "root@safe")
    for unknown in UNKNOWNS:
        agrees(check_dump_fits(unknown, BOUNDS), UNKNOWN, unknown.why)
        agrees(check_dump_fits(facts.target(), unknown), UNKNOWN, unknown.why)
        agrees(check_dump_fits(facts.target(space=unknown), BOUNDS, USAGE), UNKNOWN, unknown.why)
        # measured, the bounds are not needed
        agrees(check_dump_fits(facts.target(), unknown, USAGE), PASS)
