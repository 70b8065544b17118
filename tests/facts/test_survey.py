"""Survey over a made-up Debian host and over this very machine."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from kdumpkit.facts import boot_id, grub, grub_cfg, iomem, kernel_build_id, kernel_command_line, meminfo, sysctls
from kdumpkit.facts.boot_loader import BootLoader, grub_boot_loader_from
from kdumpkit.facts.dump_target import FileSystemSpace
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kdump_tools import PATH as SETTINGS
from kdumpkit.facts.kdump_tools import kdump_tools_settings_from
from kdumpkit.facts.kexec_crash import LOADED, SIZE
from kdumpkit.facts.survey import Survey, SurveyRequest
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.local import LocalHost

from .conftest import REAL, TreeHost
from .test_dump_size import OLD_KERNEL
from .test_identity import DEBIAN, GOOD_BOOT, MEMINFO_TEXT
from .test_memory import IOMEM_2G, TWO_TOKENS
from .test_symbols import REAL_NOTES, elf
from .test_system import DF, FINDMNT

RELEASE = "6.1.0-56-cloud-amd64"
REQUEST = SurveyRequest(
    ("kdump-tools",),
    ("kdump-tools.service",),
    "/var/crash",
    settings_paths=(SETTINGS,),
    parse_settings=kdump_tools_settings_from,
    boot_loader_paths=(*grub.PATHS, *grub.ENVIRONMENTS, *grub_cfg.PATHS),
    parse_boot_loader=grub_boot_loader_from,
)


def debian_host(tree: TreeHost) -> None:
    for path, data in (
        ("/etc/os-release", DEBIAN),
        *GOOD_BOOT.items(),
        (meminfo.PATH, MEMINFO_TEXT),
        (iomem.PATH, IOMEM_2G),
        (kernel_command_line.PATH, TWO_TOKENS),
        (LOADED[1], b"1\n"),
        (SIZE[1], b"268435456\n"),
        (kernel_build_id.NOTES, REAL_NOTES),
        ("/etc/default/grub", (REAL / "grub").read_bytes()),
        ("/etc/default/grub.d/kdump-tools.cfg", (REAL / "kdump-tools.cfg").read_bytes()),
        (grub_cfg.PATHS[0], (REAL / "grub.cfg").read_bytes()),
        ("/etc/default/kdump-tools", (REAL / "kdump-tools").read_bytes()),
        *((path, b"0\n") for path in sysctls.PATHS),
        (f"/boot/vmlinuz-{RELEASE}", b"x"),
        (f"/boot/initrd.img-{RELEASE}", b"x"),
        (f"/lib/modules/{RELEASE}/modules.dep", b"x"),
        (f"/usr/lib/debug/boot/vmlinux-{RELEASE}", elf(REAL_NOTES)),
    ):
        tree.write(path, data)
    tree.answers["dpkg-query"] = (0, b"kdump-tools\t1:1.8.1\tinstalled\n", b"")
    tree.answers["findmnt"] = (0, FINDMNT, b"")
    tree.answers["makedumpfile"] = (0, OLD_KERNEL, b"")
    tree.answers["df"] = (0, DF, b"")
    tree.answers["systemctl"] = (
        0,
        b"LoadState=loaded\nActiveState=active\nSubState=exited\nUnitFileState=enabled\n",
        b"",
    )


FACTS = {n for n, v in vars(Survey).items() if isinstance(v, cached_property) and not n.startswith("_")}


#: what was read, fact or not
FILES = {"boot_loader_files", "settings_files", "other_files"}


def unknowns(survey: Survey) -> set[str]:
    return {name for name in FACTS if isinstance(getattr(survey, name), Unknown)}


def test_survey_of_a_debian_host_knows_everything_in_few_commands(tree: TreeHost) -> None:
    debian_host(tree)
    survey = Survey(tree, REQUEST)
    assert unknowns(survey) == set()
    # two groups of files, flags of a processor, uname, find, findmnt, dpkg-query, two reads of vmlinux,
    # systemctl, df, makedumpfile
    assert len(tree.commands) == 12
    assert survey.kexec_crash.size_bytes == survey.iomem.crash_kernel_bytes == 256 << 20  # type: ignore[union-attr]
    assert isinstance(survey.boot_loader, BootLoader)
    assert isinstance(survey.dump_target, type(survey.dump_target))


def test_survey_reads_only_what_is_asked_for_and_that_once(tree: TreeHost) -> None:
    debian_host(tree)
    survey = Survey(tree, REQUEST)
    assert not tree.commands
    assert survey.kexec_crash is survey.kexec_crash
    assert survey.iomem is not None
    assert len(tree.commands) == 1


def test_survey_before_kdump_tools_is_installed_looks_at_the_directory_that_is_asked_for(tree: TreeHost) -> None:
    debian_host(tree)
    (tree.root / "etc/default/kdump-tools").unlink()
    survey = Survey(tree, REQUEST)
    assert isinstance(survey.settings, Unknown)
    assert survey.settings.absent
    assert not isinstance(survey.dump_target, Unknown)
    assert survey.dump_target.directory == "/var/crash"
    assert isinstance(survey.dump_target.space, FileSystemSpace)
    without = Survey(tree, SurveyRequest())
    assert not isinstance(without.dump_target, Unknown)
    assert isinstance(without.dump_target.space, Unknown)
    assert {"packages", "units", "settings", "boot_loader"} <= unknowns(without)


def test_survey_of_an_empty_host_is_unknown_and_not_a_default(tree: TreeHost) -> None:
    tree.answers.update(
        dict.fromkeys(("dpkg-query", "findmnt", "df", "systemctl", "find", "makedumpfile"), (127, b"", b""))
    )
    survey = Survey(tree, REQUEST)
    known = FACTS - unknowns(survey)
    # that there is no cluster and no fadump is known by what is not there
    absence = {"cluster", "el_machine", "fadump", "guest", "watchdogs"}
    assert known == {
        "uname",
        "kexec_crash",
        "firmware",
        "dump_target",
        "sysctls",
        "reservation",
        *absence,
        *FILES,
    }
    assert (survey.cluster, survey.fadump) == (None, None)
    assert isinstance(survey.guest.confidential, Unknown)
    assert isinstance(survey.kexec_crash.loaded, Unknown)
    assert isinstance(survey.sysctls.panic, Unknown)
    assert not isinstance(survey.dump_target, Unknown)
    assert isinstance(survey.dump_target.space, Unknown)


def test_survey_of_this_machine() -> None:
    survey = Survey(LocalHost(), REQUEST, as_root=False)
    assert not isinstance(survey.boot, Unknown)
    assert survey.boot.boot_id == Path(boot_id.BOOT_ID).read_text().strip()
    assert not isinstance(survey.meminfo, Unknown)
    assert f"{survey.meminfo.total_bytes // 1024} kB" in Path(meminfo.PATH).read_text()
    assert not isinstance(survey.command_line, Unknown)
    assert survey.command_line.text == Path(kernel_command_line.PATH).read_text().strip()
    assert isinstance(survey.settings, (Unknown, KdumpSettings))
    assert not isinstance(survey.mounts, Unknown)


def test_files_that_are_read_together_are_told_apart(tree: TreeHost) -> None:
    debian_host(tree)
    for name in ("a.cfg", "b.cfg", ".d/c.cfg"):
        tree.write(f"/etc/default/grub.d/{name}", b"GRUB_TIMEOUT=1\n")
    survey = Survey(tree, REQUEST)
    assert set(survey.settings_files) == {SETTINGS}
    drop_ins = {path for path in survey.boot_loader_files if path.startswith("/etc/default/grub.d/")}
    assert drop_ins == {f"/etc/default/grub.d/{name}" for name in ("a.cfg", "b.cfg", "kdump-tools.cfg")}
    assert not {kernel_command_line.PATH, SETTINGS} & set(survey.boot_loader_files)
    assert Survey(tree, SurveyRequest()).boot_loader_files == {}
