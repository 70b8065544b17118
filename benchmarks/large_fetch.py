#!/usr/bin/env python3
"""A large dump over a real sshd on loopback: seconds, rate against plain ``ssh cat``, memory, and a resume.

    benchmarks/large_fetch.py [MIB]

Makes a file of MIB mebibytes (2048 where none is named), copies it by ``ssh host cat >file`` and by kdumpkit, each in a
process of its own, and then once more by kdumpkit with a login that is killed in the middle and a second fetch that
goes on. kdumpkit's copy is hashed here and on the host and synced to disk, which the plain one is not; so the plain
one is also shown with the two digests that a person would compare. Prints MB/s (10^6 bytes) and the peak of resident
memory above what the process had when it began to fetch (goal: at most 64 MiB, however large the file is).
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GOAL_MIB = 64
SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@contextmanager
def sshd(folder: Path) -> Iterator[Path]:
    """An ssh_config with the host ``loopback``, while its sshd runs."""
    if SSHD is None:
        raise SystemExit("no sshd here: apt install openssh-server")
    for name in ("host_key", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "id.pub", folder / "authorized_keys")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nStrictModes no\nUsePAM no\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPermitRootLogin prohibit-password\n"
    )
    config = folder / "ssh_config"
    config.write_text(
        f"Host loopback\n HostName 127.0.0.1\n Port {port}\n User {getpass.getuser()}\n IdentityFile {folder}/id\n"
        f" IdentitiesOnly yes\n UserKnownHostsFile {folder}/known_hosts\n GlobalKnownHostsFile /dev/null\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    daemon = subprocess.Popen([SSHD, "-D", "-f", folder / "sshd_config", "-E", folder / "log"])
    try:
        deadline = time.monotonic() + 10
        while subprocess.run(["ssh", "-F", config, "loopback", "true"], capture_output=True).returncode:
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("sshd did not start: " + (folder / "log").read_text())
            time.sleep(0.1)
        yield config
    finally:
        daemon.terminate()
        daemon.wait(5)


def make_file(path: Path, size_bytes: int) -> str:
    """A file that no ssh compresses; its digest."""
    digest, piece = hashlib.sha256(), os.urandom(1 << 20)
    with open(path, "wb") as file:
        for number in range(size_bytes >> 20):
            block = number.to_bytes(8, "big") + piece[8:]
            file.write(block)
            digest.update(block)
    return digest.hexdigest()


def fetch(config: Path, remote: Path, local: Path, cut_at_bytes: int) -> None:
    """What the measured process does; prints JSON."""
    from kdumpkit.errors import HostLost
    from kdumpkit.hosts.ssh import SshHost

    with SshHost("loopback", config=config) as host:
        host.probe()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, cut, parts_bytes = time.monotonic(), [bool(cut_at_bytes)], []

        def tell(done: int, of: int) -> None:
            parts_bytes.append(done)
            if cut[0] and done >= cut_at_bytes:
                cut[0] = False
                host.disconnect()

        try:
            fetched = host.fetch(str(remote), local, tell)
        except HostLost:
            kept = sum(part.stat().st_size for part in local.parent.glob(f".{local.name}.*.part"))
            parts_bytes.clear()
            fetched = host.fetch(str(remote), local, tell)
            if parts_bytes[0] < kept:
                raise SystemExit(f"the second fetch began at {parts_bytes[0]} and not behind {kept}") from None
        else:
            kept = 0
        seconds = time.monotonic() - began
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "rss_kib": peak_kib - before_kib, "sha256": fetched.sha256, "kept": kept}))


def timed(argv: list[str | Path], out: Path | None = None) -> float:
    began = time.monotonic()
    with open(out or os.devnull, "wb") as file:
        subprocess.run(argv, check=True, stdout=file)
    return time.monotonic() - began


def main() -> int:
    if sys.argv[1:2] == ["fetch"]:
        fetch(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
        return 0
    size_bytes = (int(sys.argv[1]) if len(sys.argv) > 1 else 2048) << 20
    failed = False
    with tempfile.TemporaryDirectory(prefix="kdb-") as temporary, sshd(Path(temporary)) as config:
        folder = Path(temporary)
        free = shutil.disk_usage(folder).free
        if free < 2 * size_bytes + (1 << 30):
            raise SystemExit(f"{2 * size_bytes >> 20} MiB and 1 GiB of spare are needed in {folder.parent}")
        remote, local = folder / "vmcore", folder / "copy"
        wanted = make_file(remote, size_bytes)
        print(f"{size_bytes >> 20} MiB over {subprocess.getoutput('ssh -V')}, load {os.getloadavg()[0]:.1f}")
        plain = timed(["ssh", "-F", config, "loopback", f"cat {remote}"], local)
        theirs = timed(["ssh", "-F", config, "loopback", f"sha256sum {remote}"])
        digests = theirs + timed(["sha256sum", local])
        local.unlink()
        rows = [("ssh cat", plain, None), ("ssh cat and two sha256sum", plain + digests, None)]
        for name, cut_at in (("kdumpkit", 0), ("kdumpkit, cut in the middle", size_bytes // 2)):
            argv = [sys.executable, __file__, "fetch", config, remote, local, str(cut_at)]
            found = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
            if found["sha256"] != wanted or (cut_at and not found["kept"]):
                raise SystemExit(f"{name}: {found}, and the digest is {wanted}")
            rows.append((name, found["seconds"], found["rss_kib"] / 1024))
            local.unlink()
        for name, seconds, rss_mib in rows:
            memory = "" if rss_mib is None else f", {rss_mib:.1f} MiB above its start"
            print(f"{name:<28} {seconds:6.1f} s  {size_bytes / 1e6 / seconds:6.0f} MB/s{memory}")
            failed |= rss_mib is not None and rss_mib > GOAL_MIB
        print(f"kdumpkit / ssh cat and two sha256sum: {rows[2][1] / rows[1][1]:.2f}")
    print(f"memory {'is above' if failed else 'stays within'} the goal of {GOAL_MIB} MiB")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
