"""Why a kernel died, from its log alone: vmcore-dmesg.txt, serial console, journal, netconsole, pstore."""

from kdumpkit.analysis.log.frames import Frame
from kdumpkit.analysis.log.model import CrashBlock, CrashLog, Severity
from kdumpkit.analysis.log.paths import oops, read_crash_file
from kdumpkit.analysis.log.reader import read_crash

__all__ = ["CrashBlock", "CrashLog", "Frame", "Severity", "oops", "read_crash", "read_crash_file"]
