"""The script's own first steps."""

from __future__ import annotations

import subprocess
import sys

INTERRUPTED_BY_AN_IMPORT = """
import sys

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "kdumpkit.cli.runs":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder)
from kdumpkit.cli.script import command
command()
"""


def test_ctrl_c_while_the_imports_go_on_has_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_BY_AN_IMPORT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "kdumpkit: interrupted\n")


def test_the_script_is_the_command_itself() -> None:
    argv = [sys.executable, "-c", "from kdumpkit.cli.script import command; command()", "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "analyse" in done.stdout
