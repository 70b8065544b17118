"""Where several workers share the tests: there is one lab, and two that start its machine would end each other's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_one_of_them_has_all_tests_of_the_labs_machine() -> None:
    argv = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*argv, "tests/lab/test_faults.py", "tests/lab/test_real_kinds.py"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "KDUMPKIT_"))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    told = re.findall(r"^\[(gw\d)\] .* SKIPPED \S+?::\S+?(@\w+)? *$", done.stdout, re.M)
    assert len(told) > 10, done.stdout[-2000:]
    assert len(set(told)) == 1, told
    assert told[0][1] == "@machine"
