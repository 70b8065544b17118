"""The kernel's own checks failed: BUG(), a bad instruction, a division by zero.

Source: lib/bug.c, lib/list_debug.c, mm/slub.c, mm/usercopy.c, net/core/skbuff.c (skb_panic), fs/jbd2, fs/btrfs.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene

KINDS = frozenset({"bug_on", "invalid_opcode", "divide_error"})

#: what the kernel prints just before BUG(), and what that means
_BEFORE: tuple[tuple[re.Pattern[str], str, str, Origin], ...] = (
    (
        re.compile(r"list_(?:add|del) corruption|(?:prev|next)->(?:next|prev) should be"),
        "list_corruption",
        "a linked list was found damaged: memory was freed while still in use, or an entry was added or removed twice",
        Origin.KERNEL,
    ),
    (
        re.compile(r"usercopy: Kernel memory|usercopy: kernel memory"),
        "usercopy",
        "a copy between user space and kernel would have gone beyond its object, and was stopped",
        Origin.KERNEL,
    ),
    (
        re.compile(r"skbuff: skb_(?:over|under)_panic|skput:|skb_(?:over|under)_panic"),
        "packet_buffer",
        "a network packet did not fit into its buffer: a defect of a network driver or of a protocol",
        Origin.KERNEL,
    ),
    (
        re.compile(r"[Oo]bject already free|Freelist .{0,20}corrupt|Freepointer corrupt|Object corrupt"),
        "slab_corruption",
        "the kernel's memory allocator found its own data damaged: memory was freed twice or written after free",
        Origin.KERNEL,
    ),
    (
        re.compile(r"detected buffer overflow in|memcpy: detected field-spanning|fortify"),
        "fortify",
        "a copy would have gone beyond its buffer, and was stopped",
        Origin.KERNEL,
    ),
    (
        re.compile(r"(?:EXT4-fs|XFS|BTRFS|JBD2|JBD|F2FS|GFS2)[ :(].{0,80}(?:error|corrupt|abort)", re.IGNORECASE),
        "file_system",
        "the file system had found damage on its disk before",
        Origin.STORAGE,
    ),
)
#: files whose BUG() says that memory was freed twice or is damaged
_ALLOCATOR = re.compile(r"(?:^|/)mm/(?:slub|slab|slab_common|page_alloc|vmalloc)\.[ch]:")
_FILE_SYSTEM = re.compile(r"(?:^|/)fs/(?P<name>ext4|jbd2|xfs|btrfs|ocfs2|gfs2|nfs|f2fs|ceph|cifs)/")
_LINES_BEFORE = 12


def explain(scene: Scene) -> Cause | None:
    """Which check failed, and what is known to make it fail."""
    if scene.crash.kind == "divide_error":
        return _division(scene)
    if scene.crash.kind == "invalid_opcode" and scene.crash.bug_at is None:
        return _instruction(scene)
    return _assertion(scene)


def _assertion(scene: Scene) -> Cause:
    crash = scene.crash
    foreign = scene.foreign_module
    place = foreign or scene.blamed
    at = f" ({crash.bug_at})" if crash.bug_at else ""
    checked = f"A check in the kernel's own code failed{scene.where()}{at}"
    evidence = (*scene.at("bug_at", "rip_symbol", "comm"), *scene.of_stack(scene.telling, 3))
    near = crash.first_line - _LINES_BEFORE
    rule, meaning, origin = "assertion", "", Origin.KERNEL
    confidence = Confidence.POSSIBLE
    for pattern, name, words, whose in _BEFORE:
        found = [line for line in scene.before(pattern, 3) if line.line is not None and line.line >= near]
        if found:
            rule, meaning, origin, confidence = name, words, whose, Confidence.LIKELY
            evidence = (*found, *evidence)
            break
    if not meaning and crash.bug_at:
        if _ALLOCATOR.search(crash.bug_at):
            rule, confidence = "slab_corruption", Confidence.LIKELY
            meaning = (
                "the memory allocator found that something was freed twice, or its data damaged; the code on the "
                "stack may be the victim and not the culprit"
            )
        elif (disk := _FILE_SYSTEM.search(crash.bug_at)) is not None:
            rule, meaning = "file_system", f"{disk['name']} met a state that its code rules out"
    sentence = f"{checked}: {meaning}." if meaning else f"{checked}: the kernel met a state that its code rules out."
    steps = [scene.look_up(place)]
    if rule == "file_system":
        steps.append(
            NextStep("check the file system while it is not mounted, with the checker of its kind", "lsblk -f")
        )
    if rule in ("list_corruption", "slab_corruption"):
        steps.append(
            NextStep(
                "if it comes back, boot once with memory checks on: add this to the kernel's command line",
                "slub_debug=FZPU",
            )
        )
    if foreign is not None and foreign.module is not None:
        own = scene.blamed == foreign and rule == "assertion"
        sentence += (
            f" {foreign.module} does not come with the kernel (taint {scene.module_letters.get(foreign.module, '')}): "
            + ("the check is its own." if own else "it is on the stack, so look at it first.")
        )
        return scene.cause(
            f"kernel_bug.{rule}.out_of_tree",
            sentence.replace("in the kernel's own code ", "") if own else sentence,
            Confidence.LIKELY if own else confidence,
            Origin.MODULE,
            evidence,
            (*scene.about_module(foreign.module), *steps),
        )
    return scene.cause(f"kernel_bug.{rule}", sentence, confidence, origin, evidence, steps)


def _division(scene: Scene) -> Cause:
    foreign = scene.foreign_module
    place = foreign or scene.blamed
    sentence = (
        f"The kernel divided by zero{scene.where(place)}: a value that must not be zero was not checked, "
        f"triggered by {scene.who()}."
    )
    evidence = (*scene.at("rip_symbol", "comm"), *scene.of_stack(scene.telling, 3))
    steps = scene.about_module(foreign.module) if foreign is not None and foreign.module else (scene.look_up(place),)
    origin = Origin.MODULE if foreign is not None else Origin.KERNEL
    confidence = Confidence.LIKELY if place is not None else Confidence.POSSIBLE
    return scene.cause("kernel_bug.division_by_zero", sentence, confidence, origin, evidence, steps)


def _instruction(scene: Scene) -> Cause:
    sentence = (
        f"The processor met an instruction that it does not have{scene.where()}: a failed check of the kernel whose "
        "line is not in the log, code that was overwritten, or a kernel built for another processor."
    )
    return scene.cause(
        "kernel_bug.invalid_instruction",
        sentence,
        Confidence.POSSIBLE,
        Origin.KERNEL,
        scene.at("rip_symbol", "comm"),
        (scene.look_up(),),
        ("the line `kernel BUG at`, which may stand before the part of the log that was kept",),
    )
