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
