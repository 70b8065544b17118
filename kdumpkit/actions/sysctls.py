"""Kernel settings that turn trouble into a panic: set now and for the next boots, in a file of our own."""

from __future__ import annotations

from collections.abc import Mapping

from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.command import command
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.sysctls import PanicSysctls
from kdumpkit.facts.unknown import Unknown

PATH = "/etc/sysctl.d/90-kdumpkit.conf"

#: sysctl names and the field of PanicSysctls that holds each
NAMES: dict[str, str] = {
    "kernel.panic": "panic",
    "kernel.panic_on_oops": "panic_on_oops",
    "kernel.softlockup_panic": "softlockup_panic",
    "kernel.hardlockup_panic": "hardlockup_panic",
    "kernel.hung_task_panic": "hung_task_panic",
    "kernel.unknown_nmi_panic": "unknown_nmi_panic",
    "kernel.panic_on_warn": "panic_on_warn",
    "vm.panic_on_oom": "panic_on_oom",
    "kernel.sysrq": "sysrq",
    "kernel.watchdog_thresh": "watchdog_thresh",
}


def plan_sysctls(wanted: Mapping[str, int], current: PanicSysctls, file: bytes | None) -> Plan:
    """The plan after which these settings hold, now and after a reboot. Empty where they do.

    ``file`` is what :data:`PATH` holds (None: absent); lines in it that set other names stay. A setting that this
    kernel is built without is left out with a note. Raises ParameterError for an unknown name, GateClosed for a value
    that could not be read: without it there would be no way back.
    """
    changes: list[Change] = []
    notes: list[str] = []
    keep: dict[str, int] = {}
    for name, value in wanted.items():
        if name not in NAMES:
            raise ParameterError(f"{name} is not a setting that decides over panics", f"one of {', '.join(NAMES)}")
        now: int | Unknown = getattr(current, NAMES[name])
        if isinstance(now, Unknown):
            if not now.absent:
                raise GateClosed(f"{name} could not be read ({now.sentence()}), so it is not set", f"sysctl {name}")
            notes.append(f"{name} is left out: this kernel is built without it")
            continue
        keep[name] = value
        if now != value:
            set_it = command("sysctl", "-w", f"{name}={value}", timeout_s=30, as_root=True)
            set_back = command("sysctl", "-w", f"{name}={now}", timeout_s=30, as_root=True)
            changes.append(CommandChange(set_it, f"now {now}", set_back))
    content = _content(keep, file)
    if keep and content != (file or b""):
        changes.insert(0, FileChange(PATH, file, content))
        notes.append("a file that sorts after it, such as 99-sysctl.conf, would win at the next boot")
    title = "set what makes the kernel panic"
    return Plan(
        title, tuple(changes), "" if changes else "each setting has its value, now and for the next boot", tuple(notes)
    )


def _content(keep: Mapping[str, int], file: bytes | None) -> bytes:
    lines = (file or b"").decode("utf-8", "surrogateescape").split("\n")
    kept = [line for line in lines if line.strip() and line.partition("=")[0].strip() not in keep]
    text = "\n".join([*kept, *(f"{name} = {value}" for name, value in keep.items())]) + "\n"
    same = sorted(line.strip() for line in text.split("\n") if line.strip())
    if same == sorted(line.strip() for line in lines if line.strip()):
        return file or b""
    return text.encode("utf-8", "surrogateescape")
