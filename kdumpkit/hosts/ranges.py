"""Parts of a file on a host, read where it lies: one small program there answers for as long as it is asked.

A session, and sudo where it takes that, is paid for once; a range then costs a seek where the host has perl or Python,
and one ``dd`` elsewhere. Lost connections are made anew, as long as the file is the same that it was.
"""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Protocol

from kdumpkit.command import Command
from kdumpkit.errors import CommandFailed, CommandTimeout, HostError, HostLost, NotVerified
from kdumpkit.hosts.base import Runs
from kdumpkit.hosts.fetch import RemoteFile, look_at
from kdumpkit.hosts.process import last_line, stop
from kdumpkit.hosts.range_programs import NEITHER, index_argv, serve_argv

#: longest silence that is still waited for, in seconds
STALL_TIMEOUT_S = 60.0
#: before each new try after a loss, in seconds
_PAUSES_S = (1.0, 10.0)
_READ_BYTES = 1 << 18
#: of one answer: 16 bytes each
_INDEX_SEGMENTS = 1 << 20


class TalkingHost(Runs, Protocol):
    """A host on which a program can be written to while it runs."""

    def talk(self, command: Command, stderr: IO[bytes]) -> subprocess.Popen[bytes]: ...
    def release(self) -> None: ...


class RemoteRanges:
    """One file. A fork of the process may go on with it: it makes a connection of its own."""

    def __init__(self, connect: Callable[[], TalkingHost], path: str) -> None:
        """``connect`` gives a host that is ours alone. Raises CommandFailed where the file cannot be read there."""
        self._connect = connect
        self._owner = os.getpid()
        self._host: TalkingHost | None = connect()
        self._server: _Server | None = None
        self.found = self._look(path)

    @property
    def size_bytes(self) -> int:
        return self.found.size_bytes

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes of each (offset, length), which lies within the file.

        Raises HostError and its kinds where the host is lost for good, NotVerified where the file is not the same any
        more, CommandFailed where it cannot be read.
        """
        for pause_s in _PAUSES_S:
            try:
                return self._serve().answer(ranges)
            except (HostLost, CommandTimeout):
                self._drop()
                time.sleep(pause_s)
        return self._serve().answer(ranges)

    def segment_headers(self, header_bytes: int) -> Iterator[bytes] | None:
        """Of a file in makedumpfile's flattened format the 16 bytes before each segment, from ``header_bytes`` on.

        Read by a few lines of perl or Python on the host, for each one tells where the next one is. None: it has
        neither.
        """
        first = self._index(header_bytes)
        return None if first is None else self._headers(header_bytes, first)

    def _headers(self, place: int, answer: bytes) -> Iterator[bytes]:
        while True:
            for at in range(0, len(answer) - 15, 16):
                yield answer[at : at + 16]
                start, size = (int.from_bytes(answer[at + n : at + n + 8], "big", signed=True) for n in (0, 8))
                if start < 0 or size <= 0:
                    return
                place += 16 + size
            if len(answer) < 16 * _INDEX_SEGMENTS:
                return
            answer = self._index(place) or b""

    def _index(self, place: int) -> bytes | None:
        argv = index_argv(self.found.path, place, _INDEX_SEGMENTS)
        # on a disk that turns, the whole file goes by
        command = Command(
            argv,
            timeout_s=120 + self.size_bytes / 20_000_000,
            as_root=self.found.as_root,
            accepted=(0, NEITHER),
            title=f"segments of {self.found.path}",
        )
        result = self._our_host().run(command).checked()
        return None if result.exit_status == NEITHER else result.stdout

    def close(self) -> None:
        """End the program there, and the connection."""
        if self._owner != os.getpid():
            return
        self._drop()
        if self._host is not None:
            self._host.release()
            self._host = None

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _our_host(self) -> TalkingHost:
        if self._owner != os.getpid():
            # what the parent holds is not ours to use, nor to end
            self._owner, self._host, self._server = os.getpid(), None, None
        if self._host is None:
            self._host = self._connect()
        return self._host

    def _look(self, path: str) -> RemoteFile:
        host = self._our_host()
        return look_at(host, path)

    def _serve(self) -> _Server:
        host = self._our_host()
        if self._server is None:
            now = self._look(self.found.path)
            if now.identity != self.found.identity:
                raise NotVerified(
                    f"{self.found.path} on {host.name} changed while it was read: it is no longer the same file",
                    "make sure that nothing writes the file any more, then read it again",
                )
            self._server = _Server(host, self.found)
        return self._server


class _Server:
    """The program on the host that answers. Its answers end with a random word, so that a short one shows."""

    def __init__(self, host: TalkingHost, found: RemoteFile) -> None:
        self._name, self._path = host.name, found.path
        self._mark = secrets.token_hex(16).encode() + b"\n"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the program
        argv = serve_argv(self._mark.decode().strip(), found.path)
        self._process = host.talk(Command(argv, as_root=found.as_root), self._said)
        self._held = bytearray()
        try:
            while self._mark not in self._held:  # a login shell's start-up files may print something first
                self._take()
                del self._held[: -1 << 16]
        except BaseException:
            self.close()
            raise
        del self._held[: self._held.index(self._mark) + len(self._mark)]

    def answer(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        stream = self._process.stdin
        if stream is None:
            raise HostLost(f"{self._name}: the program that reads {self._path} there has ended")
        try:
            stream.write(b"".join(b"%d %d\n" % pair for pair in ranges))
            stream.flush()
        except OSError as error:
            raise self._lost() from error
        return [self._one(offset, length) for offset, length in ranges]

    def _one(self, offset: int, length: int) -> bytes:
        wanted = length + len(self._mark)
        while len(self._held) < wanted:
            if self._held.endswith(self._mark) and len(self._held) < wanted:
                break
            self._take()
        if self._held[length:wanted] != self._mark:
            raise CommandFailed(
                f"{self._path} on {self._name}: {length} bytes at {offset} could not be read: "
                + (self._last_words() or "less came"),
                f"on {self._name}: ls -l {self._path}; dd --version (GNU 8.20 or newer is needed)",
            )
        answer = bytes(self._held[:length])
        del self._held[:wanted]
        return answer

    def _take(self) -> None:
        stream = self._process.stdout
        if stream is None or not select.select([stream], [], [], STALL_TIMEOUT_S)[0]:
            raise CommandTimeout(
                f"{self._name}: nothing came of {self._path} for {STALL_TIMEOUT_S:g} s", "look at its console"
            )
        chunk = os.read(stream.fileno(), _READ_BYTES)
        if not chunk:
            raise self._lost()
        self._held += chunk

    def _lost(self) -> HostError:
        words = self._last_words()
        return HostLost(
            f"{self._name}: the connection over which {self._path} is read broke" + (f" ({words})" if words else ""),
            "is it going down? look at its console",
        )

    def _last_words(self) -> str:
        self._said.seek(0)
        return last_line(self._said.read(1 << 16))

    def close(self) -> None:
        """End it."""
        stop(self._process, grace_s=0.2)
        self._said.close()
