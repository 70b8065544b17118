"""QEMU's command line, and finding and ending a process without hitting another one."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kdumpkit.lab import machine
from kdumpkit.lab.recipe import load_flavour

DEBIAN = load_flavour("debian")


def argv(**changes: object) -> list[str]:
    values: dict[str, object] = {
        "accelerator": "tcg",
        "run": Path("/c/run"),
        "disk": Path("/c/run/disk.qcow2"),
        "console": Path("/c/console.log"),
        "ssh_port": 40022,
        **changes,
    }
    return machine.qemu_argv(DEBIAN, **values)  # type: ignore[arg-type]


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def test_nothing_listens_beyond_loopback() -> None:
    words = argv()
    forwards = re.findall(r"hostfwd=([^,\s]*)", " ".join(words))
    assert forwards == ["tcp:127.0.0.1:40022-:22"]
    assert "restrict=on" in option(words, "-netdev")
    for listening in ("-vnc", "-spice", "-gdb", "-s", "-qmp", "-monitor", "-incoming"):
        assert listening not in words
    for chardev in (word for word in words if word.startswith("socket,")):
        assert "path=" in chardev
        assert "host=" not in chardev


def test_console_is_appended_to_a_file_and_starts_no_terminal() -> None:
    words = argv()
    assert "file,id=console,path=/c/console.log,append=on" in words
    assert option(words, "-serial") == "chardev:console"
    assert option(words, "-display") == "none"
    assert "-daemonize" in words


def test_software_emulation_uses_several_threads() -> None:
    words = argv()
    assert option(words, "-accel") == "tcg,thread=multi,tb-size=256"
    assert option(words, "-cpu").startswith("max")
    assert option(words, "-smp") == "2"


def test_kvm_uses_the_processor_that_is_there() -> None:
    words = argv(accelerator="kvm")
    assert option(words, "-accel") == "kvm"
    assert option(words, "-cpu") == "host"


def test_memory_is_given_in_mebibytes() -> None:
    assert option(argv(), "-m") == f"{DEBIAN.memory_bytes // 2**20}M"


def test_a_comma_in_a_path_stays_in_the_path() -> None:
    words = argv(disk=Path("/c/a,b/disk.qcow2"), console=Path("/c/a,b/console.log"))
    assert "file=/c/a,,b/disk.qcow2," in option(words, "-drive")
    assert "path=/c/a,,b/console.log," in words[words.index("-serial") - 1]


def test_options_of_a_flavour_come_last() -> None:
    flavour = dataclasses.replace(DEBIAN, qemu_options=("-bios", "x.fd"))
    words = machine.qemu_argv(flavour, "tcg", Path("/r"), Path("/d"), Path("/c"), 1)
    assert words[-2:] == ["-bios", "x.fd"]


def test_uefi_firmware_is_read_only_and_its_variables_are_the_machines_own() -> None:
    assert "pflash" not in " ".join(argv())
    words = machine.qemu_argv(load_flavour("debian-uefi"), "tcg", Path("/c,d/run"), Path("/d"), Path("/c"), 1)
    code, variables = [word for word in words if word.startswith("if=pflash")]
    assert "readonly=on" in code
    assert code.endswith("file=/usr/share/OVMF/OVMF_CODE_4M.fd")
    assert "readonly" not in variables
    assert variables.endswith("file=/c,,d/run/efi-variables.fd")


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", machine.free_loopback_port()))


@pytest.fixture
def sleeper() -> object:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def write_state(run: Path, pid: int, ticks: int) -> machine.Machine:
    state = machine.Machine(pid, ticks, 40022, "tcg", "debian", "0" * 16)
    (run / "machine.json").write_text(json.dumps(dataclasses.asdict(state)))
    return state


def ticks_of(pid: int) -> int:
    ticks = machine.process_start_ticks(pid)
    assert ticks is not None
    return ticks


def test_a_running_process_is_found(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    state = write_state(tmp_path, sleeper.pid, ticks_of(sleeper.pid))
    assert machine.find_machine(tmp_path) == state


def test_another_process_with_the_same_number_is_not_ours(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    state = write_state(tmp_path, sleeper.pid, ticks_of(sleeper.pid) - 1)
    assert machine.find_machine(tmp_path) is None
    machine.stop_machine(tmp_path, state)
    assert sleeper.poll() is None


def test_an_ended_process_is_not_running(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    write_state(tmp_path, sleeper.pid, ticks_of(sleeper.pid))
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    # not collected yet: a zombie, whose /proc entry is still there
    assert machine.find_machine(tmp_path) is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"pid": 1}'])
def test_no_state_or_a_broken_one_is_no_machine(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "machine.json").write_text(text)
    assert machine.find_machine(tmp_path) is None


def test_a_machine_that_ignores_its_socket_is_ended_by_signal(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    state = write_state(tmp_path, sleeper.pid, ticks_of(sleeper.pid))
    machine.stop_machine(tmp_path, state, timeout_s=3)
    assert machine.find_machine(tmp_path) is None


def serve_qmp(path: str, answers: dict[str, list[dict[str, object]]], said: list[str]) -> threading.Thread:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)

    def answer() -> None:
        connection, _ = server.accept()
        with server, connection, connection.makefile("rwb") as stream:
            stream.write(b'{"QMP": {"version": {}}}\n')
            stream.flush()
            for line in stream:
                execute = json.loads(line)["execute"]
                said.append(execute)
                for message in answers.get(execute, []):
                    stream.write(json.dumps(message).encode() + b"\n")
                stream.flush()
                if execute not in answers:
                    return

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_an_event_before_the_answer_is_passed_over(tmp_path: Path) -> None:
    said: list[str] = []
    thread = serve_qmp(
        str(tmp_path / "qmp.sock"),
        {"qmp_capabilities": [{"return": {}}], "query-status": [{"event": "RESET"}, {"return": {"status": "running"}}]},
        said,
    )
    assert machine.qmp(tmp_path, "query-status") == {"status": "running"}
    thread.join(5)
    assert said == ["qmp_capabilities", "query-status"]


def test_a_refused_command_is_told(tmp_path: Path) -> None:
    refusal = {"error": {"class": "CommandNotFound", "desc": "no"}}
    thread = serve_qmp(str(tmp_path / "qmp.sock"), {"qmp_capabilities": [{"return": {}}], "fly": [refusal]}, [])
    with pytest.raises(ValueError, match="CommandNotFound"):
        machine.qmp(tmp_path, "fly")
    thread.join(5)


def test_a_closed_socket_is_told(tmp_path: Path) -> None:
    thread = serve_qmp(str(tmp_path / "qmp.sock"), {"qmp_capabilities": [{"return": {}}]}, [])
    with pytest.raises(ConnectionError):
        machine.qmp(tmp_path, "query-status")
    thread.join(5)


def test_the_socket_is_reached_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    here = os.open(folder, os.O_PATH)
    thread = serve_qmp(
        f"/proc/self/fd/{here}/qmp.sock", {"qmp_capabilities": [{"return": {}}], "quit": [{"return": {}}]}, []
    )
    assert machine.qmp(folder, "quit") == {}
    thread.join(5)
    os.close(here)
