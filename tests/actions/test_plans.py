"""The pure planners: what they plan, what they leave alone, and that an unsupported host gets no plan at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.actions.boot_loader import compare_crashkernel, plan_crashkernel, verify_crashkernel
from kdumpkit.actions.kdump_service import plan_enable, plan_settings, plan_start, plan_stop
from kdumpkit.actions.kexec_load import plan_kexec_load
from kdumpkit.actions.packages import missing_packages, plan_install
from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.answers import CaptureFacts, SettingsWanted
from kdumpkit.errors import GateClosed, NotVerified, UnsupportedHost
from kdumpkit.facts.boot_loader import BootLoader, grub_boot_loader_from
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.packages import Package, Packages, PackageStatus
from kdumpkit.facts.systemd_unit import SystemdUnit
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import FileContent

REAL = Path(__file__).parent.parent / "distributions" / "debian-12"
DEBIAN = distribution_for(OsRelease("debian", (), "12", None))
VOID = distribution_for(OsRelease("void", (), None, "Void"))
SETTINGS = {
    "/etc/default/grub": (REAL / "grub").read_bytes(),
    "/etc/default/grub.d/kdump-tools.cfg": (REAL / "kdump-tools.cfg").read_bytes(),
}
RELEASE = "6.1.0-55-cloud-amd64"


def commands(plan: Plan) -> list[str]:
    return [change.command.shown() for change in plan.changes if isinstance(change, CommandChange)]


def undos(plan: Plan) -> list[str | None]:
    return [c.undo.shown() if c.undo else None for c in plan.changes if isinstance(c, CommandChange)]


# Packages


def installed(**states: PackageStatus) -> Packages:
    names = [need.name for need in DEBIAN.package_needs()]
    given = {name.replace("_", "-"): status for name, status in states.items()}
    return Packages(tuple(Package(name, None, given.get(name, PackageStatus.INSTALLED)) for name in names))


def test_what_is_missing_is_what_is_not_usable() -> None:
    found = installed(kdump_tools=PackageStatus.HALF_CONFIGURED, makedumpfile=PackageStatus.CONFIG_FILES)
    assert missing_packages(DEBIAN, found) == ("kdump-tools", "makedumpfile")
    assert missing_packages(DEBIAN, installed()) == ()
    without_crash = installed(crash=PackageStatus.NOT_INSTALLED)
    assert missing_packages(DEBIAN, without_crash) == ()
    assert missing_packages(DEBIAN, without_crash, recommended=True) == ("crash",)
    with pytest.raises(KeyError):
        missing_packages(DEBIAN, Packages(()))


def test_installing_says_why_and_how_to_take_it_back() -> None:
    plan = plan_install(DEBIAN, ["makedumpfile", "makedumpfile"], refresh=False)
    (change,) = plan.changes
    assert isinstance(change, CommandChange)
    assert change.command.argv.count("makedumpfile") == 1
    assert "all of RAM" in change.why
    assert change.undo is not None
    assert change.undo.argv[-1] == "makedumpfile"
    assert plan_install(DEBIAN, []).reason_if_empty


def test_what_an_installation_leaves_alone_is_said_as_the_package_manager_does_it() -> None:
    # apt's --no-upgrade is about the packages that are named
    assert "of which a package that is installed now needs a newer version" in plan_install(DEBIAN, ["crash"]).notes[0]
    # dnf's and zypper's transactions are tried first, and refused where they would upgrade
    for id in ("fedora", "sles"):
        other = distribution_for(OsRelease(id, (), "15.5", None))
        assert (
            plan_install(other, ["crash"]).notes[0]
            == "what is installed already is not upgraded, and nothing is removed"
        )


def test_a_second_kernel_has_no_way_back_and_that_is_said() -> None:
    plan = plan_install(DEBIAN, ["linux-image-6.1.0-56-cloud-amd64"])
    assert undos(plan)[-1] is None
    assert any("never removed" in note for note in plan.notes)


# Boot loader


def menu(text: bytes = (REAL / "grub.cfg").read_bytes()) -> BootLoader:
    path = "/boot/grub/grub.cfg"
    found = grub_boot_loader_from({path: FileContent(path, text, 0o644, False, 1)})
    assert isinstance(found, BootLoader)
    return found


RIGHT = {path: text.replace(b"384M-:128M", b"256M") for path, text in SETTINGS.items()}
MENU_RIGHT = (REAL / "grub.cfg").read_bytes().replace(b" crashkernel=384M-:128M", b"")


def test_crashkernel_is_set_in_the_drop_in_that_decides_and_grub_cfg_is_generated_anew() -> None:
    plan = plan_crashkernel(DEBIAN, SETTINGS, menu(), "256M")
    change, regenerate = plan.changes
    assert isinstance(change, FileChange)
    assert change.path == "/etc/default/grub.d/kdump-tools.cfg"
    assert "-GRUB_CMDLINE_LINUX_DEFAULT" in change.diff()
    assert "+GRUB_CMDLINE_LINUX_DEFAULT" in change.diff()
    assert isinstance(regenerate, CommandChange)
    assert regenerate.command.argv == ("update-grub",)
    assert regenerate.rewrites == ("/boot/grub/grub.cfg",)


def test_right_settings_and_a_menu_that_was_not_made_from_them() -> None:
    plan = plan_crashkernel(DEBIAN, RIGHT, menu(), "256M")
    assert commands(plan) == ["update-grub"]
    assert len(plan.changes) == 1
    # a menu that was never made is made, one that cannot be read is left alone
    absent = Unknown("/boot/grub/grub.cfg", Why.ABSENT)
    assert commands(plan_crashkernel(DEBIAN, RIGHT, absent, "256M")) == ["update-grub"]
    with pytest.raises(GateClosed, match="could not be read"):
        plan_crashkernel(DEBIAN, RIGHT, Unknown("/boot/grub/grub.cfg", Why.NOT_PERMITTED), "256M")


def test_both_right_leaves_nothing_to_do() -> None:
    plan = plan_crashkernel(DEBIAN, RIGHT, menu(MENU_RIGHT), "256M")
    assert plan.changes == ()
    assert "all 3 boot entries" in plan.reason_if_empty
    assert verify_crashkernel(menu(MENU_RIGHT), "256M", "web01").ok


def test_verify_tells_what_the_entries_carry_instead() -> None:
    with pytest.raises(NotVerified, match=r"3 of 3 .* has crashkernel=256M crashkernel=384M-:128M"):
        verify_crashkernel(menu(), "256M", "web01")
    bare = menu(MENU_RIGHT.replace(b" crashkernel=256M", b""))
    with pytest.raises(NotVerified, match="no crashkernel= at all"):
        verify_crashkernel(bare, "256M", "web01")
    with pytest.raises(NotVerified, match="no boot entry"):
        verify_crashkernel(menu(b"set timeout=5\n"), "256M", "web01")


def test_both_tokens_of_the_real_menu_are_seen_and_recovery_entries_do_not_count() -> None:
    back = compare_crashkernel(menu(), "256M")
    assert len(back.counting) == 3
    assert {entry.values("crashkernel") for entry in back.counting} == {("256M", "384M-:128M")}
    assert not back.ok
    assert [entry.values("crashkernel") for entry in back.entries if not entry.counts] == [(), ()]


def test_each_normal_entry_must_have_just_the_value() -> None:
    assert compare_crashkernel(menu(MENU_RIGHT), "256M").ok
    assert not compare_crashkernel(menu(MENU_RIGHT), "512M").ok
    assert not compare_crashkernel(menu(MENU_RIGHT.replace(b" crashkernel=256M", b"", 1)), "256M").ok


def test_another_system_does_not_count_and_no_entry_is_not_success() -> None:
    text = b"menuentry 'Debian GNU/Linux 11 (on /dev/sdb1)' {\n\tlinux /boot/vmlinuz-5.10.0-1-amd64 root=/dev/sdb1\n}\n"
    back = compare_crashkernel(menu(text), "256M")
    assert [entry.counts for entry in back.entries] == [False]
    assert not back.ok


# Service


def unit(load: str = "loaded", active: str = "inactive", file: str = "enabled") -> SystemdUnit:
    return SystemdUnit("kdump-tools.service", load, active, "dead", file, "success", 0)


def test_switching_on_changes_just_that_line() -> None:
    path = "/etc/default/kdump-tools"
    shipped = (REAL / "kdump-tools").read_bytes()
    assert plan_settings(DEBIAN, {path: shipped}, SettingsWanted()).changes == ()
    off = shipped.replace(b"\nUSE_KDUMP=1\n", b"\nUSE_KDUMP=0\n")
    (change,) = plan_settings(DEBIAN, {path: off}, SettingsWanted()).changes
    assert isinstance(change, FileChange)
    assert (change.path, change.before, change.after) == (path, off, shipped)


def test_enabling() -> None:
    assert plan_enable(DEBIAN, unit()).changes == ()
    assert commands(plan_enable(DEBIAN, unit(file="disabled"))) == ["systemctl enable kdump-tools.service"]
    masked = plan_enable(DEBIAN, unit(load="masked", file="masked"))
    assert commands(masked) == ["systemctl unmask kdump-tools.service", "systemctl enable kdump-tools.service"]
    assert undos(masked) == ["systemctl mask kdump-tools.service", "systemctl disable kdump-tools.service"]
    with pytest.raises(GateClosed, match=r"no kdump-tools\.service"):
        plan_enable(DEBIAN, unit(load="not-found", file=""))


@pytest.mark.parametrize(
    ("active", "loaded", "expected"),
    [
        ("inactive", False, "systemctl start kdump-tools.service"),
        ("failed", False, "systemctl start kdump-tools.service"),
        # green with nothing loaded: to start it again would do nothing
        ("active", False, "systemctl restart kdump-tools.service"),
        ("active", True, None),
        ("inactive", True, None),
    ],
)
def test_starting(active: str, loaded: bool, expected: str | None) -> None:
    plan = plan_start(DEBIAN, unit(active=active), loaded=loaded)
    assert commands(plan) == ([expected] if expected else [])
    assert bool(plan.reason_if_empty) == loaded


@pytest.mark.parametrize(
    ("active", "loaded", "expected"),
    [
        ("active", True, "systemctl stop kdump-tools.service"),
        # loaded by hand: stopping a unit that does not run would leave it there
        ("inactive", True, "kdump-config unload"),
        ("active", False, None),
    ],
)
def test_stopping(active: str, loaded: bool, expected: str | None) -> None:
    assert commands(plan_stop(DEBIAN, unit(active=active), loaded=loaded)) == ([expected] if expected else [])


def test_kexec_by_hand_builds_a_missing_initramfs_first() -> None:
    line = parse_kernel_command_line(b"root=/dev/vda1 ro crashkernel=256M\n")
    host = CaptureFacts(RELEASE, "x86_64")
    load = DEBIAN.kexec_load(host, command_line=line, root=None, signed=False)
    files = DEBIAN.capture_files(host)
    plan = plan_kexec_load(load, loaded=False, files=files, initramfs_exists=True)
    assert commands(plan) == [load.command.shown()]
    assert undos(plan) == ["kexec -p -u"]
    building = plan_kexec_load(load, loaded=False, files=files, initramfs_exists=False)
    assert commands(building)[0] == f"kdump-config symlinks {RELEASE}"
    assert undos(building)[0] == f"rm -f -- /var/lib/kdump/initrd.img-{RELEASE}"
    assert plan_kexec_load(load, loaded=True, files=files, initramfs_exists=True).changes == ()


# Sysctls

# A distribution that is not supported


def test_an_unsupported_distribution_gets_no_plan() -> None:
    planners: list[Callable[[], Plan]] = [
        lambda: plan_install(VOID, ["kdump-tools"]),
        lambda: plan_crashkernel(VOID, SETTINGS, menu(), "256M"),
        lambda: plan_settings(VOID, {}, SettingsWanted()),
        lambda: plan_enable(VOID, unit(file="disabled")),
        lambda: plan_start(VOID, unit(), loaded=False),
        lambda: plan_stop(VOID, unit(), loaded=True),
    ]
    for planner in planners:
        with pytest.raises(UnsupportedHost, match="ID=void"):
            planner()
