"""The kernel was told to crash: sysrq-c.

Source: drivers/tty/sysrq.c (sysrq_handle_crash, write_sysrq_trigger), Documentation/admin-guide/sysrq.rst.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene

KINDS = frozenset({"sysrq"})
#: what kdumpkit writes into the log before its panic test (kdumpkit.analysis.find_test_log)
_LABEL = re.compile(r"kdumpkit: panic test \S")
_WRITTEN = frozenset({"write_sysrq_trigger", "proc_reg_write"})
_KEYS = frozenset({"sysrq_filter", "sysrq_handle_keypress", "serial8250_rx_chars", "uart_handle_sysrq_char"})


def explain(scene: Scene) -> Cause | None:
    """Certain, since the trigger announces itself; who pulled it depends on the stack."""
    crash = scene.crash
    symbols = {place.symbol for place in scene.stack} | {frame.symbol for frame in crash.frames}
    labels = scene.find(_LABEL, 1)
    evidence = (*scene.at("panic_reason", "rip_symbol", "comm"), *labels)
    if labels:
        sentence = "The kernel was made to crash on purpose, by a panic test of kdumpkit: nothing is wrong with it."
        return scene.cause("sysrq.kdumpkit_test", sentence, Confidence.CERTAIN, Origin.OPERATOR, evidence)
    how = ""
    if symbols & _WRITTEN:
        how = f": {scene.who()} wrote c to /proc/sysrq-trigger"
    elif symbols & _KEYS:
        how = ": the key was pressed on a keyboard or sent over a serial console"
    sentence = f"The kernel was made to crash on purpose by sysrq-c{how}. The kernel itself did nothing wrong."
    steps = (
        NextStep("ask who was logged in at that time", "last -x -F | head -n 20"),
        NextStep("see who may do this: 0 switches it off, 1 allows everything", "sysctl kernel.sysrq"),
    )
    return scene.cause("sysrq.crash", sentence, Confidence.CERTAIN, Origin.OPERATOR, evidence, steps)
