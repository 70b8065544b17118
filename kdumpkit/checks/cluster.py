"""Whether the cluster that a host is a node of leaves it the time to write its dump."""

from __future__ import annotations

from kdumpkit.checks.capture_time import ASSUMED, CaptureTime
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.cluster import CIB, Cluster, Sbd
from kdumpkit.facts.unknown import Unknown


def check_cluster(cluster: Cluster | Unknown | None, capture: CaptureTime = ASSUMED) -> tuple[Finding, ...]:
    """``cluster.fencing`` and, where sbd is set up, ``cluster.sbd``: who resets a node while it dumps."""
    if isinstance(cluster, Unknown):
        return (unknown_finding("cluster.fencing", "whether this is a node of a cluster", cluster),)
    if cluster is None:
        reason = "This is no node of a cluster: nobody fences it while it dumps."
        return (Finding("cluster.fencing", Status.SKIP, reason),)
    found = [_fencing(cluster, capture)]
    if isinstance(cluster.sbd, Unknown):
        found.append(unknown_finding("cluster.sbd", "how long sbd waits", cluster.sbd))
    elif cluster.sbd is not None:
        found.append(_sbd(cluster, cluster.sbd, capture))
    return tuple(found)


def _fencing(cluster: Cluster, capture: CaptureTime) -> Finding:
    id, count = "cluster.fencing", cluster.fence_kdump
    if isinstance(count, Unknown) and not count.absent:
        return unknown_finding(id, "whether the cluster waits for dumps (fence_kdump)", count)
    if isinstance(count, int) and count > 0:
        reason = f"The cluster's configuration names fence_kdump ({count} lines of {CIB})."
        return Finding(id, Status.PASS, reason, "", cluster.records)
    reason = (
        "This is a node of a cluster without fence_kdump: the others fence a node that panics, and cut the dump off "
        f"that takes {capture.words()}."
    )
    remedy = (
        "pcs stonith create kdump fence_kdump timeout=60; then a level before the power fence: pcs stonith level add"
    )
    return Finding(id, Status.WARN, reason, remedy, cluster.records)


def _sbd(cluster: Cluster, sbd: Sbd, capture: CaptureTime) -> Finding:
    id = "cluster.sbd"
    seen = f"sbd's watchdog bites after {sbd.watchdog_timeout_s} s ({sbd.path})"
    if sbd.watchdog_timeout_s < capture.seconds:
        reason = (
            f"{seen}, and the capture takes {capture.words()}: the dump is cut off unless the capture kernel feeds it."
        )
        remedy = f"set SBD_WATCHDOG_TIMEOUT={int(capture.seconds) + 1} in {sbd.path}, or let fence_kdump hold the fence"
        return Finding(id, Status.WARN, reason, remedy, cluster.records)
    return Finding(id, Status.PASS, f"{seen}, enough for {capture.words()}.", "", cluster.records)
