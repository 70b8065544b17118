"""The steps that say whether a dump will fit, whether a capture will survive, and whether an earlier proof stands."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from kdumpkit.actions.plan import CommandChange
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.errors import GateClosed
from kdumpkit.evidence.transcript import Transcript
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.kexec_load import KexecLoad
from kdumpkit.runbook.panic_test import PanicTest
from kdumpkit.runbook.prerequisites import Prerequisites
from kdumpkit.runbook.session import ENV_REPLAY, ENV_RUN_DIR
from kdumpkit.runbook.step import StepReport

from .hosts import Folder

GIB = 1 << 30
HERE = {"host": "web01", "transport": "ssh", "consent": "web01"}
RUNNING, OTHER = "6.1.0-56-amd64", "6.1.0-55-amd64"
REAL = Path(__file__).parent.parent / "distributions" / "debian-12"
MEMINFO = b"MemTotal: 2097152 kB\nSlab: 40960 kB\nPageTables: 1024 kB\nPercpu: 1024 kB\nVmallocUsed: 8192 kB\n"
FINDMNT = b'{"filesystems":[{"target":"/","source":"/dev/vda1","fstype":"ext4","options":"rw","uuid":"6f7c"}]}'
DF = b"Size Used Avail Type File Mounted on\n%d %d %d ext4 /var/crash /\n"
#: of makedumpfile, in the form of version 1.7: 300 MiB of kernel pages
USAGE = b"""
ZERO\t\t0\tyes\t\tPages filled with zero
NON_PRI_CACHE\t0\tyes\t\tCache pages without private flag
PRI_CACHE\t0\tyes\t\tCache pages with private flag
USER\t\t100000\tyes\t\tUser process pages
FREE\t\t347488\tyes\t\tFree pages
KERN_DATA\t76800\tno\t\tDumpable kernel data

page size:\t\t4096
Total pages on system:\t524288
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    made = Folder(tmp_path / "root")
    for path, content in (
        ("/proc/meminfo", MEMINFO),
        ("/proc/cmdline", b"root=UUID=6f7c crashkernel=256M\n"),
        ("/proc/cpuinfo", b"processor\t: 0\nflags\t\t: fpu hypervisor\n"),
        ("/proc/iomem", b"00001000-7fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n"),
        ("/proc/sys/kernel/random/boot_id", b"01234567-89ab-cdef-0123-456789abcdef\n"),
        ("/proc/uptime", b"100.00 100.00\n"),
        ("/proc/sys/kernel/watchdog_thresh", b"10\n"),
        ("/etc/machine-id", b"0" * 32 + b"\n"),
        ("/etc/default/grub", (REAL / "grub").read_bytes()),
        ("/etc/default/kdump-tools", (REAL / "kdump-tools").read_bytes()),
        ("/etc/fstab", b"/dev/vda1 / ext4 defaults 0 1\n"),
        ("/sys/kernel/kexec_crash_loaded", b"1\n"),
        ("/sys/kernel/kexec_crash_size", b"268435456\n"),
        ("/sys/kernel/security/lockdown", b"[none] integrity confidentiality\n"),
        (f"/lib/modules/{RUNNING}/modules.dep", b""),
        (f"/lib/modules/{OTHER}/modules.dep", b""),
        *((f"/boot/{name}-{release}", b"x") for name in ("vmlinuz", "initrd.img") for release in (RUNNING, OTHER)),
        (f"/var/lib/kdump/initrd.img-{RUNNING}", b"capture"),
    ):
        made.write(path, content)
    menu = (REAL / "grub.cfg").read_bytes().replace(b"-cloud-amd64", b"-amd64")
    made.write("/boot/grub/grub.cfg", menu)
    (made.root / "run").mkdir()
    for name, lead in (("initrd.img", "/var/lib/kdump/initrd.img-"), ("vmlinuz", "/boot/vmlinuz-")):
        (made.root / "var/lib/kdump" / name).symlink_to(lead + RUNNING)
    _age(made, 1000, "etc/fstab", f"lib/modules/{RUNNING}/modules.dep", f"boot/vmlinuz-{RUNNING}")
    _age(made, 2000, f"var/lib/kdump/initrd.img-{RUNNING}")
    made.answers |= {
        "findmnt": (FINDMNT, 0),
        "df": (DF % (20 * GIB, 10 * GIB, 10 * GIB), 0),
        "dpkg-query": (b"kdump-tools\t1:1.8.1\tinstalled\nmakedumpfile\t1:1.7.2-1\tinstalled\n", 0),
        "makedumpfile": (USAGE, 0),
    }
    monkeypatch.delenv(ENV_REPLAY, raising=False)
    monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
    monkeypatch.setattr(session_module, "_host", lambda _: made)
    monkeypatch.setenv(ENV_RUN_DIR, str(tmp_path / "evidence" / "web01" / "now"))
    return made


