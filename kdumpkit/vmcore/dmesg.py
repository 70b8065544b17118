"""The kernel log that is in a dump, read with VMCOREINFO alone: no debug symbols are needed.

That the log of the kernel that died can be read out of its memory is the proof that a dump has content.

``python -m kdumpkit.vmcore.dmesg VMCORE [--on HOST ...]`` prints it; run so, a fault in drgn's C code ends another
process.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from kdumpkit.command import Command, CommandResult, explain_exit_status
from kdumpkit.errors import KdumpkitError, VmcoreError
from kdumpkit.hosts.on_host import OnHost, add_host_options, host_from
from kdumpkit.vmcore.log_buf import read_log_buf
from kdumpkit.vmcore.log_record import KernelLog
from kdumpkit.vmcore.memory import DumpMemory, open_memory
from kdumpkit.vmcore.printk_ringbuffer import read_printk_ringbuffer
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo


def read_kernel_log(info: Vmcoreinfo, memory: DumpMemory) -> KernelLog:
    """The log, whichever way this kernel kept it. Raises VmcoreError where it cannot be found in the dump."""
    return read_printk_ringbuffer(info, memory) if "prb" in info.symbols else read_log_buf(info, memory)


def dump_log_command(vmcore: Path, python: str = sys.executable, timeout_s: float = 120) -> Command:
    """Prints the dump's kernel log; exit status 1 and a sentence on stderr where there is none."""
    argv = (python, "-m", "kdumpkit.vmcore.dmesg", str(vmcore))
    return Command(argv, timeout_s=timeout_s, title=f"kernel log of {vmcore.name}")


def parse_dumped_log(result: CommandResult) -> bytes:
    """The log out of what :func:`dump_log_command` gave. Raises VmcoreError with the sentence that it printed."""
    if result.exit_status == 0:
        return result.stdout
    said = result.stderr.decode("utf-8", "replace").splitlines()
    # libkdumpfile announces each flattened file on stderr
    said = [line for line in said if line.strip() and "flattened format; if open fails" not in line]
    raise VmcoreError(
        "the kernel's log cannot be read out of the dump: "
        + (said[0][:500] if said else f"the process that read it ended with {explain_exit_status(result.exit_status)}"),
        said[1].strip().removeprefix("next: ")[:300] if len(said) > 1 else "",
    )


def _opened(path: str, host: OnHost | None) -> AbstractContextManager[tuple[Vmcoreinfo, DumpMemory]]:
    if host is None:
        return open_memory(Path(path))
    # most dumps lie here, and what talks to hosts takes as long to import as the log to read
    from kdumpkit.vmcore.in_place import open_memory_in_place

    return open_memory_in_place(host.connect, path)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m kdumpkit.vmcore.dmesg", description="A dump's kernel log.")
    parser.add_argument("vmcore")
    add_host_options(parser)
    options = parser.parse_args(arguments)
    host = host_from(options)
    try:
        with _opened(options.vmcore, host) as (info, memory):
            log = read_kernel_log(info, memory)
    except KdumpkitError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.buffer.write(log.text)
    if log.lost:
        sys.stderr.write(f"{log.lost} records of the log are not in the dump, or only in part\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
