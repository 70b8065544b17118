"""Which of several reports is the one that the kernel died of."""

# ruff: noqa: E501  the kernel prints long lines

from __future__ import annotations

from kdumpkit.analysis.log import CrashLog, read_crash


def read(text: str) -> CrashLog:
    return read_crash(text.encode().splitlines(keepends=True))


def warning(time: str) -> str:
    return (
        f"[{time}1] WARNING: CPU: 1 PID: 10 at net/widget.c:1 widget_warn+0x1/0x2\n"
        f"[{time}2] CPU: 1 PID: 10 Comm: warned Not tainted 6.1.0 #1\n"
        f"[{time}3] ---[ end trace 0000000000000000 ]---\n"
    )


def oops(time: str, pid: int, number: int = 1) -> str:
    return (
        f"[{time}1] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        f"[{time}2] Oops: 0000 [#{number}] SMP\n"
        f"[{time}3] CPU: 2 PID: {pid} Comm: died Tainted: G        W          6.1.0 #1\n"
        f"[{time}4] RIP: 0010:widget_die{number}+0x1/0x2\n"
        f"[{time}5] ---[ end trace 0000000000000000 ]---\n"
    )


def test_an_oops_beats_the_warning_before_it() -> None:
    log = read(warning("10.00000") + oops("10.10000", 20))
    assert log.fatal is not None
    assert (log.fatal.kind, log.fatal.comm) == ("null_deref", "died")
    assert [block.kind for block in log.blocks] == ["warning", "null_deref"]
    assert (log.block_count, log.line_count) == (2, 8)


def test_the_first_oops_of_a_row() -> None:
    log = read(
        oops("10.00000", 20) + oops("10.50000", 21, 2) + "[   10.700000] Kernel panic - not syncing: Fatal exception\n"
    )
    assert log.fatal is not None
    assert (log.fatal.pid, log.fatal.oops_number, log.fatal.panicked) == (20, 1, True)


def test_the_panic_ends_the_oops_before_it_and_not_one_of_last_week() -> None:
    log = read(
        oops("10.00000", 20)
        + oops("600000.50000", 21, 2)
        + "[600000.700000] Kernel panic - not syncing: Fatal exception\n"
    )
    assert log.fatal is not None
    assert (log.fatal.pid, log.fatal.panicked) == (21, True)


def test_the_caller_tells_whose_panic_it_is() -> None:
    log = read(
        "[10.000001][  T20] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        "[10.000002][  T21] general protection fault: 0000 [#1] SMP\n"
        "[10.000003][  T20] CPU: 0 PID: 20 Comm: one Not tainted 6.1.0 #1\n"
        "[10.000004][  T21] CPU: 1 PID: 21 Comm: other Not tainted 6.1.0 #1\n"
        "[10.000005][  T21] Kernel panic - not syncing: Fatal exception\n"
    )
    assert [(block.kind, block.comm, block.cpu) for block in log.blocks] == [
        ("null_deref", "one", 0),
        ("gpf", "other", 1),
    ]
    assert [block.panic_reason for block in log.blocks][1] == "Fatal exception"


def test_kasan_names_the_access_that_the_oops_is_the_consequence_of() -> None:
    log = read(
        "[10.000001] BUG: KASAN: use-after-free in widget_get+0x1/0x2\n"
        "[10.000002] CPU: 1 PID: 10 Comm: reader Not tainted 6.1.0 #1\n"
        + oops("10.10000", 10)
        + "[10.200000] Kernel panic - not syncing: Fatal exception\n"
    )
    assert log.fatal is not None
    assert (log.fatal.kind, log.fatal.panicked, log.fatal.panic_reason) == ("kasan", True, "Fatal exception")


def test_a_hang_beats_a_warning_of_long_ago() -> None:
    lockup = "[{}] watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [widgetd:77]\n"
    log = read(warning("10.00000") + lockup.format("9000.000001"))
    assert log.fatal is not None
    assert log.fatal.kind == "soft_lockup"
    log = read(warning("10.00000") + lockup.format("12.000001"))
    assert log.fatal is not None
    assert log.fatal.kind == "warning"


BOOT = "[    0.000000] Linux version {release} (builder@example) (gcc) #1 SMP\n[    0.000000] Command line: BOOT_IMAGE=/vmlinuz {more}\n"


def test_the_last_boot_that_died() -> None:
    log = read(
        BOOT.format(release="6.1.0-1", more="quiet")
        + oops("10.00000", 20)
        + BOOT.format(release="6.1.0-2", more="quiet")
        + oops("11.00000", 30)
        + BOOT.format(release="6.1.0-2", more="quiet")
        + warning("12.00000")
    )
    assert log.fatal is not None
    assert (log.fatal.pid, log.boot_count) == (30, 3)


def test_what_happens_in_the_capture_kernel_is_not_what_the_machine_died_of() -> None:
    log = read(
        BOOT.format(release="6.1.0-1", more="quiet crashkernel=256M")
        + oops("100.00000", 20)
        + BOOT.format(release="6.1.0-1", more="irqpoll nr_cpus=1 elfcorehdr=0x2f000000")
        + "[    5.000001] Kernel panic - not syncing: Out of memory and no killable processes...\n"
    )
    assert log.fatal is not None
    assert (log.fatal.kind, log.fatal.pid) == ("null_deref", 20)
    assert [block.kind for block in log.blocks] == ["null_deref", "oom_panic"]


def test_the_banner_gives_the_release_that_a_report_does_not_print() -> None:
    log = read(BOOT.format(release="5.10.0-9-amd64", more="") + "[ 9.000001] Kernel panic - not syncing: Hard LOCKUP\n")
    assert log.fatal is not None
    assert (log.fatal.kernel_release, log.fatal.line_numbers["kernel_release"]) == ("5.10.0-9-amd64", 1)


def test_the_crash_utilitys_summary_is_no_log() -> None:
    assert read('       PANIC: "Kernel panic - not syncing: Fatal exception"\n         PID: 12\n').fatal is None


def test_a_stuck_workqueue_is_only_the_first_sign() -> None:
    log = read(
        "[10.000001] BUG: workqueue lockup - pool cpus=3 node=0 flags=0x0 nice=0 stuck for 31s!\n"
        "[10.500001] watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [widgetd:77]\n"
    )
    assert log.fatal is not None
    assert log.fatal.kind == "soft_lockup"
