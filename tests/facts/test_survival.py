"""guest, cluster and fadump: what may keep a capture from coming to its end.

The forms of files are those of the kernel's ABI documentation (sysfs-hypervisor-xen, sysfs-driver-..., fadump) and of
sbd's and corosync's packages; none is from a recording.
"""

from __future__ import annotations

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts import cluster, fadump, guest
from kdumpkit.facts.cluster import Cluster, Sbd, parse_sbd, read_cluster
from kdumpkit.facts.fadump import Fadump, fadump_from
from kdumpkit.facts.guest import Confidential, XenGuest, guest_from, parse_cpu_flags, read_cpu_flags
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import FileState

from .conftest import TreeHost, file_states

DENIED = Unknown("/proc/cpuinfo", Why.NOT_PERMITTED)
#: the beginning of the lab's, shortened
X86 = b"processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme hypervisor lahf_lm\nbugs\t\t: spectre_v1\n"


def files(**contents: bytes | str | None) -> dict[str, FileState]:
    named = {getattr(guest, name): content for name, content in contents.items()}
    absent: dict[str, bytes | str | None] = dict.fromkeys(guest.PATHS)
    return file_states(absent | named)


def flags(*words: str) -> tuple[frozenset[str], tuple[int, ...]]:
    return frozenset(words), (99,)


def test_flags_of_a_processor() -> None:
    assert parse_cpu_flags(X86) == {"fpu", "vme", "hypervisor", "lahf_lm"}
    assert parse_cpu_flags(b"processor\t: 0\nFeatures\t: fp asimd\n") == {"fp", "asimd"}
    # s390x
    assert parse_cpu_flags(b"vendor_id       : IBM/S390\nfeatures\t: esan3 zarch\n") == {"esan3", "zarch"}
    assert parse_cpu_flags(b"flags\t\t:\n") == frozenset()
    # ppc64le has none
    assert parse_cpu_flags(b"processor\t: 0\ncpu\t\t: POWER9\n") == frozenset()
    for data in (b"", b"model name\t: x\n"):
        with pytest.raises(ParseError):
            parse_cpu_flags(data)


def test_flags_are_read_without_reading_all_processors(tree: TreeHost) -> None:
    tree.write("/proc/cpuinfo", X86 + b"x" * 100_000)
    found = read_cpu_flags(tree)
    assert not isinstance(found, Unknown)
    assert (found[0] & {"hypervisor"}, found[1]) == ({"hypervisor"}, (0,))
    assert tree.commands[0].argv == ("head", "-c", "16384", "/proc/cpuinfo")


@pytest.mark.parametrize(
    ("contents", "words", "kind"),
    [
        ({}, ("fpu",), Confidential.NONE),
        ({}, ("fpu", "hypervisor"), Confidential.NONE),
        # a host that can run such guests
        ({}, ("sev", "sev_es", "sev_snp"), Confidential.NONE),
        ({}, ("hypervisor", "sev"), Confidential.SEV),
        ({}, ("hypervisor", "sev", "sev_es", "sev_snp"), Confidential.SEV_SNP),
        ({"SEV_DEVICE": b"10:124\n"}, ("hypervisor",), Confidential.SEV_SNP),
        ({"TDX_DEVICE": b"10:125\n"}, ("hypervisor",), Confidential.TDX),
        ({}, ("hypervisor", "tdx_guest"), Confidential.TDX),
        ({"PROTECTED_GUEST": b"1\n"}, (), Confidential.SECURE_EXECUTION),
        ({"PROTECTED_GUEST": b"0\n"}, (), Confidential.NONE),
    ],
)
def test_confidential_guests(contents: dict[str, bytes], words: tuple[str, ...], kind: Confidential) -> None:
    assert guest_from(files(**contents), flags(*words)).confidential is kind


def test_confidential_is_unknown_without_flags_and_never_none() -> None:
    assert guest_from(files(), DENIED).confidential is DENIED
    assert guest_from(files(TDX_DEVICE=b"10:125\n"), DENIED).confidential is Confidential.TDX
    found = guest_from(files(PROTECTED_GUEST="denied"), flags()).confidential
    assert isinstance(found, Unknown)
    assert found.why is Why.NOT_PERMITTED


def xen(**contents: bytes | str | None) -> XenGuest | Unknown | None:
    return guest_from(files(XEN_TYPE=b"xen\n", **contents), flags()).xen


def test_xen() -> None:
    assert guest_from(files(), flags()).xen is None
    assert xen(XEN_KIND=b"PV\n", XEN_CAPABILITIES=b"") == XenGuest("PV", False, None, None)
    assert xen(XEN_KIND=b"PV\n", XEN_CAPABILITIES=b"control_d\n") == XenGuest("PV", True, None, None)
    assert xen() == XenGuest(None, False, None, None)
    balloon = xen(XEN_KIND=b"HVM\n", XEN_CURRENT=b"2097152\n", XEN_TARGET=b"1048576\n")
    assert balloon == XenGuest("HVM", False, 2 << 30, 1 << 30)
    assert isinstance(xen(XEN_CAPABILITIES="denied"), Unknown)
    denied = guest_from(files(XEN_TYPE="denied"), flags()).xen
    assert isinstance(denied, Unknown)


