"""``kdumpkit lab``: the virtual machine that is there to be crashed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kdumpkit import lab
from kdumpkit.cli.runs import execute
from kdumpkit.errors import UsageError
from kdumpkit.parameters import check_parameters, read_values
from kdumpkit.runbook.run import notebooks_dir

app = typer.Typer(help="A disposable virtual machine whose kernel really panics.", no_args_is_help=True)


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


@app.command()
def up() -> int:
    """Build the machine's image where it is not built yet, and start it."""
    lab.up(_say)
    return status()


@app.command()
def run(
    mode: Annotated[str, typer.Option(help="check, plan, apply or rollback; apply crashes the lab's kernel")] = "apply",
    resume: Annotated[bool, typer.Option("--resume", help="go on with the newest run that has no good end")] = False,
    symbols: Annotated[bool, typer.Option(help="fetch debug symbols of its kernel (283 MB, once)")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="leave the machine running afterwards")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> int:
    """Bring the lab up and run all six stages against it, a real crash among them."""
    lab.install_requirements(_say)
    now = lab.up(_say)
    if symbols:
        lab.fetch_symbols(lab.kernel_release(), _say)
    values = read_values(notebooks_dir().parent / "parameters" / "lab.yaml")
    values["mode"] = mode
    for name, path in (("ssh_config", now.ssh_config), ("console_log", now.console)):
        # the file names where they are by default; XDG_CACHE_HOME may have put them elsewhere
        if Path(str(values[name])).expanduser() != path:
            values[name] = str(path)
    try:
        return execute(check_parameters(values, "parameters/lab.yaml"), resume, as_json)
    finally:
        if not keep:
            lab.down()


@app.command()
def ssh(words: Annotated[list[str] | None, typer.Argument(help="a command to run there")] = None) -> int:
    """Log in to the machine."""
    if not lab.status().running:
        raise UsageError("the lab is not running", "kdumpkit lab up")
    argv = [*lab.ssh_argv(), *(words or [])]
    os.execvp(argv[0], argv)


@app.command()
def status() -> int:
    """Say how the machine stands."""
    now = lab.status()
    if not now.running:
        built = "built" if now.image_digest else "not built yet"
        print(f"not running; image {built}")
        return 0
    answers = "answers" if now.answers else "does not answer now"
    print(f"running as process {now.pid} under {now.accelerator}, {answers}")
    print(f"log in:     ssh -F {_short(now.ssh_config)} {now.ssh_destination}")
    print(f"console:    {_short(now.console)}")
    print("parameters: parameters/lab.yaml")
    return 0


@app.command()
def down() -> int:
    """End the machine and remove what it left; the built image and the symbols are kept."""
    print("the lab is down" if lab.down() else "the lab was not running")
    return 0


def _short(path: Path) -> str:
    home = str(Path.home())
    return str(path).replace(home, "~", 1) if str(path).startswith(home + "/") else str(path)
