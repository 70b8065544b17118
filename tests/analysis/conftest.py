"""A real debuginfod on loopback, and an ELF file with symbols for it to serve."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kdumpkit.vmcore.elf import read_build_id
from kdumpkit.vmcore.view import FileView


@dataclass(frozen=True)
class Debuginfod:
    """A running server and what it serves."""

    url: str
    #: of the one file that it has
    build_id: str
    served: Path


def _need(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        if "debuginfod" in os.environ.get("KDUMPKIT_REQUIRE", ""):
            pytest.fail(f"debuginfod is required and {program} is not installed")
        pytest.skip(f"no {program} here: apt install {package}")
    return found


@pytest.fixture(scope="session")
def debuginfod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debuginfod]:
    """Debian's debuginfod over a folder with one ELF file that has a build id and debug information."""
    server, gcc = _need("debuginfod", "debuginfod"), _need("gcc", "gcc")
    folder = tmp_path_factory.mktemp("debuginfod")
    (folder / "served").mkdir()
    served = folder / "served" / "vmlinux"
    (folder / "main.c").write_text("int answer(int x) { return x + 42; } int main(void) { return answer(0); }\n")
    subprocess.run([gcc, "-g", "-Wl,--build-id", "-o", served, folder / "main.c"], check=True)
    with FileView(served) as view:
        build_id = read_build_id(view)
    assert build_id is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [server, "-p", str(port), "-d", folder / "index.sqlite", "-F", folder / "served", "-t", "1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEBUGINFOD")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_served(f"{url}/buildid/{build_id}/debuginfo", process, folder / "log")
        yield Debuginfod(url, build_id, served)
    finally:
        process.terminate()
        process.wait(30)


def _wait_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            with opener.open(url, timeout=10):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except urllib.error.URLError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"debuginfod did not serve the file: {log.read_text(errors='replace')[-2000:]}")