def _age(host: Folder, seconds: int, *paths: str) -> None:
    for path in paths:
        os.utime(host.root / path, (seconds, seconds))


def of(report: StepReport, id: str) -> Finding:
    (found,) = [finding for finding in report.findings if finding.id == id]
    return found


# Will it fit


def test_a_look_does_not_measure_and_says_what_bounds_a_dump(host: Folder) -> None:
    host.answers["df"] = (DF % (20 * GIB, 19 * GIB, 1 * GIB), 0)
    found = of(Prerequisites.open({**HERE, "mode": "check"}).check_dump_target(), "dump_target.fits")
    assert found.status is Status.WARN
    assert "at most the 2 GiB of RAM" in found.reason
    gates = PanicTest.open({**HERE, "mode": "check"}).check_gates()
    assert of(gates, "dump_target.fits").status is Status.WARN
    assert not [line for line in host.ran if "mem-usage" in line]


def test_before_a_panic_it_is_measured(host: Folder) -> None:
    host.answers["df"] = (DF % (20 * GIB, 19 * GIB, 1 * GIB), 0)
    run = PanicTest.open({**HERE, "mode": "plan"})
    found = of(run.check_gates(), "dump_target.fits")
    assert found.status is Status.PASS
    assert "a dump at level 31 takes 301.9 MiB" in found.reason
    assert "measured" in run.plot_dump_space().figure.caption  # type: ignore[union-attr]


def test_the_gate_closes_where_a_measured_dump_cannot_fit(host: Folder) -> None:
    host.answers["df"] = (DF % (GIB, GIB - (50 << 20), 50 << 20), 0)
    with pytest.raises(GateClosed, match=r"dump_target\.fits is FAIL"):
        PanicTest.open({**HERE, "mode": "apply"}).check_gates()


# Will it survive


def test_surroundings_of_a_plain_guest(host: Folder) -> None:
    report = Prerequisites.open({**HERE, "mode": "check"}).check_surroundings()
    found = {finding.id: finding.status for finding in report.findings}
    assert found == {
        "guest.confidential": Status.PASS,
        "guest.xen": Status.SKIP,
        "cluster.fencing": Status.SKIP,
        "fadump.registered": Status.SKIP,
    }
    assert ("virtual machine", "yes") in report.facts


def test_surroundings_that_matter(host: Folder) -> None:
    host.write("/sys/hypervisor/type", b"xen\n")
    host.write("/sys/hypervisor/guest_type", b"PV\n")
    host.write("/etc/corosync/corosync.conf", b"totem {}\n")
    host.write("/etc/default/sbd", b"SBD_WATCHDOG_TIMEOUT=5\n")
    host.answers["grep"] = (b"0\n", 1)
    report = Prerequisites.open({**HERE, "mode": "check"}).check_surroundings()
    assert of(report, "guest.xen").status is Status.FAIL
    assert of(report, "cluster.fencing").status is Status.WARN
    assert "100 s (assumed" in of(report, "cluster.sbd").reason


def test_capture_initramfs(host: Folder) -> None:
    run = KexecLoad.open({**HERE, "mode": "check"})
    assert [finding.status for finding in run.check_capture_initramfs().findings] == [Status.PASS] * 4
    _age(host, 3000, "etc/fstab")
    stale = KexecLoad.open({**HERE, "mode": "check"}).check_capture_initramfs()
    assert of(stale, "capture_initramfs.fresh").status is Status.WARN
    assert "/etc/fstab changed after it was built" in of(stale, "capture_initramfs.fresh").reason
    assert of(stale, "capture_initramfs.fresh").remedy.startswith(f"/etc/kernel/postinst.d/kdump-tools {RUNNING} && ")


