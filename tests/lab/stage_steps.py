"""Steps of stages run on a live host, each told as a line of JSON: ``stage_steps.py '{"given": …, "steps": …}'``

pytest itself only replays, so this is a program of its own.
"""

from __future__ import annotations

import json
import sys

from kdumpkit.checks.finding import finding_as_json
from kdumpkit.errors import KdumpkitError
from kdumpkit.runbook.grub_crashkernel import GrubCrashkernel
from kdumpkit.runbook.prerequisites import Prerequisites
from kdumpkit.runbook.reboot_check import RebootCheck
from kdumpkit.runbook.stage import Stage

STAGES: dict[str, type[Stage]] = {"01": Prerequisites, "02": GrubCrashkernel, "03": RebootCheck}


def main() -> int:
    """Run the steps, given as ``01 change_kernels``; status 1 and the error's words where one raises."""
    asked = json.loads(sys.argv[1])
    stages: dict[str, Stage] = {}
    for words in asked["steps"]:
        number, step = words.split()
        try:
            if number not in stages:
                for stage in stages.values():
                    stage.unlock()
                stages[number] = STAGES[number].open(asked["given"])
            report = getattr(stages[number], step)()
        except KdumpkitError as error:
            print(f"{words}: {error}", file=sys.stderr)
            return 1
        told = {
            "step": step,
            "done": list(report.done),
            "findings": {found.id: finding_as_json(found) for found in report.findings},
            "conclusion": report.conclusion,
        }
        print(json.dumps(told), flush=True)
    for stage in stages.values():
        stage.unlock()
    return 0


if __name__ == "__main__":
    sys.exit(main())
