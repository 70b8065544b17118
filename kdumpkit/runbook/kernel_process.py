"""The warm process that kernels are forked from, as its runner sees it. Imports nothing that takes time."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from kdumpkit.errors import KdumpkitError


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
        with self._lock:
            self._stream.write(json.dumps(request).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
        if not line:
            raise KdumpkitError("the process that starts notebook kernels has ended", "run the command again")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process and whatever kernels it still has."""
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
