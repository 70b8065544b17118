#!/usr/bin/env python3
"""A dump read where it lies, over a real sshd on loopback, beside a copy of it that is then read: bytes and seconds.

    benchmarks/in_place.py [VMCORE [VMLINUX]]

Without arguments the newest dump below dumps/ is read, which `kdumpkit lab run` leaves there, with its symbols if they
are here. Both sides do what stage 06 does: digest, header, log, drgn's report, each in a process of its own. The bytes
are counted on their way to sshd. Exit status 1 where the two reports differ, or where more came over in place than
the dump has bytes. Loopback hides what a slow line would show: there the bytes are what counts.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from large_fetch import sshd

from kdumpkit.analysis.drgn_report import drgn_report_command
from kdumpkit.analysis.symbols import find_vmlinux
from kdumpkit.command import Command
from kdumpkit.hosts.fetch import digest_command, look_at
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.on_host import OnHost
from kdumpkit.vmcore.completeness import read_completeness

TOP = Path(__file__).resolve().parent.parent


class Counter:
    """Stands between ssh and sshd, and counts what sshd sends."""

    def __init__(self, port: int) -> None:
        self.received = 0
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._move, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._move, args=(server, client, True), daemon=True).start()

    def _move(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while chunk := source.recv(1 << 18):
                self.received += len(chunk) if counted else 0
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def counted_host(folder: Path) -> Iterator[tuple[OnHost, Counter]]:
    with sshd(folder) as config:
        text = config.read_text()
        port = int(re.findall(r"Port (\d+)", text)[0])
        counter = Counter(port)
        known = (folder / "known_hosts").read_text()
        (folder / "known_hosts").write_text(known.replace(f":{port} ", f":{counter.port} "))
        config.write_text(text.replace(f"Port {port}", f"Port {counter.port}"))
        yield OnHost("loopback", "loopback", str(config)), counter


def report(path: Path, vmlinux: Path | None, on_host: OnHost | None) -> tuple[bytes, bytes]:
    """The log and drgn's document."""
    here, where = LocalHost(), () if on_host is None else on_host.arguments()
    header = here.run(Command((sys.executable, "-m", "kdumpkit.vmcore.report", str(path), *where), timeout_s=3600))
    log = here.run(Command((sys.executable, "-m", "kdumpkit.vmcore.dmesg", str(path), *where), timeout_s=3600))
    known = json.loads(header.checked().stdout) if on_host is not None else None
    command = drgn_report_command(path, vmlinux, timeout_s=3600, on_host=on_host, known=known)
    return log.checked().stdout, here.run(command).checked().stdout


def main() -> int:
    dumps = sorted(TOP.glob("dumps/**/dump.2*"), key=lambda found: found.stat().st_mtime)
    if len(sys.argv) < 2 and not dumps:
        raise SystemExit("there is no dump below dumps/: kdumpkit lab run makes one, or name one")
    vmcore = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else dumps[-1]
    info = read_completeness(vmcore).header.vmcoreinfo
    found = find_vmlinux(info.build_id, info.release).path if info is not None else None
    vmlinux = Path(sys.argv[2]) if len(sys.argv) > 2 else found
    size = vmcore.stat().st_size
    with tempfile.TemporaryDirectory(prefix="kdb-") as temporary, counted_host(Path(temporary)) as (on_host, counter):
        began = time.monotonic()
        with on_host.connect() as host:
            local = host.fetch(str(vmcore), Path(temporary) / vmcore.name).path
        copied = report(local, vmlinux, None)
        copy_s, copy_bytes = time.monotonic() - began, counter.received
        counter.received, began = 0, time.monotonic()
        with on_host.connect() as host:
            host.run(digest_command(look_at(host, str(vmcore)))).checked()
        there = report(vmcore, vmlinux, on_host)
        there_s, there_bytes = time.monotonic() - began, counter.received
    same = copied == there
    print(f"{vmcore.name}, {size} bytes, {'with' if vmlinux else 'without'} symbols, load {os.getloadavg()[0]:.1f}")
    print(f"copied and read:  {copy_bytes / 1e6:8.2f} MB came over, {copy_s:6.1f} s")
    print(f"read in place:    {there_bytes / 1e6:8.2f} MB came over, {there_s:6.1f} s")
    print(f"log and report are {'the same' if same else 'NOT the same'}")
    return 0 if same and there_bytes < size else 1


if __name__ == "__main__":
    sys.exit(main())
