"""SUSE's /etc/sysconfig/kdump: what it sets, what that means, and what in it does not do what it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.kdump_savedir import parse_save_directories, parse_save_directory
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings
from kdumpkit.facts.sysconfig_kdump import PATH, parse_sysconfig_kdump, sysconfig_kdump_from
from kdumpkit.facts.sysconfig_kdump_settings import (
    sysconfig_kdump_settings,
    sysconfig_kdump_settings_from,
)
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import read_files

from .conftest import TreeHost, file_states

FILES = Path(__file__).parents[1] / "distributions"
SLES = (FILES / "sles-15" / "sysconfig-kdump").read_bytes()
TUMBLEWEED = (FILES / "opensuse-tumbleweed" / "sysconfig-kdump").read_bytes()
MIB = 1 << 20


def settings(text: str, base: bytes = SLES) -> KdumpSettings:
    """The meaning of the file with these lines at its end."""
    return sysconfig_kdump_settings(parse_sysconfig_kdump(base + text.encode()))


def problems(text: str, base: bytes = SLES) -> list[tuple[str, bool]]:
    return [(problem.id, problem.fatal) for problem in settings(text, base).problems]


def test_the_shipped_settings_are_a_local_dump_without_a_problem() -> None:
    for base, shown, collector in (
        (SLES, "lzo", "makedumpfile -F -l -d 31"),
        (TUMBLEWEED, "compressed", "makedumpfile -F -c -d 31"),
    ):
        found = settings("", base)
        assert (found.target_kind, found.target, found.directory) == (DumpTargetKind.LOCAL, None, "/var/crash")
        assert (found.collector, found.dump_level, found.compression) == (collector, 31, shown)
        # the service alone decides
        assert found.switch is None
        assert (found.kernel, found.command_line, found.keep_dumps, found.kexec_arguments) == (None, None, None, None)
        assert found.problems == ()
        assert found.paths == (PATH,)


def test_an_empty_file_means_the_defaults() -> None:
    found = sysconfig_kdump_settings(parse_sysconfig_kdump(b""))
    assert (found.directory, found.dump_level, found.values) == ("/var/crash", 31, ())


@pytest.mark.parametrize(
    ("value", "kind", "target", "directory"),
    [
        ("/srv/dump", DumpTargetKind.LOCAL, None, "/srv/dump"),
        ("file:///srv/dump", DumpTargetKind.LOCAL, None, "/srv/dump"),
        ("FILE:///srv/dump", DumpTargetKind.LOCAL, None, "/srv/dump"),
        ("nfs://10.10.2.120/srv/dump", DumpTargetKind.NFS, "10.10.2.120:/srv/dump", None),
        ("ssh://kdump@vault:2222/srv/dump", DumpTargetKind.SSH, "kdump@vault:2222:/srv/dump", None),
        ("sftp://kdump@vault/srv/dump", DumpTargetKind.SFTP, "kdump@vault:/srv/dump", None),
        ("scp://vault/srv/dump", DumpTargetKind.SFTP, "vault:/srv/dump", None),
        ("ftp://ops:secret@vault/in", DumpTargetKind.FTP, "ops@vault:/in", None),
        ("cifs://ops:secret@nas/share/crash", DumpTargetKind.CIFS, "//ops@nas/share/crash", None),
        ("smb://nas/share", DumpTargetKind.CIFS, "//nas/share", None),
    ],
)
def test_targets(value: str, kind: DumpTargetKind, target: str | None, directory: str | None) -> None:
    found = settings(f'KDUMP_SAVEDIR="{value}"\n')
    assert (found.target_kind, found.target, found.directory) == (kind, target, directory)
    assert found.problems == ()


def test_a_network_target_has_no_directory_on_this_host() -> None:
    # case 24: a dump that lies on a server is not looked for in /var/crash
    found = settings('KDUMP_SAVEDIR="nfs://vault/srv/dump"\n')
    assert found.target_kind.on_network
    assert found.directory is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("file://var/crash", "three slashes"),
        ("nfs://vault", "no directory"),
        ("nfs://vault/", "no directory"),
        ("nfs:///srv/dump", "no server"),
        ("ssh://ops@:22/srv", "no server"),
        ("http://vault/srv", "neither"),
        ("var/crash", "neither"),
        ("vault:/srv/dump", "neither"),
        (" ", "neither"),
    ],
)
def test_targets_that_kdump_cannot_save_to_are_fatal(value: str, fault: str) -> None:
    assert fault in parse_save_directories(value)[0].fault
    assert problems(f'KDUMP_SAVEDIR="{value}"\n') == [("target", True)]


def test_several_targets_contradict_each_other() -> None:
    found = settings('KDUMP_SAVEDIR="file:///a file:///b"\n')
    assert found.directory == "/a"
    assert [(problem.id, problem.fatal) for problem in found.problems] == [("target", True)]
    assert "2 targets" in found.problems[0].why


def test_passwords_are_masked_wherever_they_stand() -> None:
    found = parse_sysconfig_kdump(
        b'KDUMP_SAVEDIR="ftp://ops:s@cret@vault/in file:///b cifs://u:pa%55@n/s"\nKDUMP_SMTP_PASSWORD=hunter2\n'
    )
    everything = repr(found) + repr(sysconfig_kdump_settings(found))
    for secret in ("s@cret", "hunter2", "pa%55", "cret"):
        assert secret not in everything
    assert found.settings.value("KDUMP_SMTP_PASSWORD") == "********"
    # a host name or a user alone is no secret
    assert parse_save_directory("ssh://ops@vault/in").text == "ssh://ops@vault/in"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # case 8: a blank around = sets nothing
        ("KDUMP_SAVEDIR = /srv/dump", [("syntax", True)]),
        ("KDUMP_DUMPLEVEL= 31", [("syntax", True)]),
        ('KDUMP_SAVEDIR="/srv', [("syntax", True)]),
        ("if true; then KDUMP_CPUS=1; fi", [("syntax", False)]),
        ("KDUMP_CPUS=many", [("value", False)]),
        ("KDUMP_KEEP_OLD_DUMPS=-2", [("value", False)]),
        ("KDUMP_IMMEDIATE_REBOOT=maybe", [("value", False)]),
        ("KDUMP_DUMPFORMAT=lz4", [("collector", False)]),
        ("KDUMP_DUMPFORMAT=none", [("collector", True)]),
        ("KDUMP_DUMPLEVEL=32", [("collector", False)]),
        ("KDUMP_KEEP_OLD_DUMPS=-1", [("keep", False)]),
        ("KDUMP_IMMEDIATE_REBOOT=no", [("reboot", False)]),
        ("KDUMP_CONTINUE_ON_ERROR=false", [("reboot", False)]),
        ("KDUMP_TRANSFER=/usr/local/bin/send", [("transfer", False)]),
        ("KDUMP_COMMANDLINE=root=/dev/sda1", [("command_line", False)]),
        ("KDUMP_SAVE_DIR=/srv", [("key", False)]),
        ("KDUMP_CRASHKERNEL=auto", []),
        ("KDUMP_IMMEDIATE_REBOOT=1", []),
        ("UNRELATED=1", []),
    ],
)
def test_what_does_not_do_what_it_looks_like(line: str, expected: list[tuple[str, bool]]) -> None:
    assert problems(line + "\n") == expected


def test_a_problem_names_its_line_and_says_what_happens() -> None:
    (problem,) = settings("KDUMP_SAVEDIR = /srv/dump\n").problems
    assert problem.origin == f"{PATH}:{SLES.count(bytes([10])) + 1}"
    assert "spaces around '='" in problem.why
    assert PATH in problem.remedy


@pytest.mark.parametrize(
    ("line", "collector"),
    [
        ("KDUMP_DUMPFORMAT=zstd", "makedumpfile -F -z -d 31"),
        ("KDUMP_DUMPFORMAT=ELF", "makedumpfile -F -E -d 31"),
        ("KDUMP_DUMPFORMAT=raw", "cat /proc/vmcore"),
        ("KDUMP_DUMPFORMAT=none", ""),
        ("KDUMP_DUMPFORMAT=lz4", "makedumpfile -F -z -d 31"),
        ("KDUMP_DUMPLEVEL=17", "makedumpfile -F -l -d 17"),
        ("KDUMP_DUMPLEVEL=99", "makedumpfile -F -l -d 0"),
        ('MAKEDUMPFILE_OPTIONS="-D --cyclic-buffer 1024"', "makedumpfile -F -l -d 31 -D --cyclic-buffer 1024"),
    ],
)
def test_the_collector_is_what_kdump_save_puts_together(line: str, collector: str) -> None:
    assert settings(line + "\n").collector == collector


def test_settings_of_the_capture_kernel() -> None:
    found = settings(
        'KDUMP_KERNELVER="6.4.0-1-default"\nKDUMP_COMMANDLINE_APPEND="net_delay=20"\nKEXEC_OPTIONS="--noio"\n'
        "KDUMP_KEEP_OLD_DUMPS=5\n"
    )
    assert found.kernel == "/boot/vmlinuz-6.4.0-1-default"
    assert (found.command_line_append, found.kexec_arguments, found.keep_dumps) == ("net_delay=20", "--noio", 5)
    assert settings("KDUMP_KERNELVER=/srv/vmlinuz\n").kernel == "/srv/vmlinuz"


def test_only_a_version_that_knows_the_key_changes_the_boot_loader_by_itself() -> None:
    assert not parse_sysconfig_kdump(SLES).updates_boot_loader
    assert parse_sysconfig_kdump(TUMBLEWEED).updates_boot_loader
    assert not parse_sysconfig_kdump(TUMBLEWEED + b"KDUMP_UPDATE_BOOTLOADER=no\n").updates_boot_loader
    assert parse_sysconfig_kdump(SLES + b"KDUMP_CRASHKERNEL=auto\n").updates_boot_loader


@pytest.mark.parametrize(
    ("line", "keep_mib"),
    [
        ("", 64),
        ("KDUMP_FREE_DISK_SIZE=2048", 2048),
        ("KDUMP_FREE_DISK_SIZE=lots", 64),
        ("KDUMP_FREE_DISK_SIZE=0", None),
        # kdump looks at local file systems only
        ("KDUMP_SAVEDIR=nfs://vault/srv", None),
    ],
)
def test_what_has_to_stay_free(line: str, keep_mib: int | None) -> None:
    assert settings(line + "\n").keep_free_bytes == (None if keep_mib is None else keep_mib * MIB)


def test_absent_empty_denied_and_binary_are_told_apart(tree: TreeHost) -> None:
    for content, why in ((None, Why.ABSENT), ("denied", Why.NOT_PERMITTED), ("cut", Why.NOT_UNDERSTOOD)):
        found = sysconfig_kdump_settings_from(file_states({PATH: content}))
        assert isinstance(found, Unknown)
        assert found.why is why
    assert isinstance(sysconfig_kdump_from(file_states({PATH: b"A=\0"})), Unknown)
    with pytest.raises(ParseError, match="NUL"):
        parse_sysconfig_kdump(b"\0")
    tree.write(PATH, SLES)
    found_on_host = sysconfig_kdump_from(read_files(tree, [PATH]))
    assert not isinstance(found_on_host, Unknown)
    assert found_on_host.records == (0,)
    assert sysconfig_kdump_settings(found_on_host).records == (0,)
