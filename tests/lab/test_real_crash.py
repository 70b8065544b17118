"""The whole way on a real kernel: the lab's machine is prepared, rebooted, crashed, and its dump is read and proved."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kdumpkit import lab
from kdumpkit.evidence.transcript import Record, read_transcript
from kdumpkit.runbook.session import STAGES

from .commands import configuration, kdumpkit, lab_parameters

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parent.parent.parent


class Crashed:
    """What one run of the lab left."""

    def __init__(self, folder: Path) -> None:
        lab.down()
        lab.install_requirements(print)
        lab.up(print)
        self.configuration = configuration()
        done = kdumpkit("lab", "run", "--keep", "--json", cwd=folder)
        self.folder, self.done = folder, done
        if not done.stdout.startswith("{"):
            raise AssertionError(f"lab run ended with {done.returncode}:\n{done.stderr[-4000:]}")
        self.result: dict[str, Any] = json.loads(done.stdout)
        self.evidence = Path(self.result["evidence"])
        self.findings = {f["id"]: f for stage in self.result["stages"] for f in stage["findings"]}
        self.records: tuple[Record, ...] = read_transcript(self.evidence)

    def value(self, name: str) -> Any:
        kept = [r.data["values"][name] for r in self.records if r.kind == "values" and name in r.data["values"]]
        return kept[-1]

    @property
    def dump(self) -> Path:
        return self.folder / "dumps" / "kdumpkit-lab" / self.evidence.name / str(self.value("local_path"))


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashed]:
    yield Crashed(tmp_path_factory.mktemp("crash"))
    lab.down()
    left = {path.name for path in (lab.status().console.parent).iterdir()}
    assert left <= {"images"}, left
    assert not lab.status().running


def test_all_six_stages_end_well(crashed: Crashed) -> None:
    assert crashed.done.returncode == 0, crashed.done.stderr[-3000:]
    assert [stage["stage"] for stage in crashed.result["stages"]] == list(STAGES)
    assert {stage["status"] for stage in crashed.result["stages"]} <= {"PASS", "WARN"}
    for name in (*(f"{stage}.ipynb" for stage in STAGES), "report.html", "manifest.json", "console.log"):
        assert (crashed.evidence / name).stat().st_size > 500, name


def test_kernel_really_died_and_left_a_whole_dump(crashed: Crashed) -> None:
    for name in (
        "crashkernel.configured",
        "crashkernel.reserved",
        "reboot.returned",
        "kexec.loaded",
        "service.switch",
        "panic_test.returned",
        "panic_test.dump_found",
        "panic_test.dump_format",
        "panic_test.log_label",
        "dump.copied",
        "dump.whole",
        "dump.label",
        "symbols.match",
        "analysis.stack",
    ):
        assert crashed.findings[name]["status"] == "PASS", crashed.findings[name]
    boots = {r.data["boot_id"] for r in crashed.records if r.kind in ("intent", "outcome") and "boot_id" in r.data}
    assert len(boots) == 3
    assert crashed.dump.read_bytes().startswith(b"makedumpfile\0\0\0\0")
    assert "sysrq: Trigger a crash" in (crashed.evidence / "console.log").read_text(errors="replace")
    assert "sysrq_handle_crash" in crashed.value("stack")
    assert f"this run's test {crashed.evidence.name}" in crashed.value("conclusion")


def test_two_tokens_became_one(crashed: Crashed) -> None:
    plan = next(r.data["plan"] for r in crashed.records if r.kind == "plan" and r.stage == STAGES[1])
    diff = "".join(change.get("diff", "") for change in plan["changes"])
    assert "-" in diff
    assert "kdump-tools.cfg" in diff
    undo = next(r.data["commands"] for r in crashed.records if r.kind == "undo" and r.stage == STAGES[1])
    assert any("/var/backups/kdumpkit/" in line for line in undo)


def test_evidence_verifies_elsewhere_and_no_byte_of_it_can_change(crashed: Crashed, tmp_path: Path) -> None:
    copy = tmp_path / "moved"
    shutil.copytree(crashed.evidence, copy)
    done = kdumpkit("verify", str(copy), cwd=tmp_path, HOME="/nonexistent")
    assert done.returncode == 0, done.stderr[-3000:]
    for path in sorted(p for p in copy.rglob("*") if p.is_file()):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :])
        done = kdumpkit("verify", str(copy), cwd=tmp_path)
        assert done.returncode == 5, f"{path.name}: {done.stdout} {done.stderr}"
        assert "Traceback" not in done.stderr
        path.write_bytes(data)


def test_nbval_over_evidence_touches_no_host(crashed: Crashed, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(crashed.evidence, copy)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("ssh", "sudo"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/touched\nexit 255\n")
        (programs / name).chmod(0o755)
    before = (copy / "transcript.jsonl").read_bytes()
    argv = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-cell-timeout=120", "-p", "no:cacheprovider"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "KDUMPKIT_"))}
    done = subprocess.run(
        [*argv, "--rootdir", str(copy), "-c", os.devnull, str(copy)],
        cwd=copy,
        env={**environment, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d+ passed, 2 skipped", done.stdout)
    assert not (tmp_path / "touched").exists()
    assert (copy / "transcript.jsonl").read_bytes() == before


def test_readers_of_dumps_pass_on_this_one(crashed: Crashed) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "tests/vmcore", "tests/analysis", "-k", "dump"],
        cwd=ROOT,
        env={**environment, "KDUMPKIT_TEST_DUMP": str(crashed.dump)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "KDUMPKIT_TEST_DUMP" not in done.stdout


def test_stock_papermill_works_on_a_live_host(crashed: Crashed, tmp_path: Path) -> None:
    argv = [Path(sys.executable).parent / "papermill", "--no-progress-bar", ROOT / "notebooks/01-prerequisites.ipynb"]
    done = subprocess.run(
        [*argv, "out.ipynb", "-f", lab_parameters(tmp_path)],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    notebook = json.loads((tmp_path / "out.ipynb").read_text())
    assert all(c["execution_count"] for c in notebook["cells"] if c["cell_type"] == "code")
    run = next((tmp_path / "evidence" / "kdumpkit-lab").iterdir())
    assert {r.kind for r in read_transcript(run)} >= {"stage", "command", "findings", "result"}


def test_dump_read_where_it_lies_tells_what_its_copy_tells(crashed: Crashed, tmp_path: Path) -> None:
    # half a minute beside all else: the machine is there, and a dump lies on it
    argv = [Path(sys.executable).parent / "papermill", "--no-progress-bar", ROOT / "notebooks/06-analysis.ipynb"]
    done = subprocess.run(
        [*argv, "out.ipynb", "-f", lab_parameters(tmp_path), "-p", "dump_reading", "in-place"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    records = read_transcript(next((tmp_path / "evidence" / "kdumpkit-lab").iterdir()))
    values = {name: value for r in records if r.kind == "values" for name, value in r.data["values"].items()}
    for name in ("dump_sha256", "vmcore", "crash", "stack"):
        assert values[name] == crashed.value(name), name
    findings = {f["id"]: f for r in records if r.kind == "findings" for f in r.data["findings"]}
    for name in ("dump.in_place", "dump.whole", "dump.crash_block", "symbols.match", "analysis.stack"):
        assert findings[name]["status"] == "PASS", findings[name]
    assert not [path for path in (tmp_path / "dumps").rglob("*") if path.is_file()]


def test_login_that_is_not_root_uses_sudo(crashed: Crashed, tmp_path: Path) -> None:
    done = kdumpkit(
        "check", lab_parameters(tmp_path), "--set", "ssh_destination=kdumpkit-lab-ops", "--json", cwd=tmp_path
    )
    result = json.loads(done.stdout)
    findings = {f["id"]: f for stage in result["stages"] for f in stage["findings"]}
    assert findings["crashkernel.reserved"]["status"] == "PASS"
    assert findings["kexec.loaded"]["status"] == "PASS"
    assert not [f for f in findings.values() if f["status"] == "UNKNOWN"]
    assert all(stage["error"] is None for stage in result["stages"])


def test_no_room_here_for_the_dump_is_said_before_it_is_copied(crashed: Crashed, tmp_path: Path) -> None:
    tiny = tmp_path / "tiny"
    tiny.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tiny], check=True)
    try:
        done = kdumpkit("check", lab_parameters(tmp_path), "--set", f"dumps_dir={tiny}", cwd=tmp_path)
    finally:
        subprocess.run(["umount", tiny], check=True)
    assert done.returncode == 1, done.stderr
    assert "06-analysis" in done.stderr
    assert "no room" in done.stderr.lower() or "space" in done.stderr.lower()
    assert "Traceback" not in done.stderr + done.stdout


def grub_settings() -> bytes:
    line = "cat /etc/default/grub /etc/default/grub.d/* /boot/grub/grub.cfg; ls -la /var/backups /run/kdumpkit.lock"
    return subprocess.run([*lab.ssh_argv(), line], capture_output=True, check=False, timeout=60).stdout


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        (["mode=apply", "consent=web01"], 4, "consent is for 'web01', but the host calls itself 'kdumpkit-lab'"),
        (["mode=apply", "consent="], 4, "no consent"),
        (["mode=apply", "transport=local"], 4, "never rebooted or crashed"),
        (["ssh_config=/nonexistent"], 2, "no such file"),
        (["crashkernel=lots of it"], 2, "crashkernel"),
    ],
)
def test_what_is_refused_changes_nothing(
    crashed: Crashed, tmp_path: Path, settings: list[str], status: int, says: str
) -> None:
    before = grub_settings()
    words = [word for setting in settings for word in ("--set", setting)]
    done = kdumpkit("run", lab_parameters(tmp_path), *words, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert grub_settings() == before


@pytest.mark.parametrize("trouble", ["host key changed", "login refused", "unreachable"])
def test_hosts_that_cannot_be_reached_are_said_in_a_sentence(crashed: Crashed, tmp_path: Path, trouble: str) -> None:
    config = lab.status().ssh_config.read_text()
    if trouble == "host key changed":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
        (tmp_path / "known").write_text("kdumpkit-lab " + (tmp_path / "k.pub").read_text())
        config = re.sub(r"UserKnownHostsFile .*", f"UserKnownHostsFile {tmp_path}/known", config)
        says = "host key"
    elif trouble == "login refused":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
        config = re.sub(r"IdentityFile .*", f"IdentityFile {tmp_path}/k", config)
        says = "refused"
    else:
        config = re.sub(r"Port \d+", "Port 1", config)
        says = "no connection"
    (tmp_path / "config").write_text(config)
    done = kdumpkit("check", lab_parameters(tmp_path), "--set", f"ssh_config={tmp_path}/config", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert says in done.stderr.lower()
    assert "next:" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_rollback_gives_the_machine_its_own_configuration_back(crashed: Crashed) -> None:
    # the last test in this file: the machine is not prepared any more after it
    assert configuration() != crashed.configuration
    done = kdumpkit("lab", "run", "--mode", "rollback", "--keep", "--json", cwd=crashed.folder)
    assert done.returncode == 0, done.stderr[-4000:]
    findings = [f for stage in json.loads(done.stdout)["stages"] for f in stage["findings"]]
    assert [f["status"] for f in findings if f["id"] == "rollback.taken_back"] == ["PASS"] * 3
    after = configuration()
    assert {path: what for path, what in after.items() if path in crashed.configuration} == crashed.configuration
    new = {path for path in after if path not in crashed.configuration}
    assert not {path for path in new if "kdump" not in path and "crash" not in path}, new
