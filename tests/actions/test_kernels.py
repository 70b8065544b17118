"""Plans for kernels, and above all what they refuse: the running one, the last one, the default one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.actions.kernels import plan_boot_once, plan_default_kernel, plan_remove_kernel
from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.distributions import distribution_for
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.boot_loader import BootLoader, grub_boot_loader_from
from kdumpkit.facts.grub import ENVIRONMENTS
from kdumpkit.facts.installed_kernels import InstalledKernel, InstalledKernels
from kdumpkit.facts.mounts import DeviceKind, Mount, Mounts
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import Absent, FileContent, FileState

REAL = Path(__file__).parent.parent / "distributions" / "debian-12"
DEBIAN = distribution_for(OsRelease("debian", (), "12", None))
RUNNING, OLDER = "6.1.0-56-cloud-amd64", "6.1.0-55-cloud-amd64"
FILES = {
    "/etc/default/grub": (REAL / "grub").read_bytes(),
    "/boot/grub/grub.cfg": (REAL / "grub.cfg").read_bytes(),
}
IMAGE = (f"linux-image-{OLDER}",)


def kernel(release: str, complete: bool = True) -> InstalledKernel:
    initrd = f"/boot/initrd.img-{release}" if complete else None
    return InstalledKernel(release, f"/boot/vmlinuz-{release}", initrd, f"/lib/modules/{release}", release == RUNNING)


KERNELS = InstalledKernels((kernel(OLDER), kernel(RUNNING)), RUNNING)


def boot_loader() -> BootLoader:
    files: dict[str, FileState] = {path: FileContent(path, data, 0o644) for path, data in FILES.items()}
    found = grub_boot_loader_from(files | {path: Absent(path) for path in ENVIRONMENTS})
    assert isinstance(found, BootLoader)
    return found


def root_on(source: str, fstype: str = "ext4", device: DeviceKind = DeviceKind.PLAIN) -> Mounts:
    return Mounts((Mount("/", source, fstype, ("rw",), None, device),))


def words(plan: Plan) -> list[str]:
    return [c.command.argv[0] if isinstance(c, CommandChange) else c.path for c in plan.changes]


def test_default() -> None:
    plan = plan_default_kernel(DEBIAN, KERNELS, FILES, OLDER)
    assert words(plan) == ["/etc/default/grub", "update-grub", "grub-set-default"]
    assert isinstance(plan.changes[0], FileChange)
    last = plan.changes[-1]
    assert isinstance(last, CommandChange)
    assert last.rewrites == ("/boot/grub/grub.cfg", "/boot/grub/grubenv")


@pytest.mark.parametrize("plan", [plan_default_kernel, lambda *a: plan_boot_once(*a, root_on("/dev/vda1"))])
def test_a_kernel_that_could_not_boot_is_never_chosen(plan: object) -> None:
    with pytest.raises(ParameterError, match=r"'5\.10' is not installed") as caught:
        plan(DEBIAN, KERNELS, FILES, "5.10")  # type: ignore[operator]
    assert OLDER in str(caught.value)
    broken = replace(KERNELS, kernels=(kernel(OLDER, complete=False), kernel(RUNNING)))
    with pytest.raises(GateClosed, match="no initrd or no modules"):
        plan(DEBIAN, broken, FILES, OLDER)  # type: ignore[operator]


def test_once() -> None:
    plan = plan_boot_once(DEBIAN, KERNELS, FILES, OLDER, root_on("/dev/vda1"))
    assert words(plan) == ["grub-reboot"]
    assert "once" in plan.title
    running = plan_boot_once(DEBIAN, KERNELS, FILES, RUNNING, root_on("/dev/vda1"))
    assert (running.changes, running.reason_if_empty) == ((), "it is running")


@pytest.mark.parametrize(
    "mounts",
    [
        root_on("/dev/mapper/vg-root", device=DeviceKind.LVM),
        root_on("/dev/md0"),
        root_on("/dev/vda1", "btrfs"),
        root_on("/dev/mapper/luks", device=DeviceKind.CRYPT),
        Mounts(()),
        Unknown("findmnt", Why.NOT_ANSWERED),
    ],
)
def test_once_is_refused_where_it_would_be_for_ever(mounts: Mounts | Unknown) -> None:
    with pytest.raises(GateClosed, match="/boot"):
        plan_boot_once(DEBIAN, KERNELS, FILES, OLDER, mounts)


def test_once_with_a_boot_partition_of_its_own() -> None:
    lvm = root_on("/dev/mapper/vg-root", device=DeviceKind.LVM)
    own = Mounts((*lvm.mounts, Mount("/boot", "/dev/vda1", "ext4", ("rw",), None, DeviceKind.PLAIN)))
    assert words(plan_boot_once(DEBIAN, KERNELS, FILES, OLDER, own)) == ["grub-reboot"]


def test_remove() -> None:
    plan = plan_remove_kernel(DEBIAN, KERNELS, boot_loader(), OLDER, IMAGE, IMAGE)
    (change,) = plan.changes
    assert isinstance(change, CommandChange)
    assert change.command.argv[-1] == IMAGE[0]
    assert "--yes" in change.command.argv
    assert plan.notes == (
        f"these kernels stay: {RUNNING}",
        f"the way back is to install it again, as long as an archive has it: apt-get install {IMAGE[0]}",
    )
    gone = plan_remove_kernel(DEBIAN, KERNELS, boot_loader(), "5.10", (), ())
    assert (gone.changes, gone.reason_if_empty) == ((), "it is not installed")


def refused(match: str, **changes: object) -> None:
    given: dict[str, object] = {
        "kernels": KERNELS,
        "boot_loader": boot_loader(),
        "release": OLDER,
        "packages": IMAGE,
        "would_remove": IMAGE,
        **changes,
    }
    with pytest.raises(GateClosed, match=match):
        plan_remove_kernel(DEBIAN, **given)  # type: ignore[arg-type]


def test_what_is_never_removed() -> None:
    refused("is running", release=RUNNING)
    alone = replace(KERNELS, kernels=(kernel(OLDER), kernel(RUNNING, complete=False)))
    refused("no other kernel", kernels=alone)
    # the default, by the menu itself: here the older one is made to be the default
    menu = boot_loader()
    older = next(entry for entry in menu.entries if entry.release == OLDER)
    refused("what the next boot starts", boot_loader=replace(menu, default=older))
    refused("not known which kernel boots", boot_loader=replace(menu, default=None))
    refused("not known which kernel boots", boot_loader=replace(menu, lasting=None))
    refused("what each boot after the next starts", boot_loader=replace(menu, lasting=older))
    refused("is to be started once", boot_once=OLDER)
    refused("not known which kernel boots", boot_loader=Unknown("/boot/grub/grub.cfg", Why.NOT_PERMITTED))
    refused("from no package", packages=(), would_remove=())
    refused("would take linux-image-cloud-amd64 along", would_remove=(*IMAGE, "linux-image-cloud-amd64"))
    refused("would not remove", would_remove=())


def test_the_default_may_go_where_this_run_names_another() -> None:
    menu = boot_loader()
    older = next(entry for entry in menu.entries if entry.release == OLDER)
    chosen = replace(menu, default=older, lasting=older)
    plan = plan_remove_kernel(DEBIAN, KERNELS, chosen, OLDER, IMAGE, IMAGE, new_default=RUNNING)
    assert plan.changes
    unread = Unknown("/boot/grub/grub.cfg", Why.NOT_PERMITTED)
    assert plan_remove_kernel(DEBIAN, KERNELS, unread, OLDER, IMAGE, IMAGE, new_default=RUNNING).changes
    refused("what the next boot starts", boot_loader=chosen, new_default=OLDER)
    # another default does not take away that it was asked for once
    refused("what the next boot starts", boot_loader=replace(menu, default=older), new_default=RUNNING)
