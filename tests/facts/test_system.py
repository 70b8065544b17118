"""packages, installed_kernels, systemd_unit, mounts, dump_target, root_device, sysctls, watchdog."""

from __future__ import annotations

import json
import subprocess

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.directory_tree import DirectoryTree, FoundFile, parse_find, read_directory_tree
from kdumpkit.facts.dump_target import (
    FileSystemSpace,
    parse_df,
    read_dump_target,
    read_local_dump_target,
    with_parents,
)
from kdumpkit.facts.installed_kernels import installed_kernels_from, version_key
from kdumpkit.facts.kdump_settings import DumpTargetKind
from kdumpkit.facts.kdump_tools import kdump_tools_settings, parse_kdump_tools
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.mounts import DeviceKind, Mount, Mounts, device_kind, mapper_uuids, parse_findmnt, read_mounts
from kdumpkit.facts.packages import (
    PackageStatus,
    parse_dpkg_query,
    read_packages,
)
from kdumpkit.facts.root_device import RootDevice, root_device_from
from kdumpkit.facts.sysctls import PATHS as SYSCTLS
from kdumpkit.facts.sysctls import panic_sysctls_from
from kdumpkit.facts.systemd_unit import parse_systemctl_show, read_units
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.facts.watchdog import (
    DIRECTORY,
    Watchdogs,
    parse_runtime_watchdog,
    parse_time_span,
    read_watchdogs,
    watchdog_devices_from,
)
from kdumpkit.hosts.local import LocalHost

from .conftest import TreeHost, file_states

MIB, GIB = 1 << 20, 1 << 30


def test_packages_in_every_state() -> None:
    data = (
        b"kdump-tools\t1:1.8.1\tinstalled\nmakedumpfile\t1:1.7.2-1\thalf-configured\ncrash\t8.0.2-1\tconfig-files\n"
        b"libc6\t2.36\tconfig-files\nlibc6\t2.36-9\tinstalled\nx\t\tnot-installed\nold\t1\thalf-installed\n"
    )
    found = parse_dpkg_query(data, ["kdump-tools", "makedumpfile", "crash", "libc6", "x", "nope", "old"], (1,))
    assert [package.status for package in found.packages] == [
        PackageStatus.INSTALLED,
        PackageStatus.HALF_CONFIGURED,
        PackageStatus.CONFIG_FILES,
        PackageStatus.INSTALLED,
        PackageStatus.NOT_INSTALLED,
        PackageStatus.NOT_INSTALLED,
        PackageStatus.HALF_INSTALLED,
    ]
    assert found.get("kdump-tools").version == "1:1.8.1"
    assert found.get("nope").version is None
    assert not found.get("crash").usable
    assert found.records == (1,)
    with pytest.raises(KeyError):
        found.get("unasked")


def test_packages_that_dpkg_has_never_heard_of() -> None:
    assert parse_dpkg_query(b"", ["a"]).get("a").status is PackageStatus.NOT_INSTALLED
    for data in (b"no tabs here\n", b"a\tb\tstrange\n", b"a\t1\n", b"\0\t\t"):
        with pytest.raises(ParseError):
            parse_dpkg_query(data, ["a"])


def test_packages_of_this_machine() -> None:
    packages = read_packages(LocalHost(), ["dpkg", "no-such-package-at-all"])
    assert not isinstance(packages, Unknown)
    assert packages.get("dpkg").usable
    assert not packages.get("no-such-package-at-all").usable


def test_host_without_dpkg_or_with_a_locked_one(tree: TreeHost) -> None:
    tree.answers["dpkg-query"] = (127, b"", b"dpkg-query: not found\n")
    absent = read_packages(tree, ["a"])
    assert isinstance(absent, Unknown)
    assert absent.why is Why.ABSENT
    tree.answers["dpkg-query"] = (2, b"", b"dpkg-query: error: cannot open: Permission denied\n")
    denied = read_packages(tree, ["a"])
    assert isinstance(denied, Unknown)
    assert denied.why is Why.NOT_PERMITTED
    tree.answers["dpkg-query"] = (0, b"garbage\n", b"")
    odd = read_packages(tree, ["a"])
    assert isinstance(odd, Unknown)
    assert odd.why is Why.NOT_UNDERSTOOD
    assert odd.records == (2,)


