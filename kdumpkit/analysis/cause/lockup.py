"""A processor did nothing else for too long: soft and hard lockups, stuck workqueues.

What a lockup names is only where the processor was interrupted. Below that on its own stack stands what it had been
sent to do, and that is judged; a processor that waits for a lock or for another processor is a victim.

Source: kernel/watchdog.c, kernel/watchdog_hld.c (later watchdog_perf.c, watchdog_buddy.c), kernel/smp.c,
kernel/locking/qspinlock.c, arch/powerpc/kernel/watchdog.c, kernel/workqueue.c.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, Evidence, NextStep, Origin
from kdumpkit.analysis.cause.processors import Processor, find_processor, read_processors
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.cause.spinning import explain_spinning, find_caller
from kdumpkit.analysis.function_roles import is_entry, is_spinning
from kdumpkit.analysis.places import Place, normalise_symbol

KINDS = frozenset({"soft_lockup", "hard_lockup", "workqueue_lockup"})

_CALLING_OTHERS = re.compile(
    r"smp_call_function\w*|csd_lock_wait|generic_exec_single|on_each_cpu\w*|native_flush_tlb_\w+|flush_tlb_\w+|"
    r"stop_machine\w*|multi_cpu_stop|text_poke_\w+|__smp_call_single_queue"
)
_IDLE = re.compile(
    r"(?:intel_|acpi_|native_|default_|mwait_|poll_)?idle\w*|native_safe_halt|cpuidle_\w+|mwait_\w+|acpi_safe_halt"
)
_FIRMWARE = re.compile(r"acpi_(?:ex|ps|ev|ns)_\w+|efi_\w+|pci_(?:conf|mmcfg)\w*|\w*_smi_\w*|bios\w*")
_CONSOLE = re.compile(r"serial8250_\w+|console_\w+|vt_console\w*|univ8250\w*|wait_for_xmitr|fb_\w+|vprintk\w*")
_STUCK = re.compile(r"soft lockup.{0,24}CPU#(?P<cpu>\d+) stuck for (?P<seconds>\d+)s")
_SAME = re.compile(r"soft lockup - CPU#\d+ stuck|LOCKUP|self-detected stall|detected stalls")
_MOST_NAMED = 3
_CLOCK = re.compile(
    r"clocksource: .{0,80}(?:unstable|skew)|hrtimer: interrupt took|time jumped|sched_clock .{0,40}stalled"
)


def explain(scene: Scene) -> Cause | None:
    """What the processor was doing, by its own stack; for a victim, what it waited for."""
    crash = scene.crash
    if crash.kind == "workqueue_lockup":
        return _workqueue(scene)
    own = tuple(place for place in scene.stack if place.line_number != crash.line_numbers.get("rip_symbol", -1))
    cpu = f"Processor {crash.cpu}" if crash.cpu is not None else "A processor"
    stuck = _STUCK.search(crash.title)
    long = f"for {stuck['seconds']} seconds" if stuck is not None else "for too long"
    hard = crash.kind == "hard_lockup"
    head = f"{cpu} did nothing else {long}" + (", not even take interrupts" if hard else "")
    setting = "kernel.hardlockup_panic" if hard else "kernel.softlockup_panic"
    stopped = f" The kernel is set to panic then ({setting})." if crash.panicked else ""
    evidence = [
        *scene.at("panic_reason", "rip_symbol", "comm"),
        *scene.of_stack([p for p in own if not is_entry(p.symbol)], 5),
        *scene.before(_SAME, 3),
    ]
    clock = scene.before(_CLOCK, 2)
    steps = [NextStep("the panic is a setting, and so is the time", f"sysctl {setting} kernel.watchdog_thresh")]
    if scene.on_hypervisor:
        steps.insert(0, NextStep("see whether the hypervisor was overloaded or paused this machine at that time"))
    foreign = scene.foreign_module
    names = [place.symbol for place in scene.stack[:8]]
    pressed = f" It was interrupted in {crash.rip_symbol}()." if crash.rip_symbol else ""
    processors = read_processors(scene.of_dump("cpus"))
    own_processor = find_processor(processors, crash.cpu)
    if any(is_spinning(name) for name in names[:3]) or (own_processor is not None and own_processor.spins):
        return explain_spinning(scene, "lockup", head, stopped, evidence, steps, own_processor)
    if any(_CALLING_OTHERS.fullmatch(name) for name in names[:5]):
        return _calling_others(scene, head, stopped, evidence, steps, processors)
    if own_processor is not None and own_processor.in_kernel:
        evidence.append(own_processor.evidence())
    place = foreign or _sent_to_do(scene)
    if crash.rip_symbol in ("__do_softirq", "handle_softirqs"):
        pressed += " That is deferred work of interrupts, such as those of network cards, disks and timers."
    if place is None or not own:
        sentence = (
            f"{head}.{stopped}{pressed} The log shows no stack of what it was doing, and where it was interrupted says "
            "little: why it was stuck is not known."
        )
        return scene.cause(
            "lockup.no_stack", sentence, Confidence.UNKNOWN, Origin.UNKNOWN, [*evidence, *clock], steps,
            ("that processor's own stack: the dump holds it",),
        )  # fmt: skip
    if place.symbol == normalise_symbol(crash.rip_symbol or ""):
        sentence = f"{head}. It was interrupted{scene.where(place)}.{stopped}"
    else:
        sentence = f"{head}. By its own stack it was at work{scene.where(place)}.{pressed}{stopped}"
    if foreign is not None and foreign.module is not None:
        sentence += f" {foreign.module} does not come with the kernel: look at it first."
        return scene.cause(
            "lockup.out_of_tree", sentence, Confidence.LIKELY, Origin.MODULE, evidence,
            [*scene.about_module(foreign.module), *steps],
        )  # fmt: skip
    if any(_CONSOLE.fullmatch(name) for name in names):
        sentence += " It was writing to a slow console: many messages at once on a serial line do this."
        steps.insert(0, NextStep("let less go to the console", "sysctl -w kernel.printk='4 4 1 7'"))
    elif any(_FIRMWARE.fullmatch(name) for name in names):
        sentence += " It was in firmware or waited for a device: update the machine's firmware."
    if scene.on_hypervisor or clock:
        sentence += " A hypervisor that did not run this machine for a while looks the same."
    origin = Origin.KERNEL
    confidence = Confidence.POSSIBLE
    raises = ("whether it was in the same loop each time: lockup messages before the last, or the dump",)
    steps.insert(0, scene.look_up(place))
    return scene.cause("lockup.busy", sentence, confidence, origin, [*evidence, *clock], steps, raises)


def _calling_others(
    scene: Scene,
    head: str,
    stopped: str,
    evidence: list[Evidence],
    steps: list[NextStep],
    processors: tuple[Processor, ...],
) -> Cause:
    sentence = f"{head}: it waited for another processor to answer{scene.where(find_caller(scene))}.{stopped}"
    at_work = [p for p in processors if p.cpu != scene.crash.cpu and (p.in_kernel or (p.problem and not p.idle))]
    if at_work:
        names = "; ".join(
            f"processor {p.cpu}, {p.task}{scene.where(p.work) if p.work else ''}" for p in at_work[:_MOST_NAMED]
        )
        sentence += f" In the dump these were at work in the kernel, and one of them did not answer: {names}."
        evidence = [*evidence, *(processor.evidence() for processor in at_work[:_MOST_NAMED])]
    else:
        steps.insert(0, NextStep("look at the stacks of all other processors in the dump (bt -a)"))
    sentence += " The processor that does not answer is the one to look at; this one is a victim."
    return scene.cause(
        "lockup.other_processor", sentence, Confidence.LIKELY if len(at_work) == 1 else Confidence.POSSIBLE,
        Origin.KERNEL, evidence, steps, () if at_work else ("the stacks of all processors, which the dump holds",),
    )  # fmt: skip


def _sent_to_do(scene: Scene) -> Place | None:
    """The innermost place of the processor's own work, idle loops left out."""
    return next((place for place in scene.telling if not _IDLE.fullmatch(place.symbol)), None)


def _workqueue(scene: Scene) -> Cause:
    sentence = (
        f"Work of the kernel waited for too long on one processor{scene.where()}: something there does not let go of "
        "it. The next lockup or stall in the log names it, where there is one."
    )
    return scene.cause(
        "lockup.workqueue", sentence, Confidence.POSSIBLE, Origin.KERNEL,
        (*scene.at("comm"), *scene.of_stack(scene.stack, 3)), (scene.look_up(),),
    )  # fmt: skip
