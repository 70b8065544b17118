"""How the guest is reached: the ssh configuration that is written for it, and the wait until a login works."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab.keys import LabKeys
from kdumpkit.lab.process import Say

_SAY_EVERY_S = 10.0
#: cursor movements and colours of GRUB and systemd, and whatever else a terminal would act on
_TERMINAL_SEQUENCES = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]")


def ssh_config_text(hostname: str, second_login: str, port: int, keys: LabKeys, known_hosts: Path) -> str:
    """OpenSSH client configuration for the guest: ``hostname`` logs in as root, ``hostname-<second login>`` as that.

    The host key is the one that was made with the image; any other is refused.
    """
    return f"""\
# Written by kdumpkit for the machine that runs now; gone with `kdumpkit lab down`.
Host {hostname} {hostname}-{second_login}
    HostName 127.0.0.1
    Port {port}
    HostKeyAlias {hostname}
    UserKnownHostsFile "{known_hosts}"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    IdentityFile "{keys.client_private}"
    IdentitiesOnly yes
    PasswordAuthentication no
    LogLevel ERROR
Host {hostname}
    User root
Host {hostname}-{second_login}
    User {second_login}
"""


def known_hosts_text(hostname: str, keys: LabKeys) -> str:
    """The one line that pins the guest's host key."""
    return f"{hostname} {keys.host_public}\n"


def read_banner(port: int, timeout_s: float) -> bytes:
    """The first line of an ssh server on this port of the loopback address; empty where there is none yet.

    QEMU accepts the connection before anything in the guest listens, so that only the banner proves a server.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
            return connection.recv(256).partition(b"\n")[0].strip()
    except OSError:
        return b""


def wait_for_login(
    config: Path,
    hostname: str,
    port: int,
    deadline_s: float,
    still_running: Callable[[], bool],
    console: Path,
    say: Say,
) -> float:
    """Seconds until a command could be run over ssh; says every ten seconds that it still waits.

    Raises LabError with the end of the console where the machine ends or the deadline passes before.
    """
    started = time.monotonic()
    problem = "no ssh server answered"
    say_at = _SAY_EVERY_S
    while (passed := time.monotonic() - started) < deadline_s:
        if passed >= say_at:
            say(f"  it boots since {passed:.0f} s (20 to 30 under software emulation, at most {deadline_s:.0f})")
            say_at += _SAY_EVERY_S
        if not still_running():
            raise LabError(f"the lab's machine ended while it started\n{console_tail(console)}", f"read {console}")
        if not read_banner(port, min(3.0, deadline_s - passed)).startswith(b"SSH-2.0"):
            time.sleep(0.2)
            continue
        argv = ["ssh", "-F", str(config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", hostname, "true"]
        try:
            login = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        except subprocess.TimeoutExpired:
            problem = "a login did not end within 30 s"
            continue
        if login.returncode == 0:
            return time.monotonic() - started
        problem = f"a login was refused: {login.stderr.decode('utf-8', 'replace').strip()[-300:]}"
        time.sleep(0.5)
    raise LabError(
        f"the lab's machine runs and cannot be logged in to after {deadline_s:.0f} s: {problem}\n"
        f"{console_tail(console)}",
        f"read {console}; start afresh: kdumpkit lab down; kdumpkit lab up",
    )


def console_tail(console: Path, lines: int = 15) -> str:
    """The last lines of the serial console as plain text, indented; says so where there is nothing."""
    try:
        with console.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16384))
            said = file.read()
    except FileNotFoundError:
        return "  (no console was written)"
    plain = _TERMINAL_SEQUENCES.sub(b"", said.replace(b"\r", b"\n")).decode("utf-8", "replace")
    shown = [line.rstrip()[:200] for line in plain.splitlines() if line.strip()][-lines:]
    return "\n".join(f"  {line}" for line in shown) or "  (the console is empty)"
