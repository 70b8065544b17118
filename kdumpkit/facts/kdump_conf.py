"""Kdump's settings on Enterprise Linux and Fedora: ``/etc/kdump.conf``.

Source: kdumpctl, kdump-lib.sh and kdump-lib-initramfs.sh of kdump-utils (RHEL 9, 10, Fedora) and kexec-tools (RHEL 7,
8), and kdump.conf(5).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kdumpkit.facts.kdump_settings import DumpTargetKind, SettingsProblem
from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown

PATH = "/etc/kdump.conf"
DEFAULT_DIRECTORY = "/var/crash"
DEFAULT_ARGUMENTS = "-l --message-level 7 -d 31"

FILE_SYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "minix", "virtiofs")
TARGETS = ("raw", "nfs", "ssh", *FILE_SYSTEMS)
#: refused by kdumpctl since RHEL 7, with what takes their place
REMOVED = {
    "net": "nfs or ssh",
    "options": "dracut_args or extra_modules",
    "link_delay": "nothing: the capture kernel waits for the network by itself",
    "disk_timeout": "nothing: the capture kernel waits for the disk by itself",
    "debug_mem_level": "dracut_args",
    "blacklist": "dracut_args --omit-drivers",
}
OTHERS = (
    "path", "core_collector", "sshkey", "kdump_pre", "kdump_post", "extra_bins", "extra_modules", "failure_action",
    "default", "final_action", "force_rebuild", "force_no_rebuild", "dracut_args", "fence_kdump_args",
    "fence_kdump_nodes", "auto_reset_crashkernel",
)  # fmt: skip
FAILURE_ACTIONS = ("reboot", "halt", "poweroff", "shell", "dump_to_rootfs")
FINAL_ACTIONS = ("reboot", "halt", "poweroff")

_LINE = re.compile(r"(\S+)\s*(.*)")


@dataclass(frozen=True)
class ConfLine:
    """One setting; comments, blanks around and quotes around the whole value are taken off."""

    number: int
    key: str
    value: str


@dataclass(frozen=True)
class KdumpConf:
    """What the file sets, line by line, and what kdumpctl would refuse (``problems``)."""

    path: str
    lines: tuple[ConfLine, ...]
    problems: tuple[SettingsProblem, ...] = ()
    records: tuple[int, ...] = ()

    def value(self, key: str) -> str | None:
        """The value of a key; of several the last, as kdumpctl takes it. None: not set."""
        return next((line.value for line in reversed(self.lines) if line.key == key and line.value), None)

    @property
    def targets(self) -> tuple[ConfLine, ...]:
        """Every line that names a dump target; more than one is an error."""
        return tuple(line for line in self.lines if _is_target(line))

    @property
    def target_kind(self) -> DumpTargetKind:
        """LOCAL where no target is set, or one on a file system of this host."""
        key = self.targets[-1].key if self.targets else ""
        return {"raw": DumpTargetKind.RAW, "nfs": DumpTargetKind.NFS, "ssh": DumpTargetKind.SSH}.get(
            key, DumpTargetKind.LOCAL
        )

    @property
    def target(self) -> str | None:
        """The device (``UUID=``, ``LABEL=`` or a path), the export or ``user@server``; None where none is set.

        A target that dracut_args mount is its first word behind ``--mount``.
        """
        if not self.targets:
            return None
        line = self.targets[-1]
        if line.key != "dracut_args":
            return line.value
        mounted = re.search(r"--mount[=\s]+[\"']?([^\s\"']+)", line.value)
        return mounted[1] if mounted else line.value

    @property
    def save_path(self) -> str:
        """``path``: below the target's root where a target is set, else an absolute path on this host."""
        return posixpath.normpath("/" + (self.value("path") or DEFAULT_DIRECTORY).lstrip("/"))

    @property
    def auto_reset_crashkernel(self) -> bool | None:
        """False: an update of the package leaves crashkernel= alone. None: not said, which counts as yes."""
        said = self.value("auto_reset_crashkernel")
        return None if said is None else said == "yes"

    def collector(self, machine: str = "x86_64") -> str:
        """The core collector that is used, with the default for what is not set.

        ``-F`` goes with ssh and raw only: without a target of those kinds the capture kernel takes it out again.
        """
        given = self.value("core_collector")
        flattened = self.target_kind in (DumpTargetKind.SSH, DumpTargetKind.RAW)
        if given is None:
            default = DEFAULT_ARGUMENTS.replace("-l", "-c", 1) if machine == "s390x" else DEFAULT_ARGUMENTS
            return f"makedumpfile {'-F ' if flattened else ''}{default}"
        if not flattened and "makedumpfile" in given:
            return re.sub(r"\s+-F(?=\s|$)", "", given)
        return given


