#!/usr/bin/env python3
"""Make recordings that are written from documents: ``tests/recordings/from_documents.py [FOLDER...]``

``tests/recordings/<system>/<situation>/documents/`` says what a host looks like, and the six notebooks' own code, run
in check mode against it, asks what it asks. So such a recording is made anew after any change to the commands, and
nothing in it is edited by hand. What the folder holds:

``host.yaml``
    ``source``: where its facts are from; ``given``: parameters of the run; ``uname``: what ``uname -nrvm`` prints;
    ``began``: seconds since the epoch; ``build_id`` of the kernel; ``mounts``, ``files``, ``packages``,
    ``units``: tables, see :class:`DocumentedHost`; ``answers`` for other commands: ``command`` is how it begins, as it
    would be typed or by its title, beside it ``stdout``, ``stderr``, ``exit_status``.
    ``like``: another folder of documents, below tests/recordings, from which all is taken that is not told here;
    ``given`` is added to.
``root/``
    files of the host by their path, those of /proc and /sys too. One that is empty here is not on the host at all.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(TOP))

import yaml  # noqa: E402

import kdumpkit  # noqa: E402
from kdumpkit.command import Command, CommandResult  # noqa: E402
from kdumpkit.errors import KdumpkitError  # noqa: E402
from kdumpkit.evidence.transcript import Transcript, read_transcript  # noqa: E402
from kdumpkit.evidence.verdict import judge  # noqa: E402
from kdumpkit.hosts.base import Fetched, Host, Progress  # noqa: E402
from kdumpkit.hosts.local import LocalHost  # noqa: E402
from kdumpkit.parameters import FIELDS, Parameters  # noqa: E402
from kdumpkit.runbook import session as session_module  # noqa: E402
from kdumpkit.runbook.session import ENV_REPLAY, ENV_RUN_DIR, STAGES  # noqa: E402

DOCUMENTS = "documents"
_FIND_FIELDS = re.compile(r"%(T@|[Yyspl])")


class DocumentedHost(Host):
    """A host that is only a folder of documents; what they do not tell is an error, never an invented answer.

    ``mounts``: target source fstype options uuid|- size used available; ``files``: kind size time path [-> link];
    ``packages``: name version architecture; ``units``: name and properties of ``systemctl show``.
    """

    def __init__(self, folder: Path, root: Path, clock: Clock) -> None:
        self.about = about_host(folder)
        self.name = str(self.about["given"]["host"])
        self.root = root
        self.clock = clock
        _lay_out(folder, root)
        name = root / "proc/sys/kernel/hostname"
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(f"{self.about['uname'].split()[0]}\n")
        if "build_id" in self.about:
            notes = root / "sys/kernel/notes"
            notes.parent.mkdir(parents=True, exist_ok=True)
            digest = bytes.fromhex(self.about["build_id"])
            notes.write_bytes(struct.pack("<III", 4, len(digest), 3) + b"GNU\0" + digest)

    def run(self, command: Command) -> CommandResult:
        status, stdout, stderr = self._answer(command)
        return CommandResult(command, status, stdout, stderr, self.clock.tick(), 0.01)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise LookupError(f"{self.name}: the documents hold no {remote}")

    def _answer(self, command: Command) -> tuple[int, bytes, bytes]:
        shown, program = command.shown(), command.argv[0]
        for answer in self.about.get("answers", ()):
            if shown.startswith(answer["command"]) or shlex.join(command.argv).startswith(answer["command"]):
                return answer.get("exit_status", 0), *(answer.get(n, "").encode() for n in ("stdout", "stderr"))
        if "uname" in (program, shown.split()[0]):
            release = self.root / "etc/os-release"
            system = b"" if program == "uname" or not release.is_file() else release.read_bytes()
            # the script ends with 1 where there is no os-release to be read
            status = 0 if program == "uname" or release.is_file() else 1
            return status, f"{self.about['uname']}\n".encode() + system, b""
        if shown.startswith("read ") or program == "head":
            return self._read(command)
        if program == "date":
            return 0, f"{self.clock.now:.6f}\n".encode(), b""
        known = {"find": self._find, "df": self._df, "findmnt": self._findmnt, "rpm": self._rpm,
                 "dpkg-query": self._dpkg, "systemctl": self._systemctl}  # fmt: skip
        if program not in known:
            raise LookupError(f"{self.name}: the documents have no answer to: {shown}")
        return known[program](command.argv)

    def _read(self, command: Command) -> tuple[int, bytes, bytes]:
        # the real script, over the folder
        inside = str(self.root)
        argv = tuple(inside + word if word.startswith("/") else word for word in command.argv)
        result = LocalHost().run(replace(command, argv=argv, as_root=False))
        stdout = result.stdout.replace(inside.encode(), b"")
        # the bits that a checkout gives say nothing
        return result.exit_status, re.sub(rb"(?m)^@ mode [0-7]+ ", b"@ mode 644 ", stdout), result.stderr

    def _table(self, name: str) -> list[list[str]]:
        return [line.split() for line in str(self.about.get(name, "")).splitlines() if line.strip()]

    def _find(self, argv: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        words = list(argv[1:])
        form = words[words.index("-printf") + 1]
        depth = int(words[words.index("-maxdepth") + 1])
        directories = [word for word in words if word.startswith("/")]
        listed = [(row[0], row[1], row[2], row[3], row[5] if row[4:] else "") for row in self._table("files")]
        paths = {row[3] for row in listed}
        out, missing = "", []
        for directory in directories:
            if directory not in paths and not any(path.startswith(directory + "/") for path in paths):
                missing.append(f"find: '{directory}': No such file or directory\n")
            for kind, size, time, path, link in listed:
                below = path.removeprefix(directory + "/")
                names = "vmlinu|init|[Ii]mage-" + ("|kernel$" if "kernel" in words else "")
                wanted = "-name" not in words or kind == "d" or re.match(names, path.rpartition("/")[2])
                itself = path == directory and "-mindepth" not in words
                if itself or (below != path and below.count("/") < depth and wanted):
                    fields = {"Y": kind, "y": kind, "s": size, "T@": f"{time}.0000000000", "p": path, "l": link}
                    text = _FIND_FIELDS.sub(lambda found, fields=fields: fields[found[1]], form)
                    out += text.replace(r"\t", "\t").replace(r"\0", "\0")
        return (1 if missing else 0), out.encode(), "".join(missing).encode()

    def _exists(self, path: str) -> bool:
        paths = [row[3] for row in self._table("files")] + [row[0] for row in self._table("mounts")]
        inside = self.root / path.lstrip("/")
        return path == "/" or inside.exists() or any(one == path or one.startswith(path + "/") for one in paths)

    def _df(self, argv: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        mounts = sorted(self._table("mounts"), key=lambda row: len(row[0]), reverse=True)
        out, missing = "1B-blocks Used Avail Type File Mounted on\n", ""
        for path in argv[argv.index("--") + 1 :]:
            if not self._exists(path):
                missing += f"df: {path}: No such file or directory\n"
                continue
            row = next(row for row in mounts if path == row[0] or path.startswith(row[0].rstrip("/") + "/"))
            out += f"{row[5]} {row[6]} {row[7]} {row[2]} {path} {row[0]}\n"
        return (1 if missing else 0), out.encode(), missing.encode()

    def _findmnt(self, _argv: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        names = ("target", "source", "fstype", "options", "uuid")
        rows = [
            dict(zip(names, (v if v != "-" else None for v in row[:5]), strict=True)) for row in self._table("mounts")
        ]
        return 0, json.dumps({"filesystems": rows}, indent=3).encode() + b"\n", b""

    def _rpm(self, argv: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        out, missing = "", 0
        for asked in argv[argv.index("--queryformat") + 2 :]:
            rows = [r for r in self._table("packages") if asked in (r[0], f"{r[0]}-{r[1]}", f"{r[0]}-{r[1]}.{r[2]}")]
            missing += not rows
            out += "".join("\t".join(row) + "\n" for row in rows) or f"package {asked} is not installed\n"
        return missing, out.encode(), b""

    def _dpkg(self, argv: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        rows = {row[0]: row for row in self._table("packages")}
        asked = argv[argv.index("-f") + 2 :]
        out = "".join(f"{name}\t{rows[name][1]}\tinstalled\n" for name in asked if name in rows)
        said = "".join(f"dpkg-query: no packages found matching {name}\n" for name in asked if name not in rows)
        return (1 if said else 0), out.encode(), said.encode()

    def _systemctl(self, argv: tuple[str, ...]) -> tuple[int, bytes, bytes]:
        if argv[1] != "show" or "--" not in argv:
            raise LookupError(f"{self.name}: the documents have no answer to: {shlex.join(argv)}")
        rows = {row[0]: row[1:] for row in self._table("units")}
        absent = ["LoadState=not-found", "ActiveState=inactive", "SubState=dead"]
        blocks = ["".join(f"{word}\n" for word in rows.get(name, absent)) for name in argv[argv.index("--") + 1 :]]
        return 0, "\n".join(blocks).encode(), b""

def about_host(folder: Path) -> dict[str, Any]:
    """What ``host.yaml`` of this folder says, with what it takes from another one."""
    about: dict[str, Any] = yaml.safe_load((folder / "host.yaml").read_text())
    if "like" in about:
        other = about_host(HERE / about["like"] / DOCUMENTS)
        given = {**other["given"], **about.get("given", {})}
        answers = [*about.get("answers", ()), *other.get("answers", ())]
        about = {**other, **about, "given": given, "answers": answers}
    return about


def _lay_out(folder: Path, root: Path) -> None:
    about = yaml.safe_load((folder / "host.yaml").read_text())
    if "like" in about:
        _lay_out(HERE / about["like"] / DOCUMENTS, root)
    if (folder / "root").is_dir():
        shutil.copytree(folder / "root", root, symlinks=True, dirs_exist_ok=True)
        for path in (folder / "root").rglob("*"):
            if path.is_file() and not path.is_symlink() and not path.stat().st_size and "like" in about:
                (root / path.relative_to(folder / "root")).unlink()


class Clock:
    """Time that passes only when something is asked, so that a recording is the same each time it is made."""

    def __init__(self, began: float) -> None:
        self.now = float(began)

    def tick(self) -> float:
        """A quarter of a second later."""
        self.now += 0.25
        return self.now

    def time(self) -> float:
        """What ``time.time`` gives meanwhile."""
        return self.now


class _Here(Host):
    # this machine, which has no symbols of anybody

    name = "this machine"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def run(self, command: Command) -> CommandResult:
        found = b'{"vmlinux": null, "candidates": []}\n'
        return CommandResult(command, 0, found, b"", self.clock.tick(), 0.01)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise LookupError(f"nothing is fetched from here: {remote}")


def make_recording(documents: Path, output: Path) -> Path:
    """Run the code of the six notebooks against these documents, in check mode where no other is given; ``output`` receives the transcript.

    Raises LookupError where the documents have no answer to what was asked.
    """
    about = about_host(documents)
    clock = Clock(about["began"])
    with tempfile.TemporaryDirectory() as temporary, _live(clock, output) as say_host:
        host = DocumentedHost(documents, Path(temporary) / "root", clock)
        say_host(host)
        transcript = Transcript(output)
        begin = {
            "host": host.name,
            "run_id": output.name,
            "mode": about["given"].get("mode", "check"),
            "written_from_documents": f"no such host was reached: written from documents, {about['source']}",
            "versions": {"kdumpkit": kdumpkit.__version__},
            "templates": {},
        }
        transcript.append("run", begin)
        for stage in STAGES:
            ended = _run_stage(stage, about["given"])
            transcript.stage, transcript.attempt = stage, 1
            transcript.append("notebook", ended)
        transcript.stage, transcript.attempt = "", 0
        transcript.append("seal", {"status": judge(read_transcript(output), STAGES).status})
    return output


@contextmanager
def _live(clock: Clock, output: Path) -> Iterator[Any]:
    hosts: list[Host] = []
    with ExitStack() as stack:
        for name, value in ((ENV_RUN_DIR, str(output)), ("PYTHONPATH", str(TOP))):
            stack.enter_context(patch.dict(os.environ, {name: value}))
        os.environ.pop(ENV_REPLAY, None)
        stack.enter_context(patch.object(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST"))
        stack.enter_context(patch.object(session_module, "_host", lambda _parameters: hosts[0]))
        stack.enter_context(patch.object(session_module, "_ThisMachine", lambda *_a, **_k: _Here(clock)))
        stack.enter_context(patch("kdumpkit.evidence.transcript.time.time", clock.time))
        yield hosts.append


def _run_stage(stage: str, given: dict[str, Any]) -> dict[str, Any]:
    notebook = json.loads((TOP / "notebooks" / f"{stage}.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    parameters = {**{name: FIELDS[name].default for name in Parameters.model_fields}, **given}
    namespace: dict[str, Any] = {}
    for number, source in enumerate(cells, 1):
        try:
            exec(compile(source, f"{stage} cell {number}", "exec"), namespace)
        except KdumpkitError as error:
            done = {"ended": "error", "code_cells": len(cells), "executed_cells": number}
            return {**done, "error_name": type(error).__name__, "error_text": str(error)}
        if number == 1:
            namespace.update(show=lambda shown: shown)
        if number == 2:
            namespace.update(parameters)
    ended = {"ended": "finished", "code_cells": len(cells), "executed_cells": len(cells)}
    return {**ended, "error_name": "", "error_text": ""}


def all_documents() -> list[Path]:
    """Every folder of documents below tests/recordings."""
    return sorted(path.parent for path in HERE.glob(f"*/*/{DOCUMENTS}/host.yaml"))


def main() -> int:
    """Make the named recordings, or all, anew."""
    named = [Path(word).resolve() for word in sys.argv[1:]]
    for documents in [path if path.name == DOCUMENTS else path / DOCUMENTS for path in named] or all_documents():
        folder = documents.parent
        for old in ("transcript.jsonl", "blobs"):
            shutil.rmtree(folder / old) if (folder / old).is_dir() else (folder / old).unlink(missing_ok=True)
        make_recording(documents, folder)
        verdict = judge(read_transcript(folder), STAGES)
        print(f"{folder.relative_to(HERE)}: {verdict.status}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
