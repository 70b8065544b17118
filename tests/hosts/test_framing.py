"""Marks are found however the stream is cut, and nothing of the command's own bytes is lost or added."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdumpkit.hosts.framing import Frame
from kdumpkit.hosts.process import Bounded

NONCE = "0123456789abcdef"


def feed(stream: bytes, sizes: list[int]) -> tuple[Frame, bytes]:
    sink = Bounded()
    frame = Frame(NONCE, sink)
    while stream:
        size = sizes.pop() if sizes else len(stream)
        frame.write(stream[:size])
        stream = stream[size:]
    return frame, bytes(sink.data)


@given(st.binary(max_size=40), st.binary(max_size=80), st.integers(0, 255), st.lists(st.integers(1, 20), max_size=60))
def test_any_bytes_in_any_pieces(noise: bytes, body: bytes, status: int, sizes: list[int]) -> None:
    stream = noise + f"{NONCE}+12\n".encode() + body + f"{NONCE}-{status}\n".encode() + b"late"
    frame, got = feed(stream, sizes)
    assert (frame.opened, frame.closed, got) == (b"12", status, body)


@pytest.mark.parametrize("cut", range(1, 19))
def test_without_the_whole_closing_mark_there_is_no_status(cut: int) -> None:
    stream = f"{NONCE}+\nbody{NONCE}-0\n".encode()
    frame, got = feed(stream[:-cut], [1] * 100)
    assert frame.closed is None
    assert b"body".startswith(got)


def test_the_word_without_a_status_is_data() -> None:
    body = f"x{NONCE}-abcdef{NONCE}-{NONCE}+9\n".encode()
    frame, got = feed(f"{NONCE}+\n".encode() + body + f"{NONCE}-3\n".encode(), [7] * 40)
    assert (frame.closed, got) == (3, body)


def test_noise_is_kept_for_the_message_and_bounded() -> None:
    frame, got = feed(b"x" * 200_000 + b"no shell here", [])
    assert frame.opened is None
    assert got == b""
    assert frame.noise.endswith(b"no shell here")
    assert len(frame.noise) == 65536