def parse_kdump_conf(data: bytes, records: tuple[int, ...] = (), path: str = PATH) -> KdumpConf:
    """The settings; an empty file sets nothing. Raises ParseError where it is not text."""
    text = decoded(data, path) if data.strip() else ""
    lines = []
    for number, raw in enumerate(text.split("\n"), 1):
        match = _LINE.fullmatch(raw.partition("#")[0].strip())
        if match is None:
            continue
        value = match[2]
        if len(value) > 1 and value.startswith('"') and value.endswith('"'):
            value = value[1:-1]
        lines.append(ConfLine(number, match[1], value))
    conf = KdumpConf(path, tuple(lines), (), records)
    return KdumpConf(path, conf.lines, tuple(_problems(conf)), records)


def _is_target(line: ConfLine) -> bool:
    return line.key in TARGETS or (line.key == "dracut_args" and "--mount" in line.value)


_REFUSED = "so kdumpctl refuses the whole file and nothing is loaded"


def _problem(conf: KdumpConf, id: str, line: ConfLine, why: str, *, fatal: bool = True) -> SettingsProblem:
    text = f"{line.key} {line.value}".strip()
    remedy = f"vi +{line.number} {conf.path}; systemctl restart kdump.service"
    return SettingsProblem(id, f"{conf.path}:{line.number}", text, why, fatal, remedy)


def _problems(conf: KdumpConf) -> Iterator[SettingsProblem]:
    first: dict[str, ConfLine] = {}
    for line in conf.lines:
        if line.key in REMOVED:
            why = f"is an option that was taken out (instead: {REMOVED[line.key]}), {_REFUSED}"
            yield _problem(conf, "option", line, why)
        elif line.key not in (*TARGETS, *OTHERS):
            yield _problem(conf, "option", line, f"is no option of kdump.conf, {_REFUSED}")
        elif not line.value:
            yield _problem(conf, "option", line, f"has no value, {_REFUSED}")
        elif not _is_target(line):
            before = first.setdefault(line.key, line)
            if before is not line:
                yield _problem(conf, "duplicate", line, f"is set again (first in line {before.number}), {_REFUSED}")
    for line in conf.targets[1:]:
        other = conf.targets[0]
        yield _problem(conf, "target", line, f"is a dump target beside {other.key} in line {other.number}, {_REFUSED}")
    yield from _bad_values(conf)
    yield from _collector_problems(conf)


def _bad_values(conf: KdumpConf) -> Iterator[SettingsProblem]:
    allowed = {
        "failure_action": FAILURE_ACTIONS,
        "default": FAILURE_ACTIONS,
        "final_action": FINAL_ACTIONS,
        "force_rebuild": ("0", "1"),
        "force_no_rebuild": ("0", "1"),
        "auto_reset_crashkernel": ("yes", "no"),
    }
    for line in conf.lines:
        if line.key in allowed and line.value and line.value not in allowed[line.key]:
            why = f"is none of {', '.join(allowed[line.key])}, {_REFUSED}"
            # anything but no counts as yes there
            fatal = line.key != "auto_reset_crashkernel"
            yield _problem(
                conf, "option", line, why if fatal else "is neither yes nor no, and counts as yes", fatal=fatal
            )
        if line.key == "ssh" and "@" not in line.value:
            why = "names no user, and only user@server is taken for a dump over ssh"
            yield _problem(conf, "target", line, why)
        if line.key == "nfs" and ":" not in line.value:
            yield _problem(conf, "target", line, "is no export: server:/directory was expected")
    for one, other in (("failure_action", "default"), ("force_rebuild", "force_no_rebuild")):
        mine = next((line for line in conf.lines if line.key == one and line.value), None)
        theirs = next((line for line in conf.lines if line.key == other and line.value), None)
        together = one == "failure_action" or conf.value(one) == conf.value(other) == "1"
        if mine and theirs and together:
            yield _problem(conf, "option", mine, f"contradicts {other} in line {theirs.number}, {_REFUSED}")


def _collector_problems(conf: KdumpConf) -> Iterator[SettingsProblem]:
    line = next((line for line in reversed(conf.lines) if line.key == "core_collector" and line.value), None)
    if line is None or not line.value.split()[0].endswith("makedumpfile"):
        return
    flattened = "-F" in line.value.split()
    if conf.target_kind in (DumpTargetKind.SSH, DumpTargetKind.RAW) and not flattened:
        why = (
            f"has no -F, without which makedumpfile cannot write to a {conf.target_kind} target: no initramfs is built"
        )
        yield _problem(conf, "collector", line, why)
    elif conf.target_kind not in (DumpTargetKind.SSH, DumpTargetKind.RAW) and flattened:
        why = "has -F, which is for ssh and raw targets: the capture kernel leaves it out"
        yield _problem(conf, "collector", line, why, fatal=False)


def kdump_conf_from(files: Files) -> KdumpConf | Unknown:
    """The settings out of files that were read."""
    return from_file(files, PATH, lambda data: parse_kdump_conf(data, record_numbers(files[PATH].record)))
