"""Each CPU's run queue: what waited for a CPU and how long, and which CPU had not scheduled for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.kernel_clock import jiffies_since_s, since_s
from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, listed, seconds_text
from kdumpkit.analysis.task_walk import command_of, waited_s

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_WAITING = 10
#: a list that goes on beyond this is a loop in damaged memory
_MOST_QUEUED = 100_000
#: the kernel's own limit for a soft lockup is twice watchdog_thresh, which is 10 unless set otherwise
_DEFAULT_THRESHOLD_S = 10
#: shorter ones are everyday
_LONG_GRACE_PERIOD_S = 1
#: watchdog_touch_ts counts in 2^30 ns (kernel/watchdog.c: get_timestamp)
_WATCHDOG_SHIFT = 30


@dataclass(frozen=True)
class QueuedTask:
    """A task that was ready and had no CPU."""

    pid: int
    command: str
    #: since it was put into the queue; None where the kernel does not keep that
    waited_s: float | None


@dataclass(frozen=True)
class RunQueue:
    """One CPU's run queue. None for what this kernel does not keep."""

    cpu: int
    #: ready tasks, the running one among them
    ready: int
    current_pid: int
    current_command: str
    #: since the running task got this CPU; for an idle CPU since it went idle
    current_s: float | None
    #: since the queue's clock was last set: a CPU that sleeps has no ticks
    clock_age_s: float | None
    #: since the soft-lockup watchdog's own task last ran here
    watchdog_age_s: float | None
    #: of the real-time and the fair class, not of deadline and sched_ext; longest first, at most 10
    waiting: tuple[QueuedTask, ...]


@dataclass(frozen=True)
class RunQueues:
    """All run queues, and the kernel's measures of load."""

    #: of 1, 5 and 15 minutes
    load_average: tuple[float, float, float] | None
    #: in seconds; 0: the lockup detectors are off; None: this kernel has none
    watchdog_threshold_s: int | None
    #: how long RCU's grace period had been under way; None: none was, or it cannot be read
    rcu_grace_period_s: float | None
    queues: tuple[RunQueue, ...]


def read_run_queues(session: DrgnSession) -> RunQueues:
    """All run queues out of an open dump."""
    from drgn.helpers.linux.cpumask import for_each_online_cpu
    from drgn.helpers.linux.sched import loadavg

    program = session.program
    queues = tuple(_read_queue(program, cpu, session.now_ns) for cpu in for_each_online_cpu(program))
    try:
        one, five, fifteen = (round(value, 2) for value in loadavg(program))
        load = (one, five, fifteen)
    except LookupError:
        load = None
    return RunQueues(load, _threshold_s(program), _grace_period_s(program, session.hz), queues)


def _read_queue(program: Any, cpu: int, now_ns: int | None) -> RunQueue:
    from drgn.helpers.linux.sched import cpu_curr, cpu_rq

    queue, current = cpu_rq(program, cpu), cpu_curr(program, cpu)
    ready = queue.nr_running.value_()
    waiting = _read_waiting(queue, current.value_(), now_ns) if ready > (1 if current.pid else 0) else []
    return RunQueue(
        cpu=cpu,
        ready=ready,
        current_pid=current.pid.value_(),
        current_command=command_of(current),
        current_s=waited_s(current, now_ns),
        clock_age_s=since_s(now_ns, queue.clock.value_()),
        watchdog_age_s=_watchdog_age_s(program, cpu, now_ns),
        waiting=tuple(sorted(waiting, key=lambda task: -(task.waited_s or 0))[:_MOST_WAITING]),
    )


def _read_waiting(queue: Any, current: int, now_ns: int | None) -> list[QueuedTask]:
    from drgn.helpers.linux.sched import rq_for_each_fair_task, rq_for_each_rt_task

    found = []
    for tasks in (rq_for_each_rt_task(queue), rq_for_each_fair_task(queue)):
        for number, task in enumerate(tasks):
            if number >= _MOST_QUEUED:
                break
            if task.value_() == current:
                continue
            try:
                waited = since_s(now_ns, task.sched_info.last_queued.value_())
            except AttributeError:
                waited = None
            found.append(QueuedTask(task.pid.value_(), command_of(task), waited))
    return found


def _watchdog_age_s(program: Any, cpu: int, now_ns: int | None) -> float | None:
    from drgn.helpers.linux.percpu import per_cpu

    try:
        touched = per_cpu(program["watchdog_touch_ts"], cpu).value_()
    except LookupError:
        return None
    # 0 and the largest number are marks: just touched
    if now_ns is None or not 0 < touched < 1 << 60:
        return None
    return since_s(now_ns, touched << _WATCHDOG_SHIFT)


def _threshold_s(program: Any) -> int | None:
    try:
        if "watchdog_user_enabled" in program and not program["watchdog_user_enabled"].value_():
            return 0
        return int(program["watchdog_thresh"].value_())
    except LookupError:
        return None


def _grace_period_s(program: Any, hz: int | None) -> float | None:
    try:
        state = program["rcu_state"]
        # the two lowest bits of the number are the phase; 0: no grace period is under way
        under_way = state.gp_seq.value_() & 3
        return jiffies_since_s(program, hz, state.gp_start.value_()) if under_way else None
    except (LookupError, AttributeError):
        return None


def lockup(queue: RunQueue, threshold_s: int | None) -> str:
    """In words, how a CPU had stopped to schedule; "" where it had not, or where that cannot be told."""
    limit = 2 * (threshold_s or _DEFAULT_THRESHOLD_S)
    if threshold_s and queue.watchdog_age_s is not None and queue.watchdog_age_s > limit:
        return f"soft lockup: it did not schedule for {seconds_text(queue.watchdog_age_s)}"
    starved = max((task.waited_s or 0 for task in queue.waiting), default=0)
    if queue.current_pid and (queue.current_s or 0) > limit and starved > limit:
        return f"one task kept it for {seconds_text(queue.current_s)} while others waited"
    return ""


def describe_run_queues(found: RunQueues) -> tuple[SectionTable, ...]:
    """One line for each CPU."""
    rows = tuple(
        (
            str(queue.cpu),
            f"{queue.current_command} ({queue.current_pid})" if queue.current_pid else "idle",
            seconds_text(queue.current_s),
            str(queue.ready),
            listed([f"{task.command} ({task.pid}) {seconds_text(task.waited_s)}".strip() for task in queue.waiting], 3),
            seconds_text(queue.watchdog_age_s),
            lockup(queue, found.watchdog_threshold_s),
        )
        for queue in found.queues
    )
    locked = [str(queue.cpu) for queue in found.queues if lockup(queue, found.watchdog_threshold_s)]
    sentence = f"CPU {listed(locked)} had stopped to schedule." if locked else "No CPU had stopped to schedule."
    if not locked and all(queue.watchdog_age_s is None for queue in found.queues):
        sentence = "Whether a CPU had stopped to schedule cannot be told: the soft-lockup watchdog left no times."
    if found.load_average is not None:
        sentence += f" Load average {', '.join(f'{value:.2f}' for value in found.load_average)}."
    if found.rcu_grace_period_s is not None and found.rcu_grace_period_s >= _LONG_GRACE_PERIOD_S:
        sentence += f" An RCU grace period had been under way for {seconds_text(found.rcu_grace_period_s)}."
    if found.watchdog_threshold_s == 0:
        sentence += " The lockup detectors were off."
    columns = ("cpu", "running", "for", "ready", "waiting, longest first", "watchdog", "")
    return (SectionTable("Run queues", sentence, columns, rows),)


SECTION = Section("run_queues", RunQueues, read_run_queues, describe_run_queues)
