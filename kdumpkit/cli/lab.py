"""``kdumpkit lab``: the virtual machine that is there to be crashed."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from kdumpkit import lab
from kdumpkit.cli.lab_crash import crash_once
from kdumpkit.cli.runs import execute
from kdumpkit.errors import UsageError
from kdumpkit.parameters import check_parameters, read_values
from kdumpkit.runbook.run import notebooks_dir

app = typer.Typer(help="A disposable virtual machine whose kernel really panics.", no_args_is_help=True)
app.command("crash")(crash_once)


def _known(name: str) -> str:
    if name not in lab.flavour_names():
        raise typer.BadParameter(f"there is no flavour {name!r}; there are {', '.join(lab.flavour_names())}")
    return name


_KINDS = f"[{'|'.join(lab.flavour_names())}]"
Flavour = Annotated[str, typer.Option("--flavour", help="the kind of machine", parser=_known, metavar=_KINDS)]
#: for what goes to whichever machine runs: a wrong guess is refused
RunningFlavour = Annotated[
    str | None, typer.Option("--flavour", help="only if the machine is of this kind", parser=_known, metavar=_KINDS)
]


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


@app.command()
def up(flavour: Flavour = lab.DEFAULT_FLAVOUR) -> int:
    """Build the machine's image where it is not built yet, and start it."""
    lab.up(_say, flavour=flavour)
    return status()


@app.command()
def run(
    flavour: Flavour = lab.DEFAULT_FLAVOUR,
    mode: Annotated[str, typer.Option(help="check, plan, apply or rollback; apply crashes the lab's kernel")] = "apply",
    resume: Annotated[bool, typer.Option("--resume", help="go on with the newest run that has no good end")] = False,
    symbols: Annotated[bool, typer.Option(help="fetch debug symbols of its kernel (283 MB, once)")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="leave the machine running afterwards")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> int:
    """Bring the lab up and run all six stages against it, a real crash among them."""
    values = read_values(_parameter_file())
    values["mode"] = mode
    check_parameters(values, "parameters/lab.yaml with --mode")
    lab.install_requirements(_say, flavour=lab.load_flavour(flavour))
    now = lab.up(_say, flavour=flavour)
    if symbols:
        lab.fetch_symbols(lab.kernel_release(flavour), _say)
    values.update(_elsewhere(values, now))
    try:
        return execute(check_parameters(values, "parameters/lab.yaml"), resume, as_json)
    finally:
        if not keep:
            lab.down()


# Options end where the command for the guest begins.
@app.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})
def ssh(
    words: Annotated[list[str] | None, typer.Argument(help="a command to run there")] = None,
    flavour: RunningFlavour = None,
) -> int:
    """Log in to the machine."""
    if not lab.status().running:
        raise UsageError("the lab is not running", f"kdumpkit lab up{_option(flavour)}")
    _refuse_other(flavour)
    argv = [*lab.ssh_argv(), *(words or [])]
    os.execvp(argv[0], argv)


@app.command()
def status(flavour: Flavour = lab.DEFAULT_FLAVOUR) -> int:
    """Say how the machine stands; where none runs, whether the flavour's image is built."""
    now = lab.status(flavour)
    if not now.running:
        built = "built" if now.image_digest else "not built yet"
        print(f"not running; image of {flavour} {built}")
        return 0
    answers = "answers" if now.answers else "does not answer now"
    print(f"running as process {now.pid} under {now.accelerator}, {answers}")
    print(f"flavour:    {now.flavour}{'' if now.image_is_current else ', from an older recipe'}")
    print(f"log in:     ssh -F {_quoted(_short(now.ssh_config))} {now.ssh_destination}")
    print(f"console:    {_short(now.console)}")
    elsewhere = _elsewhere(read_values(_parameter_file()), now)
    settings = "".join(f" --set {name}={_quoted(path)}" for name, path in elsewhere.items())
    print(f"parameters: parameters/lab.yaml{settings}")
    return 0


@app.command()
def down(flavour: RunningFlavour = None) -> int:
    """End the machine and remove what it left; the built images and the symbols are kept."""
    _refuse_other(flavour)
    print("the lab is down" if lab.down() else "the lab was not running")
    return 0


def _refuse_other(flavour: str | None) -> None:
    running = lab.status().flavour
    if flavour and running and running != flavour:
        raise UsageError(f"the machine that runs is of the flavour {running}, not {flavour}", "kdumpkit lab status")


def _parameter_file() -> Path:
    return notebooks_dir().parent / "parameters" / "lab.yaml"


def _elsewhere(values: Mapping[str, object], now: lab.LabStatus) -> dict[str, str]:
    # the file names where things are by default; XDG_CACHE_HOME may have put them elsewhere
    there = {"ssh_config": now.ssh_config, "console_log": now.console}
    return {name: str(path) for name, path in there.items() if Path(str(values[name])).expanduser() != path}


def _option(flavour: str | None) -> str:
    return f" --flavour {flavour}" if flavour else ""


def _quoted(path: str) -> str:
    # the shell knows ~ only outside of quotes
    return "~/" + shlex.quote(path[2:]) if path.startswith("~/") else shlex.quote(path)


def _short(path: Path) -> str:
    home = str(Path.home())
    return str(path).replace(home, "~", 1) if str(path).startswith(home + "/") else str(path)
