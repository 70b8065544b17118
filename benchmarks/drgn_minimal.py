#!/usr/bin/env python3
"""What `kdumpkit.analysis.drgn_report` reads out of a dump, read by drgn's own helpers in as few words as possible.

    benchmarks/drgn_minimal.py VMCORE VMLINUX

The measure of benchmarks/drgn_report.py: no checks, no JSON, no bounds, an error ends it. Prints what it reads.
"""

from __future__ import annotations

import sys
from pathlib import Path

import drgn
from drgn.helpers.linux.block import blk_rq_bytes, blk_rq_pos, disk_name, for_each_disk, req_op, request_queue_busy_iter
from drgn.helpers.linux.cpumask import for_each_online_cpu
from drgn.helpers.linux.fs import for_each_mount, mount_dst, mount_fstype, mount_src
from drgn.helpers.linux.kallsyms import load_module_kallsyms
from drgn.helpers.linux.locking import mutex_owner, rwsem_owner
from drgn.helpers.linux.mm import totalram_pages
from drgn.helpers.linux.module import for_each_module, module_address_regions, module_taints
from drgn.helpers.linux.net import for_each_netdev, netdev_ipv4_addrs, netdev_ipv6_addrs
from drgn.helpers.linux.panic import panic_message, tainted
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.printk import get_dmesg
from drgn.helpers.linux.sched import (
    cpu_curr,
    cpu_rq,
    loadavg,
    rq_for_each_fair_task,
    rq_for_each_rt_task,
    task_since_last_arrival_ns,
    task_state_to_char,
)
from drgn.helpers.linux.slab import for_each_slab_cache, slab_cache_pages_per_slab, slab_cache_usage
from drgn.helpers.linux.swap import swap_total_usage
from drgn.helpers.linux.timekeeping import ktime_get_coarse_ns, uptime
from drgn.helpers.linux.vmstat import global_node_page_state, global_vm_event_state, global_zone_page_state

SETTINGS = (
    "panic_timeout panic_on_oops panic_on_warn sysctl_panic_on_rcu_stall sysctl_max_rcu_stall_to_panic panic_on_io_nmi "
    "panic_on_unrecovered_nmi unknown_nmi_panic panic_print sysctl_hung_task_panic sysctl_hung_task_timeout_secs "
    "softlockup_panic hardlockup_panic watchdog_user_enabled nmi_watchdog_user_enabled watchdog_thresh sysrq_enabled "
    "sysctl_panic_on_oom sysctl_overcommit_memory crash_kexec_post_notifiers"
).split()
NODE = (
    "NR_ANON_MAPPED NR_FILE_PAGES NR_SHMEM NR_FILE_DIRTY NR_WRITEBACK NR_SWAPCACHE NR_SLAB_RECLAIMABLE_B NR_PAGETABLE "
    "NR_KERNEL_STACK_KB"
).split()
OWNERS = {"struct mutex *": mutex_owner, "struct rw_semaphore *": rwsem_owner}


#: files with debug information, by module; loaded when a stack leads into the module
FILES: dict[str, Path] = {}


def stack_of(prog: drgn.Program, task: drgn.Object) -> drgn.StackTrace:
    trace = prog.stack_trace(task)
    missing = []
    for frame in trace:
        try:
            missing.append(FILES.pop(prog.module(frame.pc).name))
        except (LookupError, KeyError):
            continue
    if not missing:
        return trace
    prog.load_debug_info(map(str, missing))
    return prog.stack_trace(task)


def show_frames(prog: drgn.Program, trace: drgn.StackTrace, with_variables: bool = False) -> None:
    for frame in trace:
        try:
            print(frame.name, frame.source(), prog.module(frame.pc).name)
        except LookupError:
            print(frame.name)
        for name in frame.locals() if with_variables else ():
            value = frame[name]
            print(name, "" if value.absent_ else value.format_(dereference=False))


def show_tasks(prog: drgn.Program) -> None:
    states: dict[str, int] = {}
    for task in for_each_task(prog):
        state = task_state_to_char(task)
        states[state] = states.get(state, 0) + 1
        if state == "D":
            print(task.pid.value_(), task.comm.string_(), task_since_last_arrival_ns(task))
            trace = stack_of(prog, task)
            show_frames(prog, trace)
            show_lock(trace)
        if task.pid == task.tgid and task.mm:
            counters = task.mm.rss_stat.count
            print(task.pid.value_(), task.comm.string_(), [counters[n].counter.value_() for n in range(4)])
            print(task.signal.oom_score_adj.value_())
    print(states)


