"""No parser raises anything but ParseError, whatever a host sends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.errors import ParseError
from kdumpkit.facts.boot_id import parse_boot_id, parse_machine_id, parse_uptime
from kdumpkit.facts.crashkernel import parse_crashkernel, requested_reservation
from kdumpkit.facts.directory_tree import parse_find
from kdumpkit.facts.dump_target import parse_df, with_parents
from kdumpkit.facts.firmware import parse_efi_switch
from kdumpkit.facts.grub import parse_grub_defaults, parse_grub_environment
from kdumpkit.facts.grub_cfg import default_entry, parse_grub_cfg
from kdumpkit.facts.installed_kernels import installed_kernels_from, version_key
from kdumpkit.facts.iomem import Iomem, parse_iomem
from kdumpkit.facts.kdump_tools import parse_kdump_tools
from kdumpkit.facts.kernel_build_id import find_build_id, parse_kernel_notes
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.kexec_crash import parse_crash_size, parse_lockdown
from kdumpkit.facts.meminfo import parse_meminfo
from kdumpkit.facts.mounts import parse_findmnt
from kdumpkit.facts.os_release import parse_os_release
from kdumpkit.facts.packages import parse_dpkg_query
from kdumpkit.facts.systemd_unit import parse_systemctl_show
from kdumpkit.facts.uname import parse_uname
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.facts.watchdog import parse_runtime_watchdog

from .conftest import REAL
from .test_identity import DEBIAN, MEMINFO_TEXT
from .test_memory import IOMEM_HIGH_LOW, TWO_TOKENS
from .test_settings import ENVIRONMENT
from .test_symbols import REAL_NOTES, elf
from .test_system import DF, FINDMNT, UNITS

Parser = Callable[[bytes], object]


def crashkernel(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    requested_reservation(text.split(), 4 << 30)
    return parse_crashkernel(text)


def grub_words(data: bytes) -> object:
    found = parse_grub_defaults([("a", data), ("b", b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT x"')])
    return found.crashkernel_words(), found.default_entry


def grub_menu(data: bytes) -> object:
    config = parse_grub_cfg(data)
    return default_entry(config, Unknown("grubenv", Why.ABSENT)), config.find("1>0"), config.find(">>")


def memory_map(data: bytes) -> object:
    found = parse_iomem(data)
    return (found.crash_kernel_bytes, found.system_ram_bytes) if isinstance(found, Iomem) else found


def kernels(data: bytes) -> object:
    return installed_kernels_from(parse_find(data), "6.1.0")


PARSERS: dict[str, tuple[Parser, bytes]] = {
    "os_release": (parse_os_release, DEBIAN),
    "uname": (parse_uname, b"web01 6.1.0-55-amd64 #1 SMP x86_64\n"),
    "boot_id": (parse_boot_id, b"bb9a806b-dcc5-480a-8a3c-5d248432be50\n"),
    "uptime": (parse_uptime, b"2014.45 3971.01\n"),
    "machine_id": (parse_machine_id, b"3d1219c7c4c5404aaa1f6d2a48adfda4\n"),
    "meminfo": (parse_meminfo, MEMINFO_TEXT),
    "iomem": (memory_map, IOMEM_HIGH_LOW),
    "command line": (parse_kernel_command_line, TWO_TOKENS),
    "crashkernel": (crashkernel, b"512M-2G:64M,2G-:128M@16M"),
    "lockdown": (parse_lockdown, b"none [integrity] confidentiality\n"),
    "crash size": (parse_crash_size, b"134217728\n"),
    "efi": (parse_efi_switch, b"\x06\0\0\0\x01"),
    "dpkg": (lambda data: parse_dpkg_query(data, ["kdump-tools"]), b"kdump-tools\t1:1.8.1\tinstalled\n"),
    "find": (kernels, b"f\t5\t1700000000.5\t/boot/vmlinuz-6.1.0-55-amd64\t\0"),
    "notes": (parse_kernel_notes, REAL_NOTES),
    "elf": (lambda data: find_build_id(lambda at, size: data[at : at + size], "x"), elf(REAL_NOTES)),
    "grub": (grub_words, (REAL / "grub").read_bytes()),
    "grubenv": (parse_grub_environment, ENVIRONMENT + b"saved_entry=0\n"),
    "grub.cfg": (grub_menu, (REAL / "grub.cfg").read_bytes()),
    "kdump-tools": (parse_kdump_tools, (REAL / "kdump-tools").read_bytes()),
    "systemctl": (lambda data: parse_systemctl_show(data, ["a", "b", "c"]), UNITS),
    "findmnt": (parse_findmnt, FINDMNT),
    "df": (lambda data: parse_df(data, with_parents("/var/crash")), DF),
    "watchdog": (parse_runtime_watchdog, b"RuntimeWatchdogUSec=1min 30s\n"),
}

#: characters that mean something to one of the parsers
_SIGNS = st.text(alphabet="\"'\\$`{}()<>=;:,.@-+#~|&\n\t \0" + "019aKMG٣\u2028é", max_size=40).map(
    lambda text: text.encode()
)
_NOISE = st.one_of(st.binary(max_size=60), _SIGNS)


@pytest.mark.parametrize("name", PARSERS)
def test_a_good_sample_is_understood(name: str) -> None:
    parse, sample = PARSERS[name]
    parse(sample)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_parsers_raise_parse_error_only(name: str, data: st.DataObject) -> None:
    parse, sample = PARSERS[name]
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(len(sample), start + 80)))
    noise = data.draw(_NOISE)
    hostile = noise if data.draw(st.booleans()) else sample[:start] + noise + sample[end:]
    with contextlib.suppress(ParseError):
        parse(hostile)


@given(st.lists(st.text(alphabet="0123456789.-~+abc", max_size=8), min_size=3, max_size=3))
def test_versions_have_one_order(versions: list[str]) -> None:
    low, middle, high = sorted(versions, key=version_key)
    assert version_key(low) <= version_key(middle) <= version_key(high)
