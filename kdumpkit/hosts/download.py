"""A file from a web server, with a deadline, a limit on silence, and a size that fits before it is written."""

from __future__ import annotations

import http.client
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, NoReturn

from kdumpkit.errors import CommandTimeout, ConnectError, DiskFull, FactNotCollected, HostLost, UsageError
from kdumpkit.hosts.base import Progress

_CHUNK_BYTES = 1 << 20
#: left free on the disk that is written to
_SPARE_BYTES = 256 << 20


class _WebOnly(urllib.request.HTTPRedirectHandler):
    # a server may send elsewhere, but only to another web address
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.URLError("it sends to an address that is no web address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_web_address(url: str) -> str:
    """The address without a slash at its end. Raises UsageError where it is no http or https address."""
    try:
        parts = urllib.parse.urlsplit(url)
        # asked for, as a port that is none raises
        named = parts.hostname if parts.port is None or parts.port else None
    except ValueError:
        parts, named = urllib.parse.urlsplit(""), None
    blank = any(letter.isspace() or not letter.isprintable() for letter in url)
    if parts.scheme not in ("http", "https") or not named or blank or parts.query or parts.fragment:
        raise UsageError(f"{url} is not the address of a web server", "give one such as http://server:8002")
    return url.rstrip("/")


def download(
    url: str,
    target: Path,
    *,
    what: str,
    silence_s: float = 90,
    timeout_s: float = 3600,
    most_bytes: int = 16 << 30,
    progress: Progress | None = None,
) -> int:
    """Write what the address holds to ``target``, which must not be there, and return its size in bytes.

    ``what`` names the thing in messages. Where this raises, ``target`` is not left behind.

    Raises:
        FactNotCollected: the server answered that it does not have it, or will not give it.
        ConnectError: no answer at all.
        HostLost: the answer broke off.
        CommandTimeout: nothing came for ``silence_s`` seconds, or it took longer than ``timeout_s``.
        DiskFull: it is larger than the room there, or than ``most_bytes``.
    """
    server = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
    opener = urllib.request.build_opener(_WebOnly)
    began = time.monotonic()
    try:
        with opener.open(urllib.request.Request(url), timeout=silence_s) as answer:
            size = _announced(answer)
            _require_room(target, size or 0, what, most_bytes)
            with open(target, "xb") as file:
                done = 0
                while chunk := answer.read(_CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    if progress is not None:
                        progress(done, size or 0)
                    if done > most_bytes:
                        _require_room(target, done, what, most_bytes)
                    if time.monotonic() - began > timeout_s:
                        raise TimeoutError
                file.flush()
                os.fsync(file.fileno())
        if size is not None and done != size:
            raise http.client.IncompleteRead(b"", size - done)
    except BaseException as error:
        target.unlink(missing_ok=True)
        _explain(error, server, what, silence_s)
    return done


def _announced(answer: http.client.HTTPResponse) -> int | None:
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else None


def _require_room(target: Path, size: int, what: str, most_bytes: int) -> None:
    if size > most_bytes:
        raise DiskFull(f"{what} is larger than {most_bytes >> 20} MiB, more than is taken from a server")
    free = shutil.disk_usage(target.parent).free
    if size + _SPARE_BYTES > free:
        raise DiskFull(
            f"{what} has {size >> 20} MiB, and {free >> 20} MiB are free in {target.parent}",
            f"make room there: df -h {target.parent}",
        )


def _explain(error: BaseException, server: str, what: str, silence_s: float) -> NoReturn:
    if isinstance(error, urllib.error.HTTPError):
        with error:
            if error.code == 404:
                raise FactNotCollected(f"{server} does not have {what}") from error
            raise FactNotCollected(f"{server} does not give {what}: it answers with status {error.code}") from error
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        raise CommandTimeout(
            f"{server} sent nothing of {what} for {silence_s:g} s, or took too long in all",
            "try again: a server may have to unpack it first",
        ) from error
    if isinstance(error, urllib.error.URLError):
        raise ConnectError(f"{server} does not answer: {reason}", "see whether it runs and can be reached") from error
    if isinstance(error, http.client.HTTPException | ConnectionError):
        raise HostLost(f"the answer of {server} broke off: {error!r}", "try again") from error
    if isinstance(error, OSError) and error.errno == 28:
        raise DiskFull(f"no room is left for {what}", "make room there") from error
    raise error
