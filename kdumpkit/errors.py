"""Everything that kdumpkit raises on purpose, with the exit status that the command line gives it.

::

    KdumpkitError                1  a check failed, or a step could not be finished
    ├── UsageError               2  wrong use of a command
    │   └── ParameterError       2  a parameter file or value is wrong
    ├── HostError                3  the host could not be talked to
    │   ├── ConnectError         3  no connection could be made
    │   │   ├── HostKeyChanged   3  the host's key is not the one on record
    │   │   └── LoginRefused     3  the host answered and refused the login
    │   ├── CommandTimeout       3  a command had no end within its deadline
    │   ├── HostLost             3  the connection broke while a command ran
    │   └── HostNeverCameBack    3  a reboot or a panic, and no return before the deadline
    ├── RefusedError             4  nothing was done, for want of consent or of the lock
    │   ├── ConsentMissing       4
    │   └── HostLocked           4
    ├── EvidenceError            5  evidence does not verify
    │   └── ReplayDivergence     5  a replayed notebook asked for something that was not recorded
    ├── CommandFailed            1  a command ended with a status that was not expected
    ├── FactError                1  a fact is not known
    │   ├── FactNotCollected     1  absent, not permitted, or not answered
    │   └── ParseError           1  answered, and the answer is not understood
    ├── UnsupportedHost          1  a distribution or architecture that the kit does not change
    ├── GateClosed               1  a check that must pass before going on did not
    ├── NotVerified              1  a change was made and the read-back differs
    ├── VmcoreError              1  something is wrong with a dump
    │   ├── NotAVmcore           1
    │   ├── VmcoreIncomplete     1
    │   └── SymbolsMismatch      1  the vmlinux is not the one of the kernel that died
    ├── DiskFull                 1  no room here or on the host
    └── LabError                 1  the lab's virtual machine could not be built or started

An error is a sentence and a next step: ``message`` says what happened, on which host, and what it means;
``hint`` is the command or action to take next. Both often quote a host, so secrets and control sequences are taken
out of them here: they end in notebooks and on terminals.
"""

from __future__ import annotations

from typing import ClassVar

from kdumpkit.evidence.redact import cleaned


class KdumpkitError(Exception):
    """Root of the tree. ``exit_status`` is what the command line exits with."""

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = cleaned(message)
        self.hint = cleaned(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.hint}" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        # IPython calls this instead of printing its own traceback: a foreseen error is a sentence.
        return [f"{type(self).__name__}: {self}"]


class UsageError(KdumpkitError):
    exit_status = 2


class ParameterError(UsageError):
    pass


class HostError(KdumpkitError):
    exit_status = 3


class ConnectError(HostError):
    pass


class HostKeyChanged(ConnectError):
    pass


class LoginRefused(ConnectError):
    pass


class CommandTimeout(HostError):
    pass


class HostLost(HostError):
    pass


class HostNeverCameBack(HostError):
    pass


class RefusedError(KdumpkitError):
    exit_status = 4


class ConsentMissing(RefusedError):
    pass


class HostLocked(RefusedError):
    pass


class EvidenceError(KdumpkitError):
    exit_status = 5


class ReplayDivergence(EvidenceError):
    pass


class CommandFailed(KdumpkitError):
    """``said`` is all that the command printed on standard error, or on standard output where that is empty."""

    def __init__(self, message: str, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint)
        self.said = cleaned(said)


class FactError(KdumpkitError):
    pass


class FactNotCollected(FactError):
    pass


class ParseError(FactError):
    pass


class UnsupportedHost(KdumpkitError):
    pass


class GateClosed(KdumpkitError):
    pass


class NotVerified(KdumpkitError):
    pass


class VmcoreError(KdumpkitError):
    pass


class NotAVmcore(VmcoreError):
    pass


class VmcoreIncomplete(VmcoreError):
    pass


class SymbolsMismatch(VmcoreError):
    pass


class DiskFull(KdumpkitError):
    pass


class LabError(KdumpkitError):
    pass
