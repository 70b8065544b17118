from __future__ import annotations

from dataclasses import fields, replace

from kdumpkit.checks.finding import Status, worst_status
from kdumpkit.checks.readiness import Expectations, check_survey, next_entry
from kdumpkit.facts.directory_tree import DirectoryTree
from kdumpkit.facts.mounts import Mounts
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.packages import PackageStatus
from kdumpkit.facts.root_device import RootDevice
from kdumpkit.facts.survey import Survey, SurveyRequest, read_survey
from kdumpkit.facts.systemd_unit import SystemdUnits
from kdumpkit.facts.uname import Uname
from kdumpkit.hosts.local import LocalHost

from . import facts

GRUB_CFG = (facts.REAL / "grub.cfg").read_bytes().replace(b" crashkernel=384M-:128M", b"")
READY = Survey(
    host="web01",
    os_release=OsRelease("debian", (), "12", "Debian GNU/Linux 12", (0,)),
    uname=Uname("web01", facts.RUNNING, "#1 SMP", "x86_64", (0,)),
    boot=facts.BOOT,
    meminfo=facts.MEMINFO,
    iomem=facts.iomem(256),
    command_line=facts.command_line("256M"),
    kexec_crash=facts.KEXEC,
    firmware=facts.FIRMWARE,
    packages=facts.packages(**{"kdump-tools": PackageStatus.INSTALLED}),
    programs=facts.PROGRAMS,
    kernels=facts.KERNELS,
    debug_symbols=facts.SYMBOLS,
    files=DirectoryTree((), (0,)),
    grub_defaults=facts.DEFAULTS,
    grub_environment=facts.ABSENT,
    grub_config=facts.parse_grub_cfg(GRUB_CFG, records=(5,)),
    kdump_tools=facts.SETTINGS,
    units=SystemdUnits((facts.UNIT,), (8,)),
    mounts=Mounts((facts.MOUNT,), (0,)),
    dump_target=facts.target(),
    root_device=RootDevice("/dev/vda1", "ext4", "1", facts.DeviceKind.PLAIN, None, (0,)),
    sysctls=facts.SYSCTLS,
    watchdogs=facts.watchdogs(there=False),
)
EXPECTED = Expectations(packages=("kdump-tools",), programs=("kexec",), crashkernel="256M")


def test_a_host_that_is_ready() -> None:
    findings = check_survey(READY, EXPECTED)
    assert {finding.id: finding.status for finding in findings if finding.status is not Status.PASS} == {
        "watchdog.budget": Status.SKIP
    }
    assert len({finding.id for finding in findings}) == len(findings) == 22


def test_each_trap_is_seen_by_the_check_that_is_there_for_it() -> None:
    for changes, failing in (
        ({"kexec_crash": facts.kexec(loaded=False)}, {"kexec.loaded", "service.active"}),
        ({"iomem": facts.iomem(128)}, {"crashkernel.reserved"}),
        ({"command_line": facts.command_line("256M", "384M-:128M")}, {"crashkernel.tokens"}),
        ({"grub_config": facts.CONFIG}, {"crashkernel.configured"}),
        ({"kdump_tools": facts.SETTINGS_OFF}, {"kdump_tools.use_kdump"}),
        ({"dump_target": facts.target(0)}, {"dump_target.space"}),
    ):
        findings = check_survey(replace(READY, **changes), EXPECTED)  # type: ignore[arg-type]
        bad = {finding.id for finding in findings if finding.status in (Status.FAIL, Status.WARN)}
        assert failing <= bad, (changes, bad)


def test_a_survey_that_knows_nothing_passes_and_fails_nothing() -> None:
    nothing = {
        field.name: facts.DENIED for field in fields(Survey) if field.name not in ("host", "kexec_crash", "sysctls")
    }
    kexec = {field.name: facts.DENIED for field in fields(facts.KEXEC) if field.name != "records"}
    sysctls = {field.name: facts.DENIED for field in fields(facts.SYSCTLS) if field.name != "records"}
    survey = replace(
        READY,
        **nothing,  # type: ignore[arg-type]
        kexec_crash=facts.kexec(**kexec),
        sysctls=facts.sysctls(**sysctls),
    )
    assert {finding.status for finding in check_survey(survey, EXPECTED)} == {Status.UNKNOWN}
    assert next_entry(survey) is None


def test_a_unit_that_was_not_asked_for_is_unknown() -> None:
    findings = check_survey(READY, replace(EXPECTED, service="kdump.service"))
    assert {finding.status for finding in findings if finding.id.startswith("service.")} == {Status.UNKNOWN}


def test_this_machine() -> None:
    survey = read_survey(LocalHost(), SurveyRequest(("bash",), ("sh",), ("ssh.service",)))
    findings = check_survey(survey, Expectations(packages=("bash",), programs=("sh",), service="ssh.service"))
    by_id = {finding.id: finding for finding in findings}
    assert by_id["packages.programs"].status is Status.PASS
    assert all(finding.reason for finding in findings)
    assert worst_status(findings) in Status
