"""Stacks within the report of an RCU stall that are not those of the processor or task that RCU waits for.

Where RCU's own thread did not get to run, its stack is printed first, and that of the processor on which it last ran.

Source: kernel/rcu/tree_stall.h (rcu_check_gp_kthread_starvation; print_cpu_stall and print_other_cpu_stall call it).
"""

from __future__ import annotations

from enum import Enum

_THREAD = "RCU grace-period kthread stack dump"
_LAST_RAN = "where RCU GP kthread last ran"
_HEADERS = ("CPU: ", "Pid: ", "Task dump for CPU ")
#: what begins the stack of a processor, or says that some are going to follow
_PROCESSOR = ("NMI backtrace for", "Sending NMI", *_HEADERS)


class _Stack(Enum):
    OWN = 0
    #: of RCU's thread
    THREAD = 1
    #: announced; then begun
    LAST_RAN_NEXT = 2
    LAST_RAN = 3


class StallStacks:
    """Takes the lines of one report in order."""

    def __init__(self) -> None:
        self._stack = _Stack.OWN

    def take(self, text: str) -> bool:
        """Whether the line belongs to such a stack."""
        if _THREAD in text:
            self._stack = _Stack.THREAD
        elif _LAST_RAN in text:
            self._stack = _Stack.LAST_RAN_NEXT
        elif self._stack is _Stack.OWN:
            return False
        elif text.startswith(_PROCESSOR):
            if self._stack is _Stack.LAST_RAN_NEXT:
                if text.startswith(_HEADERS):
                    self._stack = _Stack.LAST_RAN
                return True
            self._stack = _Stack.OWN
            return False
        return True
