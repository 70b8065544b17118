"""Kernels for the runner: forked from a warm process, and talked to over private sockets, never TCP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from kdumpkit.runbook.kernel_process import KernelServer, StartedKernel


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


class ForkedProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Stands for the start of a kernel that runs already."""

    server: KernelServer
    started: StartedKernel

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        self.process = _ForkedKernel(self.server, self.started.pid)
        self.pid = self.pgid = self.started.pid
        self.cwd = str(kwargs.get("cwd") or Path.cwd())
        info: dict[str, Any] = self.connection_info
        return info


def kernel_manager_class(server: KernelServer, started: StartedKernel) -> type[AsyncKernelManager]:
    """The manager class for that one kernel of ``server``."""

    class ForkedKernelManager(AsyncKernelManager):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.connection_file = str(started.connection_file)
            self.load_connection_file()
            self._connection_file_written = True

        async def _async_pre_start_kernel(self, **options: Any) -> Any:
            forked = ForkedProvisioner(kernel_id="kdumpkit", kernel_spec=self.kernel_spec, parent=self)
            forked.server, forked.started = server, started
            self.provisioner: Any = forked
            return await super()._async_pre_start_kernel(**options)

        pre_start_kernel = _async_pre_start_kernel

    return ForkedKernelManager
