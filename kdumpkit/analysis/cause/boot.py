"""The machine could not start, or its first process died.

Source: init/do_mounts.c (mount_root, mount_block_root), kernel/exit.c (do_exit: Attempted to kill init), init/main.c.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene

KINDS = frozenset({"init_killed", "vfs_mount_root"})
_EXIT_CODE = re.compile(r"exitcode=0x(?P<code>[0-9a-f]{1,8})")
_ROOT = re.compile(r"root=(?P<root>\S{1,200})")
_COMMAND_LINE = re.compile(r"[Cc]ommand line: ")
_CANNOT_OPEN = re.compile(r"VFS: Cannot open root device|Please append a correct|List of all (?:bdev|partitions)")
_INITRD = re.compile(
    r"Unpacking initramfs|Trying to unpack rootfs|Initramfs unpacking failed|Freeing initrd|RAMDISK|no compression|"
    r"junk (?:within|at the end of) compressed archive|invalid magic at start of compressed"
)
_INIT_FAILED = re.compile(
    r"init\[1\]: segfault|traps: (?:init|systemd)|systemd\[1\].{0,80}(?:Freezing|[Ff]ailed|Caught)|Failed to execute|"
    r"No working init|error while loading shared libraries|SELinux: .{0,60}(?:[Ff]ail|denied)|"
    r"I/O error|EXT4-fs error|XFS .{0,40}orrupt"
)
_SIGNALS = {4: "an illegal instruction", 6: "its own abort", 7: "a bus error", 9: "a kill", 11: "a bad memory access"}


def explain(scene: Scene) -> Cause | None:
    """Which of the two, and what the log has of the reason."""
    return _root(scene) if scene.crash.kind == "vfs_mount_root" else _init(scene)


def _root(scene: Scene) -> Cause:
    command_line = scene.find(_COMMAND_LINE, 1)
    named = _ROOT.search(command_line[0].text) if command_line else None
    unpacked = scene.find(_INITRD, 3)
    broken = any(
        "failed" in line.text or "junk" in line.text or "no compression" in line.text or "invalid magic" in line.text
        for line in unpacked
    )
    root = f" {named['root']}" if named is not None else ""
    reason = scene.crash.panic_reason or ""
    if broken:
        why = "its initramfs could not be unpacked: it is damaged, cut off, or packed in a way this kernel cannot read."
        confidence = Confidence.LIKELY
    elif "unknown-block(0,0)" in reason:
        why = (
            "it knew no such device at all: the initramfs is missing for this kernel, or the driver of the disk is in "
            "neither of them, or root= names a device that is not there."
        )
        confidence = Confidence.LIKELY
    else:
        why = "the device was there and no file system that this kernel knows was found on it."
        confidence = Confidence.POSSIBLE
    sentence = f"The kernel could not mount its root file system{root}: {why} Nothing was running yet."
    steps = (
        NextStep("boot the kernel before this one from the boot menu"),
        NextStep("see whether each kernel has an initramfs, and room is left", "ls -l /boot; df -h /boot"),
        NextStep(
            "build the initramfs anew",
            "command -v dracut >/dev/null && dracut -f --regenerate-all || update-initramfs -u -k all",
        ),
    )
    return scene.cause(
        "boot.no_root",
        sentence,
        confidence,
        Origin.SETTINGS,
        (*scene.find(_CANNOT_OPEN, 3), *command_line, *unpacked, *scene.at("panic_reason")),
        steps,
        () if command_line else ("the kernel's command line, which the log does not hold",),
    )


def _init(scene: Scene) -> Cause:
    crash = scene.crash
    told = _EXIT_CODE.search(crash.panic_reason or "")
    code = int(told["code"], 16) if told is not None else None
    name = crash.comm or "init"
    signal = code & 0x7F if code is not None else 0
    if code is None:
        how = "ended"
    elif signal:
        how = f"was ended by signal {signal}" + (f" ({_SIGNALS[signal]})" if signal in _SIGNALS else "")
    else:
        how = f"ended by itself with status {code >> 8}"
    sentence = (
        f"The first process, {name}, {how}; without it no Linux system can go on. The kernel only tells of it: the "
        "cause is in user space, in its libraries, its disk, or in what ended it."
    )
    signs = scene.before(_INIT_FAILED, 6)
    if signs:
        sentence += " See what the log says just before."
    steps = (
        NextStep("boot with a rescue system and see whether the root file system is whole", "fsck -n; dmesg -l err"),
        NextStep("see whether init and its libraries are those of their packages", "rpm -V systemd glibc || dpkg -V"),
    )
    return scene.cause(
        "boot.init_ended",
        sentence,
        Confidence.LIKELY if signs else Confidence.POSSIBLE,
        Origin.SETTINGS,
        (*signs, *scene.at("panic_reason", "comm")),
        steps,
        () if signs else ("what init wrote before it ended: the console's whole output",),
    )
