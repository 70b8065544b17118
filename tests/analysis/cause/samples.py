"""Logs of our own writing in the forms that kernels print; the forms are those of the sources that each rule names."""

from __future__ import annotations

RELEASE = "6.1.0-9-amd64 #1  Debian 6.1.27-1"


def x86(
    first: str,
    rip: str = "widget_put+0x1d/0x30",
    trace: str = "widget_step+0x1/0x2 widget_work+0x3/0x40",
    *,
    taint: str = "Not tainted",
    modules: str = "ext4 nfs",
    registers: str = "",
    after: str = "",
    comm: str = "worker",
) -> str:
    """An oops of x86_64: first line, header, RIP, stack, modules."""
    frames = "".join(f" {frame.replace('@', ' ')}\n" for frame in trace.split())
    place = f"RIP: 0010:{rip}\n" if rip else ""
    return (
        f"{first}\nCPU: 3 PID: 44 Comm: {comm} {taint} {RELEASE}\nHardware name: Example Server/Board, BIOS 1\n"
        f"{place}{registers}Call Trace:\n <TASK>\n{frames} </TASK>\nModules linked in: {modules}\n"
        f"---[ end trace 0000000000000000 ]---\n{after}"
    )


def null(**options: str) -> str:
    """A NULL pointer dereference."""
    first = (
        "BUG: kernel NULL pointer dereference, address: 0000000000000008\n#PF: supervisor read access in kernel mode\n"
    )
    return x86(f"{first}Oops: 0000 [#1] PREEMPT SMP", **options)


def fault(address: str, **options: str) -> str:
    """A page fault at an address."""
    return x86(
        f"BUG: unable to handle page fault for address: {address}\n#PF: supervisor write access in kernel mode\n"
        "Oops: 0002 [#1] SMP",
        **options,
    )


def gpf(address: str = "", **options: str) -> str:
    """A general protection fault, with the address that kernels since 5.5 print, or without."""
    where = f", probably for non-canonical address {address}" if address else ""
    return x86(f"general protection fault{where}: 0000 [#1] SMP", **options)


def hung(frames: str, before: str = "", after: str = "", panic: bool = True) -> str:
    """A hung task, and the panic that a sysctl makes of it."""
    stack = "".join(f" {frame}+0x10/0x80\n" for frame in frames.split())
    end = "Kernel panic - not syncing: hung_task: blocked tasks\n" if panic else ""
    return (
        f"{before}INFO: task worker:731 blocked for more than 120 seconds.\n      Not tainted {RELEASE}\n"
        '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.\n'
        f"task:worker          state:D stack:    0 pid:  731 ppid:     2 flags:0x00004000\nCall Trace:\n <TASK>\n"
        f"{stack} </TASK>\n{after}{end}"
    )


def soft_lockup(rip: str, frames: str, *, modules: str = "ext4", taint: str = "Not tainted", panic: bool = True) -> str:
    """A soft lockup with the processor's own stack below the timer's."""
    stack = "".join(f" {frame}\n" for frame in frames.split(";"))
    timer = (
        "Call Trace:\n <IRQ>\n dump_stack_lvl+0x44/0x5c\n panic+0x118/0x2ed\n watchdog_timer_fn.cold+0xc/0x16\n"
        " __hrtimer_run_queues+0x112/0x2b0\n hrtimer_interrupt+0xf4/0x210\n sysvec_apic_timer_interrupt+0x6d/0x90\n"
        " </IRQ>\n <TASK>\n asm_sysvec_apic_timer_interrupt+0x16/0x20\n"
    )
    end = "Kernel panic - not syncing: softlockup: hung tasks\n" if panic else ""
    return (
        "watchdog: BUG: soft lockup - CPU#5 stuck for 26s! [worker:900]\n"
        f"Modules linked in: {modules}\nCPU: 5 PID: 900 Comm: worker {taint} {RELEASE}\n"
        f"Hardware name: Example Server/Board, BIOS 1\nRIP: 0010:{rip}\n{end}{timer}{stack} </TASK>\n"
    )


#: what a machine in good order prints while it starts, full of words that sound bad
BOOT = """\
Linux version 6.1.0-9-amd64 (x@y) (gcc-12) #1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)
Command line: BOOT_IMAGE=/vmlinuz-6.1.0-9-amd64 root=/dev/sda1 ro crashkernel=512M
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=8, Nodes=1
rcu: Hierarchical RCU implementation.
NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.
mce: CPU0: Thermal monitoring enabled (TM1)
mce: Using 32 MCE banks
EDAC MC: Ver: 3.0.0
EDAC sbridge: Ver: 1.1.2
HEST: Table parsing has been initialized.
hpwdt 0000:01:00.0: HPE Watchdog Timer Driver: NMI decoding initialized
SELinux:  Initializing.
Trying to unpack rootfs image as initramfs...
Freeing initrd memory: 43212K
ata2: SATA link down (SStatus 0 SControl 300)
ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)
device-mapper: multipath: version 1.14.0 loaded
device-mapper: multipath round-robin: version 1.2.0 loaded
qla2xxx [0000:00:00.0]-0005: : QLogic Fibre Channel HBA Driver: 10.02.07.900-k.
megaraid_sas 0000:02:00.0: FW supports sync cache: Yes; default settings
virtio_blk virtio0: 2/0/0 default/read/poll queues
nvme nvme0: 8/0/0 default/read/poll queues
pcieport 0000:00:01.0: AER: enabled with IRQ 24
clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x2 max_idle_ns: 44 ns
EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.
XFS (dm-0): Ending clean mount
ZFS: Loaded module v2.1.11-1, ZFS pool version 5000, ZFS filesystem version 5
FS-Cache: Loaded
systemd[1]: Reached target Local File Systems.
"""