def test_capture_initramfs_for_another_kernel_or_none(host: Folder) -> None:
    links = host.root / "var/lib/kdump"
    for name, lead in (("initrd.img", "/var/lib/kdump/initrd.img-"), ("vmlinuz", "/boot/vmlinuz-")):
        (links / name).unlink()
        (links / name).symlink_to(lead + OTHER)
    host.write(f"/var/lib/kdump/initrd.img-{OTHER}", b"capture")
    other = KexecLoad.open({**HERE, "mode": "check"}).check_capture_initramfs()
    assert of(other, "capture_initramfs.kernel").status is Status.WARN
    (links / f"initrd.img-{OTHER}").unlink()
    gone = KexecLoad.open({**HERE, "mode": "check"}).check_capture_initramfs()
    assert of(gone, "capture_initramfs.present").status is Status.FAIL
    building = KexecLoad.open({**HERE, "mode": "apply"}).check_capture_initramfs()
    assert [found.id for found in building.findings] == ["capture_mounts.nofail"]


def test_policy_is_the_parameters(host: Folder) -> None:
    for name in ("panic", "panic_on_oops", "hung_task_panic", "panic_on_warn", "unknown_nmi_panic"):
        host.write(f"/proc/sys/kernel/{name}", b"0\n")
    host.write("/proc/sys/vm/panic_on_oom", b"0\n")
    found = {}
    for policy in ("production", "test", "as-shipped"):
        run = Prerequisites.open({**HERE, "mode": "check", "panic_policy": policy})
        found[policy] = of(run.check_panic_policy(), "sysctl.policy").status
    assert found == {"production": Status.PASS, "test": Status.WARN, "as-shipped": Status.SKIP}


# Does the proof still stand


def prove(tmp_path: Path, host: Folder, fingerprint: object) -> None:
    """An earlier run that left a dump, as stage 05 records it."""
    folder = tmp_path / "evidence" / "web01" / "20260101T000000Z"
    transcript = Transcript(folder)
    transcript.append("run", {"host": "web01", "run_id": folder.name})
    transcript.stage, transcript.attempt = "05-panic-test", 1
    transcript.append("stage", {"run_id": folder.name, "given": {}, "parameters": {}})
    values = {"fingerprint": fingerprint, "panic_triggered_at": 1000.0, "dump_written_at": 1018.0}
    transcript.append("values", {"values": values})
    found = [
        {"id": id, "status": "PASS", "reason": "x", "remedy": "", "records": []}
        for id in ("panic_test.dump_found", "panic_test.returned")
    ]
    transcript.append("findings", {"findings": found})
    transcript.append("result", {"status": "PASS", "findings": []})
    (folder / "manifest.json").write_text("{}")


def fingerprint_of_run(host: Folder) -> object:
    run = PanicTest.open({**HERE, "mode": "apply"})
    assert run.take_fingerprint().conclusion
    return run.session.recall_value("fingerprint")


def test_nothing_was_proved_and_nothing_is_asked(host: Folder) -> None:
    run = Prerequisites.open({**HERE, "mode": "check"})
    asked = len(host.ran)
    assert of(run.check_earlier_proof(), "proof.current").status is Status.SKIP
    assert len(host.ran) == asked


def test_a_proof_that_stands_and_its_capture_time(host: Folder, tmp_path: Path) -> None:
    prove(tmp_path, host, fingerprint_of_run(host))
    host.write("/sys/class/watchdog/watchdog0/timeout", b"60\n")
    host.write("/sys/class/watchdog/watchdog0/state", b"active\n")
    host.answers["systemctl"] = (b"RuntimeWatchdogUSec=0\n", 0)
    run = Prerequisites.open({**HERE, "mode": "check"})
    proof = of(run.check_earlier_proof(), "proof.current")
    assert (proof.status, "20260101T000000Z" in proof.reason) == (Status.PASS, True)
    budget = of(run.check_panic_policy(), "watchdog.budget")
    # 100 s as assumed would be a warning
    assert budget.status is Status.PASS
    assert "18 s (measured by run 20260101T000000Z)" in budget.reason


def test_the_proof_is_stale_because_the_capture_initramfs_was_rebuilt_after_the_test(
    host: Folder, tmp_path: Path
) -> None:
    prove(tmp_path, host, fingerprint_of_run(host))
    host.write(f"/var/lib/kdump/initrd.img-{RUNNING}", b"built anew")
    proof = of(Prerequisites.open({**HERE, "mode": "check"}).check_earlier_proof(), "proof.current")
    assert proof.status is Status.WARN
    assert "stale: the capture initramfs was rebuilt after the test." in proof.reason


