"""One sentence at the end of stage 06: why the kernel died, and how that is known."""

from __future__ import annotations

from kdumpkit.runbook.session import Session


def conclusion(session: Session) -> str | None:
    """The sentence, of what this run has kept about the crash; None where no dump was read."""
    crash = session.recall_value("crash")
    if crash is None:
        return None
    where = f" in {crash['rip_symbol']}" if crash["rip_symbol"] else ""
    who = f", task {crash['comm']} (pid {crash['pid']}) on CPU {crash['cpu']}" if crash["comm"] else ""
    stack = session.recall_value("stack")
    basis = "the dump's log and its stack with symbols agree" if stack else "read from the dump's log alone"
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