def show_lock(trace: drgn.StackTrace) -> None:
    for frame in trace:
        for name in frame.locals():
            value = frame[name]
            if not value.absent_ and value.type_.type_name() in OWNERS and value:
                owner = OWNERS[value.type_.type_name()](value)
                try:
                    print(hex(value), owner.comm.string_(), owner.pid.value_())
                except drgn.FaultError:
                    print(hex(value))
                return


def show_cpus(prog: drgn.Program) -> None:
    for cpu in for_each_online_cpu(prog):
        task, queue = cpu_curr(prog, cpu), cpu_rq(prog, cpu)
        print(cpu, task.pid.value_(), task.comm.string_(), queue.nr_running.value_(), queue.clock.value_())
        print(per_cpu(prog["watchdog_touch_ts"], cpu).value_())
        show_frames(prog, stack_of(prog, task))
        for tasks in (rq_for_each_rt_task(queue), rq_for_each_fair_task(queue)):
            for ready in tasks:
                print(ready.pid.value_(), ready.comm.string_(), ready.sched_info.last_queued.value_())
    print(loadavg(prog), prog["rcu_state"].gp_seq.value_(), prog["rcu_state"].gp_start.value_())


def show_memory(prog: drgn.Program) -> None:
    print(totalram_pages(prog), global_zone_page_state(prog, prog["NR_FREE_PAGES"]), swap_total_usage(prog))
    print([global_node_page_state(prog, prog[name]) for name in NODE])
    print(global_vm_event_state(prog, prog["OOM_KILL"]), prog["oom_victims"].counter.value_())
    caches = []
    for cache in for_each_slab_cache(prog):
        slabs = cache.node[0].nr_slabs.counter.value_() * slab_cache_pages_per_slab(cache)
        caches.append((int(slabs), cache.value_(), cache))
    for slabs, _, cache in sorted(caches, reverse=True, key=lambda entry: entry[:2])[:15]:
        print(cache.name.string_(), slabs, slab_cache_usage(cache))


def show_devices(prog: drgn.Program) -> None:
    now = ktime_get_coarse_ns(prog)
    for disk in for_each_disk(prog):
        print(disk_name(disk), disk.part0.bd_nr_sectors.value_())
        for request in request_queue_busy_iter(disk.queue):
            print(req_op(request), blk_rq_pos(request).value_(), blk_rq_bytes(request).value_())
            print((now - request.start_time_ns).value_(), request.state.value_())
    for mount in for_each_mount(prog):
        block = mount.mnt.mnt_sb
        print(mount_src(mount), mount_dst(mount), mount_fstype(mount), block.s_flags.value_(), mount.mnt.mnt_flags)
        print(block.s_writers.frozen.value_())
    for device in for_each_netdev(prog):
        print(device.name.string_(), device.flags.value_(), device.state.value_(), device.mtu.value_())
        print(netdev_ipv4_addrs(device), netdev_ipv6_addrs(device))


def main() -> None:
    vmcore, vmlinux = map(Path, sys.argv[1:])
    prog = drgn.Program()
    prog.set_core_dump(str(vmcore))
    prog.load_debug_info([str(vmlinux)])
    prog.register_symbol_finder("modules", load_module_kallsyms(prog), enable_index=1)
    names = {module.name for module in prog.modules() if isinstance(module, drgn.RelocatableModule)}
    files = (vmlinux.parent.parent / "lib" / "modules").glob("*/**/*.ko")
    FILES.update({name: path for path in files if (name := path.stem.replace("-", "_")) in names})
    print(get_dmesg(prog).decode("utf-8", "replace"), panic_message(prog))
    show_frames(prog, stack_of(prog, prog.crashed_thread().object), with_variables=True)
    show_tasks(prog)
    show_cpus(prog)
    show_memory(prog)
    show_devices(prog)
    for module in for_each_module(prog):
        print(module.name.string_(), module_taints(module), module_address_regions(module), module.state.value_())
    print({name: prog[name].value_() for name in SETTINGS})
    print(prog["saved_command_line"].string_(), uptime(prog), tainted(prog))


if __name__ == "__main__":
    main()
