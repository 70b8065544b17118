"""Faults that kill a task or the kernel: bad addresses, BUG, bad instructions, overrun stacks.

Each architecture first prints the cause in words, then die() prints a line that ends in ``[#count]``.

Source: arch/x86/mm/fault.c (show_fault_oops), arch/x86/kernel/traps.c, arch/arm64/mm/fault.c (die_kernel_fault),
arch/powerpc/mm/fault.c (bad_page_fault), arch/s390/mm/fault.c (do_no_context), lib/bug.c (report_bug).
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log import xmon
from kdumpkit.analysis.log.kinds.rule import Role, Rule
from kdumpkit.analysis.log.model import Severity

_ADDRESS = r"(?P<address>\(null\)|\(ptrval\)|(?:0x)?[0-9a-fA-F]{1,16})\b"
_HANDLE = (b"nable to handle",)
_VECTOR = (b": Vector: ",)

#: die() prints "text: code [#count]", whatever the architecture
DIE = re.compile(r"(?P<text>[^\[\]]{0,160}?)(?::? [0-9a-f]{1,16}| ilc:\d)* ?\[#?(?P<count>\d{1,9})\]")

#: what a general protection fault tells since 5.5: "..., probably for non-canonical address 0x..."
DIE_ADDRESS = re.compile(r"(?:for|maybe for|to) (?:non-canonical )?address (?P<address>0x[0-9a-f]{1,16})\b")

#: what die() says on x86_64
OLD_DIE_WORDS = (
    *("Oops", "general protection fault", "divide error", "invalid opcode", "double fault", "stack segment"),
    *("int3", "invalid TSS", "segment not present", "coprocessor segment overrun"),
)

RULES: tuple[Rule, ...] = (
    # x86 and arm say NULL where the address lies in the first page
    Rule(
        (b"nable to handle", b"BUG: "),
        re.compile(
            r"(?:[Uu]nable to handle kernel|BUG: [Kk]ernel) NULL pointer dereference"
            r"(?:,? (?:on|at|for|address:|in|read|write|execute|virtual|address|data|instruction|fetch))*(?:\s+"
            + _ADDRESS
            + ")?"
        ),
        "null_deref",
        Severity.FATAL,
    ),
    Rule(
        _HANDLE,
        re.compile(r"BUG: unable to handle page fault for address: " + _ADDRESS),
        "paging_request",
        Severity.FATAL,
    ),
    # paging request, access, data access, instruction fetch, execute from non-executable memory ...
    Rule(
        _HANDLE,
        re.compile(
            r"[Uu]nable to handle kernel (?!NULL)(?:paging request|pointer dereference|access|data|instruction fetch|"
            r"unaligned|unknown|execut(?:e|ion)|write|read|tag)[^\[\]]{0,90}?"
            r"(?:\bat (?:address |virtual address )?(?:0x)?(?=[0-9a-f]{6})" + _ADDRESS + r"|$|(?P<null>\(NULL))"
        ),
        "paging_request",
        Severity.FATAL,
    ),
    Rule(
        (b"nable to handle",),
        re.compile(r"[Uu]nable to handle kernel paging request"),
        "paging_request",
        Severity.FATAL,
    ),
    # until 4.19 x86 printed the words in parts; where another processor's line came between, a part stands alone
    Rule(
        (b"NULL pointer dereference at ",),
        re.compile(r"^NULL pointer dereference at (?P<address>[0-9a-f]{16}|[0-9a-f]{8}|\(null\))$"),
        "null_deref",
        Severity.FATAL,
    ),
    Rule(
        (b"paging request at ",),
        re.compile(r"^paging request at (?P<address>[0-9a-f]{16}|[0-9a-f]{8})$"),
        "paging_request",
        Severity.FATAL,
    ),
    Rule(
        (b"ernel BUG at ",),
        re.compile(r"(?:^|\W)[Kk]ernel BUG at (?P<bug_at>[^\s!]{1,200}:\d+)"),
        "bug_on",
        Severity.FATAL,
    ),
    Rule((b"ernel BUG at ",), re.compile(r"^[Kk]ernel BUG at (?!\S+:\d)"), "bug_on", Severity.FATAL),
    Rule((b"PANIC",), re.compile(r"PANIC: double fault"), "stack_overflow", Severity.FATAL),
    Rule(
        (b"BUG: ",),
        re.compile(r"BUG: (?:\w+ )?stack guard page was hit at"),
        "stack_overflow",
        Severity.FATAL,
    ),
    Rule(
        (b"nsufficient stack space",),
        re.compile(r"Insufficient stack space to handle exception"),
        "stack_overflow",
        Severity.FATAL,
    ),
    Rule((b"ernel stack overflow",), re.compile(r"^Kernel stack overflow\b"), "stack_overflow", Severity.FATAL),
    Rule((b"kernel stack pointer",), re.compile(r"^Bad kernel stack pointer"), "stack_overflow", Severity.FATAL),
    # "Unhandled fault: synchronous external abort (0x96000010) at 0xffff..."; imprecise ones are arm's.
    # A syndrome of class 0x20 or 0x24 came from user space, and the process is killed
    Rule(
        (b"external abort",),
        re.compile(
            r"(?:Unhandled|Internal) (?:fault|error): .{0,40}?external abort(?! \(0x[89][0-3][0-9a-f]{6}\))"
            r"[^\[\]]{0,30}(?:\bat " + _ADDRESS + ")?"
        ),
        "external_abort",
        Severity.FATAL,
    ),
    Rule(
        (b"SError", b"Bad mode in"),
        re.compile(r"(?:SError Interrupt on CPU ?(?P<cpu>\d+)|Bad mode in Error handler)"),
        "serror",
        Severity.FATAL,
    ),
    # arm64's entries that nothing handles: until 5.13, and since
    Rule(
        (b"Bad mode in",),
        re.compile(r"^Bad mode in (?!Error)[\w ]{1,40} handler detected on CPU(?P<cpu>\d+)"),
        "oops",
        Severity.FATAL,
    ),
    Rule(
        (b"Unhandled ",),
        re.compile(r"^Unhandled \d\d-bit el1\w? \w{1,10} exception on CPU(?P<cpu>\d+)"),
        "oops",
        Severity.FATAL,
    ),
    # powerpc's debugger: where data or code was not to be had, a machine check, anything else
    Rule(_VECTOR, re.compile(xmon.ENTRY + r"(?:3[08]0|4[08]0)\b"), "paging_request", Severity.FATAL, Role.DIE),
    Rule(_VECTOR, re.compile(xmon.ENTRY + r"200\b"), "mce", Severity.FATAL, Role.DIE),
    Rule(_VECTOR, re.compile(xmon.ENTRY + r"[1-9a-f][0-9a-f]{2,3}\b"), "oops", Severity.FATAL, Role.DIE),
    # asm-generic's BUG(), of architectures without a trap of their own
    Rule((b"BUG: ",), re.compile(r"BUG: failure at (?P<bug_at>[\w./-]{1,200}:\d+)/\w"), "bug_on", Severity.FATAL),
    # x86_64 until 2.6.24: the count has no number sign, so that only the words tell
    Rule(
        tuple(f"{words}: ".encode() for words in OLD_DIE_WORDS),
        re.compile(rf"^(?:{'|'.join(OLD_DIE_WORDS)}): [0-9a-f]{{4}} \[\d{{1,9}}\](?: |$)"),
        "oops",
        Severity.FATAL,
        Role.DIE,
    ),
    # mail programs break the long form of a general protection fault before its code
    Rule((b" [#", b"general protection fault, "), re.compile(r"\[#\d{1,9}\]"), "oops", Severity.FATAL, Role.DIE),
)

#: the words in front of the code, where the cause was not named before; first match wins
DIE_KINDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"general[ _]protection"), "gpf"),
    (re.compile(r"divide[ _]error|fix(?:ed )?point divide|HFP divide"), "divide_error"),
    (re.compile(r"double[ _]fault|stack guard page|kernel stack overflow|Kernel stack overflow"), "stack_overflow"),
    (re.compile(r"stack[ _]segment"), "stack_segment"),
    (re.compile(r"Oops - BUG|Exception in kernel mode, sig: 5|\bBUG\b|^kernel BUG"), "bug_on"),
    (re.compile(r"external abort|Machine check.*external"), "external_abort"),
    (re.compile(r"SError"), "serror"),
    (re.compile(r"[Mm]achine [Cc]heck"), "mce"),
    (
        re.compile(r"invalid[ _]op|undefined instruction|Undefined instruction|illegal operation|illegal instruction"),
        "invalid_opcode",
    ),
    (re.compile(r"Kernel access of bad area|addressing exception|protection exception"), "paging_request"),
)
