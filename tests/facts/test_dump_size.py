"""dump_size: makedumpfile's table of pages, what a dump level leaves in, and the bounds without it."""

from __future__ import annotations

import pytest

from kdumpkit.errors import CommandTimeout, ParseError
from kdumpkit.facts.dump_size import (
    CoreCollector,
    MemoryUsage,
    PageClass,
    begin_memory_usage,
    dump_size_bounds,
    parse_core_collector,
    parse_memory_usage,
)
from kdumpkit.facts.kexec_crash import KexecCrash, Lockdown
from kdumpkit.facts.meminfo import parse_meminfo
from kdumpkit.facts.unknown import Unknown, Why

from .conftest import TreeHost

#: as published for a Linux 6.5 on aarch64 with 64 GiB (kexec mailing list, 2023), whose makedumpfile did not list it
NEW_KERNEL = b"""\
The kernel version is not supported.
The makedumpfile operation may be incomplete.

TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION
----------------------------------------------------------------------
ZERO\t\t76234           \tyes\t\tPages filled with zero
NON_PRI_CACHE\t147613          \tyes\t\tCache pages without private flag
PRI_CACHE\t3847            \tyes\t\tCache pages with private flag
USER\t\t15276           \tyes\t\tUser process pages
FREE\t\t15809884        \tyes\t\tFree pages
KERN_DATA\t459950          \tno\t\tDumpable kernel data

page size:\t\t4096
Total pages on system:\t16512804
Total size on system:\t67636445184      Byte

"""
#: as published for an Enterprise Linux 8 with 4 GiB
OLD_KERNEL = b"""\

TYPE            PAGES                   EXCLUDABLE      DESCRIPTION
----------------------------------------------------------------------
ZERO            20764                   yes             Pages filled with zero
NON_PRI_CACHE   86248                   yes             Cache pages without private flag
PRI_CACHE       11756                   yes             Cache pages with private flag
USER            38352                   yes             User process pages
FREE            747034                  yes             Free pages
KERN_DATA       73160                   no              Dumpable kernel data

page size:              4096
Total pages on system:  977314
Total size on system:   4003078144       Byte
"""
#: said by makedumpfile 1.7.2 where there is no /proc/kcore
NO_KCORE = (
    b"The kernel version is not supported.\nThe makedumpfile operation may be incomplete.\n\nmakedumpfile Failed.\n"
)
OPEN = KexecCrash(True, 256 << 20, False, Lockdown.NONE, Unknown("securelevel", Why.ABSENT), (3,))


def test_classes_of_real_tables() -> None:
    found = parse_memory_usage(OLD_KERNEL, (5,))
    assert found.pages[PageClass.FREE] == 747034
    assert (found.page_size_bytes, found.total_pages, found.other_pages) == (4096, 977314, 0)
    assert (found.kernel_not_listed, found.records) == (False, (5,))
    assert parse_memory_usage(NEW_KERNEL).kernel_not_listed
    assert sum(parse_memory_usage(NEW_KERNEL).pages.values()) == 16512804


@pytest.mark.parametrize(
    ("level", "pages"),
    [
        (31, 73160),
        (30, 73160 + 20764),
        (0, 977314),
        (1, 977314 - 20764),
        (2, 977314 - 86248),
        # 4 leaves out all cache pages, those without the private flag too
        (4, 977314 - 86248 - 11756),
        (8, 977314 - 38352),
        (16, 977314 - 747034),
        (17, 977314 - 747034 - 20764),
    ],
)
def test_what_a_dump_level_leaves_in(level: int, pages: int) -> None:
    found = parse_memory_usage(OLD_KERNEL)
    assert found.dumped_pages(level) == pages
    assert found.dump_bytes(level) == pages * (4096 + 24) + 2 * 122165


@pytest.mark.parametrize("level", [-1, 32])
def test_a_level_that_is_none(level: int) -> None:
    with pytest.raises(ValueError, match="not a dump level"):
        parse_memory_usage(OLD_KERNEL).dumped_pages(level)


def test_a_class_that_is_not_known_is_dumped() -> None:
    data = OLD_KERNEL.replace(b"977314", b"977414").replace(
        b"FREE", b"OFFLINE         100                     yes             Offline pages\nFREE"
    )
    found = parse_memory_usage(data)
    assert found.other_pages == 100
    assert found.dumped_pages(31) == 73260


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"KERN_DATA       73160", b"KERN_DATA       73161", "and the system 977314"),
        (b"KERN_DATA", b"kern_data", "no row for KERN_DATA"),
        (b"FREE            747034                  yes", b"ZERO            747034                  yes", "twice"),
        (b"page size:              4096", b"page size:              4095", "cannot be"),
        (b"Total pages on system:  977314", b"", "cannot be"),
        (b"Total pages on system:  977314", b"Total pages on system:  many", "not a whole number"),
    ],
)
def test_a_table_that_is_wrong(old: bytes, new: bytes, words: str) -> None:
    assert old in OLD_KERNEL
    with pytest.raises(ParseError, match=words):
        parse_memory_usage(OLD_KERNEL.replace(old, new))


