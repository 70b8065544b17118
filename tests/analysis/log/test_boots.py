"""Which kernel of a console a report belongs to, where banners are not printed."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import CrashLog, read_crash


def read(text: str) -> CrashLog:
    return read_crash(text.encode().splitlines(keepends=True))


def oops(at: float, pid: int, *, kdump: str = "Kdump: loaded ", release: str = "6.1.0", end: str = "") -> str:
    """An oops as kdump cuts it: nothing after its stack unless ``end`` says so."""
    body = [
        "BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "Oops: 0000 [#1] SMP",
        f"CPU: 2 PID: {pid} Comm: died {kdump}Not tainted {release} #1",
        "RIP: 0010:widget_die+0x1/0x2",
        "Call Trace:",
        " widget_step+0x1/0x2",
        *filter(None, [end]),
    ]
    return "".join(f"[{at + n / 1e6:12.6f}] {line}\n" for n, line in enumerate(body))


def panic(at: float, reason: str = "Attempted to kill init! exitcode=0x00000100", end: str = "") -> str:
    body = [
        f"Kernel panic - not syncing: {reason}",
        "CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1",
        "Call Trace:",
        " dump_stack_lvl+0x1/0x2",
        " panic+0x1/0x2",
        " do_exit+0x1/0x2",
        *filter(None, [end]),
    ]
    return "".join(f"[{at + n / 1e6:12.6f}] {line}\n" for n, line in enumerate(body))


def chosen(log: CrashLog) -> tuple[str | None, str | None]:
    return (
        None if log.fatal is None else log.fatal.kind,
        None if log.capture_death is None else log.capture_death.kind,
    )


def test_stamps_that_begin_anew_are_another_kernel() -> None:
    log = read(oops(900.0, 20) + panic(4.0))
    assert chosen(log) == ("null_deref", "init_killed")
    assert log.boot_count == 1
    assert log.blocks[0].call_trace == ("widget_step",)


def test_the_line_that_begins_anew_need_not_be_the_reports() -> None:
    # the machine crashed 20 s after its start and its capture kernel after 30: their own stamps do not tell
    quiet = "[    0.000000] x86/cpu: SGX disabled by BIOS.\n"
    assert chosen(read(oops(20.0, 20) + quiet + panic(30.0))) == ("null_deref", "init_killed")
    panicked = panic(20.0, "Fatal exception")
    assert chosen(read(oops(19.9, 20) + panicked + quiet + panic(30.0))) == ("null_deref", "init_killed")


def test_frames_of_the_next_kernel_are_no_part_of_the_crash() -> None:
    log = read(oops(900.0, 20) + "[    0.000000] some quiet words\n[    0.100000]  widget_other+0x1/0x2\n" + panic(4.0))
    assert log.fatal is not None
    assert log.fatal.call_trace == ("widget_step",)
    assert log.fatal.last_line == 6


@pytest.mark.parametrize(
    ("first", "between"),
    [
        # the kernel itself restarted the machine: what comes is an ordinary boot that crashed again
        (panic(900.0, end="Rebooting in 10 seconds.."), ""),
        (panic(900.0).replace("6.1.0", "3.10.0"), "[  901.000000] reboot: Restarting system\n"),
        (panic(900.0, end="---[ end Kernel panic - not syncing: Attempted to kill init! ]---"), ""),
        # the oops was outlived
        (oops(900.0, 20, end="---[ end trace 0000000000000000 ]---"), ""),
        # a kernel that would say that a capture kernel was loaded, and does not
        (oops(900.0, 20, kdump=""), ""),
        # older kernels do not say; this one had no user space that could have loaded one
        (panic(1.5, "VFS: Unable to mount root fs on unknown-block(0,0)").replace("6.1.0", "3.10.0"), ""),
    ],
    ids=["rebooting", "restarting", "end-of-panic", "outlived", "not-loaded", "no-user-space"],
)
def test_an_ordinary_boot_that_crashes_again_is_the_last_word(first: str, between: str) -> None:
    second = oops(0.4, 77, kdump="")
    log = read(first + between + second)
    assert log.fatal is not None
    assert (log.fatal.pid, log.capture_death) == (77, None)


def test_an_old_kernel_that_does_not_say_what_is_loaded() -> None:
    old = {"kdump": "", "release": "3.10.0-693.el7.x86_64"}
    assert chosen(read(oops(900.0, 20, **old) + panic(4.0))) == ("null_deref", "init_killed")
    # hours later it is no capture kernel any more
    log = read(oops(90000.0, 20, **old) + oops(7200.0, 77, **old))
    assert log.fatal is not None
    assert (log.fatal.pid, log.capture_death) == (77, None)


def test_a_capture_kernel_that_gets_on_changes_nothing() -> None:
    saved = "[    3.000000] kdump: saving vmcore\n[    9.000000] reboot: Restarting system\n"
    log = read(oops(900.0, 20) + saved)
    assert (log.capture_death, log.boot_count) == (None, 1)
    assert log.fatal is not None
    assert log.fatal.pid == 20


def test_arm64_has_it_in_the_device_tree_and_not_on_the_command_line() -> None:
    start = (
        "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x413fd0c1]\n"
        "[    0.000000] Linux version 5.10.0 (builder@example) (gcc) #1 SMP\n"
        "[    0.000000] Reserving 1KB of memory at 0xbfdff000 for elfcorehdr\n"
        "[    0.000000] Kernel command line: root=/dev/vda1 irqpoll nr_cpus=1\n"
    )
    log = read(oops(900.0, 20, kdump="") + start + panic(4.0))
    assert chosen(log) == ("null_deref", "init_killed")
    assert log.boot_count == 1


def test_clocks_that_differ_a_little_are_one_kernel() -> None:
    log = read(
        "[  100.900000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        "[  100.200000] Oops: 0000 [#1] SMP\n"
        "[  100.900002] CPU: 2 PID: 20 Comm: died Kdump: loaded Not tainted 6.1.0 #1\n"
        "[  100.100000] Kernel panic - not syncing: Fatal exception\n"
    )
    assert chosen(log) == ("null_deref", None)
    assert log.fatal is not None
    assert log.fatal.panicked


def test_callers_whose_lines_mix_are_one_kernel() -> None:
    log = read(
        "[   10.000001][  T20] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        "[   90.000002][  T21] general protection fault: 0000 [#1] SMP\n"
        "[   90.000003][  T20] CPU: 0 PID: 20 Comm: one Not tainted 6.1.0 #1\n"
        "[   90.000004][  T21] CPU: 1 PID: 21 Comm: other Not tainted 6.1.0 #1\n"
    )
    assert [(block.kind, block.pid) for block in log.blocks] == [("null_deref", 20), ("gpf", 21)]


def test_the_capture_kernels_death_alone_is_told_as_such_only_beside_a_crash() -> None:
    start = "[    0.000000] Linux version 6.1.0 (b@e) (gcc) #1\n[    0.000000] Command line: elfcorehdr=0x2f000000\n"
    assert chosen(read(start + panic(4.0))) == ("init_killed", None)
