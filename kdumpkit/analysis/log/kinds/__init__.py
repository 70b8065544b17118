"""Kinds of report, and the rules by which they are known: data, one file per family.

Words: null_deref paging_request gpf bug_on divide_error invalid_opcode stack_segment stack_overflow stack_corruption
external_abort serror mce hw_error nmi soft_lockup hard_lockup rcu_stall hung_task oom_panic init_killed vfs_mount_root
sysrq zfs_assert kasan kfence kmsan kcsan ubsan workqueue_lockup warning oops other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2

from kdumpkit.analysis.log.kinds import faults, hardware, lockups, reports
from kdumpkit.analysis.log.kinds.rule import Role, Rule

__all__ = ["LITERALS", "RULES", "Role", "Rule", "rules_for"]

#: in the order in which they are tried: what names a cause before die()'s line, what is certain before what is not
RULES: tuple[Rule, ...] = (*hardware.RULES, *lockups.RULES, *faults.RULES, *reports.RULES)

#: what the rules' own literals have in common, so that few of them need be looked for
_SHARED = (b"BUG", b"INFO: ", b"nable to ", b" [#", b"ernel stack ", b"for more than ", b"PANIC")

#: a line that holds none of these opens no report; each literal of a rule holds one of them
LITERALS: tuple[bytes, ...] = (
    *_SHARED,
    b"Kernel panic",
    *dict.fromkeys(
        literal for rule in RULES for literal in rule.literals if not any(shared in literal for shared in _SHARED)
    ),
)

_WORDS = tuple(dict.fromkeys(literal for rule in RULES for literal in rule.literals))
#: by the place of each in ``_WORDS``
_RULES_OF = tuple(tuple(number for number, rule in enumerate(RULES) if word in rule.literals) for word in _WORDS)


def _set_of(words: Iterable[bytes]) -> Any:
    found = re2.Set.SearchSet()
    for word in words:
        found.Add(re2.escape(word))
    found.Compile()
    return found


_SET = _set_of(_WORDS)


def rules_for(text: str) -> list[Rule]:
    """The rules of whose words one stands in the text, in the order in which they are tried."""
    return [RULES[number] for number in sorted({rule for word in _SET.Match(text) or () for rule in _RULES_OF[word]})]
