"""A module that checks itself stopped: ZFS (VERIFY, PANIC) and Lustre (ASSERTION, LBUG).

Source: OpenZFS's spl-err.c (spl_panic) and sys/debug.h: the thread is halted, the kernel goes on. Lustre's libcfs
(lbug_with_loc, panic_on_lbug).
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene

KINDS = frozenset({"zfs_assert", "other"})
_LBUG = re.compile(r"\bLBUG\b")
_LUSTRE = re.compile(r"LustreError: .{0,200}(?:ASSERTION|LBUG)")
_SAID = re.compile(r"VERIFY[03FSUP]{0,3}\(.{1,300}\) failed|PANIC at \S+:\d+:\w+\(\)|^PANIC: ")
_POOL = re.compile(r"I/O error|WARNING: Pool|checksum error|zio error|blk_update_request|Buffer I/O")


def explain(scene: Scene) -> Cause | None:
    """The assertion names its place; whether disk, memory or code is at fault is not in it."""
    crash = scene.crash
    if crash.kind == "other":
        return _lustre(scene) if _LBUG.search(crash.panic_reason or "") else None
    said = scene.find(_SAID, 4)
    at = f" ({crash.bug_at})" if crash.bug_at else ""
    versions = ", ".join(name for name in ("zfs", "spl") if name in scene.module_letters)
    named = f", with the modules {versions} loaded" if versions else ""
    sentence = (
        f"ZFS found its own data in a state that must not be{at}{named} and halted the thread: what touches the same "
        "pool hangs from then on. Damaged data on the pool, memory without error correction, or a defect of ZFS: the "
        "assertion alone does not tell which."
    )
    steps = (
        NextStep("see the state of the pools and their errors", "zpool status -v"),
        NextStep("see which version it is, and search its issues for the words of the assertion", "zfs version"),
        NextStep("read every block of the pool and check it", "zpool scrub POOL"),
    )
    broken = scene.before(_POOL, 4)
    return scene.cause(
        "assertion.zfs",
        sentence,
        Confidence.LIKELY,
        Origin.MODULE,
        (*said, *scene.at("bug_at", "comm"), *broken),
        steps,
        ("a scrub's result: errors on the pool point to disk or memory, none to a defect of ZFS",),
    )


def _lustre(scene: Scene) -> Cause:
    said = scene.find(_LUSTRE, 4)
    place = scene.foreign_module or scene.blamed
    sentence = (
        f"Lustre found its own data in a state that must not be{scene.where(place)}, and is set to make a panic of it "
        "(panic_on_lbug): a defect of Lustre, or of what another node sent."
    )
    steps = (
        NextStep(
            "see which version it is, and search its issues for the words of the assertion", "lctl get_param version"
        ),
        NextStep("see whether other nodes of the cluster stopped at the same time"),
    )
    return scene.cause(
        "assertion.lustre",
        sentence,
        Confidence.LIKELY,
        Origin.MODULE,
        (*said, *scene.at("panic_reason", "comm")),
        steps,
    )
