"""An explicit ``kexec -p``, for hosts where the service is not to do it, and to see what the service would do."""

from __future__ import annotations

from kdumpkit.actions.plan import CommandChange, Plan
from kdumpkit.command import command
from kdumpkit.distributions.answers import CaptureFiles, KexecLoad


def plan_kexec_load(load: KexecLoad, *, loaded: bool, files: CaptureFiles, initramfs_exists: bool) -> Plan:
    """The plan that loads a capture kernel by ``load``. Empty where one is loaded.

    Where the kdump initramfs is missing, it is built first, which takes a minute or more.
    """
    title = "load the capture kernel by kexec -p"
    if loaded:
        return Plan(title, (), "a capture kernel is loaded (kexec_crash_loaded is 1)")
    changes = []
    if not initramfs_exists and load.initramfs == files.initramfs:
        remove = command("rm", "-f", "--", files.initramfs, as_root=True)
        changes.append(CommandChange(files.build, f"builds {files.initramfs}, which is missing", remove))
    changes.append(CommandChange(load.command, "puts kernel and initramfs into the reserved memory", load.unload))
    return Plan(title, tuple(changes), "", load.reasons)
