"""Sections read one after the other in a child process, so that what goes wrong in one costs no other.

Each answer is handed over as soon as it is there. A section that raises says why; one that takes too long (a list that
damaged memory bent into a ring) is stopped; where drgn's C code dies, that section is told as the one that killed it,
and a new child reads what is left.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from kdumpkit.analysis.drgn_session import DrgnSession
from kdumpkit.analysis.sections import Section
from kdumpkit.command import explain_exit_status
from kdumpkit.errors import KdumpkitError

#: the slowest takes a second or two on a host with 100,000 tasks
SECTION_TIMEOUT_S = 60.0
#: of all sections together; less than the command's own time-out, so that what was read is handed over
ALL_TIMEOUT_S = 240.0
#: a dump that kills drgn more often than this will go on to do so
_MOST_DEATHS = 3

Tell = Callable[[dict[str, Any]], None]


class _TooLong(BaseException):
    # not an Exception: sections pass over what is wrong with one frame or one task, and must not pass over this
    pass


def read_sections(
    open_session: Callable[[], DrgnSession],
    sections: Sequence[Section[Any]],
    hidden: Sequence[Path | None],
    timeout_s: float = ALL_TIMEOUT_S,
    *,
    section_timeout_s: float = SECTION_TIMEOUT_S,
    ended: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """``drgn``: its version, None where it did not open the dump; ``sections``: each one's answer or ``error``.

    ``hidden`` are files that are shown by their name alone in what drgn says. ``ended`` is called in the child that
    opened the session, at its end.
    """
    answers: dict[str, Any] = {}
    version = None
    deaths = 0
    deadline = time.monotonic() + timeout_s
    while left := [section for section in sections if section.name not in answers]:
        messages, exit_status = in_child(partial(_read, open_session, left, hidden, deadline, section_timeout_s, ended))
        for message in messages:
            version = message.get("drgn", version)
            answers |= message.get("answers", {})
        left = [section for section in left if section.name not in answers]
        if not left:
            break
        deaths += 1
        said = f"the process in which drgn read the dump ended with {explain_exit_status(exit_status)}"
        opened = any("drgn" in message for message in messages)
        if not opened or deaths >= _MOST_DEATHS:
            answers |= {section.name: {"error": said} for section in left}
        else:
            answers[left[0].name] = {"error": f"{said} while it read this part"}
    return {"drgn": version, "sections": {section.name: answers[section.name] for section in sections}}


def _read(
    open_session: Callable[[], DrgnSession],
    sections: Sequence[Section[Any]],
    hidden: Sequence[Path | None],
    deadline: float,
    section_timeout_s: float,
    ended: Callable[[], None],
    tell: Tell,
) -> None:
    try:
        _read_all(open_session, sections, hidden, deadline, section_timeout_s, tell)
    finally:
        ended()


def _read_all(
    open_session: Callable[[], DrgnSession],
    sections: Sequence[Section[Any]],
    hidden: Sequence[Path | None],
    deadline: float,
    section_timeout_s: float,
    tell: Tell,
) -> None:
    # drgn indexes symbols in threads, which wait for each other on the processor unless told otherwise
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # one dump, one document, and the process ends: what would be collected is not worth looking for
    gc.disable()
    try:
        session = open_session()
    except KdumpkitError as error:
        tell({"answers": {section.name: {"error": error.message} for section in sections}})
        return
    import drgn

    tell({"drgn": drgn.__version__})
    for section in sections:
        # one second is enough for most of them
        left_s = max(1.0, deadline - time.monotonic())
        tell({"answers": {section.name: read_section(section, session, hidden, min(section_timeout_s, left_s))}})


def read_section(
    section: Section[Any],
    session: DrgnSession,
    hidden: Sequence[Path | None] = (),
    timeout_s: float = SECTION_TIMEOUT_S,
) -> dict[str, Any]:
    """One section's answer as JSON's types, or ``error`` with one sentence. To be called in a main thread."""

    def stop(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    # again each second, should the first one come where it is swallowed
    signal.setitimer(signal.ITIMER_REAL, timeout_s, 1)
    try:
        if section.needs_symbols:
            session.require_symbols()
        return asdict(section.read(session))
    except _TooLong:
        return {"error": f"this part of the dump was not read to its end within {timeout_s:g} s"}
    except KdumpkitError as error:
        return {"error": error.message}
    except Exception as error:  # any bytes may be in a dump; one section must not stop the others
        said = f"{type(error).__name__}: {error}"
        for path in hidden:
            said = said.replace(str(path), path.name) if path is not None else said
        return {"error": f"this part of the dump cannot be read: {said[:500]}"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_child(work: Callable[[Tell], None]) -> tuple[list[dict[str, Any]], int]:
    """What ``work`` told from a child process, in order, and that process's exit status (negative: a signal)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # nothing but the pipe may come out of here: no exit handlers, no buffers flushed twice
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as out:

                def tell(message: dict[str, Any]) -> None:
                    out.write(json.dumps(message).encode() + b"\n")
                    out.flush()

                work(tell)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        *lines, _ = answer.read().split(b"\n")  # what follows the last end of a line is one that was cut off
    _, status = os.waitpid(child, 0)
    return [json.loads(line) for line in lines], os.waitstatus_to_exitcode(status)
