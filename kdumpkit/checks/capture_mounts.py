"""What a capture kernel that boots the whole system mounts before it saves the dump."""

from __future__ import annotations

from collections.abc import Sequence

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.fstab import PATH, FstabEntry
from kdumpkit.facts.unknown import Unknown

#: mounted by the initramfs, or the dump's own root
_FIRST = ("/", "/usr")
_APPEND = r"s/^(\s*\S+\s+\S+\s+\S+\s+\S+)/\1,nofail/"


def check_capture_mounts(
    fstab: Sequence[FstabEntry] | Unknown, dump_directory: str | None, records: tuple[int, ...] = ()
) -> Finding:
    """``capture_mounts.nofail``: no file system that the dump does not need can keep it from being written.

    ``dump_directory`` None: it is not known, or the dump goes to another machine. What it lies on is needed, and so are
    / and /usr.
    """
    id = "capture_mounts.nofail"
    if isinstance(fstab, Unknown):
        return unknown_finding(id, "what the capture kernel mounts", fstab)
    needed = {*_FIRST, *_parents(dump_directory or "/")}
    others = [entry for entry in fstab if entry.required and entry.target not in needed]
    if not others:
        reason = f"The capture kernel needs nothing of {PATH} but what the dump is written to."
        return Finding(id, Status.PASS, reason, "", records)
    named = ", ".join(f"{entry.target} ({PATH}:{entry.line})" for entry in others)
    reason = (
        f"The capture kernel mounts all of {PATH} before it saves the dump. Where the device of {named} does not "
        "appear there within 90 s, it ends in the emergency shell and leaves no dump."
    )
    script = ";".join(f"{entry.line}{_APPEND}" for entry in others)
    return Finding(id, Status.WARN, reason, f"sed -i -E '{script}' {PATH} && systemctl daemon-reload", records)


def _parents(directory: str) -> list[str]:
    parts = directory.rstrip("/").split("/")
    return ["/".join(parts[:count]) or "/" for count in range(1, len(parts) + 1)]
