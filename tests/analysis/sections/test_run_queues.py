from __future__ import annotations

from dataclasses import replace

import pytest

from kdumpkit.analysis.sections.run_queues import QueuedTask, RunQueue, RunQueues, describe_run_queues, lockup

QUIET = RunQueue(0, 1, 1200, "loop", 300.0, 0.004, 3.0, ())


@pytest.mark.parametrize(
    ("queue", "threshold_s", "words"),
    [
        # a program that has its CPU for itself is no lockup
        (QUIET, 10, ""),
        (replace(QUIET, watchdog_age_s=19.9), 10, ""),
        (replace(QUIET, watchdog_age_s=22.6), 10, "soft lockup: it did not schedule for 22.6 s"),
        (replace(QUIET, watchdog_age_s=22.6), 20, ""),
        # the detector is off: what its clock says is old
        (replace(QUIET, watchdog_age_s=9000.0), 0, ""),
        (
            replace(QUIET, waiting=(QueuedTask(1, "x", 25.0),)),
            None,
            "one task kept it for 5 min 0 s while others waited",
        ),
        (replace(QUIET, waiting=(QueuedTask(1, "x", 2.0),)), None, ""),
        (replace(QUIET, waiting=(QueuedTask(1, "x", None),), current_s=None), 10, ""),
    ],
)
def test_lockup(queue: RunQueue, threshold_s: int | None, words: str) -> None:
    assert lockup(queue, threshold_s) == words


def test_told() -> None:
    locked = replace(QUIET, cpu=3, watchdog_age_s=30.0)
    (table,) = describe_run_queues(RunQueues((1.0, 2.0, 3.5), 10, 25.0, (QUIET, locked)))
    assert table.sentence == (
        "CPU 3 had stopped to schedule. Load average 1.00, 2.00, 3.50. "
        "An RCU grace period had been under way for 25.0 s."
    )


def test_without_the_watchdogs_times_nothing_is_claimed() -> None:
    blind = replace(QUIET, watchdog_age_s=None)
    (table,) = describe_run_queues(RunQueues(None, 0, None, (blind,)))
    assert table.sentence.startswith("Whether a CPU had stopped to schedule cannot be told")
    assert table.sentence.endswith("The lockup detectors were off.")
