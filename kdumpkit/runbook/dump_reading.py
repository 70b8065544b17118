"""How stage 06 gets at a dump on the host: a verified copy of it here."""

from __future__ import annotations

import time
from pathlib import Path

from kdumpkit.errors import CommandTimeout, HostLost
from kdumpkit.facts.text import transfer_text
from kdumpkit.hosts.base import Fetched, Progress
from kdumpkit.hosts.pace import Pace
from kdumpkit.runbook.session import Session

#: before each new try of a fetch that broke off, in seconds; after the last one the loss is an error
FETCH_PAUSES_S = (5.0, 30.0)


def fetch_dump(session: Session, path: str, local: Path) -> Fetched:
    """A verified copy of the dump, its rate and the time left told on the way. Raises what ``Host.fetch`` raises.

    A fetch that broke off is taken up again, behind what came, before it is given up.
    """
    tell = _tell_transfer(session)
    for pause_s in FETCH_PAUSES_S:
        try:
            return session.target.fetch(path, local, tell)
        except (HostLost, CommandTimeout):
            session.clock.sleep(pause_s)
    return session.target.fetch(path, local, tell)


def _tell_transfer(session: Session) -> Progress:
    # the session's clock stands still while nothing is recorded, and nothing told here enters the notebook
    began, pace = time.monotonic(), Pace()

    def tell(done_bytes: int, total_bytes: int) -> None:
        pace.tell(done_bytes, total_bytes)
        words = transfer_text(done_bytes, total_bytes, pace.bytes_per_s, pace.left_s)
        elapsed_s = time.monotonic() - began
        session.tell_wait(f"copying the dump: {words}", elapsed_s, elapsed_s + pace.left_s if pace.left_s else 0.0)

    return tell
