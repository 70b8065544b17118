"""kdump.conf and sysconfig/kdump of Enterprise Linux: what they set, and what kdumpctl would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.checks.settings import check_settings
from kdumpkit.errors import ParseError
from kdumpkit.facts.kdump_conf import PATH, kdump_conf_from, parse_kdump_conf
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings
from kdumpkit.facts.sysconfig_kdump_el import (
    FSTAB,
    MOUNTED,
    RELEASE,
    el_settings,
    el_settings_from,
    parse_sysconfig_kdump,
)
from kdumpkit.facts.sysconfig_kdump_el import PATH as SYSCONFIG
from kdumpkit.facts.unknown import Unknown, Why

from .conftest import file_states

#: written from documents, see their host.yaml
HOSTS = Path(__file__).parent.parent / "recordings"
EL7 = HOSTS / "centos-7/check/documents/root"
EL9 = HOSTS / "rhel-9/bls-without-crashkernel/documents/root"


def settings(conf: str, mounts: str = "", fstab: str = "", sysconfig: str | None = None) -> KdumpSettings:
    files = {PATH: conf.encode(), SYSCONFIG: sysconfig.encode() if sysconfig is not None else None}
    found = el_settings_from(file_states({**files, FSTAB: fstab.encode(), MOUNTED: mounts.encode()}))
    assert isinstance(found, KdumpSettings)
    return found


def problems(conf: str) -> list[tuple[str, bool]]:
    return [(problem.id, problem.fatal) for problem in parse_kdump_conf(conf.encode()).problems]


@pytest.mark.parametrize("root", [EL7, EL9], ids=["el7", "el9"])
def test_the_shipped_files_have_no_problem_and_dump_to_the_file_system_of_var_crash(root: Path) -> None:
    found = settings(*((root / path.lstrip("/")).read_text() for path in (PATH, MOUNTED, FSTAB, SYSCONFIG)))
    assert (found.target_kind, found.target, found.directory) == (DumpTargetKind.LOCAL, None, "/var/crash")
    assert (found.dump_level, found.compression, found.problems) == (31, "lzo", ())
    assert found.paths == (PATH, SYSCONFIG)
    assert [finding.status for finding in check_settings(found)] == [Status.PASS]
    assert found.command_line_append
    assert found.command_line is None
    assert found.kernel is None


def test_an_empty_file_means_the_defaults_and_an_absent_one_is_absent() -> None:
    found = settings("")
    assert found.collector == "makedumpfile -l --message-level 7 -d 31"
    assert found.directory == "/var/crash"
    absent = kdump_conf_from(file_states({PATH: None}))
    assert isinstance(absent, Unknown)
    assert absent.absent
    assert el_settings(parse_kdump_conf(b""), None, machine="s390x").collector.startswith("makedumpfile -c")


@pytest.mark.parametrize(
    ("content", "why"),
    [("denied", Why.NOT_PERMITTED), ("Input/output error", Why.NOT_ANSWERED), (b"path \0", Why.NOT_UNDERSTOOD)],
)
def test_a_file_that_cannot_be_read_gives_no_settings(content: bytes | str, why: Why) -> None:
    for unreadable in (PATH, SYSCONFIG):
        found = el_settings_from(file_states({PATH: b"path /x\n", SYSCONFIG: b"", unreadable: content}))
        assert isinstance(found, Unknown)
        assert found.why is why


def test_lines_are_read_as_kdumpctl_reads_them() -> None:
    conf = parse_kdump_conf(
        b'# all\n\n  path\t /dumps/   # here\ncore_collector "makedumpfile -d 17"\nraw /dev/vg/lv\n'
    )
    assert [(line.number, line.key, line.value) for line in conf.lines] == [
        (3, "path", "/dumps/"),
        (4, "core_collector", "makedumpfile -d 17"),
        (5, "raw", "/dev/vg/lv"),
    ]
    assert conf.save_path == "/dumps"
    with pytest.raises(ParseError):
        parse_kdump_conf(b"path \0\n")


@pytest.mark.parametrize(
    ("conf", "kind", "target"),
    [
        ("nfs my.server.com:/export/tmp", DumpTargetKind.NFS, "my.server.com:/export/tmp"),
        ("nfs [2001:db8::1]:/export", DumpTargetKind.NFS, "[2001:db8::1]:/export"),
        ("ssh kdump@my.server.com", DumpTargetKind.SSH, "kdump@my.server.com"),
        ("raw /dev/vg/lv_kdump", DumpTargetKind.RAW, "/dev/vg/lv_kdump"),
        ("xfs /dev/vg/lv", DumpTargetKind.LOCAL, "/dev/vg/lv"),
        ("ext4 UUID=0313", DumpTargetKind.LOCAL, "UUID=0313"),
        ('dracut_args --mount "/dev/vdb1 /mnt xfs"', DumpTargetKind.LOCAL, "/dev/vdb1"),
    ],
)
def test_each_kind_of_target(conf: str, kind: DumpTargetKind, target: str) -> None:
    found = parse_kdump_conf(conf.encode())
    assert (found.target_kind, found.target) == (kind, target)
    assert found.problems == ()


def test_path_is_below_the_root_of_the_target_where_there_is_one() -> None:
    mounts = "/dev/mapper/vg-dumps /data xfs rw 0 0\n/dev/sdb1 /srv ext4 rw 0 0\nnas:/export /net nfs rw 0 0\n"
    fstab = 'UUID="0313" /srv ext4 defaults 0 0\nUUID=9999 /off ext4 noauto 0 0\n'
    for target, directory in (
        ("xfs /dev/mapper/vg-dumps", "/data/var/crash"),
        ("ext4 UUID=0313", "/srv/var/crash"),
        ("nfs nas:/export", "/net/var/crash"),
        # named in fstab and not mounted, or nowhere: where its files would be seen cannot be said
        ("ext4 UUID=9999", None),
        ("ext4 LABEL=dumps", None),
        ("nfs other:/export", None),
        ("ssh kdump@backup", None),
    ):
        assert settings(f"{target}\npath /var/crash\n", mounts, fstab).directory == directory


def test_what_goes_to_ssh_or_raw_is_flattened_and_nothing_else() -> None:
    assert parse_kdump_conf(b"ssh a@b\n").collector() == "makedumpfile -F -l --message-level 7 -d 31"
    kept = parse_kdump_conf(b"ssh a@b\ncore_collector makedumpfile -F -c -d 17\n")
    assert kept.collector() == "makedumpfile -F -c -d 17"
    local = parse_kdump_conf(b"core_collector makedumpfile -F -c -d 17\n")
    assert local.collector() == "makedumpfile -c -d 17"
    assert [(p.id, p.fatal) for p in local.problems] == [("collector", False)]
    assert problems("ssh a@b\ncore_collector makedumpfile -c -d 17\n") == [("collector", True)]
    assert problems("ssh a@b\ncore_collector scp\n") == []


# regression: two targets, a key twice


@pytest.mark.parametrize(
    ("conf", "found"),
    [
        ("nfs a:/b\nssh c@d\n", [("target", True)]),
        ("ext4 /dev/sda1\next4 /dev/sdb1\n", [("target", True)]),
        ('raw /dev/sdb\ndracut_args --mount "/dev/vdb1 /mnt xfs"\n', [("target", True)]),
        ("path /a\npath /b\n", [("duplicate", True)]),
        ("path /a\npath /a\n", [("duplicate", True)]),
        ("net my.server.com:/export\n", [("option", True)]),
        ("options bonding mode=1\nlink_delay 60\ndisk_timeout 30\n", [("option", True)] * 3),
        ("debug_mem_level 3\nblacklist igb\n", [("option", True)] * 2),
        ("pth /a\n", [("option", True)]),
        ("path\n", [("option", True)]),
        ("failure_action reboot\ndefault shell\n", [("option", True)]),
        ("failure_action explode\n", [("option", True)]),
        ("final_action shell\n", [("option", True)]),
        ("force_rebuild 1\nforce_no_rebuild 1\n", [("option", True)]),
        ("force_rebuild 1\nforce_no_rebuild 0\n", []),
        ("auto_reset_crashkernel never\n", [("option", False)]),
        ("ssh backup.example.com\n", [("target", True)]),
        ("nfs /export\n", [("target", True)]),
        ("extra_modules gfs2\nextra_bins /bin/lftp\nkdump_post /a\nkdump_pre /b\nfence_kdump_nodes n1 n2\n", []),
    ],
)
def test_what_kdumpctl_refuses_is_named(conf: str, found: list[tuple[str, bool]]) -> None:
    assert problems(conf) == found


def test_two_targets_are_a_finding_that_fails_with_both_lines_named() -> None:
    found = settings("path /var/crash\nnfs a:/b\nssh c@d\n")
    by_id = {finding.id: finding for finding in check_settings(found)}
    assert by_id["settings.target"].status is Status.FAIL
    assert "kdump.conf:3" in by_id["settings.target"].reason
    assert "nfs in line 2" in by_id["settings.target"].reason


def test_the_switch_of_automatic_resets() -> None:
    resets = [parse_kdump_conf(text).auto_reset_crashkernel for text in (b"", b"auto_reset_crashkernel no\n")]
    assert resets == [None, False]


def test_sysconfig_names_another_kernel_and_other_words() -> None:
    text = (
        'KDUMP_KERNELVER="5.14.0-1.el9.x86_64"\nKDUMP_COMMANDLINE="root=/dev/sda1"\nKDUMP_COMMANDLINE_REMOVE=""\n'
        'KDUMP_COMMANDLINE_APPEND="nr_cpus=1"\nKEXEC_ARGS="-s"\nKDUMP_IMG="vmlinuz"\nKDUMP_IMG_EXT=""\n'
    )
    found = settings("path /var/crash\n", sysconfig=text)
    assert found.kernel == "/boot/vmlinuz-5.14.0-1.el9.x86_64"
    assert found.initramfs == "/boot/initramfs-5.14.0-1.el9.x86_64kdump.img"
    assert found.command_line == "root=/dev/sda1"
    # set to nothing is not the same as not set
    assert (found.command_line_remove, found.command_line_append, found.kexec_arguments) == ("", "nr_cpus=1", "-s")
    unset = parse_sysconfig_kdump(b"")
    assert (unset.command_line_remove, unset.kernel) == (None, None)


@pytest.mark.parametrize(
    ("mounts", "initramfs"),
    [
        ("/dev/sda2 / xfs rw 0 0\n/dev/sda1 /boot xfs ro,relatime 0 0\n", "/var/lib/kdump/initramfs-6.12.0kdump.img"),
        ("/dev/sda2 / xfs ro 0 0\n", "/var/lib/kdump/initramfs-6.12.0kdump.img"),
        ("/dev/sda2 / xfs ro 0 0\n/dev/sda1 /boot xfs rw 0 0\n", None),
        ("/dev/sda2 / xfs rw,errors=remount-ro 0 0\n", None),
        ("", None),
    ],
)
def test_a_boot_that_cannot_be_written_to_has_its_kdump_initramfs_elsewhere(mounts: str, initramfs: str | None) -> None:
    files = {PATH: b"path /var/crash\n", SYSCONFIG: None, MOUNTED: mounts.encode(), RELEASE: b"6.12.0\n"}
    found = el_settings_from(file_states(files))
    assert isinstance(found, KdumpSettings)
    assert found.initramfs == initramfs


def test_a_line_that_bash_takes_for_a_command_is_a_fatal_problem() -> None:
    found = settings("path /var/crash\n", sysconfig='KDUMP_COMMANDLINE_APPEND = "nr_cpus=1"\n')
    (finding,) = check_settings(found)
    assert finding.status is Status.FAIL
    assert "spaces around" in finding.reason
