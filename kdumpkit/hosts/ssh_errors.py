"""What OpenSSH said when no connection came about, as the most specific error.

Source: the messages of OpenSSH 8.0 to 9.9 (sshconnect.c, sshconnect2.c, misc.c, kex.c); they are not translated.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from kdumpkit.errors import ConnectError, HostKeyChanged, LoginRefused
from kdumpkit.hosts.process import last_line

_OFFENDING = re.compile(r"^Offending .*key in (?P<file>.+):(?P<line>\d+)\s*$", re.MULTILINE)
_CHANGED_FOR = re.compile(r"^Host key for (?P<host>\S+) has changed", re.MULTILINE)
_REVOKED_FOR = re.compile(r"(host key|Host key) .*revoked", re.IGNORECASE)

# pattern, what it means, what to do; the first that is found counts
_PLAIN: tuple[tuple[str, str, str], ...] = (
    (
        r"Could not resolve hostname",
        "its name is unknown here",
        "check the name (getent hosts {host}) or give it a HostName in the ssh configuration",
    ),
    (
        r"Connection refused",
        "it is up, and nothing listens on the ssh port",
        "is sshd running, is the port right? {try_it}",
    ),
    (
        r"No route to host|Network is unreachable",
        "there is no way to it",
        "check the network and the address; {try_it}",
    ),
    (
        r"timed out during banner exchange|Connection timed out during|kex_exchange_identification: .*timed out",
        "it took the connection and then said nothing: it hangs, is still booting, or is in a panic",
        "look at its console",
    ),
    (
        r"connect to .*(timed out|Operation timed out)|Connection timed out",
        "it did not answer",
        "is it up, is a firewall in between? {try_it}",
    ),
    (
        r"Connection (closed|reset) by|closed by remote host|Connection reset|Broken pipe",
        "it closed the connection before the login was done: it is going down, still booting, or has too many logins",
        "try again shortly; then look at its log: journalctl -u ssh -u sshd",
    ),
    (
        r"Unable to negotiate",
        "no key exchange, cipher or host key type is common to both",
        "compare `ssh -Q kex` here with the host's sshd_config; {try_it}",
    ),
    (
        r"[Bb]ad configuration option|Bad owner or permissions|no argument after keyword",
        "the ssh configuration here is not usable",
        "{try_it}",
    ),
)
_REFUSED = re.compile(
    r"Permission denied|Too many authentication failures|Authentication failed|account .*not available"
)


def by_hand(destination: str, config: Path | None) -> str:
    """The command that a person would type to see the same."""
    return shlex.join(("ssh", *(("-F", str(config)) if config else ()), destination, "true"))


def connect_error(said: bytes, *, name: str, destination: str, config: Path | None) -> ConnectError:
    """The error for what ssh wrote before it gave up. Text that is not known gives a plain ConnectError."""
    text = said.decode("utf-8", "replace")
    try_it = by_hand(destination, config)
    if "Host key verification failed" in text or "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        return _host_key(text, name, destination, try_it)
    if _REVOKED_FOR.search(text):
        return HostKeyChanged(f"{name}: its host key is revoked here; nothing was sent to it", try_it)
    if _REFUSED.search(text):
        return LoginRefused(
            f"{name} answered and refused the login: {_matching(_REFUSED.search, text)}",
            f"is the key loaded (ssh-add -l) and allowed there? see why: {try_it.replace('ssh', 'ssh -v', 1)}",
        )
    for pattern, meaning, hint in _PLAIN:
        if re.search(pattern, text):
            search = re.compile(pattern).search
            return ConnectError(
                f"no connection to {name}: {meaning} ({_matching(search, text)})",
                hint.format(host=shlex.quote(destination.rpartition("@")[2]), try_it=try_it),
            )
    return ConnectError(f"no connection to {name}: {last_line(said) or 'ssh ended without a word'}", try_it)


def _host_key(text: str, name: str, destination: str, try_it: str) -> HostKeyChanged:
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        offending, host = _OFFENDING.search(text), _CHANGED_FOR.search(text)
        where = f"-f {shlex.quote(offending['file'])} " if offending else ""
        entry = shlex.quote(host["host"] if host else destination.rpartition("@")[2])
        return HostKeyChanged(
            f"{name}: its host key is not the one on record"
            + (f" in {offending['file']} line {offending['line']}" if offending else "")
            + ": it was installed anew, or someone stands in between; nothing was sent to it",
            f"ask its owner; if the new key is right: ssh-keygen {where}-R {entry}, then log in once: {try_it}",
        )
    return HostKeyChanged(
        f"{name}: its host key is not on record here, so it could be any machine; nothing was sent to it",
        f"log in once by hand and compare the fingerprint it shows: {try_it}",
    )


def _matching(search: Callable[[str], re.Match[str] | None], text: str) -> str:
    """The last line in which the pattern is found, safe to show."""
    return next((last_line(line.encode()) for line in reversed(text.splitlines()) if search(line)), "")
