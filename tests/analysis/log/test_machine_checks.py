"""Machine checks of kernels that print them in their own way. All names and numbers are invented."""

from __future__ import annotations

from kdumpkit.analysis.log import read_crash


def test_32_bit_until_2_6_31() -> None:
    log = (
        b"CPU 3: Machine Check Exception: 0000000000000004\n"
        b"Bank 4: b200000000070f0f at 000000007e4f2000\n"
        b"Kernel panic - not syncing: CPU context corrupt\n"
    )
    block = read_crash(log.splitlines(keepends=True)).fatal
    assert block is not None
    assert (block.kind, block.cpu, block.panic_reason) == ("mce", 3, "CPU context corrupt")
    unable = read_crash(log.replace(b"CPU context corrupt", b"Unable to continue").splitlines(keepends=True)).fatal
    assert unable is not None
    assert (unable.kind, unable.panic_reason) == ("mce", "Unable to continue")


def test_the_symbol_of_the_program_counter_on_a_line_of_its_own() -> None:
    log = (
        b"[  100.000001] mce: [Hardware Error]: CPU 3: Machine Check Exception: 5 Bank 7: be00000001010091\n"
        b"[  100.000002] mce: [Hardware Error]: RIP !INEXACT! 10:<ffffffffac58472a> \n"
        b"[  100.000003] {widget_idle+0x4a/0x60}\n"
        b"[  100.000004] Kernel panic - not syncing: Fatal machine check\n"
    )
    block = read_crash(log.splitlines(keepends=True)).fatal
    assert block is not None
    assert (block.kind, block.cpu, block.rip_symbol) == ("mce", 3, "widget_idle")
