from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdumpkit.actions.apply import Done, apply_plan, partly_applied
from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.command import Command, CommandResult, command
from kdumpkit.errors import CommandFailed, CommandTimeout, DiskFull, GateClosed, HostLost, KdumpkitError
from kdumpkit.hosts.local import LocalHost

RUN = "20261123T051200Z-ab12"


class Failing(LocalHost):
    """The local machine, but commands whose title or words hold ``what`` end like ``how``."""

    def __init__(self, what: str, how: CommandResult | KdumpkitError) -> None:
        super().__init__("web01")
        self.what = what
        self.how = how

    def run(self, command: Command) -> CommandResult:
        if self.what not in command.shown():
            return super().run(command)
        if isinstance(self.how, KdumpkitError):
            raise self.how
        return CommandResult(command, self.how.exit_status, self.how.stdout, self.how.stderr, 0.0, 0.0)


@pytest.fixture
def host() -> LocalHost:
    return LocalHost("web01")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "grub.d").mkdir()
    (tmp_path / "grub").write_bytes(b"A=1\n")
    (tmp_path / "grub").chmod(0o640)
    (tmp_path / "grub.cfg").write_bytes(b"generated from A=1\n")
    (tmp_path / "grub.cfg").chmod(0o400)
    return tmp_path


def generate(tree: Path, why: str = "writes grub.cfg") -> CommandChange:
    """Like update-grub: writes grub.cfg from grub."""
    script = (
        'chmod u+w "$1/grub.cfg"; { printf "generated from "; cat "$1/grub"; } > "$1/grub.cfg"; chmod 400 "$1/grub.cfg"'
    )
    step = command("sh", "-c", script, "sh", str(tree), title="update-grub")
    return CommandChange(step, why, None, (str(tree / "grub.cfg"),))


def grub_plan(tree: Path) -> Plan:
    return Plan(
        "crashkernel=256M",
        (
            FileChange(str(tree / "grub"), b"A=1\n", b"A=2\n"),
            FileChange(str(tree / "grub.d" / "own.cfg"), None, b"B=1\n"),
            generate(tree),
        ),
    )


def state(tree: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(tree)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(tree.rglob("*"))
        if path.is_file() and "backups" not in path.parts
    }


def test_files_are_written_backed_up_and_their_mode_is_kept(host: LocalHost, tree: Path) -> None:
    seen: list[Done] = []
    done = apply_plan(host, grub_plan(tree), backup_suffix=RUN, backup_root=str(tree / "backups"), on_done=seen.append)
    assert state(tree) == {
        "grub": (b"A=2\n", 0o640),
        "grub.cfg": (b"generated from A=2\n", 0o400),
        "grub.d/own.cfg": (b"B=1\n", 0o644),
    }
    assert list(done.done) == seen
    backup = Path(done.done[0].backups[0])
    assert backup == tree / "backups" / RUN / str(tree / "grub").lstrip("/")
    assert backup.read_bytes() == b"A=1\n"
    assert backup.stat().st_mode & 0o777 == 0o640
    # nobody else may look into the folder, and nothing was left where a tool would take it for configuration
    assert (tree / "backups" / RUN).stat().st_mode & 0o777 == 0o700
    assert os.listdir(tree / "grub.d") == ["own.cfg"]


def test_the_undo_commands_take_it_all_back_byte_for_byte(host: LocalHost, tree: Path) -> None:
    before = state(tree)
    done = apply_plan(host, grub_plan(tree), backup_suffix=RUN, backup_root=str(tree / "backups"))
    assert [step.argv[0] for step in done.undo_commands] == ["cp", "rm", "cp"]
    for line in done.undo_lines:
        subprocess.run(["sh", "-c", line], check=True)
    assert state(tree) == before


