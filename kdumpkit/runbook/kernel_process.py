"""The warm process that kernels are forked from, as its runner sees it. Imports nothing that takes time."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdumpkit.errors import KdumpkitError
from kdumpkit.runbook.session import ENV_LOGINS, ENV_PROGRESS, ENV_PYTEST, ENV_REPLAY, ENV_RUN_DIR

_CHANNELS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


@dataclass(frozen=True)
class StartedKernel:
    """A kernel that runs, and how it is talked to: what its connection file says."""

    pid: int
    connection_file: Path
    connection: Mapping[str, Any]


def kernel_environment(
    run_dir: Path, *, progress_file: Path | None = None, replay_dir: Path | None = None, keeper: Path | None = None
) -> dict[str, str]:
    """The environment of a stage's kernel: ours, with what :mod:`kdumpkit.runbook.session` asks for."""
    environment = {k: v for k, v in os.environ.items() if k not in (ENV_REPLAY, ENV_PYTEST, ENV_LOGINS)}
    environment[ENV_RUN_DIR] = str(run_dir)
    for name, path in ((ENV_PROGRESS, progress_file), (ENV_REPLAY, replay_dir), (ENV_LOGINS, keeper)):
        if path is not None:
            environment[name] = str(path)
    return environment


class KernelServer:
    """The warm process; started at once, so that its imports overlap with the runner's own."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kdumpkit.runbook.kernel_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._channel = ours
        self._stream = ours.makefile("rwb")
        self._lock = threading.Lock()
        self.folder = tempfile.TemporaryDirectory(prefix="kdumpkit-", ignore_cleanup_errors=True)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return its answer."""
        line = b""
        with self._lock, contextlib.suppress(OSError):
            self._stream.write(json.dumps(request).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
        if not line:
            raise KdumpkitError("the process that starts notebook kernels has ended", "run the command again")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def start(self, environment: Mapping[str, str], folder: Path) -> StartedKernel:
        """A kernel that works in ``folder``. It gets ready by itself; nobody needs to wait for it."""
        # a socket's path has at most 107 bytes, so it begins from a short folder of our own
        own = Path(tempfile.mkdtemp(dir=self.folder.name, prefix="k"))
        connection: dict[str, Any] = {
            "transport": "ipc",
            "ip": str(own / "s"),
            "key": secrets.token_hex(16),
            "signature_scheme": "hmac-sha256",
            **{channel: number for number, channel in enumerate(_CHANNELS, 1)},
        }
        file = own / "connection.json"
        file.write_text(json.dumps(connection), encoding="utf-8")
        start = {"connection_file": str(file), "env": dict(environment), "cwd": str(folder)}
        return StartedKernel(int(self.ask({"start": start})["pid"]), file, connection)

    def close(self) -> None:
        """End the process and whatever kernels it still has."""
        with contextlib.suppress(OSError):  # what was not sent to a process that has ended
            self._stream.close()
        self._channel.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.folder.cleanup()


@contextlib.contextmanager
def warm_kernels() -> Iterator[KernelServer]:
    """A kernel server for the time of a run."""
    server = KernelServer()
    try:
        yield server
    finally:
        server.close()


class KernelsAhead:
    """Starts the kernel of a stage while the one before it still runs.

    ``environments`` are those of the stages, in the order in which they run.
    """

    def __init__(self, server: KernelServer, folder: Path, environments: Mapping[str, Mapping[str, str]]) -> None:
        self._server = server
        self._folder = folder
        self._environments = environments
        self._begun: dict[str, tuple[threading.Thread, list[StartedKernel]]] = {}

    def begin(self, stage: str) -> None:
        """Start that stage's kernel now, unless that was begun before."""
        if stage in self._begun:
            return
        started: list[StartedKernel] = []

        def start() -> None:
            with contextlib.suppress(KdumpkitError, OSError):  # whoever takes it then starts one by itself
                started.append(self._start(stage))

        thread = threading.Thread(target=start, daemon=True)
        self._begun[stage] = (thread, started)
        thread.start()

    def begin_following(self, stage: str) -> None:
        """Start the kernel of the stage that comes after this one; the last has none."""
        stages = list(self._environments)
        for following in stages[stages.index(stage) + 1 :][:1]:
            self.begin(following)

    def take(self, stage: str) -> StartedKernel:
        """That stage's kernel, started now where it was not begun."""
        thread, started = self._begun.get(stage, (None, []))
        if thread is not None:
            thread.join()
        return started[0] if started else self._start(stage)

    def _start(self, stage: str) -> StartedKernel:
        return self._server.start(self._environments[stage], self._folder)