def test_a_replay_is_told_of_the_proof_that_the_run_was_told_of(
    host: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(tmp_path, host, fingerprint_of_run(host))
    monkeypatch.setenv(ENV_RUN_DIR, str(tmp_path / "evidence" / "web01" / "later"))
    report = Prerequisites.open({**HERE, "mode": "check"}).check_earlier_proof()
    # elsewhere there is no earlier run
    (tmp_path / "evidence" / "web01" / "later").rename(tmp_path / "copy")
    monkeypatch.delenv(ENV_RUN_DIR)
    monkeypatch.setenv(ENV_REPLAY, str(tmp_path / "copy"))
    asked = len(host.ran)
    replayed = Prerequisites.open({**HERE, "mode": "check"}).check_earlier_proof()
    assert [(f.status, f.reason) for f in replayed.findings] == [(f.status, f.reason) for f in report.findings]
    assert len(host.ran) == asked


def test_a_proof_without_a_fingerprint_is_not_taken_for_good(host: Folder, tmp_path: Path) -> None:
    prove(tmp_path, host, None)
    proof = of(Prerequisites.open({**HERE, "mode": "check"}).check_earlier_proof(), "proof.current")
    assert (proof.status, "kept no fingerprint" in proof.reason) == (Status.WARN, True)


# Kernels as asked for


def commands(report: StepReport) -> list[str]:
    assert report.plan is not None
    return [change.command.argv[0] for change in report.plan.changes if isinstance(change, CommandChange)]


def test_kernels_stay_where_nothing_is_asked_for(host: Folder) -> None:
    run = Prerequisites.open({**HERE, "mode": "plan", "second_kernel": "keep"})
    asked = len(host.ran)
    assert "stay as they are" in run.change_kernels().conclusion
    assert len(host.ran) == asked
    plan = run.install_second_kernel().plan
    assert plan is not None
    assert "second_kernel is keep" in plan.reason_if_empty


def test_default_removal_and_once_are_planned_in_that_order(host: Folder) -> None:
    host.answers["dpkg-query"] = (f"linux-image-{OTHER}: /boot/vmlinuz-{OTHER}\n".encode(), 0)
    host.answers["apt-get"] = (f"Remv linux-image-{OTHER} [6.1]\n".encode(), 0)
    asked = {"mode": "plan", "default_kernel": RUNNING, "remove_kernel": OTHER}
    report = Prerequisites.open({**HERE, **asked}).change_kernels()
    assert commands(report) == ["update-grub", "grub-set-default", "env"]
    once = Prerequisites.open({**HERE, "mode": "plan", "boot_once": OTHER}).change_kernels()
    assert commands(once) == ["grub-reboot"]
    host.answers["apt-get"] = (f"Remv linux-image-amd64 [6.1]\nRemv linux-image-{OTHER} [6.1]\n".encode(), 0)
    with pytest.raises(GateClosed, match="would take linux-image-amd64 along"):
        Prerequisites.open({**HERE, **asked}).change_kernels()
    with pytest.raises(GateClosed, match="is running"):
        Prerequisites.open({**HERE, "mode": "plan", "remove_kernel": RUNNING}).change_kernels()


# What the capture kernel mounts, and where its symbols are


def test_a_file_system_that_the_dump_does_not_need_is_told(host: Folder) -> None:
    run = KexecLoad.open({**HERE, "mode": "check"})
    assert of(run.check_capture_initramfs(), "capture_mounts.nofail").status is Status.PASS
    host.write("/etc/fstab", b"/dev/vda1 / ext4 defaults 0 1\n/dev/vda2 /boot ext4 defaults 0 2\n")
    told = of(KexecLoad.open({**HERE, "mode": "check"}).check_capture_initramfs(), "capture_mounts.nofail")
    assert (told.status, "/boot (/etc/fstab:2)" in told.reason) == (Status.WARN, True)


def test_where_symbols_are_not_found_the_lines_to_paste_are_shown(
    host: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.write("/sys/kernel/notes", struct.pack("<III", 4, 20, 3) + b"GNU\0" + b"\xaa" * 20)
    monkeypatch.setattr(Prerequisites, "_symbols_here", lambda *_: {"vmlinux": None})
    report = Prerequisites.open({**HERE, "mode": "check"}).check_debug_symbols()
    (shown,) = report.texts
    assert shown.text.splitlines() == ["apt-get update", f"apt-get install --yes linux-image-{RUNNING}-dbg"]
    assert "where the package is not found" in report.conclusion
    assert f"linux-image-{RUNNING}-dbg is guessed from the kernel's release" in report.conclusion
    assert f"dpkg-query --search /boot/vmlinuz-{RUNNING} tells" in report.conclusion