def test_versions_sort_as_dpkg_sorts_them() -> None:
    ordered = [
        "6.1.0-9-amd64",
        "6.1.0-55-amd64",
        "6.1.0-55-cloud-amd64",
        "6.1.0-56-amd64",
        "6.10.0~rc1",
        "6.10.0",
        "6.10.0+b",
    ]
    assert sorted({*ordered}, key=version_key) == ordered


def test_versions_agree_with_dpkg_itself() -> None:
    # without a hyphen: dpkg takes what follows the last one for a revision, and releases of kernels have none
    versions = ["1.0", "1.0~rc1", "1.0a", "1.0+b", "1.0.1", "1.00", "2", "10", "1.0~", "1.0~~", "1.a", "1."]
    for left in versions:
        for right in versions:
            less = subprocess.run(["dpkg", "--compare-versions", left, "lt", right], check=False).returncode == 0
            assert (version_key(left) < version_key(right)) is less, (left, right)


def tree_of(tree: TreeHost, *paths: str) -> DirectoryTree:
    for path in paths:
        tree.write(path, b"x")
    found = read_directory_tree(tree)
    assert isinstance(found, DirectoryTree)
    return found


def test_installed_kernels(tree: TreeHost) -> None:
    found = installed_kernels_from(
        tree_of(
            tree,
            "/boot/vmlinuz-6.1.0-9-amd64",
            "/boot/initrd.img-6.1.0-9-amd64",
            "/lib/modules/6.1.0-9-amd64/modules.dep",
            "/boot/vmlinuz-6.1.0-55-amd64",
            "/boot/initrd.img-6.1.0-55-amd64",
            "/boot/config-6.1.0-55-amd64",
            "/boot/vmlinuz-5.14.0-1.el9.x86_64",
            "/boot/initramfs-5.14.0-1.el9.x86_64.img",
            "/lib/modules/5.14.0-1.el9.x86_64/modules.dep",
        ),
        "6.1.0-9-amd64",
        (9,),
    )
    assert [kernel.release for kernel in found.kernels] == ["5.14.0-1.el9.x86_64", "6.1.0-9-amd64", "6.1.0-55-amd64"]
    assert [kernel.bootable for kernel in found.kernels] == [True, True, False]
    assert found.newest is found.kernels[2]
    assert found.running is found.kernels[1]
    assert found.kernels[2].modules_directory is None
    assert found.records == (0, 9)


def test_no_kernel_in_boot(tree: TreeHost) -> None:
    (tree.root / "boot").mkdir()
    found = installed_kernels_from(tree_of(tree), "6.18.0")
    assert found.kernels == ()
    assert found.newest is None
    assert found.running is None


def test_find_output() -> None:
    data = b"f\t5\t1700000000.5\t/boot/vmlinuz-1\t\0N\t9\t1.0\t/var/lib/kdump/vmlinuz\t/boot/vmlinuz-0\0"
    found = parse_find(data)
    link = found.get("/var/lib/kdump/vmlinuz")
    assert link is not None
    assert (link.kind, link.link_target) == ("N", "/boot/vmlinuz-0")
    assert [file.path for file in found.under("/boot", "vmlinuz")] == ["/boot/vmlinuz-1"]
    assert parse_find(b"").files == ()
    assert parse_find(b"f\t5\t1.0\t/boot/vmlinuz-\t1\tx\t\0").files == ()
    for bad in (b"x\0", b"f\tbig\t1.0\t/a\t\0", b"f\t1\tnow\t/a\t\0"):
        with pytest.raises(ParseError):
            parse_find(bad)


def test_find_without_permission_is_unknown(tree: TreeHost) -> None:
    tree.answers["find"] = (126, b"", b"find: Permission denied\n")
    found = read_directory_tree(tree)
    assert isinstance(found, Unknown)
    assert found.why is Why.NOT_PERMITTED


