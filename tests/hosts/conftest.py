"""A real sshd on a loopback port, with a port of its own for each kind of host that the tests need."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kdumpkit.hosts.ssh import SshHost

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
#: what each port of the test's sshd is like
ROLES = ("plain", "noisy", "no_shell", "one_session", "sudoers")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keygen(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text()


@dataclass
class Sshd:
    """The running daemon and how to get at it."""

    directory: Path
    ports: dict[str, int]
    host_key: str

    def config(
        self,
        role: str = "plain",
        *,
        port: int | None = None,
        known: str | None = None,
        identity: str = "id",
        lines: str = "",
    ) -> Path:
        """A client configuration for the alias ``web01``; ``known`` is the content of known_hosts."""
        port = port or self.ports[role]
        known = f"[127.0.0.1]:{port} {self.host_key}" if known is None else known
        stem = f"{role}-{port}-{abs(hash((known, identity, lines)))}"
        known_hosts = self.directory / f"{stem}.known_hosts"
        known_hosts.write_text(known)
        config = self.directory / f"{stem}.config"
        config.write_text(
            f"Host web01\n HostName 127.0.0.1\n Port {port}\n User {getpass.getuser()}\n"
            f" IdentityFile {self.directory / identity}\n IdentitiesOnly yes\n"
            f" UserKnownHostsFile {known_hosts}\n GlobalKnownHostsFile /dev/null\n{lines}"
        )
        return config

    def host(self, role: str = "plain", **options: object) -> SshHost:
        settings = {key: options.pop(key) for key in ("port", "known", "identity", "lines") if key in options}
        return SshHost("web01", config=self.config(role, **settings), **options)  # type: ignore[arg-type]

    def logins(self) -> int:
        return (self.directory / "log").read_text().count("Accepted publickey")


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def ended(pid: str, within_s: float = 3.0) -> bool:
    """Whether a process is gone, or dead and not yet reaped by its parent."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid.strip()}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    if SSHD is None:
        if "sshd" in os.environ.get("KDUMPKIT_REQUIRE", ""):
            pytest.fail("sshd is required and not installed")
        pytest.skip("no sshd here: apt install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd wants its empty directory
    # not pytest's directory: its path is too long, and its parents may be closed to other users
    directory = Path(subprocess.check_output(["mktemp", "-d", "/tmp/kdk-sshd-XXXXXX"], text=True).strip())
    host_key = keygen(directory / "host_key")
    (directory / "authorized_keys").write_text(keygen(directory / "id"))
    keygen(directory / "stranger")
    (directory / "banner").write_text("\nPermission denied to those who are not allowed.\nConnection refused.\n")
    noise = script(
        directory / "noise",
        '#!/bin/sh\nprintf "last login: never\\nno newline"; echo "rc trouble" >&2\n'
        'exec sh -c "$SSH_ORIGINAL_COMMAND"\n',
    )
    fakes = directory / "bin"
    fakes.mkdir()
    script(fakes / "id", '#!/bin/sh\n[ "$1" = -un ] && echo ops || echo 1000\n')
    script(
        fakes / "sudo",
        "#!/bin/sh\n"
        f"if [ -e {directory}/sudo-refuses ]; then echo 'sudo: a password is required' >&2; exit 1; fi\n"
        f"printf '%s\\n' \"$@\" >>{directory}/sudo-argv\n"
        "echo 'sudo: unable to resolve host web01: Name or service not known' >&2\n"
        '[ "$1" = -n ] && [ "$2" = -- ] || exit 99\nshift 2\nexec "$@"\n',
    )
    ports = {role: free_port() for role in ROLES}
    (directory / "sshd_config").write_text(
        "".join(f"Port {port}\n" for port in ports.values())
        + f"ListenAddress 127.0.0.1\nHostKey {directory}/host_key\nAuthorizedKeysFile {directory}/authorized_keys\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nPidFile none\nLogLevel VERBOSE\nMaxStartups 100\nPrintMotd no\n"
        f"SetEnv HOME={directory}\n"  # what a developer's ~/.bashrc does is not for these tests
        f"Match LocalPort {ports['noisy']}\n Banner {directory}/banner\n ForceCommand {noise}\n"
        f"Match LocalPort {ports['no_shell']}\n ForceCommand echo This account is currently not available.\n"
        f"Match LocalPort {ports['one_session']}\n MaxSessions 1\n"
        f"Match LocalPort {ports['sudoers']}\n SetEnv HOME={directory} PATH={fakes}:/usr/bin:/bin\n"
    )
    daemon = subprocess.Popen(
        [SSHD, "-D", "-f", directory / "sshd_config", "-E", directory / "log"], stdin=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while daemon.poll() is None and "listening" not in _text(directory / "log"):
            if time.monotonic() > deadline:
                pytest.fail("sshd did not start: " + _text(directory / "log"))
            time.sleep(0.02)
        if daemon.poll() is not None:
            pytest.fail("sshd did not start: " + _text(directory / "log"))
        yield Sshd(directory, ports, host_key)
    finally:
        daemon.terminate()
        daemon.wait(5)
        shutil.rmtree(directory, ignore_errors=True)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.fixture
def web01(sshd: Sshd) -> Iterator[SshHost]:
    with sshd.host() as host:
        assert isinstance(host, SshHost)
        yield host


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    where = tmp_path / "tiny"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", where], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs is not possible here: " + mounted.stderr.decode().strip())
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)