def test_a_file_that_was_removed_comes_back_with_its_mode(host: LocalHost, tree: Path) -> None:
    plan = Plan("remove", (FileChange(str(tree / "grub"), b"A=1\n", None),))
    done = apply_plan(host, plan, backup_suffix=RUN, backup_root=str(tree / "backups"))
    assert not (tree / "grub").exists()
    for line in done.undo_lines:
        subprocess.run(["sh", "-c", line], check=True)
    assert state(tree)["grub"] == (b"A=1\n", 0o640)


@pytest.mark.parametrize("change", ["edited", "removed", "created"])
def test_a_file_that_changed_since_the_plan_is_not_touched(host: LocalHost, tree: Path, change: str) -> None:
    plan = grub_plan(tree)
    if change == "edited":
        (tree / "grub").write_bytes(b"A=3\n")
    elif change == "removed":
        (tree / "grub").unlink()
    else:
        (tree / "grub.d" / "own.cfg").write_bytes(b"mine\n")
    mine = state(tree)
    with pytest.raises(GateClosed, match="since the plan was made") as caught:
        apply_plan(host, plan, backup_suffix=RUN, backup_root=str(tree / "backups"))
    assert caught.value.hint
    done = partly_applied(caught.value)
    assert done is not None
    if change == "created":
        # the first file had been changed by then: the error says so, and how to undo it
        assert "stopped at change 2 of 3" in caught.value.message
        assert str(tree / "grub") in caught.value.message
        assert done.undo_lines[0] in caught.value.hint
        subprocess.run(["sh", "-c", done.undo_lines[0]], check=True)
    else:
        assert "nothing had been changed" in caught.value.message
        assert done.done == ()
    assert state(tree) == mine


def test_a_failing_command_in_the_middle_stops_and_tells_how_to_undo(host: LocalHost, tree: Path) -> None:
    before = state(tree)
    mark = str(tree / "mark")
    plan = Plan(
        "three steps",
        (
            FileChange(str(tree / "grub"), b"A=1\n", b"A=2\n"),
            CommandChange(command("touch", mark), "marks", command("rm", "-f", mark)),
            CommandChange(command("sh", "-c", "echo it is broken >&2; exit 7"), "fails"),
            FileChange(str(tree / "grub.d" / "never.cfg"), None, b"x"),
        ),
    )
    with pytest.raises(CommandFailed) as caught:
        apply_plan(host, plan, backup_suffix=RUN, backup_root=str(tree / "backups"))
    assert "it is broken" in caught.value.message
    assert "stopped at change 3 of 4" in caught.value.message
    assert not (tree / "grub.d" / "never.cfg").exists()
    done = partly_applied(caught.value)
    assert done is not None
    assert len(done.done) == 2
    assert f"rm -f {mark} && cp -p" in caught.value.hint
    for line in done.undo_lines:
        subprocess.run(["sh", "-c", line], check=True)
    assert state(tree) == before


def test_a_command_that_fails_after_it_wrote_its_file_is_taken_back_too(host: LocalHost, tree: Path) -> None:
    before = state(tree)
    target = str(tree / "grub.cfg")
    broken = command("sh", "-c", 'chmod u+w "$1"; echo half > "$1"; exit 1', "sh", target, title="update-grub")
    with pytest.raises(CommandFailed) as caught:
        apply_plan(
            host,
            Plan("p", (CommandChange(broken, "writes", None, (target,)),)),
            backup_suffix=RUN,
            backup_root=str(tree / "backups"),
        )
    done = partly_applied(caught.value)
    assert done is not None
    assert not done.done[0].finished
    for line in done.undo_lines:
        subprocess.run(["sh", "-c", line], check=True)
    assert state(tree) == before


def no_room(status: int = 1) -> CommandResult:
    said = b"cp: error writing '/var/backups/x': No space left on device\n"
    return CommandResult(command("x"), status, b"", said, 0.0, 0.0)


