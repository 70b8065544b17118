"""Hardware reported an error that nothing can go on after: machine checks, firmware-first errors, SErrors, NMIs.

Source: arch/x86/kernel/cpu/mce/, Intel SDM volume 3 chapter 16 and AMD PPR (status bits), drivers/acpi/apei/ghes.c,
drivers/firmware/efi/cper.c, arch/x86/kernel/nmi.c, arch/arm64/kernel/traps.c, drivers/watchdog/hpwdt.c.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.processors import read_processors
from kdumpkit.analysis.cause.scene import Scene

_MOST_PROCESSORS = 3
KINDS = frozenset({"mce", "hw_error", "serror", "external_abort", "nmi"})
_MCE = re.compile(
    r"CPU (?P<cpu>\d+): Machine Check(?: Exception)?: +[0-9a-f]+ Bank +(?P<bank>\d+): +(?P<status>[0-9a-f]{16})"
)
_RECORD = re.compile(r"\[Hardware Error\]")
_SECTION = re.compile(
    r"section_type: (?P<type>[^,\n]{1,60})|error_type: (?:\d+, )?(?P<error>[^\n]{1,60})|"
    r"DIMM location: (?P<dimm>[^\n]{1,80})"
)
_TELLS = re.compile(
    r"EDAC .{0,40}\b(?:CE|UE)\b|DIMM location|error_type|section_type|physical_address|\bAER: .{0,60}[Ee]rror|"
    r"\[Hardware Error\]: (?:TSC|.{0,20}ADDR) |Corrected error"
)
_MEMORY_CODE = re.compile(r"memory|DIMM|dimm", re.IGNORECASE)
_NMI = re.compile(r"NMI received|NMI: |An NMI occurred|PCI system error|IOCK error|uv_nmi|Uhhuh")
_MANAGEMENT = re.compile(r"Integrated Management Log|An NMI occurred")
_TIMEOUT = re.compile(r"Not all CPUs entered broadcast exception|Timeout: |timed out waiting for")
#: the low 16 bits of an x86 machine check's status, first match wins
_CODES = (
    (0xFF80, 0x0080, "a memory controller"),
    (0xFE00, 0x0800, "a bus or the interconnect"),
    (0xFF00, 0x0100, "a cache"),
    (0xFFF0, 0x0010, "a translation buffer (TLB)"),
    (0xFFFF, 0x0400, "an internal timer: the processor made no progress"),
    (0xFFFF, 0x0E0B, "the I/O side (PCI Express) of the processor"),
)
_VENDOR_LOG = NextStep(
    "read the system event log of the machine's management controller, which names the part", "ipmitool sel elist"
)
_STEPS = (
    _VENDOR_LOG,
    NextStep("read what the machine kept of corrected errors before", "ras-mc-ctl --errors; ras-mc-ctl --summary"),
)


def explain(scene: Scene) -> Cause | None:
    """Certain that hardware reported it; which part only where a record says so."""
    return {
        "mce": _machine_check,
        "hw_error": _firmware_record,
        "serror": _arm_error,
        "external_abort": _arm_error,
        "nmi": _nmi,
    }[scene.crash.kind](scene)


def _machine_check(scene: Scene) -> Cause:
    records = scene.find(_MCE, 8)
    evidence = (*records, *scene.find(_TELLS, 4), *scene.at("panic_reason"))
    parts, banks = [], []
    for record in records:
        match = _MCE.search(record.text)
        if match is not None:
            banks.append(f"processor {match['cpu']}, bank {match['bank']}")
            parts.append(_part(int(match["status"], 16)))
    named = [part for part in dict.fromkeys(parts) if part]
    what = f", reported by {named[0]}" if named else ""
    which = f" ({'; '.join(dict.fromkeys(banks))})" if banks else ""
    if not records and scene.find(_TIMEOUT, 1):
        sentence = (
            "The machine stopped with a machine check in which some processors never answered: hardware or firmware."
        )
        return scene.cause(
            "hardware.mce_timeout", sentence, Confidence.LIKELY, Origin.HARDWARE, scene.find(_TIMEOUT, 2), _STEPS
        )
    memory = any(part == "a memory controller" for part in named)
    steps = (
        *_STEPS,
        NextStep(
            "have the memory module that the event log names replaced"
            if memory
            else "have the processor, its board and its firmware checked by the machine's maker; update the firmware"
        ),
    )
    sentence = (
        f"The hardware reported an error that it could not correct{what}{which}: the kernel stopped to keep data from "
        "being damaged. This is no defect of the kernel."
    )
    raises = () if named else ("the machine check's status, which the log does not hold: it names the part",)
    return scene.cause("hardware.mce", sentence, Confidence.CERTAIN, Origin.HARDWARE, evidence, steps, raises)


def _part(status: int) -> str:
    code = status & 0xFFFF
    # bit 12 only says that a cache filtered earlier reports
    code &= ~0x1000
    return next((words for mask, value, words in _CODES if code & mask == value), "")


def _firmware_record(scene: Scene) -> Cause:
    records = scene.find(_RECORD, 40)
    kinds: dict[str, str] = {}
    for record in records:
        match = _SECTION.search(record.text)
        if match is not None and match.lastgroup is not None:
            kinds.setdefault(match.lastgroup, match[match.lastgroup].strip())
    what = kinds.get("error") or kinds.get("type")
    told = f": {what}" if what else ""
    where = f", memory module {kinds['dimm']}" if "dimm" in kinds else ""
    sentence = (
        f"The machine's firmware reported a fatal hardware error{told}{where}: the kernel stopped. "
        "This is no defect of the kernel."
    )
    shown = [record for record in records if _SECTION.search(record.text) or "severity" in record.text]
    evidence = (*shown[:8], *scene.at("panic_reason"))
    memory = bool(what and _MEMORY_CODE.search(what))
    last = "have that memory module replaced" if memory else "have the part that the event log names checked"
    return scene.cause(
        "hardware.firmware_record",
        sentence,
        Confidence.CERTAIN,
        Origin.HARDWARE,
        evidence,
        (*_STEPS, NextStep(f"{last}; update the machine's firmware")),
        () if what else ("the whole hardware error record: this log holds only its first lines",),
    )


def _arm_error(scene: Scene) -> Cause:
    place = scene.blamed
    code = scene.crash.kind == "external_abort"
    what = "an access to a device or to memory was answered with an error" if code else "an asynchronous system error"
    module = scene.foreign_module
    where = scene.where(module or place) if code else ""
    sentence = (
        f"The processor was told of {what if not code else 'a bus error: ' + what}{where}. Hardware that fails is "
        "one cause; a driver that touches a device which is switched off or not there is the other."
    )
    steps = [_VENDOR_LOG, NextStep("update firmware and device tree or ACPI tables of the machine")]
    if place is not None and code:
        steps.append(scene.look_up(place))
    return scene.cause(
        f"hardware.{scene.crash.kind}",
        sentence,
        Confidence.POSSIBLE,
        Origin.HARDWARE,
        (*scene.at("panic_reason", "rip_symbol", "fault_address"), *scene.find(_TELLS, 3)),
        steps,
        ("an error record of the firmware (RAS, CPER) from the same moment",),
    )


def _nmi(scene: Scene) -> Cause:
    reason = scene.crash.panic_reason or ""
    evidence = (*scene.find(_NMI, 6), *scene.at("panic_reason"))
    if "IOCK" in reason or scene.find(re.compile(r"PCI system error|IOCK error"), 1):
        sentence = (
            "A device or the memory controller raised a non-maskable interrupt for an error on the bus (SERR or IOCK): "
            "hardware."
        )
        return scene.cause(
            "hardware.nmi_bus_error", sentence, Confidence.LIKELY, Origin.HARDWARE, evidence, (_VENDOR_LOG,)
        )
    if "An NMI occurred" in reason or scene.find(_MANAGEMENT, 1):
        sentence = (
            "The machine's management controller (HPE iLO) sent a non-maskable interrupt: its watchdog ran out because "
            "the system no longer answered, somebody asked it to, or it saw hardware fail. Its own log names which."
        )
        return scene.cause(
            "hardware.nmi_management",
            sentence,
            Confidence.POSSIBLE,
            Origin.HARDWARE,
            (*scene.find(_MANAGEMENT, 3), *evidence),
            (_VENDOR_LOG, NextStep("read the Integrated Management Log (IML) in iLO at that time")),
            ("the entry of the management controller's log from the same moment",),
        )
    was = f" The processor was{scene.where()} then, which need not have to do with it." if scene.blamed else ""
    processors = [p for p in read_processors(scene.of_dump("cpus")) if p.in_kernel][:_MOST_PROCESSORS]
    if processors:
        at_work = "; ".join(f"processor {p.cpu}, {p.task}{scene.where(p.work)}" for p in processors)
        was += f" At work in the kernel were: {at_work}. One that stays in one place is what a watchdog looks for."
        evidence = (*evidence, *(processor.evidence() for processor in processors))
    sentence = (
        "A non-maskable interrupt came, and the kernel is set to panic on it. It was sent by somebody (a button, "
        "`ipmitool chassis power diag`, `virsh inject-nmi`), by a hardware watchdog, or by failing hardware: the "
        "log does not tell these apart." + was
    )
    steps = (
        _VENDOR_LOG,
        NextStep("ask who sent it, and read the hypervisor's or management controller's audit log"),
        NextStep("see which settings panic on an NMI", "sysctl -a 2>/dev/null | grep -E 'nmi|hardlockup'"),
    )
    raises = ("an entry in the system event log from the same moment: a watchdog, a button, or a bus error",)
    return scene.cause("hardware.nmi", sentence, Confidence.POSSIBLE, Origin.UNKNOWN, evidence, steps, raises)
