"""What stage 06 says of a stack."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.stack import Frame
from kdumpkit.runbook.crash_words import crashing_frame


def frames(*functions: str) -> list[Frame]:
    return [Frame(name, "0x0", None, None, "kernel", False, False) for name in functions]


@pytest.mark.parametrize(
    ("functions", "crashing"),
    [
        (("crash_setup_regs", "__crash_kexec", "panic", "sysrq_handle_crash", "__handle_sysrq"), "sysrq_handle_crash"),
        (("__crash_kexec", "oops_end", "page_fault_oops", "exc_page_fault", "broken_probe"), "broken_probe"),
        (("broken_probe", "do_one_initcall"), "broken_probe"),
        (("panic",), "panic"),
    ],
)
def test_frame_that_called_what_reports_the_crash(functions: tuple[str, ...], crashing: str) -> None:
    found = crashing_frame(frames(*functions))
    assert found is not None
    assert found.function == crashing


def test_no_frames_at_all() -> None:
    assert crashing_frame([]) is None