UNITS = b"""LoadState=loaded
ActiveState=active
SubState=exited
UnitFileState=enabled
Result=success
ExecMainStatus=0

LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=

LoadState=masked
ActiveState=failed
SubState=failed
UnitFileState=masked
Result=exit-code
ExecMainStatus=203
"""


def test_units() -> None:
    found = parse_systemctl_show(UNITS, ["kdump-tools.service", "nope.service", "bad.service"], (2,))
    kdump, missing, bad = found.units
    assert (kdump.active_state, kdump.sub_state, kdump.exec_main_status) == ("active", "exited", 0)
    assert kdump.enabled
    assert not missing.exists
    assert missing.exec_main_status is None
    assert not missing.enabled
    assert bad.masked
    assert (bad.result, bad.exec_main_status) == ("exit-code", 203)
    assert found.get("nope.service") is missing
    with pytest.raises(KeyError):
        found.get("other.service")


@pytest.mark.parametrize("data", [b"", b"\n", b"LoadState=loaded\n", b"hello\n", UNITS, b"LoadState=\nActiveState=x\n"])
def test_units_malformed(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_systemctl_show(data, ["one.service"])


def test_host_without_systemd(tree: TreeHost) -> None:
    tree.answers["systemctl"] = (1, b"", b"System has not been booted with systemd as init system (PID 1).\n")
    found = read_units(tree, ["kdump-tools.service"])
    assert isinstance(found, Unknown)
    assert found.why is Why.NOT_ANSWERED
    tree.answers["systemctl"] = (127, b"", b"")
    assert read_units(tree, ["kdump-tools.service"]).why is Why.ABSENT  # type: ignore[union-attr]


def findmnt(*rows: tuple[str, str, str, str, str | None]) -> bytes:
    names = ("target", "source", "fstype", "options", "uuid")
    return json.dumps({"filesystems": [dict(zip(names, row, strict=True)) for row in rows]}).encode()


FINDMNT = findmnt(
    ("/", "/dev/mapper/vg0-root", "ext4", "rw,relatime", "6f7c"),
    ("/proc", "proc", "proc", "rw", None),
    ("/var", "/dev/sda2", "xfs", "rw", "1111"),
    ("/var/crash", "server:/export", "nfs4", "rw,addr=10.0.0.1", None),
    ("/tmp", "tmpfs", "tmpfs", "rw", None),
)
MAPPER = {"/dev/mapper/vg0-root": "LVM-abcdef"}


def test_mounts() -> None:
    found = parse_findmnt(FINDMNT, MAPPER, (3,))
    root = found.of("/")
    assert root == Mount("/", "/dev/mapper/vg0-root", "ext4", ("rw", "relatime"), "6f7c", DeviceKind.LVM)
    assert found.of("/var/log") is found.mounts[2]
    assert found.of("/var/crash/202611230505") is found.mounts[3]
    assert found.of("/variable") is root
    assert found.of("/var/crash/../log/") is found.mounts[2]
    assert [mount.device for mount in found.mounts] == [
        DeviceKind.LVM,
        DeviceKind.NONE,
        DeviceKind.PLAIN,
        DeviceKind.NETWORK,
        DeviceKind.NONE,
    ]
    assert not found.mounts[0].read_only


def test_a_later_mount_hides_an_earlier_one() -> None:
    found = parse_findmnt(findmnt(("/", "rootfs", "rootfs", "rw", None), ("/", "/dev/vda1", "ext4", "ro", None)))
    root = found.of("/x")
    assert root is not None
    assert root.source == "/dev/vda1"
    assert root.read_only


def test_device_kinds_by_mapper_uuid() -> None:
    for uuid, kind in (
        ("LVM-x", DeviceKind.LVM),
        ("CRYPT-LUKS2-x", DeviceKind.CRYPT),
        ("mpath-3600", DeviceKind.MULTIPATH),
        ("part1-mpath-3600", DeviceKind.MULTIPATH),
        ("", DeviceKind.OTHER_MAPPER),
    ):
        assert device_kind("/dev/mapper/x", "ext4", {"/dev/mapper/x": uuid}) is kind
    assert device_kind("/dev/dm-0", "ext4", {}) is DeviceKind.OTHER_MAPPER
    uuids = mapper_uuids(
        file_states(
            {
                "/sys/block/dm-0/dm/name": b"vg0-root\n",
                "/sys/block/dm-0/dm/uuid": b"LVM-abc\n",
                "/sys/block/dm-1/dm/uuid": b"CRYPT-x\n",
                "/sys/block/dm-2/dm/uuid": "denied",
            }
        )
    )
    assert uuids == {"/dev/mapper/vg0-root": "LVM-abc", "/dev/dm-0": "LVM-abc", "/dev/dm-1": "CRYPT-x"}


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"{", b"null", b"[" * 100_000, b'{"filesystems": []}', b'{"filesystems": [{}]}'),
        *(b'{"filesystems": [1]}', b'{"filesystems": 3}', b'{"filesystems": [{"target": "relative"}]}'),
    ],
)
def test_findmnt_malformed(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_findmnt(data)


def test_mounts_of_this_machine() -> None:
    found = read_mounts(LocalHost())
    assert isinstance(found, Mounts)
    proc = found.of("/proc/self")
    assert proc is not None
    assert proc.fstype == "proc"


DF = b"""      1B-blocks         Used       Avail Type File       Mounted on
 21474836480   5368709120 15032385536 ext4 /var/crash /var
 42949672960   5368709120 37580963840 ext4 /          /
"""


def test_df() -> None:
    found = parse_df(DF, with_parents("/var/crash"))
    assert found["/var/crash"] == FileSystemSpace("/var", "ext4", 20 * GIB, 5 * GIB, 14 * GIB)
    assert found["/var/crash"].free_bytes == 15 * GIB - 16 * MIB
    assert "/var" not in found
    assert with_parents("/a/b/") == ("/a/b", "/a", "/")
    spaces = parse_df(b"head\n3 1 2 ext4 /my dumps /my disk\n", with_parents("/my dumps"))
    assert spaces["/my dumps"].target == "/my disk"


@pytest.mark.parametrize(
    ("fstype", "total", "used", "available", "free"),
    [
        # what ext4 gives to nobody is in no size for everybody, and in the size that is left over all told
        ("ext4", 20 * GIB, 5 * GIB, 14 * GIB, 15 * GIB - 16 * MIB),
        ("ext4", 100 * MIB, 50 * MIB, 43 * MIB, 48 * MIB),
        ("ext4", 20 * GIB, 5 * GIB, 15 * GIB, 15 * GIB),
        ("xfs", 20 * GIB, 5 * GIB, 14 * GIB, 15 * GIB),
    ],
)
def test_free_for_root(fstype: str, total: int, used: int, available: int, free: int) -> None:
    assert FileSystemSpace("/var", fstype, total, used, available).free_bytes == free


@pytest.mark.parametrize("data", [b"", b"h\n1 2 3 ext4 /other /\n", b"h\n1 2\n", b"h\n- - - - /var/crash /\n"])
def test_df_malformed(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_df(data, ["/var/crash"])


def test_dump_target_that_exists_and_one_that_does_not(tree: TreeHost) -> None:
    mounts = parse_findmnt(findmnt(("/", "/dev/vda1", "ext4", "rw", "1"), ("/var", "/dev/vda2", "ext4", "rw", "2")))
    tree.answers["df"] = (0, DF, b"")
    settings = kdump_tools_settings(parse_kdump_tools(b"USE_KDUMP=1\n", (8,)))
    found = read_dump_target(tree, settings, mounts)
    assert (found.kind, found.directory, found.directory_exists) == (DumpTargetKind.LOCAL, "/var/crash", True)
    assert found.mount == mounts.mounts[1]
    assert isinstance(found.space, FileSystemSpace)
    assert found.space.available_bytes == 14 * GIB
    assert found.records == (8, 0)
    tree.answers["df"] = (1, DF.replace(b"/var/crash /var", b"/var       /var"), b"df: /var/crash: No such file\n")
    missing = read_local_dump_target(tree, "/var/crash", mounts)
    assert missing.directory_exists is False
    assert missing.mount == mounts.mounts[1]


def test_dump_target_states(tree: TreeHost) -> None:
    mounts = parse_findmnt(findmnt(("/x", "/dev/vda1", "ext4", "rw", "1")))
    unknown = Unknown("/etc/default/kdump-tools", Why.NOT_PERMITTED)
    without = read_dump_target(tree, unknown, mounts)
    assert without.directory is None
    assert without.space is unknown
    assert tree.commands == []
    remote = read_dump_target(tree, kdump_tools_settings(parse_kdump_tools(b"SSH=root@safe\n")), mounts)
    assert (remote.kind, remote.remote) == (DumpTargetKind.SSH, "root@safe")
    assert isinstance(remote.space, Unknown)
    assert tree.commands == []
    tree.answers["df"] = (1, b"", b"df: Permission denied\n")
    nothing = read_local_dump_target(tree, "/var/crash", mounts)
    assert isinstance(nothing.space, Unknown)
    tree.answers["df"] = (0, DF, b"")
    elsewhere = read_local_dump_target(tree, "/var/crash", mounts)
    assert isinstance(elsewhere.mount, Unknown)
    assert elsewhere.mount.why is Why.NOT_UNDERSTOOD


def test_dump_target_of_this_machine() -> None:
    found = read_local_dump_target(LocalHost(), "/no/such/directory", read_mounts(LocalHost()))
    assert found.directory_exists is False
    assert isinstance(found.space, FileSystemSpace)
    assert found.space.total_bytes > 0
    assert isinstance(found.mount, Mount)


def test_root_device() -> None:
    mounts = parse_findmnt(FINDMNT, MAPPER, (1,))
    command_line = parse_kernel_command_line(b"root=/dev/mapper/vg0-root ro", (2,))
    found = root_device_from(mounts, command_line)
    assert found == RootDevice("/dev/mapper/vg0-root", "ext4", "6f7c", DeviceKind.LVM, "/dev/mapper/vg0-root", (1, 2))
    none_given = root_device_from(mounts, parse_kernel_command_line(b"ro"))
    assert isinstance(none_given, RootDevice)
    assert none_given.kernel_root == "/dev/mapper/vg0-root"
    plain = root_device_from(
        parse_findmnt(findmnt(("/", "/dev/vda1", "ext4", "rw", "12-34"))), parse_kernel_command_line(b"ro")
    )
    assert isinstance(plain, RootDevice)
    assert plain.kernel_root == "UUID=12-34"
    unknown = Unknown("findmnt", Why.NOT_ANSWERED)
    assert root_device_from(unknown, command_line) is unknown
    assert root_device_from(mounts, unknown) is unknown
    assert isinstance(root_device_from(parse_findmnt(findmnt(("/x", "a", "b", "rw", None))), command_line), Unknown)


def test_sysctls() -> None:
    contents: dict[str, bytes | str | None] = dict.fromkeys(SYSCTLS, b"0\n")
    contents["/proc/sys/kernel/panic"] = b"-1\n"
    contents["/proc/sys/kernel/sysrq"] = b"438\n"
    contents["/proc/sys/vm/panic_on_oom"] = b"2\n"
    contents["/proc/sys/kernel/hung_task_panic"] = None
    contents["/proc/sys/kernel/panic_on_warn"] = "denied"
    contents["/proc/sys/kernel/unknown_nmi_panic"] = b"yes\n"
    found = panic_sysctls_from(file_states(contents))
    assert (found.panic, found.sysrq, found.panic_on_oom, found.panic_on_oops) == (-1, 438, 2, 0)
    reasons = (found.hung_task_panic, found.panic_on_warn, found.unknown_nmi_panic)
    assert [reason.why for reason in reasons if isinstance(reason, Unknown)] == [
        Why.ABSENT,
        Why.NOT_PERMITTED,
        Why.NOT_UNDERSTOOD,
    ]
    assert len(found.records) == len(SYSCTLS)


WATCHDOG0 = f"{DIRECTORY}watchdog0/"


def test_watchdogs(tree: TreeHost) -> None:
    for name, data in (
        ("identity", b"iTCO_wdt\n"),
        ("timeout", b"30\n"),
        ("max_timeout", b"613\n"),
        ("state", b"active\n"),
    ):
        tree.write(WATCHDOG0 + name, data)
    tree.answers["systemctl"] = (0, b"RuntimeWatchdogUSec=1min 30s\n", b"")
    found = read_watchdogs(tree)
    assert isinstance(found, Watchdogs)
    (device,) = found.devices
    assert (device.name, device.identity, device.timeout_s, device.max_timeout_s) == ("watchdog0", "iTCO_wdt", 30, 613)
    assert device.active is True
    assert found.systemd_timeout_s == 90.0
    assert found.records == (0, 1)


def test_no_watchdog_and_one_that_tells_little(tree: TreeHost) -> None:
    found = read_watchdogs(tree)
    assert isinstance(found, Watchdogs)
    assert found.devices == ()
    assert len(tree.commands) == 1
    tree.write(WATCHDOG0 + "identity", b"Software Watchdog\n")
    tree.answers["systemctl"] = (1, b"", b"Failed to connect to bus\n")
    found = read_watchdogs(tree)
    assert isinstance(found, Watchdogs)
    assert (found.devices[0].timeout_s, found.devices[0].active) == (None, None)
    assert isinstance(found.systemd_timeout_s, Unknown)


def test_watchdog_states() -> None:
    denied = watchdog_devices_from(file_states({WATCHDOG0 + "timeout": "denied"}))
    assert isinstance(denied, Unknown)
    assert denied.why is Why.NOT_PERMITTED
    odd = watchdog_devices_from(file_states({WATCHDOG0 + "timeout": b"soon\n"}))
    assert isinstance(odd, Unknown)
    assert odd.why is Why.NOT_UNDERSTOOD
    assert watchdog_devices_from(file_states({f"{DIRECTORY}watchdog*/timeout": None})) == ()


def test_time_spans() -> None:
    for text, seconds in (
        ("0", 0.0),
        ("10s", 10.0),
        ("1min 30s", 90.0),
        ("500ms", 0.5),
        ("2h", 7200.0),
        ("infinity", 0.0),
    ):
        assert parse_time_span(text, "x") == seconds
    for text in ("", "soon", "1min 30", "-1s", "1parsec"):
        with pytest.raises(ParseError):
            parse_time_span(text, "x")
    for data in (b"", b"Other=1\n", b"RuntimeWatchdogUSec\n", b"RuntimeWatchdogUSec=x\n"):
        with pytest.raises(ParseError):
            parse_runtime_watchdog(data)


def test_a_unified_kernel_image_is_a_kernel_with_its_initrd_in_it() -> None:
    lines = (
        "d 1 /lib/modules/6.12.6\nf 1 /lib/modules/6.12.6/vmlinuz-virt.efi\n"
        "d 1 /lib/modules/6.11.4\nf 1 /lib/modules/6.11.4/vmlinuz-virt.efi\nf 1 /boot/vmlinuz-6.11.4\n"
        "d 1 /lib/modules/6.10.0\nf 1 /lib/modules/6.10.0/vmlinuz\n"
    )
    files = [FoundFile(path, kind, 1, 1.0, None) for kind, _, path in map(str.split, lines.splitlines())]
    found = installed_kernels_from(DirectoryTree(tuple(files)), "6.12.6")
    image = "/lib/modules/6.12.6/vmlinuz-virt.efi"
    assert [(kernel.release, kernel.path, kernel.bootable) for kernel in found.kernels] == [
        # a kernel in /boot is what boots, and this one has no initrd
        ("6.11.4", "/boot/vmlinuz-6.11.4", False),
        ("6.12.6", image, True),
    ]
    assert found.running is not None
    assert found.running.initrd_path == image
