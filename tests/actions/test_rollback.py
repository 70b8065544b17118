"""Taking back what a run changed: through its record, byte for byte, refused where somebody else was at a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.actions.apply import Done, apply_plan
from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.actions.rollback import (
    ChangedFile,
    HostFile,
    RecordedChange,
    change_as_json,
    change_from_json,
    check_taken_back,
    expected_after,
    paths_of,
    plan_rollback,
)
from kdumpkit.command import Command, command
from kdumpkit.errors import CommandFailed, GateClosed, NotVerified, ParseError
from kdumpkit.hosts.local import LocalHost

from .test_apply import grub_plan, host, state, tree

__all__ = ["host", "tree"]

RUN = "20261123T051200Z"
UNIT = "kdump-tools.service"


def recorded(done: Sequence[Done]) -> list[RecordedChange]:
    """The changes as they come back out of a transcript."""
    return [change_from_json(json.loads(json.dumps(change_as_json(one)))) for one in done]


def on_host(changes: Sequence[RecordedChange]) -> dict[str, HostFile]:
    found = {}
    for path in paths_of(changes):
        content = Path(path).read_bytes() if Path(path).exists() else None
        found[path] = HostFile(None if content is None else hashlib.sha256(content).hexdigest(), content)
    return found


def carried_out(host: LocalHost, tree: Path, plan: Plan) -> list[RecordedChange]:
    seen: list[Done] = []
    apply_plan(host, plan, backup_suffix=RUN, backup_root=str(tree / "backups"), on_done=seen.append)
    return recorded(seen)


def take_back(host: LocalHost, tree: Path, changes: list[RecordedChange]) -> Plan:
    plan = plan_rollback(RUN, changes, on_host(changes), "web01")
    apply_plan(host, plan, backup_suffix="later", backup_root=str(tree / "backups"))
    return plan


def test_byte_for_byte_and_in_reverse_order(host: LocalHost, tree: Path) -> None:
    before = state(tree)
    changes = carried_out(host, tree, grub_plan(tree))
    expected = expected_after(changes, on_host(changes))
    plan = take_back(host, tree, changes)
    assert state(tree) == before
    assert [Path(c.path).name for c in plan.changes if isinstance(c, FileChange)] == ["grub.cfg", "own.cfg", "grub"]
    digests = {path: file.digest for path, file in on_host(changes).items()}
    check_taken_back(expected, digests, "web01")
    assert expected[str(tree / "grub.d" / "own.cfg")] is None
    # a second time there is nothing to do
    again = plan_rollback(RUN, changes, on_host(changes), "web01")
    assert (again.changes, again.reason_if_empty) == ((), "everything is as it was before")


def test_a_file_that_was_changed_twice_comes_back_to_its_first_content(host: LocalHost, tree: Path) -> None:
    before = state(tree)
    path = str(tree / "grub")
    changes = carried_out(host, tree, Plan("one", (FileChange(path, b"A=1\n", b"A=2\n"),)))
    changes += carried_out(host, tree, Plan("two", (FileChange(path, b"A=2\n", b"A=3\n"),)))
    changes += carried_out(host, tree, Plan("three", (FileChange(path, b"A=3\n", None),)))
    assert len({change.files[0].backup for change in changes}) == 3
    take_back(host, tree, changes)
    assert state(tree) == before


@pytest.mark.parametrize("name", ["grub", "grub.cfg", "grub.d/own.cfg"])
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_what_somebody_else_changed_since_is_not_overwritten(host: LocalHost, tree: Path, name: str, how: str) -> None:
    changes = carried_out(host, tree, grub_plan(tree))
    file = tree / name
    if how == "changed":
        file.chmod(0o600)
        file.write_bytes(b"by hand\n")
    else:
        file.unlink()
    after = state(tree)
    if how == "gone" and name == "grub.d/own.cfg":
        # that is what taking it back would do
        take_back(host, tree, changes)
        return
    with pytest.raises(GateClosed, match="nothing was changed") as caught:
        plan_rollback(RUN, changes, on_host(changes), "web01")
    assert str(file) in caught.value.message
    assert "diff -u " in str(caught.value.hint)
    assert f"run {RUN} is not taken back" in caught.value.message
    assert state(tree) == after


def test_a_backup_that_is_gone_or_was_touched(host: LocalHost, tree: Path) -> None:
    changes = carried_out(host, tree, grub_plan(tree))
    backup = Path(str(changes[0].files[0].backup))
    backup.write_bytes(b"A=9\n")
    with pytest.raises(GateClosed, match="is not the original of"):
        plan_rollback(RUN, changes, on_host(changes), "web01")
    backup.unlink()
    with pytest.raises(GateClosed, match="no longer at"):
        plan_rollback(RUN, changes, on_host(changes), "web01")


def test_what_a_failed_command_had_written_is_taken_back_too(host: LocalHost, tree: Path) -> None:
    before = state(tree)
    script = 'chmod u+w "$1/grub.cfg"; echo broken > "$1/grub.cfg"; chmod 400 "$1/grub.cfg"; exit 1'
    broken = CommandChange(
        command("sh", "-c", script, "sh", str(tree)), "writes", command("true"), (str(tree / "grub.cfg"),)
    )
    seen: list[Done] = []
    with pytest.raises(CommandFailed):
        apply_plan(
            host,
            Plan("x", (broken,)),
            backup_suffix=RUN,
            backup_root=str(tree / "backups"),
            on_done=seen.append,
        )
    (change,) = recorded(seen)
    assert not change.finished
    plan = take_back(host, tree, [change])
    assert state(tree) == before
    # the command did not do its work, so its undo is not run
    assert not [c for c in plan.changes if isinstance(c, CommandChange)]


def service(verb: str, opposite: str | None) -> RecordedChange:
    return RecordedChange(
        f"systemctl {verb} kdump-tools.service",
        Command(("systemctl", verb, "kdump-tools.service"), as_root=True),
        Command(("systemctl", opposite, "kdump-tools.service"), as_root=True) if opposite else None,
        (),
    )


def test_commands_are_undone_and_pairs_leave_the_service_alone() -> None:
    changes = [service("enable", "disable"), service("stop", "start"), service("start", "stop")]
    plan = plan_rollback(RUN, changes, {}, "web01")
    assert [c.command.argv[1] for c in plan.changes if isinstance(c, CommandChange)] == ["disable"]
    started = plan_rollback(RUN, [service("start", "stop"), service("enable", "disable")], {}, "web01")
    assert [c.command.argv[1] for c in started.changes if isinstance(c, CommandChange)] == ["disable", "stop"]


def test_what_has_no_way_back_is_said() -> None:
    plan = plan_rollback(RUN, [service("daemon-reload", None)], {}, "web01")
    assert plan.changes == ()
    assert plan.notes == (
        "there is no way back from `systemctl daemon-reload kdump-tools.service`, which stays as it is",
    )


def test_an_undo_with_a_masked_secret_is_not_run() -> None:
    change = service("start", "stop")
    masked = replace(change, undo=Command(("curl", "--user", "password=[masked]")))
    with pytest.raises(GateClosed, match="has no secrets"):
        plan_rollback(RUN, [masked], {}, "web01")


def test_the_boot_loaders_own_block_is_left_to_it() -> None:
    path = "/boot/grub/grubenv"
    change = RecordedChange("grub-reboot", command("grub-reboot"), None, (ChangedFile(path, "a", "b", "/k", 0o644),))
    files = {path: HostFile("c", b"x"), "/k": HostFile("a", b"y")}
    plan = plan_rollback(RUN, [change], files, "web01")
    assert plan.changes == ()
    assert "the boot loader itself has written" in plan.notes[0]
    assert expected_after([change], files) == {}
    # as the run left it, it is put back
    files[path] = HostFile("b", b"x")
    assert plan_rollback(RUN, [change], files, "web01").changes == (FileChange(path, b"x", b"y", 0o644),)


def test_read_back_that_differs_is_told() -> None:
    check_taken_back({"/a": "1", "/b": None}, {"/a": "1", "/b": None}, "web01")
    with pytest.raises(NotVerified, match="/a was put back, and is not what it was"):
        check_taken_back({"/a": "1"}, {"/a": "2"}, "web01")
    with pytest.raises(NotVerified, match="absent"):
        check_taken_back({"/a": "1"}, {"/a": None}, "web01")


@pytest.mark.parametrize("data", [None, [], {}, {"what": "x", "files": [{}], "command": None, "undo": None}])
def test_what_is_no_record_of_a_change(data: object) -> None:
    with pytest.raises(ParseError):
        change_from_json(data)
