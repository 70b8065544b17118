"""Which spin lock a CPU waits for: the argument of the locking function, where the debug information still knows it.

A spin lock does not keep its owner (struct qspinlock has a byte and the number of the last CPU in its queue), so who
holds it is told from what the other CPUs do: :mod:`kdumpkit.analysis.cause.processors`.

Source: kernel/locking/qspinlock.c, arch/x86/include/asm/qspinlock.h (virt_spin_lock), include/asm-generic/qspinlock.h.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kdumpkit.analysis.function_roles import is_spinning
from kdumpkit.analysis.places import normalise_symbol

#: how drgn says what kind of symbol it is
_SYMBOL = re.compile(r"(?:object |notype )?symbol: ")


@dataclass(frozen=True)
class SpinLock:
    """A lock that a CPU spins for."""

    #: in hex
    address: str
    #: of a lock with a name of its own, or what it is a part of, such as ``slab object: dentry+0x58``; None: not known
    name: str | None


def find_spin_lock(program: Any, trace: Any) -> SpinLock | None:
    """The lock that the innermost locking function of a stack wants; None where there is none, or it is not known."""
    for frame in trace:
        if not frame.function_name or not is_spinning(normalise_symbol(frame.function_name)):
            continue
        try:
            lock = frame["lock"]
            if not lock.absent_ and lock:
                # of a union or a structure that begins with it, the address is the same
                address = lock.value_()
                return SpinLock(f"{address:#x}", _name_of(program, address))
        except Exception:  # no such variable here, or one that drgn cannot find: the next frame has it too
            continue
    return None


def _name_of(program: Any, address: int) -> str | None:
    from drgn.helpers.common.memory import identify_address

    try:
        found = identify_address(program, address)
    except Exception:  # damaged slab: the address alone is told
        return None
    return None if found is None else _SYMBOL.sub("", str(found)).removesuffix("+0x0")
