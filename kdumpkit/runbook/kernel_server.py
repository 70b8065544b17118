"""A process that has imported once what every notebook needs, and forks a fresh kernel for each of them.

Run as ``python -m kdumpkit.runbook.kernel_server FD`` with FD a socket to the runner. One JSON line a request:
``{"start": {"connection_file", "env", "cwd"}}`` answers ``{"pid": N}``; ``{"poll": PID}`` answers
``{"exit_status": null | N}``. When the runner goes away the kernels are ended. A kernel is used for one
notebook only, so that no notebook can leave anything behind for the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

#: from <linux/prctl.h>
_PR_SET_PDEATHSIG = 1


def serve(channel: socket.socket) -> None:
    """Answer requests until the other end closes."""
    _import_for_the_first_kernel()
    ended: dict[int, int] = {}
    running: set[int] = set()
    with channel, channel.makefile("rwb") as stream:
        for line in stream:
            request = json.loads(line)
            if "start" in request:
                if running or ended:
                    _import_for_the_others()
                pid = os.fork()
                if pid == 0:
                    stream.close()
                    channel.close()
                    _become_kernel(request["start"])
                running.add(pid)
                answer: dict[str, Any] = {"pid": pid}
            else:
                asked = int(request["poll"])
                if asked in running:
                    pid, status = os.waitpid(asked, os.WNOHANG)
                    if pid:
                        running.discard(pid)
                        ended[pid] = os.waitstatus_to_exitcode(status)
                answer = {"exit_status": ended.get(asked, None if asked in running else 0)}
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _import_for_the_first_kernel() -> None:
    # a kernel without a front end has no use for a debugger, which is half of a kernel's own start
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    import ipykernel.ipkernel
    import ipykernel.kernelapp  # noqa: F401

    import kdumpkit.render.cell
    import kdumpkit.runbook.prerequisites  # noqa: F401


@functools.cache
def _import_for_the_others() -> None:
    # a run waits for its first kernel; the second is asked for while the host is busy, and there is time for these
    import matplotlib.backends.backend_agg
    import matplotlib.figure
    import matplotlib.font_manager  # noqa: F401

    import kdumpkit.render.figures
    import kdumpkit.runbook.all_stages  # noqa: F401

    # what is imported by now is never collected, so the pages stay shared with the forks
    gc.freeze()


def _end_with_the_server() -> None:
    # whatever ends the server, a signal included, no kernel stays behind; prctl(2), Linux only
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _become_kernel(start: dict[str, Any]) -> NoReturn:
    os.setsid()
    _end_with_the_server()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.environ.clear()
    os.environ.update(start["env"])
    os.chdir(start["cwd"])
    sys.path[0] = start["cwd"]
    from ipykernel.kernelapp import IPKernelApp

    try:
        app = IPKernelApp.instance()
        app.initialize(["-f", start["connection_file"]])
        app.start()
    finally:
        os._exit(0)


if __name__ == "__main__":
    # the runner's Ctrl-C is the runner's to handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
