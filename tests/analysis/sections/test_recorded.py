"""What the sections say of one real dump: Linux 6.1.192 of Debian 12 in a virtual machine, made to hang in many ways.

Before sysrq-c a kernel module of ours had started kernel threads that hold and wait for locks of all kinds, two of them
in a deadlock, and a disk that never answers; a file system was frozen; three programs counted for ever on two CPUs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest

from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.sections import (
    SECTIONS,
    Section,
    SectionError,
    block_io,
    blocked_tasks,
    cpus,
    crashed_task,
    largest_processes,
    loaded_modules,
    locks,
    memory,
    mounts,
    network,
    panic_settings,
    run_queues,
    slab_caches,
    table_text,
)

T = TypeVar("T")
RECORDINGS = Path(__file__).parent.parent / "recordings"


@pytest.fixture(scope="module")
def report() -> CrashReport:
    return parse_drgn_report((RECORDINGS / "drgn-report-debian-12-stuck.json").read_bytes())


def answer(report: CrashReport, section: Section[T]) -> T:
    found = report.get(section)
    assert not isinstance(found, SectionError), found
    return found


def test_crashed_task_has_its_arguments(report: CrashReport) -> None:
    task = answer(report, crashed_task.SECTION)
    frames = {frame.function: frame for frame in task.frames}
    variables = {variable.name: variable for variable in frames["panic"].variables}
    assert (variables["fmt"].argument, variables["fmt"].type) == (True, "const char *")
    assert '"sysrq triggered crash\\n"' in str(variables["fmt"].value)
    assert (variables["buf"].argument, variables["buf"].value) == (False, '"sysrq triggered crash"')
    assert variables["i"].value is None
    key = frames["__handle_sysrq"].variables[0]
    assert (key.name, key.value, chr(int(key.value or 0))) == ("key", "99", "c")


def test_cpus(report: CrashReport) -> None:
    found = answer(report, cpus.SECTION)
    assert [(cpu.cpu, cpu.crashed, cpu.command, cpu.idle) for cpu in found.cpus] == [
        (0, False, "sh", False),
        (1, True, "sh", False),
    ]
    assert "panic" in {frame.function for frame in found.cpus[1].frames}
    assert {frame.module for frame in found.cpus[0].frames} == {None}


def test_blocked_tasks_are_grouped(report: CrashReport) -> None:
    found = answer(report, blocked_tasks.SECTION)
    assert (found.total, found.read, found.groups_in_all) == (12, 12, 10)
    assert [(group.waits_for, group.count) for group in found.groups] == [
        ("a completion", 1),
        ("a mutex", 2),
        ("a read-write semaphore", 1),
        ("a semaphore", 1),
        ("a read-write semaphore", 1),
        ("a mutex", 1),
        ("a mutex", 1),
        ("a frozen file system", 2),
        ("I/O", 1),
        ("I/O", 1),
    ]
    times = [group.longest_s for group in found.groups]
    assert times == sorted((time for time in times if time is not None), reverse=True)
    assert 77 < (times[0] or 0) < 79
    wait = next(frame for frame in found.groups[1].frames if frame.function == "wait_mutex")
    assert (wait.module, wait.source_file, wait.line) == ("kdkstuck", "kdkstuck.c", 21)


def test_locks_with_owners_and_deadlock(report: CrashReport) -> None:
    found = answer(report, locks.SECTION)
    held = {
        lock.name: (lock.kind, lock.owner and lock.owner.command, lock.held, [task.command for task in lock.waiters])
        for lock in found.locks
    }
    assert held == {
        "kdk_mutex": ("mutex", "kdk_holder", None, ["kdk_mutex1", "kdk_mutex2"]),
        "kdk_rwsem": ("read-write semaphore", "kdk_holder", "for writing", ["kdk_read1", "kdk_write1"]),
        "writers of the ext4 file system on loop0": ("per-CPU read-write semaphore", None, None, ["touch", "sh"]),
        "kdk_sem": ("semaphore", None, None, ["kdk_sem1"]),
        "kdk_b": ("mutex", "kdk_ba", None, ["kdk_ab"]),
        "kdk_a": ("mutex", "kdk_ab", None, ["kdk_ba"]),
    }
    assert found.circles == ((415, 416),)
    assert found.unfound == ()


def test_run_queues(report: CrashReport) -> None:
    found = answer(report, run_queues.SECTION)
    assert [(queue.cpu, queue.ready, len(queue.waiting)) for queue in found.queues] == [(0, 1, 0), (1, 3, 2)]
    assert [run_queues.lockup(queue, found.watchdog_threshold_s) for queue in found.queues] == ["", ""]
    assert found.load_average is not None
    assert found.watchdog_threshold_s == 10


def test_io_in_flight(report: CrashReport) -> None:
    found = answer(report, block_io.SECTION)
    assert [(r.device, r.operation, r.sector, r.size_bytes, r.with_driver) for r in found.requests] == [
        ("kdknever", "read", 0, 4096, True),
        ("kdknever", "write", 0, 4096, True),
    ]
    assert all(52 < (request.age_s or 0) < 53 for request in found.requests)
    sizes = {disk.name: disk.size_bytes for disk in found.disks}
    assert (sizes["kdknever"], sizes["loop0"], sizes["vda"]) == (4 << 20, 20 << 20, 4 << 30)


def test_memory(report: CrashReport) -> None:
    found = answer(report, memory.SECTION)
    # /proc/meminfo said 799760 kB half a minute before
    assert found.total_bytes == 799760 << 10
    uses = {use.name: use.size_bytes for use in found.uses}
    assert 600 << 20 < uses["free"] < 640 << 20
    assert len(uses) == 10
    assert (found.swap_total_bytes, found.low_zones) == (0, ())
    assert found.oom == memory.OomState(at_work=False, dying=0, kills=0)


def test_slab_caches(report: CrashReport) -> None:
    found = answer(report, slab_caches.SECTION)
    uses = {use.name: use.size_bytes for use in answer(report, memory.SECTION).uses}
    counted = uses["slab, reclaimable"] + uses["slab, unreclaimable"]
    # the kernel's own counters lag behind by what each CPU keeps for itself
    assert abs(found.size_bytes - counted) < 2 << 20
    assert found.largest[0].name == "inode_cache"
    assert all((cache.active_objects or 0) <= (cache.objects or 0) for cache in found.largest)


def test_largest_processes(report: CrashReport) -> None:
    found = answer(report, largest_processes.SECTION)
    assert (found.largest[0].command, found.largest[0].pid) == ("systemd", 1)
    # what crash's ps says of the two processes that it sees: 1676 and 1640 kB
    sizes = {process.pid: process.resident_bytes >> 10 for process in found.largest}
    assert (sizes[444], sizes[462]) == (1676, 1640)
    assert {process.command: process.oom_score_adjustment for process in found.largest}["sshd"] == -1000


def test_mounts(report: CrashReport) -> None:
    found = answer(report, mounts.SECTION)
    assert [mount.target for mount in found.mounts if mount.frozen] == ["/mnt/frozen"]
    assert {mount.source: mount.kind for mount in found.mounts}["/dev/vda1"] == "ext4"
    assert sum(found.by_kind.values()) == found.mounts_in_all == 18


def test_network(report: CrashReport) -> None:
    found = answer(report, network.SECTION)
    assert [(device.name, device.up, device.carrier) for device in found.devices] == [
        ("lo", True, True),
        ("eth0", True, True),
    ]
    assert "10.0.2.15" in (found.devices[1].addresses or ())


def test_modules(report: CrashReport) -> None:
    found = answer(report, loaded_modules.SECTION)
    (ours,) = (module for module in found.modules if module.taint)
    assert (ours.name, ours.taint, ours.version, ours.out_of_tree) == ("kdkstuck", "OE", "1.0", True)
    assert all((module.symbols or "").replace("-", "_") == f"{module.name}.ko" for module in found.modules)


def test_panic_settings(report: CrashReport) -> None:
    found = answer(report, panic_settings.SECTION)
    assert "crashkernel=192M" in found.command_line
    assert (found.values["kernel.panic_on_oops"], found.values["kernel.sysrq"]) == (1, 438)
    # of some architectures only
    assert found.values["kernel.panic_on_stackoverflow"] is None


def test_every_section_can_be_told(report: CrashReport) -> None:
    for section in SECTIONS:
        tables = section.describe(answer(report, section))
        assert tables, section.name
        for table in tables:
            assert table.sentence.strip()
            assert {len(row) for row in table.rows} <= {len(table.columns)}
            assert table_text(table)
    titles = [table.title for table in report.tables()]
    assert titles[0] == "Last words"
    assert titles[-1] == "The log's end"
    assert len(set(titles)) == len(titles)


def test_a_section_that_was_not_read_is_told_too(report: CrashReport) -> None:
    broken = CrashReport(**{**vars(report), "sections": {"locks": SectionError("damaged pointer")}})
    told = {table.title: table.sentence for table in broken.tables()}
    assert told["Locks"] == "Not read: damaged pointer."
    assert len(told) == len(SECTIONS)
