"""A command to run on a host and what came back: frozen values, no I/O."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from kdumpkit.errors import CommandFailed


@dataclass(frozen=True)
class Command:
    """One command as an argument list; it is quoted by the host that runs it, never by the caller."""

    argv: tuple[str, ...]
    timeout_s: float = 60.0
    stdin: bytes = b""
    #: run through ``sudo -n`` where the login is not root
    as_root: bool = False
    #: exit statuses that mean "the command did its work"; others make :meth:`CommandResult.checked` raise
    accepted: tuple[int, ...] = (0,)
    #: a short name for reports where the argv is long (a script); empty: the argv itself is shown
    title: str = ""
    #: a script of ours behind ``sh -c`` that leaves nothing running that could still write: a shell that is there may
    #: run it by itself, which spares a slow host two programs. Not part of what is asked, so not compared.
    inline: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if not self.argv or not all(isinstance(word, str) for word in self.argv):
            raise TypeError(f"argv must be a non-empty sequence of strings, got {self.argv!r}")

    def shown(self) -> str:
        """The command as a person would type it, with what it is given on standard input, or its title."""
        if self.title:
            return self.title
        words = shlex.join(self.argv)
        if not self.stdin:
            return words
        return f"printf %s {shlex.quote(self.stdin.decode('utf-8', 'replace'))} | {words}"


def command(*argv: str, **options: object) -> Command:
    """Short form of :class:`Command`: ``command("uname", "-r", timeout_s=5)``."""
    return Command(argv, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class CommandResult:
    """Exit status and raw bytes of one command, with when it ran and the record that keeps it."""

    command: Command
    exit_status: int
    stdout: bytes
    stderr: bytes
    #: seconds since the epoch on the machine that runs kdumpkit
    started_at: float
    duration_s: float
    #: number of the transcript record that holds it; -1 where nothing was recorded
    record: int = field(default=-1, compare=False)

    @property
    def ok(self) -> bool:
        return self.exit_status in self.command.accepted

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 become U+FFFD."""
        return self.stdout.decode("utf-8", "replace")

    def checked(self) -> CommandResult:
        """Itself, or :class:`CommandFailed` where the exit status is not an accepted one."""
        if self.ok:
            return self
        text = (self.stderr or self.stdout).decode("utf-8", "replace")
        said = text.strip().splitlines()
        raise CommandFailed(
            f"`{self.command.shown()}` ended with {explain_exit_status(self.exit_status)}"
            + (f": {said[-1][:300]}" if said else ""),
            f"run it by hand on the host: {shlex.join(self.command.argv)[:400]}",
            text,
        )


def explain_exit_status(status: int) -> str:
    """Words for an exit status: 126, 127 and deaths by signal (128+n from a shell, -n from a parent) are named."""
    if status == 127:
        return "status 127 (command not found)"
    if status == 126:
        return "status 126 (not executable, or not permitted)"
    if status < 0 or status > 128:
        number = -status if status < 0 else status - 128
        if number <= 64:
            return f"status {status} (killed by signal {number})"
    return f"status {status}"
