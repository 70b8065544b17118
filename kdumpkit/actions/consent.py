"""Consent to a reboot or a panic: the host's own name, typed, for this boot of another machine than ours."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.errors import ConsentMissing


@dataclass(frozen=True)
class Consent:
    """Consent that was checked. It is good for one boot: the triggers compare ``boot_id`` before they act."""

    nodename: str
    boot_id: str


def check_consent(consent: str, host_nodename: str, target_boot_id: str, local_boot_id: str) -> Consent:
    """Consent for this boot of this host, or ConsentMissing with the reason.

    ``consent`` is what was typed, ``host_nodename`` what the host itself answers to ``uname -n``. Boot ids are those of
    ``/proc/sys/kernel/random/boot_id`` there and here: the same id means the same machine, which is never crashed.
    """
    nodename = host_nodename.strip()
    target, local = target_boot_id.strip(), local_boot_id.strip()
    typed = consent.strip()
    if not nodename or not target or not local:
        missing = "its own name" if not nodename else "its boot id" if not target else "the boot id of this machine"
        raise ConsentMissing(
            f"{nodename or 'the host'}: {missing} is not known, so it cannot be told which machine would go down; "
            "nothing was done",
            "uname -n; cat /proc/sys/kernel/random/boot_id",
        )
    if target == local:
        raise ConsentMissing(
            f"{nodename} is the machine that runs kdumpkit (same boot id), and that is never rebooted or crashed; "
            "nothing was done",
            "run kdumpkit on another machine and reach this one over ssh",
        )
    if not typed:
        raise ConsentMissing(
            f"{nodename} would go down, and there is no consent to that; nothing was done",
            f"set consent to {nodename}, the name that the host gives itself",
        )
    if typed != nodename:
        raise ConsentMissing(
            f"consent is for {typed!r}, but the host calls itself {nodename!r}; nothing was done",
            f"check that this is the right host, then set consent to {nodename}",
        )
    return Consent(nodename, target)
