"""Every stage, for the process that imports them once for all kernels."""

from kdumpkit.runbook.analysis import Analysis
from kdumpkit.runbook.grub_crashkernel import GrubCrashkernel
from kdumpkit.runbook.kexec_load import KexecLoad
from kdumpkit.runbook.panic_test import PanicTest
from kdumpkit.runbook.prerequisites import Prerequisites
from kdumpkit.runbook.reboot_check import RebootCheck

__all__ = ["Analysis", "GrubCrashkernel", "KexecLoad", "PanicTest", "Prerequisites", "RebootCheck"]
