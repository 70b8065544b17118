"""The ssh configuration as OpenSSH itself reads it, and the wait for a server behind an early port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab import ssh_access
from kdumpkit.lab.keys import LabKeys


@pytest.fixture
def keys(tmp_path: Path) -> LabKeys:
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "ssh_host_ed25519_key.pub").write_text("ssh-ed25519 AAAAC3Nz comment of somebody\n")
    (folder / "id_ed25519.pub").write_text("ssh-ed25519 AAAABBBB client\n")
    return LabKeys(folder)


def as_ssh_reads_it(config: Path, host: str) -> dict[str, str]:
    if shutil.which("ssh") is None:
        pytest.skip("no OpenSSH client on this machine")
    said = subprocess.run(["ssh", "-G", "-F", str(config), host], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


@pytest.mark.parametrize(("host", "user"), [("kdumpkit-lab", "root"), ("kdumpkit-lab-ops", "ops")])
def test_ssh_understands_the_configuration(tmp_path: Path, keys: LabKeys, host: str, user: str) -> None:
    config = tmp_path / "ssh_config"
    known_hosts = keys.folder / "known_hosts"
    config.write_text(ssh_access.ssh_config_text("kdumpkit-lab", "ops", 40022, keys, known_hosts))
    read = as_ssh_reads_it(config, host)
    assert read["hostname"] == "127.0.0.1"
    assert read["port"] == "40022"
    assert read["user"] == user
    assert read["hostkeyalias"] == "kdumpkit-lab"
    assert read["stricthostkeychecking"] in ("true", "yes")
    assert read["identitiesonly"] == "yes"
    assert read["identityfile"] == str(keys.client_private)
    assert read["userknownhostsfile"] == str(known_hosts)
    assert read["passwordauthentication"] == "no"


def test_the_host_key_is_pinned_without_its_comment(keys: LabKeys) -> None:
    assert ssh_access.known_hosts_text("kdumpkit-lab", keys) == "kdumpkit-lab ssh-ed25519 AAAAC3Nz\n"


def serve_once(reply: bytes | None) -> tuple[int, threading.Thread]:
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        with server, connection:
            if reply is None:
                # like QEMU's port forward before sshd listens: accepted, then silent
                connection.recv(1)
            else:
                connection.sendall(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    return server.getsockname()[1], thread


def test_banner_of_a_server() -> None:
    port, thread = serve_once(b"SSH-2.0-OpenSSH_9.2\r\nmore")
    assert ssh_access.read_banner(port, 5) == b"SSH-2.0-OpenSSH_9.2"
    thread.join(5)


def test_an_accepted_connection_is_not_yet_a_server() -> None:
    port, thread = serve_once(None)
    assert ssh_access.read_banner(port, 0.2) == b""
    thread.join(5)


def test_a_closed_port_has_no_banner() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert ssh_access.read_banner(port, 0.2) == b""


def test_a_guest_that_never_answers_gives_the_end_of_its_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = tmp_path / "console.log"
    console.write_bytes(b"[    1.0] Linux version 6.1\r\n[    2.0] Kernel panic - not syncing: VFS\r\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said: list[str] = []
    monkeypatch.setattr(ssh_access, "_SAY_EVERY_S", 0.2)
    with pytest.raises(LabError) as caught:
        ssh_access.wait_for_login(tmp_path / "config", "kdumpkit-lab", port, 0.5, lambda: True, console, said.append)
    assert "Kernel panic - not syncing: VFS" in caught.value.message
    assert "no ssh server answered" in caught.value.message
    assert str(console) in caught.value.hint
    assert any("it boots since" in line for line in said)


def test_a_machine_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="ended while it started"):
        ssh_access.wait_for_login(
            tmp_path / "c", "kdumpkit-lab", 1, 600, lambda: False, tmp_path / "console.log", print
        )


def test_console_without_terminal_sequences(tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    console.write_bytes(
        b"\x1b[H\x1b[J\x1b[1;1H  Booting\r\n\r\n[\x1b[0;32m  OK  \x1b[0m] Started \xff.\r\n\x07bell\r\n"
    )
    tail = ssh_access.console_tail(console)
    assert "\x1b" not in tail
    assert "\x07" not in tail
    assert [line.strip() for line in tail.splitlines()] == ["Booting", "[  OK  ] Started \ufffd.", "bell"]


def test_console_tail_is_bounded(tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    console.write_bytes(b"x" * 100_000 + b"\n" + b"\n".join(b"line %d" % number for number in range(100)))
    tail = ssh_access.console_tail(console, lines=3)
    assert [line.strip() for line in tail.splitlines()] == ["line 97", "line 98", "line 99"]


@pytest.mark.parametrize(("content", "said"), [(None, "no console was written"), (b"", "the console is empty")])
def test_absent_and_empty_consoles_are_told_apart(tmp_path: Path, content: bytes | None, said: str) -> None:
    console = tmp_path / "console.log"
    if content is not None:
        console.write_bytes(content)
    assert said in ssh_access.console_tail(console)
