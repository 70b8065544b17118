"""Kernels for the runner: forked from a warm process, and talked to over private sockets, never TCP."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from kdumpkit.runbook.kernel_process import KernelServer


class _ForkedKernel:
    """Stands where LocalProvisioner keeps a Popen."""

    stdin = stdout = stderr = None

    def __init__(self, server: KernelServer, pid: int) -> None:
        self._server = server
        self.pid = pid

    def poll(self) -> int | None:
        status = self._server.ask({"poll": self.pid})["exit_status"]
        return None if status is None else int(status)

    def wait(self) -> int:
        return self.poll() or 0

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        os.kill(self.pid, 9)

    terminate = kill


class ForkingProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Starts a kernel by asking the warm process for a fork."""

    server: KernelServer

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        start = {
            "connection_file": cmd[cmd.index("-f") + 1],
            "env": dict(kwargs.get("env") or os.environ),
            "cwd": str(kwargs.get("cwd") or Path.cwd()),
        }
        pid = int(self.server.ask({"start": start})["pid"])
        self.process = _ForkedKernel(self.server, pid)
        self.pid = self.pgid = pid
        self.cwd = start["cwd"]
        info: dict[str, Any] = self.connection_info
        return info


def kernel_manager_class(server: KernelServer) -> type[AsyncKernelManager]:
    """The manager class whose kernels come from ``server``."""

    class ForkingKernelManager(AsyncKernelManager):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.transport = "ipc"
            # a socket's path has at most 107 bytes, so it begins from a short folder of our own
            self.ip = f"{tempfile.mkdtemp(dir=server.folder.name, prefix='k')}/s"

        async def _async_pre_start_kernel(self, **options: Any) -> Any:
            forking = ForkingProvisioner(kernel_id="kdumpkit", kernel_spec=self.kernel_spec, parent=self)
            forking.server = server
            self.provisioner: Any = forking
            return await super()._async_pre_start_kernel(**options)

        pre_start_kernel = _async_pre_start_kernel

    return ForkingKernelManager
