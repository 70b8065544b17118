"""From file states and command results to facts: the parser's answer, or an Unknown that says why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from kdumpkit.command import Command, CommandResult, explain_exit_status
from kdumpkit.errors import CommandTimeout, ParseError
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import Absent, FileContent, FileState, NotPermitted

T = TypeVar("T")

#: what read_files answered, by path
Files = Mapping[str, FileState]


def record_numbers(*numbers: int) -> tuple[int, ...]:
    """The numbers without repetition and without -1 (not recorded), in order."""
    return tuple(dict.fromkeys(number for number in numbers if number >= 0))


def records_of(*facts: Any) -> tuple[int, ...]:
    """The records of all these facts and Unknowns together; other values carry none."""
    return record_numbers(*(number for fact in facts for number in getattr(fact, "records", ())))


def from_file(files: Files, path: str, parse: Callable[[bytes], T]) -> T | Unknown:
    """The parsed content of one file of ``files``, or why there is none."""
    state = files.get(path)
    if state is None:
        return Unknown(path, Why.NOT_ANSWERED, "it is missing in the host's answer")
    return from_state(state, parse)


def from_state(state: FileState, parse: Callable[[bytes], T]) -> T | Unknown:
    """The parsed content, or why there is none. A file that was cut off at the limit is not understood."""
    records = record_numbers(state.record)
    if isinstance(state, FileContent):
        if state.truncated:
            return Unknown(state.path, Why.NOT_UNDERSTOOD, "it is longer than the limit for reading", records)
        try:
            return parse(state.data)
        except ParseError as error:
            return Unknown(state.path, Why.NOT_UNDERSTOOD, error.message, records)
    if isinstance(state, Absent):
        return Unknown(state.path, Why.ABSENT, "", records)
    if isinstance(state, NotPermitted):
        return Unknown(state.path, Why.NOT_PERMITTED, "", records)
    return Unknown(state.path, Why.NOT_ANSWERED, state.reason, records)


def first_present(files: Files, paths: Iterable[str], parse: Callable[[FileContent], T]) -> T | Unknown:
    """The parsed content of the first path that is there.

    Where none is, Unknown: of the first that is more than absent, else ABSENT for all.
    """
    unknowns: list[Unknown] = []
    for path in paths:
        state = files.get(path)
        if isinstance(state, FileContent):
            return from_state(state, partial(_parse_whole, parse, state))
        unknowns.append(
            Unknown(path, Why.NOT_ANSWERED, "it is missing in the host's answer")
            if state is None
            else _without_content(state)
        )
    other = next((unknown for unknown in unknowns if not unknown.absent), None)
    return other or Unknown(" or ".join(unknown.source for unknown in unknowns), Why.ABSENT, "", records_of(*unknowns))


def _parse_whole(parse: Callable[[FileContent], T], file: FileContent, _data: bytes) -> T:
    return parse(file)


def _without_content(state: FileState) -> Unknown:
    found = from_state(state, lambda _data: None)
    return found if isinstance(found, Unknown) else Unknown(state.path, Why.NOT_ANSWERED)


def ask(host: Host, command: Command) -> CommandResult | Unknown:
    """The result of a command that did its work, or why there is none. A lost connection is raised, not returned."""
    try:
        result = host.run(command)
    except CommandTimeout as error:
        return Unknown(command.shown(), Why.NOT_ANSWERED, error.message)
    return result if result.ok else refused(result)


def refused(result: CommandResult) -> Unknown:
    """The Unknown for a command that ended with a status that is not accepted."""
    said = result.stderr.decode("utf-8", "replace").strip().splitlines()
    detail = explain_exit_status(result.exit_status) + (f": {said[-1][:200]}" if said else "")
    why = Why.NOT_ANSWERED
    if result.exit_status == 127 or any("No such file or directory" in line for line in said):
        why = Why.ABSENT
    elif result.exit_status == 126 or any(
        words in line for line in said for words in ("ermission denied", "not permitted", "a password is required")
    ):
        why = Why.NOT_PERMITTED
    return Unknown(result.command.shown(), why, detail, record_numbers(result.record))


def answered(host: Host, command: Command, parse: Callable[[CommandResult], T]) -> T | Unknown:
    """What the parser makes of a command's answer, or why there is nothing."""
    result = ask(host, command)
    if isinstance(result, Unknown):
        return result
    try:
        return parse(result)
    except ParseError as error:
        return Unknown(command.shown(), Why.NOT_UNDERSTOOD, error.message, record_numbers(result.record))
