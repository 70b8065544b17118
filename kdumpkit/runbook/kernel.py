"""Kernels for the runner: forked from a warm process, and talked to over private sockets, never TCP."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from kdumpkit.runbook.kernel_process import KernelServer, StartedKernel

#: how often, and how many seconds apart, a kernel that was killed is looked at
_DEATH_LOOKS = 100
_DEATH_LOOK_S = 0.002


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

    async def kill(self, restart: bool = False) -> None:
        """Kill it and see it dead: its manager, which looks next, would look again only 0.1 s later."""
        await super().kill(restart)
        for _ in range(_DEATH_LOOKS):
            if await self.poll() is not None:
                return
            await asyncio.sleep(_DEATH_LOOK_S)


class PromptClient(AsyncKernelClient):  # type: ignore[misc]
    """Ready as soon as the kernel was heard on both channels.

    jupyter_client's own wait goes on until nothing was heard for 0.2 s, so that no old message is left; nbclient looks
    at the number of the request in each message, and so needs no silence.
    """

    #: how long an answer is waited for before it is asked for again: a message can be sent before we have subscribed
    ask_again_s = 0.05
    #: how long a silent kernel is taken to be starting
    alive_after_s = 2.0

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers and what it publishes is heard; RuntimeError after ``timeout`` seconds."""
        began = time.monotonic()
        answered = heard = False
        while not (answered and heard):
            self.kernel_info()
            try:
                answered = (await self.get_shell_msg(timeout=self.ask_again_s))["msg_type"] == "kernel_info_reply"
                await self.get_iopub_msg(timeout=self.ask_again_s)
                heard = True
            except Empty:
                waited_s = time.monotonic() - began
                # asked late, for the process that knows has the imports of later kernels to do
                if waited_s > self.alive_after_s and not await self.is_alive():
                    raise RuntimeError("the kernel died before it answered") from None
                if timeout is not None and waited_s > timeout:
                    raise RuntimeError(f"the kernel did not answer within {timeout:.0f} s") from None


def kernel_manager_class(server: KernelServer, started: StartedKernel) -> type[AsyncKernelManager]:
    """The manager class for that one kernel of ``server``."""

    class ForkedKernelManager(AsyncKernelManager):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.client_factory = PromptClient
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
