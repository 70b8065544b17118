"""``kdumpkit``: the command line.

Exit status: 0 all is well, 1 a check failed, 2 wrong use or parameters, 3 host unreachable or lost, 4 refused
for want of consent or lock, 5 evidence does not verify.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from kdumpkit.cli.crashes import analyse, oops
from kdumpkit.cli.lab import app as lab_app
from kdumpkit.cli.progress import findings_text
from kdumpkit.cli.runs import execute, execute_replay
from kdumpkit.errors import KdumpkitError, ParameterError, UsageError
from kdumpkit.evidence.redact import cleaned
from kdumpkit.parameters import FIELDS, Parameters, check_parameters, json_schema, read_parameters, read_values

app = typer.Typer(
    help="Proves that a Linux host leaves a usable crash dump when its kernel panics, and keeps the evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
params_app = typer.Typer(help="Parameter files.", no_args_is_help=True)
app.add_typer(params_app, name="params")
app.add_typer(lab_app, name="lab")

HostFile = Annotated[Path, typer.Argument(help="parameter file of the host", metavar="HOST.yaml")]
Evidence = Annotated[Path, typer.Argument(help="evidence folder of a run", metavar="EVIDENCE")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
#: the exit status of a command that Ctrl-C ended
INTERRUPTED = 130
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
Setting = Annotated[
    list[str] | None, typer.Option("--set", help="a parameter other than the file has it: name=value", metavar="N=V")
]


def main() -> NoReturn:
    """Entry point: every foreseen error becomes a sentence and an exit status."""
    _open_closed_streams()
    # a file's name need not be text
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED  # as typer itself makes of it within a command
    except KdumpkitError as error:
        print(f"kdumpkit: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"kdumpkit: {cleaned(f'{where}{error.strerror or error}')}", file=sys.stderr)
        _drop_output()
        sys.exit(1)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except Exception as error:
        # click's usage errors know how to show themselves and what their status is
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            sys.exit(2)
        raise
    if status == INTERRUPTED:
        print(f"kdumpkit: interrupted{_way_on(sys.argv[1:])}", file=sys.stderr)
    sys.exit(status if isinstance(status, int) else 0)


def _way_on(words: list[str]) -> str:
    if (words[:1] == ["run"] and "--replay" not in words) or words[:2] == ["lab", "run"]:
        return "; the same command with --resume goes on with the run"
    return ""


def _open_closed_streams() -> None:
    # a file that is opened later would take the number of a stream that was closed, and be written to by mistake
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _drop_output() -> None:
    # what could not be written is still held, and Python would try and complain once more at the end
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:
        # standard output is no file, as under a test
        return


@app.command()
def run(
    host_file: Annotated[Path | None, typer.Argument(help="parameter file of the host", metavar="HOST.yaml")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the newest run that has no good end")] = False,
    settings: Setting = None,
    replay: Annotated[
        Path | None, typer.Option(help="a recording to run from instead of a host", metavar="DIR")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="with --replay: the folder to make", metavar="DIR")] = None,
    as_json: Json = False,
) -> int:
    """Execute the six notebooks for one host and seal their evidence."""
    if replay is not None:
        if host_file is not None or settings or resume:
            raise UsageError(
                "a replay has its host and its parameters from the recording, and begins anew",
                f"kdumpkit run --replay {shlex.quote(str(replay))}",
            )
        return execute_replay(replay, output, as_json)
    if output is not None:
        raise UsageError(
            "--output is for --replay; a run's evidence goes where evidence_dir says", "--set evidence_dir=DIR"
        )
    if host_file is None:
        raise UsageError("no parameter file is named", "kdumpkit run parameters/web01.yaml")
    return execute(_parameters(host_file, settings), resume, as_json)


@app.command()
def check(host_file: HostFile, settings: Setting = None, as_json: Json = False) -> int:
    """Read everything and change nothing: ``run`` with mode check."""
    return execute(_parameters(host_file, [*(settings or []), "mode=check"]), False, as_json)


@app.command()
def verify(
    evidence: Evidence,
    signers: Annotated[
        Path | None, typer.Option(help="allowed signers (see ssh-keygen(1)); the manifest must be signed by one")
    ] = None,
) -> int:
    """Prove that an evidence folder is what its run left, offline, by replaying every notebook."""
    from kdumpkit.evidence.verify import verify as verify_folder
    from kdumpkit.runbook.session import STAGES

    verdict = verify_folder(
        evidence, STAGES, allowed_signers=signers, progress=lambda line: print(line, file=sys.stderr)
    )
    print(f"{evidence}: verified; the run's verdict is {verdict.status}")
    return 0


@app.command()
def report(evidence: Evidence) -> int:
    """Print where a run's report is and how the run ended."""
    from kdumpkit.evidence.transcript import check_evidence_dir, read_transcript
    from kdumpkit.evidence.verdict import judge
    from kdumpkit.runbook.session import STAGES

    folder = check_evidence_dir(evidence)
    verdict = judge(read_transcript(folder), STAGES)
    print(_verdict_lines(verdict))
    written = folder / "report.html"
    print(f"report: {written if written.exists() else 'none; kdumpkit run HOST.yaml --resume writes it'}")
    return verdict.exit_status


app.command()(analyse)
app.command()(oops)


@params_app.command("check")
def params_check(host_files: Annotated[list[Path], typer.Argument(metavar="HOST.yaml...")]) -> int:
    """Check parameter files without touching a host."""
    wrong = False
    for path in host_files:
        try:
            parameters = read_parameters(path)
        except ParameterError as error:
            # one by one: whoever has many files wants to know of all of them
            print(f"kdumpkit: {error}", file=sys.stderr)
            wrong = True
        else:
            print(f"{path}: good: host {parameters.host}, {parameters.transport}, mode {parameters.mode}")
    return ParameterError.exit_status if wrong else 0


@params_app.command("schema")
def params_schema() -> int:
    """Print the JSON Schema that editors complete parameter files from."""
    print(json_schema(), end="")
    return 0


def _parameters(path: Path, settings: list[str] | None) -> Parameters:
    values = read_values(path)
    check_parameters(values, str(path))
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: there is no =", "--set name=value")
        is_number = name in FIELDS and FIELDS[name].annotation is int and _WHOLE_NUMBER.fullmatch(value)
        values[name] = int(value) if is_number else value
    return check_parameters(values, f"{path} with --set")


def _verdict_lines(verdict: Any) -> str:
    return "\n".join(f"{v.stage:<20} {v.status:<11} {findings_text(v)}" for v in verdict.stages)