def test_words_of_the_firmware_and_records() -> None:
    found = guest_from(files(VENDOR=b"QEMU\n", PRODUCT=b"Standard PC\n"), flags("hypervisor"))
    assert (found.vendor, found.product, found.hypervisor) == ("QEMU", "Standard PC", True)
    assert found.records[-1] == 99
    assert guest_from(files(), flags()).vendor is None


def test_only_a_processor_that_has_the_flag_can_tell_that_this_is_no_virtual_machine() -> None:
    assert guest_from(files(), flags("fpu", "hypervisor")).hypervisor is True
    assert guest_from(files(), flags("fpu", "vmx")).hypervisor is False
    # aarch64 has no such flag, ppc64le has no flags at all
    for words in (("fp", "asimd"), ()):
        assert isinstance(guest_from(files(), flags(*words)).hypervisor, Unknown)
    assert guest_from(files(), DENIED).hypervisor is DENIED


SBD = b'# sbd\nSBD_DEVICE="/dev/disk/by-id/x"\nSBD_WATCHDOG_DEV=/dev/watchdog\nSBD_WATCHDOG_TIMEOUT=30\n'


def cluster_files(**changes: bytes | str | None) -> dict[str, FileState]:
    names = {"corosync": cluster.COROSYNC, "el": cluster.SBD_SETTINGS[0], "debian": cluster.SBD_SETTINGS[1]}
    named = {names[name]: content for name, content in changes.items()}
    absent: dict[str, bytes | str | None] = dict.fromkeys(cluster.PATHS)
    return file_states(absent | named)


def test_no_cluster_and_nothing_is_run(tree: TreeHost) -> None:
    assert read_cluster(tree, cluster_files()) is None
    denied = read_cluster(tree, cluster_files(corosync="denied"))
    assert isinstance(denied, Unknown)
    assert tree.commands == []


@pytest.mark.parametrize(
    ("answer", "count"),
    [((0, b"2\n", b""), 2), ((1, b"0\n", b""), 0)],
)
def test_a_node_of_a_cluster(tree: TreeHost, answer: tuple[int, bytes, bytes], count: int) -> None:
    tree.answers["grep"] = answer
    found = read_cluster(tree, cluster_files(corosync=b"totem {}\n", el=SBD))
    assert isinstance(found, Cluster)
    assert found.fence_kdump == count
    assert found.sbd == Sbd("/etc/sysconfig/sbd", 30, "/dev/watchdog")
    # only a number is asked for: the file may hold passwords
    assert tree.commands[0].argv[:3] == ("grep", "-c", "fence_kdump")


def test_the_cib_that_cannot_be_read(tree: TreeHost) -> None:
    tree.answers["grep"] = (2, b"", b"grep: /var/lib/pacemaker/cib/cib.xml: Permission denied\n")
    found = read_cluster(tree, cluster_files(corosync=b"totem {}\n", debian=b"SBD_WATCHDOG_DEV=/dev/watchdog\n"))
    assert isinstance(found, Cluster)
    assert isinstance(found.fence_kdump, Unknown)
    assert found.fence_kdump.why is Why.NOT_PERMITTED
    # sbd's own default
    assert found.sbd == Sbd("/etc/default/sbd", 5, "/dev/watchdog")
    tree.answers["grep"] = (0, b"many\n", b"")
    odd = read_cluster(tree, cluster_files(corosync=b"", el="denied"))
    assert isinstance(odd, Cluster)
    assert isinstance(odd.fence_kdump, Unknown)
    assert isinstance(odd.sbd, Unknown)
    without = read_cluster(tree, cluster_files(corosync=b""))
    assert isinstance(without, Cluster)
    assert without.sbd is None


def test_sbd_with_a_time_that_is_none() -> None:
    with pytest.raises(ParseError, match="no number of seconds"):
        parse_sbd(b"SBD_WATCHDOG_TIMEOUT=soon\n")


@pytest.mark.parametrize("which", [0, 1])
def test_fadump(which: int) -> None:
    asked: dict[str, bytes | str | None] = dict.fromkeys(fadump.PATHS)
    assert fadump_from(file_states(asked)) is None
    on = asked | {fadump.ENABLED[which]: b"1\n", fadump.REGISTERED[which]: b"0\n"}
    found = fadump_from(file_states(on))
    assert isinstance(found, Fadump)
    assert (found.enabled, found.registered) == (True, False)
    assert isinstance(fadump_from(file_states(asked | {fadump.ENABLED[which]: "denied"})), Unknown)
