"""Symbols over HTTP: from a real debuginfod, and from servers that lie, stop or are not there."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kdumpkit.analysis.debuginfod import fetch_vmlinux
from kdumpkit.errors import (
    CommandTimeout,
    ConnectError,
    DiskFull,
    FactNotCollected,
    HostLost,
    SymbolsMismatch,
    UsageError,
)
from kdumpkit.hosts import download as module
from kdumpkit.hosts.download import check_web_address, download
from tests.analysis.conftest import Debuginfod
from tests.vmcore import dumps

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server that answers every request by a function."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def giving(content: bytes, length: int | None = None) -> Answer:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content) if length is None else length))
        request.end_headers()
        request.wfile.write(content)

    return answer


def status(code: int, location: str = "") -> Answer:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        if location:
            request.send_header("Location", location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def test_a_real_debuginfod_gives_the_file(debuginfod: Debuginfod, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    kept = fetch_vmlinux(debuginfod.build_id, debuginfod.url + "/", tmp_path, lambda *done: told.append(done))
    assert kept == tmp_path / debuginfod.build_id / "vmlinux"
    assert kept.read_bytes() == debuginfod.served.read_bytes()
    assert told[-1][0] == kept.stat().st_size
    assert list(kept.parent.iterdir()) == [kept]
    # the second time nothing is asked for
    assert fetch_vmlinux(debuginfod.build_id, "http://127.0.0.1:1", tmp_path) == kept


def test_a_real_debuginfod_that_does_not_have_it(debuginfod: Debuginfod, tmp_path: Path) -> None:
    with pytest.raises(FactNotCollected, match=f"does not have the debug symbols of build id {dumps.BUILD_ID}"):
        fetch_vmlinux(dumps.BUILD_ID, debuginfod.url, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("content", [dumps.vmlinux("ab" * 20), b"<html>not found</html>", b""])
def test_what_is_not_the_build_that_was_asked_for_is_thrown_away(content: bytes, tmp_path: Path) -> None:
    with server(giving(content)) as url, pytest.raises((SymbolsMismatch, FactNotCollected)) as caught:
        fetch_vmlinux(dumps.BUILD_ID, url, tmp_path)
    assert "thrown away" in caught.value.message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_answer_that_breaks_off(tmp_path: Path) -> None:
    content = dumps.vmlinux(dumps.BUILD_ID)
    with server(giving(content, len(content) + 1000)) as url, pytest.raises(HostLost, match="broke off"):
        fetch_vmlinux(dumps.BUILD_ID, url, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match=r"127\.0\.0\.1:1 does not answer") as caught:
        fetch_vmlinux(dumps.BUILD_ID, "http://127.0.0.1:1", tmp_path)
    assert caught.value.exit_status == 3


def test_silence_ends(tmp_path: Path) -> None:
    quiet = threading.Event()
    with server(lambda request: (quiet.wait(20), None)[1]) as url:
        with pytest.raises(CommandTimeout, match="sent nothing"):
            download(url, tmp_path / "x", what="it", silence_s=0.3)
        quiet.set()
    assert not (tmp_path / "x").exists()


def test_a_file_that_does_not_fit_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(giving(b"x", 1 << 60)) as url, pytest.raises(DiskFull, match="larger than"):
        download(url, tmp_path / "x", what="it")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with server(giving(b"x" * 2000)) as url, pytest.raises(DiskFull, match="are free"):
        download(url, tmp_path / "x", what="it")
    assert not (tmp_path / "x").exists()


def test_it_is_not_led_away_from_the_web(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with server(status(302, f"file://{secret}")) as url, pytest.raises((ConnectError, FactNotCollected)):
        download(url, tmp_path / "x", what="it")
    assert not (tmp_path / "x").exists()


def test_a_server_that_refuses_is_named(tmp_path: Path) -> None:
    with server(status(503)) as url, pytest.raises(FactNotCollected, match="status 503"):
        download(url, tmp_path / "x", what="it")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "server:8002",
        "ftp://x/",
        "http://",
        "http://x/?a=b",
        "",
        "http://x:99999",
        "http://x:no",
        "http://[x",
        "http://x/a b",
    ],
)
def test_what_is_no_web_address_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError):
        check_web_address(url)


@pytest.mark.parametrize("build_id", ["", "../../etc", "zz", "AB" * 20, "1234"])
def test_what_is_no_build_id_is_not_asked_for(build_id: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        fetch_vmlinux(build_id, "http://127.0.0.1:1", tmp_path)
