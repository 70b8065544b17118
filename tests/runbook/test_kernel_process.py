"""Kernels that are started before anybody talks to them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from kdumpkit.errors import KdumpkitError
from kdumpkit.runbook.kernel_process import KernelsAhead, StartedKernel, kernel_environment, warm_kernels
from kdumpkit.runbook.session import ENV_LOGINS, ENV_PROGRESS, ENV_REPLAY, ENV_RUN_DIR


def said(kernel: StartedKernel, code: str) -> str:
    """What a kernel prints when it is given code."""
    client = BlockingKernelClient(connection_file=str(kernel.connection_file))
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        printed: list[str] = []
        client.execute_interactive(
            code,
            timeout=60,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
        return "".join(printed)
    finally:
        client.stop_channels()


def test_a_kernel_that_was_begun_is_the_one_that_is_taken(tmp_path: Path) -> None:
    show = "import os; print(os.getpid(), os.environ['STAGE'], os.getcwd())"
    with warm_kernels() as server:
        ahead = KernelsAhead(server, tmp_path, {name: {**os.environ, "STAGE": name} for name in ("two", "three")})
        ahead.begin("two")
        ahead.begin("two")
        ahead.begin_following("two")
        ahead.begin_following("three")
        three = ahead.take("three")
        two = ahead.take("two")
        assert said(two, show) == f"{two.pid} two {tmp_path}\n"
        assert said(three, show) == f"{three.pid} three {tmp_path}\n"
        assert two.pid != three.pid
    deadline = time.monotonic() + 3
    while any(Path(f"/proc/{kernel.pid}").exists() for kernel in (two, three)):
        assert time.monotonic() < deadline, "a kernel outlives the run"
        time.sleep(0.05)


def test_a_server_that_has_ended_is_told_by_who_takes(tmp_path: Path) -> None:
    with warm_kernels() as server:
        server._process.kill()
        server._process.wait()
        ahead = KernelsAhead(server, tmp_path, {"one": dict(os.environ)})
        ahead.begin("one")
        with pytest.raises(KdumpkitError, match="has ended"):
            ahead.take("one")


def test_the_environment_of_a_live_stage_and_of_a_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LOGINS, "/run/of/another")
    monkeypatch.setenv(ENV_REPLAY, "/recording")
    live = kernel_environment(tmp_path, progress_file=tmp_path / "p", keeper=tmp_path / "k")
    assert (live[ENV_RUN_DIR], live[ENV_PROGRESS]) == (str(tmp_path), str(tmp_path / "p"))
    assert live[ENV_LOGINS] == str(tmp_path / "k")
    assert ENV_REPLAY not in live
    replay = kernel_environment(tmp_path, replay_dir=tmp_path)
    assert replay[ENV_REPLAY] == str(tmp_path)
    assert ENV_LOGINS not in replay


def test_no_kernel_outlives_a_server_that_was_killed(tmp_path: Path) -> None:
    with warm_kernels() as server:
        ahead = KernelsAhead(server, tmp_path, {"one": dict(os.environ)})
        ahead.begin("one")
        kernel = ahead.take("one")
        assert said(kernel, "print('up')") == "up\n"
        server._process.kill()
        server._process.wait()
        deadline = time.monotonic() + 5
        while _runs(kernel.pid):
            assert time.monotonic() < deadline, "a kernel outlives its server"
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    # nobody may be there to collect it: a zombie does not run
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