@pytest.mark.parametrize("at", ["back up", "write ", "update-grub"])
def test_a_full_disk_is_named_and_what_was_made_can_be_undone(tree: Path, at: str) -> None:
    before = state(tree)
    with pytest.raises(DiskFull) as caught:
        apply_plan(Failing(at, no_room()), grub_plan(tree), backup_suffix=RUN, backup_root=str(tree / "backups"))
    assert "df " in caught.value.hint
    done = partly_applied(caught.value)
    assert done is not None
    assert len(done.done) == (2 if at == "update-grub" else 0)
    for line in done.undo_lines:
        subprocess.run(["sh", "-c", line], check=True)
    assert state(tree) == before


@pytest.mark.parametrize("error", [HostLost("web01: connection broke"), CommandTimeout("web01: no end")])
def test_a_lost_host_keeps_its_own_error_and_what_was_made(tree: Path, error: KdumpkitError) -> None:
    with pytest.raises(type(error)) as caught:
        apply_plan(Failing("update-grub", error), grub_plan(tree), backup_suffix=RUN, backup_root=str(tree / "backups"))
    assert caught.value.exit_status == 3
    done = partly_applied(caught.value)
    assert done is not None
    assert len(done.done) == 2
    assert "to undo what was made: rm -f" in caught.value.hint


def test_an_empty_plan_runs_nothing() -> None:
    host = Failing("", HostLost("must not be asked"))
    assert apply_plan(host, Plan("p", (), "all is well"), backup_suffix=RUN).done == ()


def test_a_second_plan_for_the_same_file_does_not_lose_the_first_original(host: LocalHost, tree: Path) -> None:
    path = str(tree / "grub")
    first = apply_plan(
        host, Plan("1", (FileChange(path, b"A=1\n", b"A=2\n"),)), backup_suffix=RUN, backup_root=str(tree / "b")
    )
    second = apply_plan(
        host, Plan("2", (FileChange(path, b"A=2\n", b"A=3\n"),)), backup_suffix=RUN, backup_root=str(tree / "b")
    )
    assert Path(first.done[0].backups[0]).read_bytes() == b"A=1\n"
    assert Path(second.done[0].backups[0]).read_bytes() == b"A=2\n"


def test_paths_with_blanks_and_quotes_are_quoted_in_the_undo_lines(host: LocalHost, tree: Path) -> None:
    odd = tree / "a 'b' $(touch x)"
    odd.write_bytes(b"old")
    plan = Plan("p", (FileChange(str(odd), b"old", b"new"),))
    done = apply_plan(host, plan, backup_suffix=RUN, backup_root=str(tree / "backups"))
    assert odd.read_bytes() == b"new"
    subprocess.run(["sh", "-c", done.undo_lines[0]], check=True, cwd=tree)
    assert odd.read_bytes() == b"old"
    assert not (tree / "x").exists()


@pytest.mark.parametrize("suffix", ["", "../etc", "a/b", ".hidden", "a b"])
def test_a_backup_folder_that_leads_elsewhere_is_refused(host: LocalHost, tree: Path, suffix: str) -> None:
    before = state(tree)
    with pytest.raises(GateClosed):
        apply_plan(host, grub_plan(tree), backup_suffix=suffix, backup_root=str(tree / "backups"))
    assert state(tree) == before


def test_a_directory_in_the_place_of_a_file_is_refused(host: LocalHost, tree: Path) -> None:
    plan = Plan("p", (FileChange(str(tree / "grub.d"), None, b"x"),))
    with pytest.raises(GateClosed, match="cannot be read"):
        apply_plan(host, plan, backup_suffix=RUN, backup_root=str(tree / "backups"))


def test_undo_commands_reverse_the_order_and_leave_out_what_has_no_way_back(host: LocalHost) -> None:
    changes: tuple[Change, ...] = (
        CommandChange(command("true"), "first", command("echo", "1")),
        CommandChange(command("true", "irreversible"), "second"),
        CommandChange(command("true"), "third", command("echo", "3")),
    )
    done = apply_plan(host, Plan("p", changes), backup_suffix=RUN)
    assert done.undo_lines == ("echo 3", "echo 1")
    assert apply_plan(host, Plan("p", changes[1:2]), backup_suffix=RUN).undo_lines == ()
