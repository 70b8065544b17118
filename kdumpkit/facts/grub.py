"""GRUB's settings: ``/etc/default/grub``, ``/etc/default/grub.d/*.cfg`` and the environment block."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.kernel_command_line import split_words
from kdumpkit.facts.reading import Files, first_present, from_state, record_numbers
from kdumpkit.facts.shell_assignments import BrokenLine, Origin, ShellAssignments, parse_shell_assignments
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import FileContent

DEFAULTS = "/etc/default/grub"
DEFAULTS_DIRECTORY = "/etc/default/grub.d"
ENVIRONMENTS = ("/boot/grub/grubenv", "/boot/grub2/grubenv")


@dataclass(frozen=True)
class CommandLineWord:
    """A word of a kernel command line that GRUB would be given, and the file and line that put it there."""

    text: str
    origin: Origin


@dataclass(frozen=True)
class GrubDefaults:
    """What the files say when they are sourced in update-grub's order: /etc/default/grub, then grub.d/*.cfg by name."""

    paths: tuple[str, ...]
    settings: ShellAssignments
    records: tuple[int, ...] = ()

    @property
    def default_entry(self) -> str | None:
        """``GRUB_DEFAULT``; None where it is not set (GRUB then takes entry 0)."""
        return self.settings.value("GRUB_DEFAULT")

    @property
    def broken(self) -> tuple[BrokenLine, ...]:
        return self.settings.broken

    def words(self, name: str = "GRUB_CMDLINE_LINUX_DEFAULT") -> tuple[CommandLineWord, ...]:
        """The words of one setting with their origins; () where it is not set."""
        found = self.settings.last(name)
        if found is None:
            return ()
        starts: list[tuple[int, Origin]] = []
        length = 0
        for piece in found.pieces:
            starts.append((length, piece.origin))
            length += len(piece.text)
        text = found.value
        return tuple(
            CommandLineWord(text[start:end], [origin for at, origin in starts if at <= start][-1])
            for start, end in split_words(text)
        )

    def kernel_words(self) -> tuple[CommandLineWord, ...]:
        """The words that a normal entry gets: GRUB_CMDLINE_LINUX, then GRUB_CMDLINE_LINUX_DEFAULT.

        Source: the order of 10_linux, GRUB 2.06. Recovery entries get the first part only.
        """
        return self.words("GRUB_CMDLINE_LINUX") + self.words("GRUB_CMDLINE_LINUX_DEFAULT")

    def crashkernel_words(self) -> tuple[CommandLineWord, ...]:
        """The ``crashkernel=`` words of :meth:`kernel_words`, in order."""
        return tuple(word for word in self.kernel_words() if word.text.startswith("crashkernel="))


@dataclass(frozen=True)
class GrubEnvironment:
    """The environment block; an entry that is not set is None."""

    path: str
    variables: tuple[tuple[str, str], ...]
    records: tuple[int, ...] = ()

    def get(self, name: str) -> str | None:
        return dict(self.variables).get(name)

    @property
    def saved_entry(self) -> str | None:
        return self.get("saved_entry")

    @property
    def next_entry(self) -> str | None:
        return self.get("next_entry")


PATHS = (DEFAULTS, f"{DEFAULTS_DIRECTORY}/*.cfg")


def parse_grub_defaults(files: list[tuple[str, bytes]], records: tuple[int, ...] = ()) -> GrubDefaults:
    """The settings of these files, path and content each, sourced in this order. Raises ParseError."""
    return GrubDefaults(tuple(path for path, _ in files), parse_shell_assignments(files), records)


def grub_defaults_from(files: Files) -> GrubDefaults | Unknown:
    """GRUB's settings out of files that were read; Unknown where a file that takes part could not be read."""
    parts = [path for path in files if path == DEFAULTS or path.startswith(DEFAULTS_DIRECTORY + "/")]
    parts.sort(key=lambda path: (path != DEFAULTS, path))
    contents: list[tuple[str, bytes]] = []
    records: list[int] = []
    for path in parts:
        state = files[path]
        records.append(state.record)
        content = from_state(state, lambda data: data)
        if isinstance(content, Unknown) and not content.absent:
            return content
        if not isinstance(content, Unknown):
            contents.append((state.path, content))
    numbers = record_numbers(*records)
    if not contents:
        return Unknown(DEFAULTS, Why.ABSENT, "nor is there any file in grub.d", numbers)
    try:
        return parse_grub_defaults(contents, numbers)
    except ParseError as error:
        return Unknown(DEFAULTS, Why.NOT_UNDERSTOOD, error.message, numbers)


def parse_grub_environment(data: bytes, path: str = ENVIRONMENTS[0], records: tuple[int, ...] = ()) -> GrubEnvironment:
    """The variables of an environment block. Raises ParseError where it is none."""
    text = decoded(data, path)
    if not text.startswith("# GRUB Environment Block\n"):
        raise ParseError(f"{path} is not a GRUB environment block")
    variables: list[tuple[str, str]] = []
    # a backslash before the end of a line belongs to the value
    for line in text.replace("\\\\", "\0").replace("\\\n", "\1").split("\n"):
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            variables.append((name, value.replace("\1", "\n").replace("\0", "\\")))
    return GrubEnvironment(path, tuple(variables), records)


def grub_environment_from(files: Files) -> GrubEnvironment | Unknown:
    """The environment block out of files that were read."""

    def parse(file: FileContent) -> GrubEnvironment:
        return parse_grub_environment(file.data, file.path, record_numbers(file.record))

    return first_present(files, ENVIRONMENTS, parse)
