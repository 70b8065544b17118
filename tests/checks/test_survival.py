"""guest, cluster, fadump and the policies of panic sysctls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kdumpkit.checks.capture_time import CaptureTime
from kdumpkit.checks.cluster import check_cluster
from kdumpkit.checks.fadump import check_fadump
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.guest import check_guest
from kdumpkit.checks.sysctls import PanicPolicy, check_sysctls
from kdumpkit.facts.cluster import Cluster, Sbd
from kdumpkit.facts.fadump import Fadump
from kdumpkit.facts.guest import Confidential, Guest, XenGuest

from . import facts
from .facts import ABSENT, DENIED, UNKNOWNS
from .test_checks import agrees

PASS, WARN, FAIL, UNKNOWN, SKIP = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN, Status.SKIP
GUEST = Guest(True, Confidential.NONE, None, "QEMU", "Standard PC", (40,))
CLUSTER = Cluster(1, Sbd("/etc/sysconfig/sbd", 5, None), (41,))
MEASURED = CaptureTime(18.0, "measured by run 20261123T064506Z")


def of(findings: tuple[Finding, ...], id: str) -> Finding:
    (found,) = [finding for finding in findings if finding.id == id]
    return found


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (Confidential.NONE, PASS, ["QEMU Standard PC"]),
        (Confidential.TDX, WARN, ["Intel TDX", "in clear"]),
        (Confidential.SEV_SNP, WARN, ["AMD SEV-SNP"]),
        (Confidential.SECURE_EXECUTION, WARN, ["IBM Secure Execution"]),
        (DENIED, UNKNOWN, ["confidential guest"]),
    ],
)
def test_confidential(kind: Any, status: Status, words: list[str]) -> None:
    found = of(check_guest(replace(GUEST, confidential=kind)), "guest.confidential")
    agrees(found, status, *words)
    assert bool(found.remedy) is (status is not PASS)


@pytest.mark.parametrize(
    ("xen", "status", "words"),
    [
        (None, SKIP, ["no guest of Xen"]),
        (XenGuest("PV", False, None, None), FAIL, ["paravirtual guest", "cannot start a capture kernel"]),
        (XenGuest("PV", True, None, None), WARN, ["control domain"]),
        (XenGuest("HVM", False, None, None), PASS, ["HVM guest"]),
        (XenGuest("PVH", False, 2 << 30, 2 << 30), PASS, ["PVH guest"]),
        (XenGuest("PVH", False, 2 << 30, 1 << 30), WARN, ["2 GiB now, 1 GiB wanted"]),
        (XenGuest(None, False, None, None), UNKNOWN, ["does not tell"]),
        (DENIED, UNKNOWN, ["not permitted"]),
    ],
)
def test_xen(xen: Any, status: Status, words: list[str]) -> None:
    agrees(of(check_guest(replace(GUEST, xen=xen)), "guest.xen"), status, *words)


def test_a_cluster_that_waits_and_one_that_does_not() -> None:
    agrees(of(check_cluster(CLUSTER), "cluster.fencing"), PASS, "names fence_kdump")
    bare = of(check_cluster(replace(CLUSTER, fence_kdump=0), MEASURED), "cluster.fencing")
    agrees(bare, WARN, "without fence_kdump", "18 s (measured by run 20261123T064506Z)")
    assert bare.remedy.startswith("pcs stonith create")
    agrees(of(check_cluster(replace(CLUSTER, fence_kdump=ABSENT)), "cluster.fencing"), WARN)
    agrees(of(check_cluster(replace(CLUSTER, fence_kdump=DENIED)), "cluster.fencing"), UNKNOWN, "not permitted")


def test_sbd_against_the_capture() -> None:
    agrees(of(check_cluster(CLUSTER), "cluster.sbd"), WARN, "bites after 5 s", "100 s (assumed")
    longer = replace(CLUSTER, sbd=Sbd("/etc/sysconfig/sbd", 30, None))
    agrees(of(check_cluster(longer, MEASURED), "cluster.sbd"), PASS, "30 s", "18 s (measured")
    agrees(of(check_cluster(replace(CLUSTER, sbd=DENIED)), "cluster.sbd"), UNKNOWN)
    assert len(check_cluster(replace(CLUSTER, sbd=None))) == 1


def test_no_cluster() -> None:
    (found,) = check_cluster(None)
    agrees(found, SKIP, "no node of a cluster")
    for unknown in UNKNOWNS:
        (finding,) = check_cluster(unknown)
        agrees(finding, UNKNOWN, unknown.why)


def test_fadump() -> None:
    agrees(check_fadump(None), SKIP)
    agrees(check_fadump(Fadump(False, False, (1,))), SKIP, "switched off")
    agrees(check_fadump(Fadump(True, True, (1,))), PASS, "registered")
    agrees(check_fadump(Fadump(True, False, (1,))), FAIL, "not registered")
    agrees(check_fadump(Fadump(True, DENIED, (1,))), UNKNOWN)
    agrees(check_fadump(DENIED), UNKNOWN)


@pytest.mark.parametrize(
    ("policy", "changes", "status", "words"),
    [
        (PanicPolicy.PRODUCTION, {}, PASS, ["the policy production"]),
        (PanicPolicy.PRODUCTION, {"panic_on_oom": 1}, WARN, ["vm.panic_on_oom is 1", "running out of memory"]),
        (
            PanicPolicy.PRODUCTION,
            {"panic_on_warn": 1, "hung_task_panic": 1},
            WARN,
            ["panic_on_warn", "hung_task_panic"],
        ),
        (PanicPolicy.PRODUCTION, {"panic_on_warn": ABSENT, "hung_task_panic": ABSENT}, PASS, []),
        (PanicPolicy.PRODUCTION, {"panic_on_oom": DENIED}, UNKNOWN, ["policy production holds"]),
        # an NMI that nobody expects is either way in production
        (PanicPolicy.PRODUCTION, {"unknown_nmi_panic": 1}, PASS, []),
        (PanicPolicy.TEST, {}, WARN, ["hung_task_panic is 0", "panic_on_warn is 0", "unknown_nmi_panic is 0"]),
        (PanicPolicy.TEST, {"hung_task_panic": 1, "panic_on_warn": 1, "unknown_nmi_panic": 1}, PASS, []),
        (PanicPolicy.AS_SHIPPED, {"panic_on_oom": 2}, SKIP, ["vm.panic_on_oom is 2", "kernel.hung_task_panic is 0"]),
    ],
)
def test_policies(policy: PanicPolicy, changes: dict[str, Any], status: Status, words: list[str]) -> None:
    found = of(check_sysctls(facts.sysctls(**changes), policy), "sysctl.policy")
    agrees(found, status, *words)
    if status is WARN:
        assert found.remedy.startswith("printf '")
        assert found.remedy.endswith("sysctl --system")


def test_as_shipped_asks_for_nothing() -> None:
    bare = facts.sysctls(panic=0, panic_on_oops=0, softlockup_panic=0, hardlockup_panic=0)
    found = check_sysctls(bare, PanicPolicy.AS_SHIPPED)
    assert {finding.status for finding in found} == {SKIP, PASS}
    assert of(found, "sysctl.panic").reason.startswith("As shipped: kernel.panic is 0")
    assert of(found, "sysctl.panic").remedy == ""
    # what cannot be read is not hidden
    hidden = check_sysctls(facts.sysctls(panic=DENIED), PanicPolicy.AS_SHIPPED)
    assert of(hidden, "sysctl.panic").status is UNKNOWN
