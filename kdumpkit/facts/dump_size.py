"""How large a dump gets: measured page by page by ``makedumpfile --mem-usage /proc/kcore``, else bounded by meminfo."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from kdumpkit.command import Command, CommandResult, command
from kdumpkit.errors import CommandTimeout, ParseError
from kdumpkit.facts.kexec_crash import KexecCrash, Lockdown
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.reading import record_numbers, refused
from kdumpkit.facts.text import decimal, decoded, excerpt
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host


class PageClass(StrEnum):
    """Classes of pages as makedumpfile names them; each page is in one of them."""

    ZERO = "ZERO"
    NON_PRIVATE_CACHE = "NON_PRI_CACHE"
    PRIVATE_CACHE = "PRI_CACHE"
    USER = "USER"
    FREE = "FREE"
    KERNEL = "KERN_DATA"


#: which bits of a dump level leave a class out; 4 is "all cache pages" and implies 2 (makedumpfile(8), 1.7.2)
LEFT_OUT_BY = {
    PageClass.ZERO: 1,
    PageClass.NON_PRIVATE_CACHE: 2 | 4,
    PageClass.PRIVATE_CACHE: 4,
    PageClass.USER: 8,
    PageClass.FREE: 16,
    PageClass.KERNEL: 0,
}

#: a dump level has five bits
HIGHEST_LEVEL = 31
#: besides its pages a dump has two bitmaps of a bit a page, and a descriptor for each page that is in it
_BITMAPS, _DESCRIPTOR_BYTES = 2, 24


@dataclass(frozen=True)
class MemoryUsage:
    """Pages by class. ``other_pages`` are of classes that are not known here, and counted as dumped.

    ``kernel_not_listed``: this makedumpfile does not list the running kernel as supported. It says so on new kernels,
    where its figures were right all the same in the cases that were published.
    """

    pages: dict[PageClass, int]
    other_pages: int
    page_size_bytes: int
    total_pages: int
    kernel_not_listed: bool = False
    records: tuple[int, ...] = ()

    def dumped_pages(self, level: int) -> int:
        """Pages that a dump at this level holds. ValueError where it is no level."""
        if not 0 <= level <= HIGHEST_LEVEL:
            raise ValueError(f"{level} is not a dump level: 0 to {HIGHEST_LEVEL}")
        return self.other_pages + sum(n for kind, n in self.pages.items() if not LEFT_OUT_BY[kind] & level)

    def dump_bytes(self, level: int) -> int:
        """The size of a dump at this level if nothing can be compressed, with its bitmaps and descriptors."""
        dumped = self.dumped_pages(level)
        bitmaps = _BITMAPS * -(-self.total_pages // 8)
        return dumped * (self.page_size_bytes + _DESCRIPTOR_BYTES) + bitmaps


_ROW = re.compile(r"([A-Z][A-Z_]{1,40})\s+([0-9]{1,18})\s+(yes|no)\s+(\S.*)")


def parse_memory_usage(data: bytes, records: tuple[int, ...] = ()) -> MemoryUsage:
    """The table. Raises ParseError where a class is missing, or the classes do not add up to all pages.

    The form is that of makedumpfile 1.5.9 to 1.7.x: name, pages, whether it can be left out, words, tab separated;
    then the page size and the totals.
    """
    text = decoded(data, _SOURCE)
    pages: dict[PageClass, int] = {}
    other = 0
    totals: dict[str, int] = {}
    for line in text.split("\n"):
        row = _ROW.fullmatch(line.strip())
        if row:
            name, count = row[1], int(row[2])
            if name in set(PageClass):
                if PageClass(name) in pages:
                    raise ParseError(f"{_SOURCE}: {name} is in the table twice")
                pages[PageClass(name)] = count
            else:
                other += count
            continue
        label, colon, value = line.partition(":")
        if colon and label.strip() in ("page size", "Total pages on system"):
            totals[label.strip()] = decimal(value, _SOURCE)
    missing = [kind for kind in PageClass if kind not in pages]
    if missing:
        raise ParseError(f"{_SOURCE}: {excerpt(text.strip())} has no row for {missing[0]}")
    page_size, total = totals.get("page size", 0), totals.get("Total pages on system", 0)
    if page_size <= 0 or page_size & (page_size - 1) or total <= 0:
        raise ParseError(f"{_SOURCE}: a page of {page_size} bytes and {total} pages in all cannot be")
    if sum(pages.values()) + other != total:
        raise ParseError(f"{_SOURCE}: the classes have {sum(pages.values()) + other} pages and the system {total}")
    return MemoryUsage(pages, other, page_size, total, _NOT_LISTED in text, records)


def memory_usage_command(*, timeout_s: float = 120.0) -> Command:
    """Reads the kernel's page structures and changes nothing.

    It is not run in ``check``: it works for longer the more RAM there is (a page structure of 64 bytes for each 4 KiB,
    and the kernel's own pages for the zeros in them), and what that costs on a large host was not measured here.
    """
    return command("makedumpfile", "--mem-usage", KCORE, timeout_s=timeout_s, as_root=True)


def begin_memory_usage(
    host: Host, kexec_crash: KexecCrash, *, timeout_s: float = 120.0
) -> Callable[[], MemoryUsage | Unknown]:
    """The command is begun; what is returned waits for its end and gives the table, or why there is none.

    No makedumpfile, a kernel that locks /proc/kcore, no crashkernel memory. Where lockdown is known to forbid reading
    /proc/kcore, nothing is run.
    """
    if kexec_crash.lockdown is Lockdown.CONFIDENTIALITY:
        reason = "kernel lockdown is confidentiality, which forbids to read it"
        forbidden = Unknown(KCORE, Why.NOT_PERMITTED, reason, kexec_crash.records)
        return lambda: forbidden
    asked = memory_usage_command(timeout_s=timeout_s)
    return partial(_memory_usage_from, asked, host.begin(asked))


def _memory_usage_from(asked: Command, ask: Callable[[], CommandResult]) -> MemoryUsage | Unknown:
    try:
        result = ask()
    except CommandTimeout as error:
        return Unknown(asked.shown(), Why.NOT_ANSWERED, error.message)
    if not result.ok:
        return _no_table(result)
    try:
        return parse_memory_usage(result.stdout + b"\n" + result.stderr, record_numbers(result.record))
    except ParseError as error:
        return Unknown(asked.shown(), Why.NOT_UNDERSTOOD, error.message, record_numbers(result.record))


def _no_table(result: CommandResult) -> Unknown:
    said = (result.stdout + b"\n" + result.stderr).decode("utf-8", "replace")
    records = record_numbers(result.record)
    if "No memory is reserved for crashkernel" in said:
        reason = "makedumpfile measures only where memory is reserved for a capture kernel"
        return Unknown(result.command.shown(), Why.NOT_ANSWERED, reason, records)
    if "ermission denied" in said or "not permitted" in said:
        return Unknown(result.command.shown(), Why.NOT_PERMITTED, "", records)
    last = [line for line in said.splitlines() if line.strip() and "makedumpfile Failed" not in line]
    if result.exit_status == 1 and _NOT_LISTED in said and all(line.strip() in _WARNING for line in last):
        # what it prints where there is no /proc/kcore, or one that it cannot make sense of
        reason = "it does not know this kernel, and cannot read its pages"
        return Unknown(result.command.shown(), Why.NOT_ANSWERED, reason, records)
    return refused(result)


@dataclass(frozen=True)
class DumpSizeBounds:
    """What a dump at level 31 is between, before compression. ``lower_bytes`` None: the kernel's own is not known."""

    lower_bytes: int | None
    upper_bytes: int
    records: tuple[int, ...] = ()


def dump_size_bounds(meminfo: Meminfo | Unknown) -> DumpSizeBounds | Unknown:
    """The bounds that need no measuring: what the kernel holds for itself now, and all of RAM.

    The lower one leaves out what no line of meminfo tells (kernel image, drivers' own pages, huge allocations), so a
    dump is larger than it. KernelStack is not added: kernels with VMAP_STACK count stacks in VmallocUsed.
    """
    if isinstance(meminfo, Unknown):
        return meminfo
    return DumpSizeBounds(meminfo.kernel_bytes, meminfo.total_bytes, meminfo.records)


_LEVEL = re.compile(r"(?:^|\s)-d\s*([0-9]{1,2}(?:,[0-9]{1,2})*)(?=\s|$)")
_COMPRESSES = re.compile(r"(?:^|\s)-[a-zA-Z]*[clpz](?=\s|$)")


@dataclass(frozen=True)
class CoreCollector:
    """What the collector's command line says about size. ``level`` 0: nothing is left out."""

    level: int
    compresses: bool


def parse_core_collector(words: str) -> CoreCollector:
    """Level and compression of a makedumpfile command line; anything else, such as ``cp``, leaves nothing out.

    Of ``-d 11,31`` the first counts: makedumpfile goes to the next only where the first does not fit. Raises
    ParseError for a level that is none.
    """
    program = words.split()[0] if words.split() else ""
    if not program.startswith("-") and program.rpartition("/")[2] != "makedumpfile":
        return CoreCollector(0, False)
    given = _LEVEL.findall(words)
    level = int(given[-1].split(",")[0]) if given else 0
    if level > HIGHEST_LEVEL:
        raise ParseError(f"core collector: {level} is not a dump level: 0 to {HIGHEST_LEVEL}")
    return CoreCollector(level, _COMPRESSES.search(words) is not None)


KCORE = "/proc/kcore"
_SOURCE = "makedumpfile --mem-usage"
_NOT_LISTED = "The kernel version is not supported."
_WARNING = (_NOT_LISTED, "The makedumpfile operation may be incomplete.")