def test_reading(tree: TreeHost) -> None:
    tree.answers["makedumpfile"] = (0, OLD_KERNEL, b"")
    found = begin_memory_usage(tree, OPEN)()
    assert isinstance(found, MemoryUsage)
    assert found.records == (0,)
    assert tree.commands[0].argv == ("makedumpfile", "--mem-usage", "/proc/kcore")
    assert tree.commands[0].as_root
    # the warning comes on the other stream
    tree.answers["makedumpfile"] = (0, OLD_KERNEL, NO_KCORE)
    warned = begin_memory_usage(tree, OPEN)()
    assert isinstance(warned, MemoryUsage)
    assert warned.kernel_not_listed


@pytest.mark.parametrize(
    ("answer", "why", "words"),
    [
        ((127, b"", b"sh: makedumpfile: not found\n"), Why.ABSENT, "127"),
        ((1, b"", NO_KCORE), Why.NOT_ANSWERED, "does not know this kernel"),
        (
            (1, b"", b"show_mem_usage: No memory is reserved for crashkernel!\n\nmakedumpfile Failed.\n"),
            Why.NOT_ANSWERED,
            "only where memory is reserved",
        ),
        ((1, b"open_dump_memory: Can't open /proc/kcore. Operation not permitted\n", b""), Why.NOT_PERMITTED, ""),
        ((0, b"something else\n", b""), Why.NOT_UNDERSTOOD, "no row for"),
        ((0, b"", b""), Why.NOT_UNDERSTOOD, "empty"),
        (CommandTimeout("no end within 120 s"), Why.NOT_ANSWERED, "120 s"),
    ],
)
def test_no_table(tree: TreeHost, answer: tuple[int, bytes, bytes] | Exception, why: Why, words: str) -> None:
    tree.answers["makedumpfile"] = answer
    found = begin_memory_usage(tree, OPEN)()
    assert isinstance(found, Unknown)
    assert found.why is why
    assert words in found.detail


def test_lockdown_forbids_it_and_nothing_is_run(tree: TreeHost) -> None:
    locked = KexecCrash(True, 1, False, Lockdown.CONFIDENTIALITY, 0, (3,))
    found = begin_memory_usage(tree, locked)()
    assert isinstance(found, Unknown)
    assert (found.why, found.records) == (Why.NOT_PERMITTED, (3,))
    assert tree.commands == []
    # integrity does not forbid reading
    tree.answers["makedumpfile"] = (0, OLD_KERNEL, b"")
    assert isinstance(begin_memory_usage(tree, KexecCrash(True, 1, False, Lockdown.INTEGRITY, 0))(), MemoryUsage)


def test_bounds() -> None:
    data = b"MemTotal: 1024000 kB\nSlab: 20000 kB\nPageTables: 500 kB\nPercpu: 600 kB\nVmallocUsed: 6000 kB\n"
    found = dump_size_bounds(parse_meminfo(data, (9,)))
    assert not isinstance(found, Unknown)
    assert found.upper_bytes == 1024000 * 1024
    assert found.lower_bytes == (20000 + 500 + 600 + 6000) * 1024 + 256000 * 64
    assert found.records == (9,)
    # Linux 3.10 has no Percpu, and its VmallocUsed counts addresses
    old = dump_size_bounds(parse_meminfo(data.replace(b"Percpu: 600 kB\n", b"")))
    assert not isinstance(old, Unknown)
    assert old.lower_bytes == (20000 + 500) * 1024 + 256000 * 64
    # pages of 64 KiB
    large = dump_size_bounds(parse_meminfo(data + b"Hugepagesize: 524288 kB\n"))
    assert not isinstance(large, Unknown)
    assert large.lower_bytes == (20000 + 500 + 600 + 6000) * 1024 + 16000 * 64
    denied = Unknown("/proc/meminfo", Why.NOT_PERMITTED)
    assert dump_size_bounds(denied) is denied


@pytest.mark.parametrize(
    ("words", "level", "compresses"),
    [
        ("-F -c -d 31", 31, True),
        ("-c -d 31 -F", 31, True),
        ("makedumpfile -l --message-level 7 -d 31", 31, True),
        ("/usr/sbin/makedumpfile -d 17 -E", 17, False),
        ("makedumpfile -z -d31", 31, True),
        ("makedumpfile -F -d 11,31", 11, False),
        ("makedumpfile -c", 0, True),
        ("cp --sparse=always", 0, False),
        ("scp -d 31 -c", 0, False),
        ("", 0, False),
        ("makedumpfile --message-level 7", 0, False),
    ],
)
def test_core_collector(words: str, level: int, compresses: bool) -> None:
    assert parse_core_collector(words) == CoreCollector(level, compresses)


def test_core_collector_with_a_level_that_is_none() -> None:
    with pytest.raises(ParseError, match="99 is not a dump level"):
        parse_core_collector("makedumpfile -d 99")
