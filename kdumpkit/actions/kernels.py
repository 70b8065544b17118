"""Which kernels are installed and which one boots: another default, another one once, one fewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.command import Command
from kdumpkit.distributions.answers import BootLoaderEdit
from kdumpkit.distributions.base import Distribution
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.installed_kernels import InstalledKernel, InstalledKernels
from kdumpkit.facts.mounts import DeviceKind, Mounts
from kdumpkit.facts.unknown import Unknown

#: file systems in which GRUB cannot write its environment block
_UNWRITABLE = ("btrfs", "zfs", "f2fs")


def plan_default_kernel(
    distribution: Distribution, kernels: InstalledKernels, files: Mapping[str, bytes], release: str
) -> Plan:
    """The plan after which each boot starts this kernel; empty where each does. ``files``: the boot loader's, by path.

    Raises ParameterError for a kernel that is not installed or has no entry, GateClosed for one without initrd or
    modules and for settings that cannot be edited.
    """
    _check_boots(kernels, release)
    edit = distribution.edit_default_kernel(files, release)
    return _plan(f"{release} starts at each boot", edit, f"{edit.carrier} names it already")


def plan_boot_once(
    distribution: Distribution,
    kernels: InstalledKernels,
    files: Mapping[str, bytes],
    release: str,
    mounts: Mounts | Unknown,
) -> Plan:
    """The plan after which the next boot starts this kernel, and the one after that the default again.

    GateClosed where the boot loader could not forget it: GRUB only reads LVM, software RAID, btrfs and ZFS, so that
    "once" would be for ever. Raises what :func:`plan_default_kernel` raises.
    """
    _check_boots(kernels, release)
    if release == kernels.running_release:
        return Plan(f"{release} starts at the next boot", (), "it is running")
    edit = distribution.edit_boot_once(files, release)
    plan = _plan(f"{release} starts at the next boot, once", edit, "the next boot starts it already")
    if plan.changes:
        _check_forgets(mounts)
    return plan


def plan_remove_kernel(
    distribution: Distribution,
    kernels: InstalledKernels,
    boot_loader: BootLoader | Unknown,
    release: str,
    packages: Sequence[str],
    would_remove: Sequence[str],
    *,
    new_default: str = "",
    boot_once: str = "",
) -> Plan:
    """The plan that removes one kernel; empty where it is not installed.

    ``packages`` are those that its files are from, ``would_remove`` what the package tool says it would remove for
    them. ``new_default`` is the kernel that this run makes the default first, ``boot_once`` the one that it starts once
    afterwards; "": none.

    Raises GateClosed for the running kernel, the last complete one, the default one without a new default, one whose
    default cannot be told, one that is from no package, and one that would take other packages along.
    """
    title = f"remove the kernel {release}"
    if release == kernels.running_release:
        raise GateClosed(f"{release} is running, so it is not removed", "boot another kernel first: boot_once")
    if all(kernel.release != release for kernel in kernels.kernels):
        return Plan(title, (), "it is not installed")
    others = [kernel.release for kernel in kernels.kernels if kernel.bootable and kernel.release != release]
    if not others:
        raise GateClosed(
            f"{release} is not removed: no other kernel has an initrd and modules", "install another kernel first"
        )
    if release == boot_once:
        raise GateClosed(f"{release} is to be started once, so it is not removed", "name it in one of the two alone")
    _check_not_default(boot_loader, release, new_default)
    if not packages:
        raise GateClosed(
            f"{release} is from no package, so the kit does not know what belongs to it", f"ls /boot/*{release}"
        )
    along = [name for name in would_remove if name not in packages]
    if along:
        raise GateClosed(
            f"removing {release} would take {', '.join(along[:5])} along"
            + (f" and {len(along) - 5} more" if along[5:] else "")
            + "; nothing was removed",
            "a package that stands for the newest kernel goes with it: remove an older one, or do it by hand",
        )
    missing = [name for name in packages if name not in would_remove]
    if missing:
        raise GateClosed(
            f"the package tool would not remove {', '.join(missing)}", "try it by hand, with its own words on why"
        )
    remove = distribution.remove_kernel_command(tuple(packages))
    notes = (
        f"these kernels stay: {', '.join(others)}",
        "the way back is to install it again, as long as an archive has it: "
        + distribution.install_remedy(tuple(packages)),
    )
    return Plan(title, (CommandChange(remove, f"removes {', '.join(packages)}"),), "", notes)


def _plan(title: str, edit: BootLoaderEdit, reason: str) -> Plan:
    changes: tuple[Change, ...] = (
        *(FileChange(file.path, file.before, file.after) for file in edit.edits),
        *(_command(command, edit) for command in edit.commands),
    )
    return Plan(title, changes, "" if changes else reason, edit.notes)


def _command(command: Command, edit: BootLoaderEdit) -> CommandChange:
    return CommandChange(command, f"writes {', '.join(edit.rewrites)}", None, edit.rewrites)


def _check_boots(kernels: InstalledKernels, release: str) -> InstalledKernel:
    found = next((kernel for kernel in kernels.kernels if kernel.release == release), None)
    if found is None:
        known = ", ".join(kernel.release for kernel in kernels.kernels) or "none"
        raise ParameterError(f"the kernel {release!r} is not installed", f"installed are: {known}")
    if not found.bootable:
        raise GateClosed(
            f"{release} has no initrd or no modules, so it is not made the one that boots",
            f"ls -d /boot/init*{release}* /lib/modules/{release}",
        )
    return found


def _check_forgets(mounts: Mounts | Unknown) -> None:
    if isinstance(mounts, Unknown):
        raise GateClosed(f"it is not known what /boot lies on: {mounts.sentence()}", "findmnt -T /boot")
    mount = mounts.of("/boot")
    if mount is None:
        raise GateClosed("it is not known what /boot lies on", "findmnt -T /boot")
    if mount.device is DeviceKind.PLAIN and not mount.source.startswith("/dev/md") and mount.fstype not in _UNWRITABLE:
        return
    raise GateClosed(
        f"/boot lies on {mount.source} ({mount.fstype}, {mount.device}), which the boot loader can only read: it could "
        "not forget the kernel again, and each boot would start it",
        "make it the default instead (default_kernel), and back afterwards",
    )


def _check_not_default(boot_loader: BootLoader | Unknown, release: str, new_default: str) -> None:
    replaced = bool(new_default) and new_default != release
    if isinstance(boot_loader, Unknown):
        if replaced:
            return
        raise GateClosed(
            f"{release} is not removed: it is not known which kernel boots by default ({boot_loader.sentence()})",
            "name another one in default_kernel",
        )
    for entry in (boot_loader.default, boot_loader.lasting):
        if isinstance(entry, Unknown) or entry is None:
            if replaced:
                continue
            raise GateClosed(
                f"{release} is not removed: it is not known which kernel boots by default", "name one in default_kernel"
            )
        # another default takes the place of the lasting one, and leaves what the next boot alone is asked to start
        if entry.release == release and not (replaced and entry == boot_loader.lasting):
            raise GateClosed(
                f"{release} is what the next boot starts, so it is not removed"
                if entry == boot_loader.default
                else f"{release} is what each boot after the next starts, so it is not removed",
                "name another one in default_kernel, or boot once into another first",
            )
