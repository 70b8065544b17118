"""One sentence at the end of stage 06: why the kernel died, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kdumpkit.runbook.session import Session


def conclusion(session: Session) -> str | None:
    """The sentence, of what this run has kept about the crash; None where no dump was read."""
    crash = session.recall_value("crash")
    if crash is None:
        return None
    where = f" in {crash['rip_symbol']}" if crash["rip_symbol"] else ""
    who = f", task {crash['comm']} (pid {crash['pid']}) on CPU {crash['cpu']}" if crash["comm"] else ""
    basis = _basis(crash, session.recall_value("stack_task"))
    if crash["kind"] == "sysrq":
        what = "The kernel was made to panic by sysrq-c"
        if session.recall_value("dump_of_test"):
            what += f", which was this run's test {session.run_id}"
        return f"{what}{where}{who}; {basis}."
    cause = session.recall_value("cause")
    if cause is not None:
        return f"{cause['sentence'].rstrip('.')} ({cause['confidence']}{who}; {basis})."
    what = f"The kernel died of {crash['kind'].replace('_', ' ')} ({crash['panic_reason'] or crash['title']})"
    return f"{what}{where}{who}; {basis}."


def _basis(crash: Mapping[str, Any], stack_task: Mapping[str, Any] | None) -> str:
    # what the sentence rests on; the stack with symbols is always that of the task on the processor that panicked
    if stack_task is None:
        return "read from the dump's log alone"
    known = [name for name in ("comm", "pid", "cpu") if crash[name] is not None]
    if not known:
        return f"the log names no task, and the stack with symbols is that of {_task(stack_task)}"
    if all(crash[name] == stack_task[name] for name in known):
        return "the dump's log and its stack with symbols agree"
    other = f"the stack with symbols is that of {_task(stack_task)}, which ran where the kernel panicked"
    return f"read from the dump's log; {other}"


def _task(task: Mapping[str, Any]) -> str:
    return f"{task['comm']} (pid {task['pid']}) on CPU {task['cpu']}"
