"""The clocks of a kernel that died: what time it was for its scheduler, and how long one of its ticks was."""

from __future__ import annotations

from typing import Any


def read_now_ns(program: Any, log_ns: int) -> int | None:
    """Nanoseconds of sched_clock at the end; None where neither a run queue nor the log has any.

    The clock of a CPU's run queue stands still while that CPU sleeps, so the furthest of all counts, and with it the
    time of the last line of the log (``log_ns``), which is taken from the same clock (kernel/printk/printk.c:
    local_clock).
    """
    from drgn.helpers.linux.cpumask import for_each_online_cpu
    from drgn.helpers.linux.sched import cpu_rq

    latest = log_ns
    try:
        for cpu in for_each_online_cpu(program):
            latest = max(latest, cpu_rq(program, cpu).clock.value_())
    except Exception:  # damaged pointers; the log's time is left
        pass
    return latest or None


def since_s(now_ns: int | None, then_ns: int) -> float | None:
    """Seconds from then to now; None where either is not known. 0 for what a CPU whose clock is ahead wrote.

    >>> since_s(5_000_000_000, 3_500_000_000)
    1.5
    """
    if now_ns is None or not then_ns:
        return None
    return round(max(0, now_ns - then_ns) / 1e9, 3)


def read_hz(program: Any) -> int | None:
    """CONFIG_HZ, from the clock source that counts ticks (kernel/time/jiffies.c); None where it is not there."""
    try:
        source = program["clocksource_jiffies"]
        tick_ns = source.mult.value_() >> source.shift.value_()
    except (LookupError, AttributeError):
        return None
    return round(1_000_000_000 / tick_ns) if tick_ns else None


def read_jiffies(program: Any) -> int:
    """The count of ticks at the end. Raises LookupError where the kernel has none."""
    return int(program["jiffies"].value_())


def jiffies_since_s(program: Any, hz: int | None, then: int) -> float | None:
    """Seconds from a count of ticks to the end; None where the length of a tick is not known."""
    if not hz:
        return None
    bits = 8 * program.type("unsigned long").size
    ticks = (read_jiffies(program) - then) & ((1 << bits) - 1)
    # in the future by a tick or two: another CPU was ahead
    return 0.0 if ticks >> (bits - 1) else round(ticks / hz, 3)
