"""The lines that name processor, task, taint and kernel release in front of a stack.

Source: lib/dump_stack.c (dump_stack_print_info) from 3.9 on, arch/x86/kernel/process.c (show_regs_common) before,
arch/s390/kernel/process.c and arch/arm/kernel/process.c (show_regs) before 3.9, kernel/hung_task.c (check_hung_task),
kernel/locking/lockdep.c (print_kernel_ident), arch/x86/kernel/process_32.c (__show_regs).
A kernel release begins with a digit wherever ``uname -r`` printed it; syzkaller's builds print a word in its place.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kdumpkit.analysis.log.taint import parse_taint

# Red Hat's kernels print dashes for flags of their own, and letters between them
_TAINT = r"(?P<taint>Not tainted|Tainted: [A-Z][A-Z ]{0,40})[ -]{0,40}(?:[A-Za-z]{1,3}[ -]{1,20}){0,3}"
_RELEASE = r"(?P<release>\d[\w.+~-]{0,120}|[a-z][\w.+~-]{0,120}(?= #\d))"
_REST = r"(?: +(?P<version>[^\n]{0,200}))?"

_CPU_TASK = re.compile(
    r"CPU: (?P<cpu>\d{1,6})(?: UID: \d{1,10})? PID: (?P<pid>\d{1,10}) "
    r"Comm: (?P<comm>.{0,64}?)(?= Kdump: | Not tainted| Tainted: |$)"
)
#: with what follows on most of them, and no marks of a vendor's own
_COMMON = re.compile(
    r"CPU: (\d{1,6}) (?:UID: \d{1,10} )?PID: (\d{1,10}) Comm: (\S{1,64}) (?:Kdump: loaded )?"
    r"(?:Not tainted|Tainted: ([A-Z][A-Z ]{0,40}?)) (\d[\w.+~-]{0,119}[\w.+~]) +([^\n]{1,200})$"
)
_PID_TASK = re.compile(r"Pid: (?P<pid>\d{1,10}), comm: *(?P<comm>.{0,64}?)(?= Not tainted| Tainted: |$)")
_CPU_OLD = re.compile(r"CPU: (?P<cpu>\d{1,6}) +(?=Not tainted|Tainted: )")
_CPU_ALONE = re.compile(r"CPU:? {1,8}(?P<cpu>\d{1,6}):?$")
_PROCESS = re.compile(r"Process (?P<comm>.{1,64}?) \(pid: (?P<pid>\d{1,10})[,)]")
_TASK_PPC = re.compile(
    r"TASK = [0-9a-f]{8,16}\[(?P<pid>\d{1,10})\] '(?P<comm>[^']{0,64})' "
    r"THREAD: [0-9a-f]{8,16}(?: CPU: (?P<cpu>\d{1,6}))?"
)
_STATE = re.compile(_TAINT + r"\s*\(?" + _RELEASE + _REST)
_STATE_ONLY = re.compile(_TAINT)
# print_kernel_ident() in kernel/locking/lockdep.c, and what its callers print below it
_IDENTITY = re.compile(
    r"(?P<release>\d[\w.+~-]{0,120}) (?P<version>#\d[^\n]{0,120}?) (?P<taint>Not tainted|Tainted: [A-Z][A-Z ]{0,40})$"
)
#: until 3.2
_BARE_IDENTITY = re.compile(r"(?P<release>\d\.\d[\w.+~-]{0,120}) (?P<version>#\d[\w.~-]{0,40})$")
_LOCK_TASK = re.compile(
    r"(?P<comm>.{1,64})/(?P<pid>\d{1,10}) (?:is trying to |is freeing |just changed |\[HC\d|is leaving )"
)
# i386: "EIP: 0060:[<c0123456>] EFLAGS: 00010202 CPU: 1", and until 2.6.24 "EIP:    0060:[<c0123456>]    Tainted: P VLI"
# with "EFLAGS: 00010202   (2.6.18 #1)" below it
_EIP_CPU = re.compile(r"EIP: .{0,80}EFLAGS: [0-9a-f]{8} CPU: (?P<cpu>\d{1,6})$")
_EIP_TAINT = re.compile(r"EIP: .{0,80}? {1,8}(?P<taint>Not tainted|Tainted: [A-Z][A-Z ]{0,40}?)(?: {1,8}VLI)?$")
_EFLAGS_RELEASE = re.compile(
    r"EFLAGS: [0-9a-f]{8} {1,8}\((?P<release>\d[\w.+~-]{0,120})(?: (?P<version>[^)\n]{0,120}))?\)$"
)
_SHOWING = re.compile(r"Showing stack for process (?P<pid>\d{1,10})$")


#: kernels since 5.0 print whether a capture kernel is loaded, some older ones too (lib/dump_stack.c)
_SAYS_KDUMP_SINCE = 5


class TaskHeader(NamedTuple):
    """What one such line says; None for what it does not say."""

    cpu: int | None = None
    pid: int | None = None
    comm: str | None = None
    #: letters; empty for ``Not tainted``
    taint: str | None = None
    release: str | None = None
    #: what follows the release: build number, vendor's version
    version: str | None = None

    def filled_from(self, other: TaskHeader) -> TaskHeader:
        """The same, with what it does not say taken from another."""
        return TaskHeader(
            other.cpu if self.cpu is None else self.cpu,
            other.pid if self.pid is None else self.pid,
            other.comm if self.comm is None else self.comm,
            other.taint if self.taint is None else self.taint,
            other.release if self.release is None else self.release,
            other.version if self.version is None else self.version,
        )


NO_HEADER = TaskHeader()
#: under which names of a report its line is kept, in its order
HEADER_FIELDS = ("cpu", "pid", "comm", "tainted", "kernel_release", "version")


def _int(value: str | None) -> int | None:
    return None if value is None else int(value)


def _unparenthesised(version: str) -> str:
    # the parenthesis that i386 and arm set around release and version; others end in one of their own, "PREEMPT(full)"
    return version[:-1] if version.count(")") > version.count("(") else version


def parse_state(text: str) -> TaskHeader | None:
    """Taint and release of a text that holds ``Not tainted`` or ``Tainted:``; None where it holds neither."""
    match = _STATE.search(text)
    if match is not None:
        version = match["version"]
        return TaskHeader(
            taint=parse_taint(match[0][: match.start("release") - match.start()]),
            release=match["release"].rstrip("-"),
            version=_unparenthesised(version) if version else None,
        )
    match = _STATE_ONLY.search(text)
    return None if match is None else TaskHeader(taint=parse_taint(match[0]))


def parse_task_header(text: str) -> TaskHeader | None:
    """What a line that starts like a task header says; None for any other line."""
    common = _COMMON.match(text)
    if common is not None:
        cpu, pid, comm, letters, release, version = common.groups("")
        return TaskHeader(int(cpu), int(pid), comm, letters.replace(" ", ""), release, _unparenthesised(version))
    for pattern in (_CPU_TASK, _PID_TASK, _CPU_OLD):
        match = pattern.match(text)
        if match is None:
            continue
        named = match.groupdict()
        state = parse_state(text[match.end() :]) or NO_HEADER
        return TaskHeader(
            _int(named.get("cpu")),
            _int(named.get("pid")),
            named.get("comm") or None,
            state.taint,
            state.release,
            state.version,
        )
    for pattern in (_CPU_ALONE, _PROCESS, _TASK_PPC, _SHOWING):
        match = pattern.match(text)
        if match is not None:
            named = match.groupdict()
            return TaskHeader(_int(named.get("cpu")), _int(named.get("pid")), named.get("comm"))
    return None


def parse_lock_lines(text: str) -> TaskHeader | None:
    """Kernel, or task, as the lock validator names them above its report; None for any other line."""
    match = _IDENTITY.match(text)
    if match is not None:
        return TaskHeader(taint=parse_taint(match["taint"]), release=match["release"], version=match["version"])
    match = _BARE_IDENTITY.match(text)
    if match is not None:
        return TaskHeader(release=match["release"], version=match["version"])
    match = _LOCK_TASK.match(text)
    return None if match is None else TaskHeader(pid=_int(match["pid"]), comm=match["comm"])


def parse_eip_header(text: str) -> TaskHeader | None:
    """What i386 said of processor, taint and release beside the instruction pointer, until 4.10; None for any other."""
    match = _EIP_CPU.match(text)
    if match is not None:
        return TaskHeader(cpu=_int(match["cpu"]))
    match = _EIP_TAINT.match(text)
    if match is not None:
        return TaskHeader(taint=parse_taint(match["taint"]))
    match = _EFLAGS_RELEASE.match(text)
    return None if match is None else TaskHeader(release=match["release"], version=match["version"])


def says_kdump_loaded(text: str, header: TaskHeader) -> bool | None:
    """Whether a task header says that a capture kernel was loaded; None where its kernel may not say either."""
    if " Kdump: loaded " in text:
        return True
    major = (header.release or "").partition(".")[0]
    return False if major.isdecimal() and int(major) >= _SAYS_KDUMP_SINCE else None
