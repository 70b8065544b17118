"""Defects that kdump tools had in the field, each as the host that shows it and what is said of it here.

Each test fails when the code that guards against its defect is taken out.
"""

from __future__ import annotations

import pytest

from kdumpkit.analysis.crash_utility import parse_crash_output
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.kernels import check_newest_is_running
from kdumpkit.checks.kexec import check_loaded
from kdumpkit.checks.watchdog import check_watchdog_budget
from kdumpkit.errors import VmcoreError
from kdumpkit.facts.installed_kernels import InstalledKernels
from kdumpkit.facts.survey import Survey
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.runbook.panic_test import PanicTest
from kdumpkit.runbook.step import StepReport

from .hosts import Folder
from .test_fit_and_survive import HERE, RUNNING, host

__all__ = ["host"]


def of(report: StepReport, id: str) -> Finding:
    (found,) = [finding for finding in report.findings if finding.id == id]
    return found


def test_memory_is_reserved_and_nothing_is_loaded_in_it(host: Folder) -> None:
    """A tool that looks at kexec_crash_size alone calls this host ready."""
    host.write("/sys/kernel/kexec_crash_loaded", b"0\n")
    found = check_loaded(Survey(host, as_root=False).kexec_crash)
    assert found.status is Status.FAIL
    assert "though 256 MiB is reserved" in found.reason


def test_addresses_of_zeros_are_no_reservation_of_one_byte(host: Folder) -> None:
    """Without root /proc/iomem shows zeros; a size made from them is 1 byte a range."""
    host.write("/proc/iomem", b"00000000-00000000 : System RAM\n  00000000-00000000 : Crash kernel\n")
    found = Survey(host, as_root=False).iomem
    assert isinstance(found, Unknown)
    assert found.why is Why.NOT_PERMITTED


@pytest.fixture
def crashed(host: Folder) -> PanicTest:
    """A panic test that is back from its panic, with a dump of last week in the baseline."""
    host.write("/var/crash/202601010000/dump.202601010000", b"makedumpfile\0old")
    run = PanicTest.open({**HERE, "mode": "apply"})
    run.session.begin_step("trigger-panic")
    run.keep(baseline_dumps=["/var/crash/202601010000/dump.202601010000"], dump_directory="/var/crash")
    run.session.note("intent", {"what": "panic", "boot_id": "b", "label": "now", "host": "web01"})
    return run


def test_a_dump_of_last_week_is_not_the_dump_of_this_test(host: Folder, crashed: PanicTest) -> None:
    """A tool that looks for any file named dump.* calls a test good whose panic left nothing."""
    found = of(crashed.find_dump(), "panic_test.dump_found")
    assert found.status is Status.FAIL
    assert "nothing new" in found.reason
    assert crashed.session.recall_value("dump_path") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dump-incomplete", "was begun and not finished"),
        ("dmesg.202602020000", "the log was saved and the dump was not"),
    ],
)
def test_what_a_panic_left_half_done_is_no_dump(host: Folder, crashed: PanicTest, name: str, said: str) -> None:
    """A tool that looks for a new file calls a test good whose dump broke off, or that left the log alone."""
    host.write(f"/var/crash/202602020000/{name}", b"KDUMP   " + b"x" * 100)
    found = of(crashed.find_dump(), "panic_test.dump_found")
    assert found.status is Status.FAIL
    assert said in found.reason
    assert crashed.session.recall_value("dump_path") is None


def test_a_new_dump_of_another_crash_is_not_the_dump_of_this_test(host: Folder, crashed: PanicTest) -> None:
    """The host may have crashed by itself meanwhile: only the label in the dead kernel's log tells."""
    host.write("/var/crash/202602020000/dump.202602020000", b"KDUMP   " + b"x" * 100)
    host.write("/var/crash/202602020000/dmesg.202602020000", b"<0>Kernel panic - not syncing: Fatal exception\n")
    assert of(crashed.find_dump(), "panic_test.dump_found").status is Status.PASS
    found = of(crashed.verify_dump(), "panic_test.log_label")
    assert found.status is Status.FAIL
    assert "the log of another crash" in found.reason


@pytest.mark.parametrize(
    "said",
    [
        b"crash: vmlinux and /var/crash/dump do not match!\n",
        b"please wait... (gathering kmem slab cache data)\ncrash: invalid structure member offset: module_core_size\n",
        b"",
    ],
)
def test_a_crash_that_opened_nothing_is_an_error_whatever_its_exit_status(said: bytes) -> None:
    """The crash utility ends with 0 after garbage, and breaks on new kernels; its exit status tells nothing."""
    with pytest.raises(VmcoreError, match=r"crash (did not open the dump|does not know this kernel)"):
        parse_crash_output(said)


def test_only_the_newer_place_of_kexecs_state_is_there(host: Folder) -> None:
    """The files below /sys/kernel/kexec/ come with Linux 6.18, and the older ones are to go."""
    for name in ("loaded", "size"):
        old = host.root / f"sys/kernel/kexec_crash_{name}"
        host.write(f"/sys/kernel/kexec/crash_{name}", old.read_bytes())
        old.unlink()
    found = Survey(host, as_root=False).kexec_crash
    assert (found.loaded, found.size_bytes) == (True, 256 << 20)


def test_a_watchdog_of_ten_seconds_bites_before_a_lockup_is_seen(host: Folder) -> None:
    """Measured in the field: a watchdog of 10 s, lockups noticed after 20 s, so that a hang left no dump ever."""
    host.write("/sys/class/watchdog/watchdog0/timeout", b"10\n")
    host.write("/sys/class/watchdog/watchdog0/state", b"active\n")
    host.answers["systemctl"] = (b"RuntimeWatchdogUSec=10s\n", 0)
    survey = Survey(host, as_root=False)
    found = check_watchdog_budget(survey.watchdogs, survey.sysctls.watchdog_thresh)
    assert found.status is Status.FAIL
    assert "before a lockup is noticed (20 s)" in found.reason
    assert "RuntimeWatchdogSec=121" in found.remedy


def test_a_newer_kernel_is_installed_and_was_never_booted(host: Folder) -> None:
    """The next boot starts a kernel that nothing here was tested with."""
    for name in ("vmlinuz", "initrd.img"):
        host.write(f"/boot/{name}-6.1.0-60-amd64", b"x")
    host.write("/lib/modules/6.1.0-60-amd64/modules.dep", b"")
    kernels = Survey(host, as_root=False).kernels
    assert isinstance(kernels, InstalledKernels)
    found = check_newest_is_running(kernels)
    assert found.status is Status.WARN
    assert f"6.1.0-60-amd64 is installed and {RUNNING} is running" in found.reason
