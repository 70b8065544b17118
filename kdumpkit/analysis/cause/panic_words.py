"""Panics that a part of the kernel carries out by its own decision, and whose words name the reason.

Source: init/main.c, init/initramfs.c, mm/memblock.c, kernel/audit.c, kernel/panic.c (panic_on_taint), kernel/cfi.c,
drivers/md/dm-verity-target.c, drivers/watchdog/{softdog,pretimeout_panic}.c, drivers/misc/lkdtm, arch/x86/kernel/apic,
fs/{ext4,btrfs,ocfs2,gfs2,f2fs,nilfs2,fat}/ super blocks with errors=panic, fs/ocfs2/cluster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene

KINDS = frozenset({"other", "oops"})


@dataclass(frozen=True)
class _Words:
    rule: str
    #: in the panic's reason
    pattern: re.Pattern[str]
    sentence: str
    confidence: Confidence
    origin: Origin
    steps: tuple[NextStep, ...]
    #: lines before the panic that belong to it
    before: re.Pattern[str] | None = None


_WORDS = (
    _Words(
        "panic_words.fenced",
        re.compile(r"fencing this system|[Ff]enc(?:ed|ing) by|evicted from the cluster"),
        "This node was taken out of its cluster by the cluster itself: it could no longer reach the shared disk or the "
        "other nodes in time, and stopped so that data is not written twice.",
        Confidence.LIKELY,
        Origin.STORAGE,
        (NextStep("see what the other nodes and the storage logged at that time, and whether the network was up"),),
        re.compile(r"o2net|o2hb|o2quo|ocfs2|dlm|not responding|I/O error|[Ll]ink (?:is )?[Dd]own"),
    ),
    _Words(
        "panic_words.pool",
        re.compile(r"^Pool '.{0,256}' has encountered an uncorrectable I/O failure"),
        "ZFS could no longer read or write the disks of a pool, and the pool is set to panic then (failmode=panic). "
        "The disks, or the way to them, are where to look.",
        Confidence.LIKELY,
        Origin.STORAGE,
        (
            NextStep(
                "see the state of the pools, and what each does when its disks fail",
                "zpool status -v; zpool get failmode",
            ),
            NextStep("see what the disks and their controllers logged before"),
        ),
        re.compile(
            r"I/O error|zio pool=|zio error|rejecting I/O|offline|[Ll]ink (?:is )?[Dd]own|timing out|task abort"
        ),
    ),
    _Words(
        "panic_words.file_system",
        re.compile(
            r"(?:EXT[234]-fs|F2FS-fs|FAT-fs|OCFS2|NILFS|BTRFS|GFS2|REISERFS)\b.{0,200}panic|"
            r"panic from previous error|fs panic",
            re.IGNORECASE,
        ),
        "A file system was found damaged, and it is mounted so that this makes a panic (errors=panic). What damaged "
        "it, a disk, the way to it or a defect, stands in the file system's own message before.",
        Confidence.LIKELY,
        Origin.STORAGE,
        (
            NextStep(
                "see which file systems panic on an error", "findmnt -o TARGET,SOURCE,FSTYPE,OPTIONS | grep panic"
            ),
            NextStep(
                "look at the disk before the file system is repaired", "smartctl -a /dev/DISK; dmesg | grep -i error"
            ),
            NextStep("check the file system, unmounted, without changing it first", "fsck -n /dev/DISK"),
        ),
        re.compile(r"(?:EXT[234]-fs|F2FS-fs|FAT-fs|BTRFS|GFS2|OCFS2).{0,80}(?:error|corrupt|withdraw)|I/O error"),
    ),
    _Words(
        "panic_words.verity",
        re.compile(r"dm-verity device"),
        "A block of a read-only device did not have the content that its checksum tells (dm-verity), or could not be "
        "read: the disk is failing, or the image was changed.",
        Confidence.LIKELY,
        Origin.STORAGE,
        (
            NextStep(
                "write the image anew, and see whether the disk reports errors", "dmesg | grep -iE 'verity|I/O error'"
            ),
        ),
        re.compile(r"verity|I/O error"),
    ),
    _Words(
        "panic_words.watchdog",
        re.compile(r"[Ww]atchdog (?:Timer expired|pretimeout)|softdog|watchdog: .{0,60}(?:expired|pretimeout)"),
        "A watchdog was not fed in time and is set to make a panic of it: the program that feeds it did not get to "
        "run, because the machine was stuck or too busy, or because that program had ended.",
        Confidence.POSSIBLE,
        Origin.UNKNOWN,
        (
            NextStep(
                "see who feeds the watchdog and how long it waits", "wdctl; systemctl show -p RuntimeWatchdogUSec"
            ),
            NextStep("look at what all processors were at, in the dump (bt -a)"),
        ),
        re.compile(r"watchdog|lockup|stall|blocked for more than"),
    ),
    _Words(
        "panic_words.audit",
        re.compile(r"^audit: "),
        "The audit system could not log an event and is set to stop the machine then (failure mode 2).",
        Confidence.CERTAIN,
        Origin.SETTINGS,
        (NextStep("see its settings: 1 prints a message instead, a larger backlog helps", "auditctl -s"),),
        re.compile(r"audit"),
    ),
    _Words(
        "panic_words.taint",
        re.compile(r"panic_on_taint"),
        "The kernel is set to panic as soon as it is tainted in a certain way (panic_on_taint), and was. The lines "
        "before tell what tainted it.",
        Confidence.CERTAIN,
        Origin.SETTINGS,
        (NextStep("see which taint is meant", "grep -o 'panic_on_taint=[^ ]*' /proc/cmdline"),),
        re.compile(r"taint"),
    ),
    _Words(
        "panic_words.no_init",
        re.compile(r"No working init found|No init found|Requested init .{1,200} failed"),
        "The kernel mounted its root file system and found no program there to start as the first: a wrong root=, an "
        "empty or damaged file system, or a wrong init=.",
        Confidence.LIKELY,
        Origin.SETTINGS,
        (
            NextStep("compare root= and init= with what is there", "cat /proc/cmdline; lsblk -f"),
            NextStep("start the kernel before this one, and rebuild this one's initramfs"),
        ),
        re.compile(r"VFS: Mounted root|Failed to execute|Run \S+ as init"),
    ),
    _Words(
        "panic_words.initramfs",
        re.compile(r"[Ii]nitramfs|[Ii]nitrd|compressed archive|no cpio magic"),
        "The kernel could not unpack its initramfs: it is damaged, cut off, or too large for the memory that there is.",
        Confidence.LIKELY,
        Origin.SETTINGS,
        (
            NextStep("see whether the disk with /boot is full, and rebuild the initramfs", "df -h /boot; ls -l /boot"),
            NextStep("where this was the capture kernel: reserve more memory for it (crashkernel=)"),
        ),
    ),
    _Words(
        "panic_words.early_memory",
        re.compile(r"[Ff]ailed to allocate .{0,60}bytes|[Cc]an(?:not| not) allocate|not enough memory|No memory for"),
        "The kernel did not get the memory that it needs to start. A capture kernel dies like this where too little "
        "was reserved for it.",
        Confidence.LIKELY,
        Origin.MEMORY,
        (
            NextStep(
                "see what is reserved for the capture kernel", "cat /sys/kernel/kexec_crash_size; cat /proc/cmdline"
            ),
        ),
        re.compile(r"Memory: .{0,80}available|crashkernel|elfcorehdr"),
    ),
    _Words(
        "panic_words.indirect_call",
        re.compile(r"CFI failure"),
        "A function was called through a pointer of another type than its own, or one that was overwritten (control "
        "flow integrity).",
        Confidence.LIKELY,
        Origin.KERNEL,
        (
            NextStep(
                "see which module was built with other headers than this kernel's", "modinfo MODULE | grep vermagic"
            ),
        ),
        re.compile(r"CFI failure"),
    ),
    _Words(
        "panic_words.timer",
        re.compile(r"IO-APIC \+ timer doesn't work|timer doesn't work"),
        "The machine's timer interrupt did not arrive while the kernel started: firmware tables that are wrong, or a "
        "hypervisor that did not run the machine in time.",
        Confidence.POSSIBLE,
        Origin.HARDWARE,
        (NextStep("update the firmware; where it is a virtual machine, see whether the hypervisor was overloaded"),),
    ),
    _Words(
        "panic_words.test",
        re.compile(r"^dumptest$|\blkdtm\b"),
        "The kernel was made to panic on purpose by its own test module (lkdtm).",
        Confidence.CERTAIN,
        Origin.OPERATOR,
        (NextStep("see who loaded the module", "journalctl -b -1 | grep -i lkdtm"),),
        re.compile(r"lkdtm"),
    ),
)
_END_OF_OOPS = re.compile(r"Fatal exception|kill the idle task|Aiee, killing|panic_on_oops|Unrecoverable exception")


def explain(scene: Scene) -> Cause | None:
    """What the panic's own words tell; for the last line of an oops alone, that its first lines are missing."""
    reason = scene.crash.panic_reason
    if reason is None:
        return None
    found = next((words for words in _WORDS if words.pattern.search(reason)), None)
    evidence = scene.at("panic_reason", "rip_symbol", "comm")
    if found is not None:
        before = scene.before(found.before, 4) if found.before is not None else ()
        return scene.cause(
            found.rule, found.sentence, found.confidence, found.origin, (*before, *evidence), found.steps
        )
    if scene.crash.kind == "oops" and _END_OF_OOPS.search(reason):
        sentence = (
            f'The kernel died of an error of its own: "{reason}" is the last line of such a report. Its first lines, '
            "which name the error and the place, are not in this log."
        )
        return scene.cause(
            "panic_words.end_of_oops", sentence, Confidence.UNKNOWN, Origin.UNKNOWN, evidence,
            (NextStep("look for the lines before it: the log in the dump, the journal, the console server's file"),),
            ("the lines before the log's first: they name the error and the function",),
        )  # fmt: skip
    return None
