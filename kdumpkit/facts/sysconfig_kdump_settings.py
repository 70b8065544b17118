"""What SUSE's ``/etc/sysconfig/kdump`` means, and what in it does not do what it looks like."""

from __future__ import annotations

from collections.abc import Iterator

from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings, SettingsProblem
from kdumpkit.facts.reading import Files
from kdumpkit.facts.sysconfig_kdump import (
    FLAG_WORDS,
    FLAGS,
    FORMATS,
    NUMBERS,
    TEXTS,
    WITHOUT_MAKEDUMPFILE,
    SysconfigKdump,
    is_number,
    sysconfig_kdump_from,
)
from kdumpkit.facts.text import excerpt
from kdumpkit.facts.unknown import Unknown


def sysconfig_kdump_settings(found: SysconfigKdump) -> KdumpSettings:
    """What the file means, in the words of every family. The first of several targets stands for all."""
    first = found.targets[0]
    local = first.kind is DumpTargetKind.LOCAL
    kernel = found.text("KDUMP_KERNELVER")
    return KdumpSettings(
        paths=(found.path,),
        # a network target is on another machine: no directory here holds the dumps
        directory=first.path if local and first.path.startswith("/") else None,
        target_kind=first.kind or DumpTargetKind.LOCAL,
        target=first.target,
        collector=found.collector,
        dump_level=found.dump_level,
        compression=found.text("KDUMP_DUMPFORMAT"),
        kernel=None if not kernel else kernel if kernel.startswith("/") else f"/boot/vmlinuz-{kernel}",
        command_line=found.text("KDUMP_COMMANDLINE") or None,
        command_line_append=found.text("KDUMP_COMMANDLINE_APPEND") or None,
        kexec_arguments=found.text("KEXEC_OPTIONS") or None,
        keep_dumps=found.number("KDUMP_KEEP_OLD_DUMPS") or None,
        keep_free_bytes=(found.number("KDUMP_FREE_DISK_SIZE") << 20) or None if local else None,
        values=tuple({one.name: one.value for one in found.settings.assignments}.items()),
        problems=(*_syntax_problems(found), *_value_problems(found), *_target_problems(found), *_meanings(found)),
        records=found.records,
    )


def sysconfig_kdump_settings_from(files: Files) -> KdumpSettings | Unknown:
    """The meaning of the file out of files that were read."""
    found = sysconfig_kdump_from(files)
    return found if isinstance(found, Unknown) else sysconfig_kdump_settings(found)


def _origin(found: SysconfigKdump, name: str) -> str:
    last = found.settings.last(name)
    return found.path if last is None else str(last.origin)


def _edit(found: SysconfigKdump) -> str:
    return f"editor {found.path} && systemctl restart kdump.service"


def _syntax_problems(found: SysconfigKdump) -> Iterator[SettingsProblem]:
    for line in found.settings.broken:
        code = "shell code" in line.why or "another file" in line.why
        why = f"sets nothing: {line.why}"
        yield SettingsProblem(
            "syntax", str(line.origin), line.text, why, not code, f"sh -n {found.path}; {_edit(found)}"
        )


def _value_problems(found: SysconfigKdump) -> Iterator[SettingsProblem]:
    for name, default in {**FLAGS, **NUMBERS}.items():
        last = found.settings.last(name)
        if last is None or not last.value or not last.certain:
            continue
        good = last.value in FLAG_WORDS if name in FLAGS else is_number(name, last.value)
        if not good:
            shown = str(default).lower()
            why = f"is no value for {name}, and kdump takes {shown} instead"
            yield SettingsProblem("value", str(last.origin), f"{name}={last.value[:80]}", why, False, _edit(found))
    dump_format = found.text("KDUMP_DUMPFORMAT")
    if dump_format not in (*FORMATS, *WITHOUT_MAKEDUMPFILE):
        why = f"{excerpt(dump_format)} is no format that kdump-save knows: it compresses by zstd instead"
        origin = _origin(found, "KDUMP_DUMPFORMAT")
        yield SettingsProblem("collector", origin, f"KDUMP_DUMPFORMAT={dump_format[:80]}", why, False, _edit(found))
    known = {*FLAGS, *NUMBERS, *TEXTS}
    for assignment in found.settings.assignments:
        if assignment.name.startswith(("KDUMP", "KEXEC_", "MAKEDUMPFILE_")) and assignment.name not in known:
            why = "no version of kdump reads a key of this name"
            yield SettingsProblem("key", str(assignment.origin), assignment.name[:80], why, False, _edit(found))


def _target_problems(found: SysconfigKdump) -> Iterator[SettingsProblem]:
    origin, remedy = _origin(found, "KDUMP_SAVEDIR"), _edit(found)
    for target in found.targets:
        if target.fault:
            yield SettingsProblem("target", origin, target.text, target.fault, True, remedy)
    if len(found.targets) > 1:
        shown = " ".join(target.text for target in found.targets)
        why = (
            f"{len(found.targets)} targets: kdump before 2.0 splits one dump over them (local ones in the compressed "
            "format only), later versions take the whole as one path"
        )
        yield SettingsProblem("target", origin, shown, why, True, remedy)


def _meanings(found: SysconfigKdump) -> Iterator[SettingsProblem]:
    def problem(id: str, name: str, why: str, fatal: bool = False) -> SettingsProblem:
        text = f"{name}={found.settings.value(name) or ''}"[:120]
        return SettingsProblem(id, _origin(found, name), text, why, fatal, _edit(found))

    if found.text("KDUMP_TRANSFER"):
        why = "a command of one's own saves the dump: what the other settings say about target and format has no effect"
        yield problem("transfer", "KDUMP_TRANSFER", why)
    if found.text("KDUMP_DUMPFORMAT") == "none":
        yield problem("collector", "KDUMP_DUMPFORMAT", "only the kernel's log is saved, and no dump", True)
    if found.number("KDUMP_DUMPLEVEL") > 31:
        why = "31 is the highest level: kdump-save takes 0 instead, a dump as large as memory"
        yield problem("collector", "KDUMP_DUMPLEVEL", why)
    if found.number("KDUMP_KEEP_OLD_DUMPS") == -1:
        yield problem("keep", "KDUMP_KEEP_OLD_DUMPS", "every older dump is deleted before a new one is saved")
    if not found.flag("KDUMP_IMMEDIATE_REBOOT"):
        why = "the capture kernel stays in a shell after the dump was saved: the host comes back only by hand"
        yield problem("reboot", "KDUMP_IMMEDIATE_REBOOT", why)
    if not found.flag("KDUMP_CONTINUE_ON_ERROR"):
        why = "the capture kernel stops in a shell at the first error: the host comes back only by hand"
        yield problem("reboot", "KDUMP_CONTINUE_ON_ERROR", why)
    if found.text("KDUMP_COMMANDLINE"):
        why = "it replaces the whole command line of the capture kernel; KDUMP_COMMANDLINE_APPEND adds to it"
        yield problem("command_line", "KDUMP_COMMANDLINE", why)
