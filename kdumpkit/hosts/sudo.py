"""``sudo -n`` around a command, such that sudo's own refusal is never taken for the command's exit status."""

from __future__ import annotations

from collections.abc import Sequence

from kdumpkit.errors import LoginRefused
from kdumpkit.hosts.process import last_line

# Prints the mark when root's shell runs, then becomes the command. sbin is missing in many users' PATH.
_AS_ROOT = (
    'printf "%s\\n" "$1" >&2; shift; LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; '
    'export LC_ALL PATH; exec "$@"'
)

# how dash, bash and setsid say that there is no sudo
_NO_SUDO = ("sudo: not found", "sudo: command not found", "sudo: No such file or directory")


def sudo_argv(argv: Sequence[str], mark: str) -> tuple[str, ...]:
    """The command as root: it prints ``mark`` on standard error as soon as sudo has let it through."""
    return ("sudo", "-n", "--", "/bin/sh", "-c", _AS_ROOT, "kdumpkit", mark, *argv)


def after_mark(stderr: bytes, mark: str, *, host: str, login: str) -> bytes:
    """What the command itself wrote to standard error; sudo's own warnings before the mark are left out.

    Raises LoginRefused where the mark is missing: sudo is absent, wants a password or a terminal, or forbids it.
    """
    line = mark.encode() + b"\n"
    before, found, rest = stderr.partition(line)
    if found:
        return rest
    said = last_line(before) or "sudo ended without a word"
    first = "install sudo there and " if said.endswith(_NO_SUDO) else ""
    raise LoginRefused(
        f"{host}: this step needs root, the login is {login}, and `sudo -n` did not give it: {said}",
        f"log in as root, or {first}add this line on {host} with `visudo -f /etc/sudoers.d/kdumpkit`: "
        f"{login} ALL=(root) NOPASSWD: ALL",
    )


def last_words(stderr: bytes, mark: str) -> str:
    """The last line of what a command that was broken off said, without the mark (empty: there is none)."""
    before, found, rest = stderr.partition(mark.encode() + b"\n") if mark else (stderr, b"", b"")
    return last_line(rest if found else before)
