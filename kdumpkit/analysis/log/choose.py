"""Which report a log's kernel died of.

1. A console may hold several boots, and the capture kernel's after the crash: the last boot in which something fatal
   happened is the one, and the capture kernel's own death is told beside it.
2. There, the report that a panic ended; if no panic was printed (kdump starts before it), the first fatal report: a
   second oops is most often the consequence of the first.
3. Of fatal reports in a row, each soon after the other, the first: an oops, then init killed or a stack found overrun.
4. A KASAN report just before names the bad access that the fatal report is the consequence of.
5. Where nothing is fatal, the first report; but a hang beats a warning that is long past.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kdumpkit.analysis.log.builder import Builder
from kdumpkit.analysis.log.model import Severity

#: two reports within this time belong together
RELATED_S = 5.0
#: the same where lines have no time
RELATED_LINES = 200
#: so near to one another, two reports belong together whatever their time stamps say
ADJOINING_LINES = 10
#: a warning that is older than this has nothing to do with a hang
PAST_S = 10.0


def related(earlier: Builder, later: Builder, within_s: float = RELATED_S) -> bool:
    """Whether the second report began so soon after the first that it is likely its consequence."""
    if earlier.boot != later.boot:
        return False
    if earlier.last_time is not None and later.time_s is not None:
        return abs(later.time_s - float(earlier.last_time)) <= within_s
    return later.first_line - earlier.last_line <= RELATED_LINES


def choose_fatal(reports: Sequence[Builder]) -> Builder | None:
    """The report of the crash; None where none of them is more than a note."""
    grave = [report for report in reports if report.confirmed and report.severity is not Severity.NOTE]
    if not grave:
        return None
    deadly = [report for report in grave if report.panicked or report.severity is Severity.FATAL]
    if deadly:
        last_boot = max(report.boot for report in deadly)
        here = [report for report in deadly if report.boot == last_boot]
        chosen = next((report for report in here if report.panicked), here[0])
        for report in reversed(here[: here.index(chosen)]):
            if related(report, chosen):
                chosen = _inherit(report, chosen)
        for report in grave:
            if report.order >= chosen.order:
                break
            if report.kind == "kasan" and (
                related(report, chosen) or chosen.first_line - report.last_line <= ADJOINING_LINES
            ):
                return _inherit(report, chosen)
        return chosen
    first = grave[0]
    if first.severity is Severity.REPORT:
        for report in grave[1:]:
            # a workqueue that does not get on is the first that shows of a processor that is stuck
            if report.severity is Severity.HANG and (
                first.kind == "workqueue_lockup" or not related(first, report, PAST_S)
            ):
                return report
    return first


def choose_capture_death(
    reports: Sequence[Builder], crash: Builder | None, captures: Collection[int]
) -> Builder | None:
    """What the capture kernel died of that was to save this crash; None where nothing of the kind is printed."""
    if crash is None or crash.boot in captures or crash.boot + 1 not in captures:
        return None
    died = choose_fatal([report for report in reports if report.boot == crash.boot + 1])
    return died if died is not None and (died.panicked or died.severity is Severity.FATAL) else None


def _inherit(root: Builder, consequence: Builder) -> Builder:
    # the panic ended both; it is told with the report that began it
    if consequence.panicked and not root.panicked:
        root.panicked = True
        root.panic_reason = consequence.panic_reason
        root.line_numbers["panic_reason"] = consequence.line_numbers["panic_reason"]
    return root
