"""A task waited for longer than the kernel puts up with: behind a disk, a file server, or a lock.

Source: kernel/hung_task.c (check_hung_task; the lock's likely owner since 6.15), block/, fs/nfs/, kernel/locking/.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, Evidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.function_roles import is_entry, is_shared
from kdumpkit.analysis.places import Place, normalise_symbol
from kdumpkit.analysis.sections.section import SectionError

KINDS = frozenset({"hung_task"})

_BLOCK_IO = re.compile(
    r"io_schedule\w*|blk_\w+|bio_\w+|submit_bio\w*|wait_on_page_\w+|folio_wait_\w+|__?wait_on_buffer|wait_on_buffer|"
    r"bit_wait_io\w*|wait_for_completion_io\w*|sync_bio|jbd2_\w+|xfs_buf_\w+|xfs_log_\w+|xlog_\w+|dm_\w+|"
    r"blkdev_\w+|md_\w+|raid\d+_\w+|scsi_\w+|sd_\w+|nvme_\w+|filemap_fdatawait\w*|__filemap_fdatawait\w*|rq_qos_wait|"
    r"wbt_wait|get_request|blk_mq_\w+|dio_\w+|iomap_\w+|drbd_\w+|ext4_sync_file|writeback_\w+"
)
_SERVER = re.compile(
    r"nfs\d?_\w+|rpc_\w+|__rpc_\w+|cifs_\w+|smb2_\w+|ceph_\w+|fuse_\w+|lustre_\w+|gfs2_\w+|dlm_\w+|ocfs2_\w+|"
    r"glock_\w+|p9_\w+|v9fs_\w+|ptlrpc_\w+|ll_\w+|o2net\w*"
)
_LOCK = re.compile(
    r"_{0,2}(?:mutex|rwsem|rt_mutex|ww_mutex)\w*|_{0,2}down(?:_\w+)?|call_rwsem_\w+|rtnl_lock\w*|"
    r"percpu_\w*rwsem\w*|percpu_down_\w+|__percpu_down_read|lock_sock\w*|__lock_sock|cgroup_lock\w*|cpus_read_lock|"
    r"lock_page|__lock_page|folio_lock|__folio_lock|kernfs_\w*lock\w*"
)
_RCU = re.compile(
    r"synchronize_rcu\w*|synchronize_srcu\w*|__wait_rcu_gp|rcu_barrier\w*|synchronize_net|exp_funnel_lock"
)
_STORAGE_ERROR = re.compile(
    r"I/O error|rejecting I/O|Buffer I/O|blk_update_request|task abort|abort(?:ing)? command|"
    r"ata\d+(?:\.\d+)?: (?:failed|exception|hard resetting link)|"
    r"nvme\w* ?\S*: (?:I/O|controller is down|Abort|timeout)|timing out command|"
    r"multipath: .{0,60}[Ff]ail|[Ff]ailing path|Remounting filesystem read-only|scsi .{0,40}(?:timeout|reset|offline)|"
    r"device offline|hostbyte=DID_(?!OK)|FAILED Result|"
    r"(?:qla2xxx|lpfc|megaraid_sas|mpt[23]sas|vmw_pvscsi|virtio_blk|xen-blkfront|hpsa|smartpqi)\b.{0,80}"
    r"\b(?:abort|reset|time(?:d )?out|fault|[Ll]ink [Dd]own|error)"
)
_SERVER_SILENT = re.compile(
    r"(?:nfs|NFS): server \S+ not responding|server \S+ not responding|CIFS.{0,40}(?:not responded|reconnect)|"
    r"libceph: .{0,60}(?:socket closed|wrong peer|down)|LustreError|ceph: .{0,40}hung"
)
_OWNER = re.compile(
    r"task (?P<waits>.{1,64}:\d+)(?: <\w+>)? is blocked on an? (?P<lock>\w+(?: \w+)?)"
    r"(?:, but|.{0,4} likely (?:last )?(?:owned|held) by (?:a )?(?:writer |reader )?task (?P<owner>.{1,64}:\d+))"
)
_BLOCKED = re.compile(r"task .{1,64}:\d+.{0,20} blocked (?:in I/O wait )?for more than (?P<seconds>\d+) seconds")
_IO_WAIT = re.compile(r"blocked in I/O wait")


def explain(scene: Scene) -> Cause | None:
    """What the first task waits for; the others that were found in the same pass are counted."""
    crash = scene.crash
    frames = [normalise_symbol(frame.symbol) for frame in crash.frames]
    waiting = _tasks(scene)
    seconds = _seconds(scene)
    who = f"T{scene.who()[1:]}" if crash.comm else "A task"
    head = f"{who} waited for more than {seconds} seconds" if seconds else f"{who} waited too long"
    also = f"; {waiting} tasks in all were found so" if waiting > 1 else ""
    stopped = " The kernel is set to panic when this happens (kernel.hung_task_panic)." if crash.panicked else ""
    evidence = (*scene.at("panic_reason", "comm"), *scene.of_stack(scene.stack, 5), *scene.find(_BLOCKED, 3))
    policy = _policy(crash.panicked)
    server = next((name for name in frames if _SERVER.fullmatch(name)), None)
    block = next((name for name in frames if _BLOCK_IO.fullmatch(name)), None)
    lock = next((name for name in frames if _LOCK.fullmatch(name)), None)
    owner = scene.find(_OWNER, 3)
    silent = scene.before(_SERVER_SILENT, 4)
    broken = scene.before(_STORAGE_ERROR, 6)
    if server is not None and not (lock and frames.index(lock) < frames.index(server)):
        sentence = f"{head} for an answer of a file server or cluster ({server}() on its stack){also}.{stopped}"
        if silent:
            sentence += " The log says that the server did not answer."
        steps = (
            NextStep("see whether the server and the way to it were up at that time", "findmnt -t nfs,nfs4,cifs,ceph"),
            *policy,
        )
        confidence = Confidence.LIKELY if silent else Confidence.POSSIBLE
        raises = () if silent else ("a line that says which server did not answer",)
        return scene.cause(
            "hung_task.file_server", sentence, confidence, Origin.STORAGE, (*silent, *evidence), steps, raises
        )
    if (block is not None or scene.find(_IO_WAIT, 1)) and not (
        lock and block and frames.index(lock) < frames.index(block)
    ):
        on = f" ({block}() on its stack)" if block else ""
        sentence = f"{head} for a disk to answer{on}{also}.{stopped}"
        sentence += (
            " The log has errors of the storage before that: begin there."
            if broken
            else " No error of the storage stands in the log before that: it was too slow or silent, or the request "
            "got lost on the way."
        )
        steps = (
            NextStep("see which disk it is and what the storage side logged at that time", "lsblk -t; multipath -ll"),
            NextStep("see whether a disk is failing", "smartctl --scan | while read d _; do smartctl -H $d; done"),
            *policy,
        )
        confidence = Confidence.LIKELY if broken else Confidence.POSSIBLE
        return scene.cause(
            "hung_task.block_io",
            sentence,
            confidence,
            Origin.STORAGE,
            (*broken, *evidence),
            steps,
            ("the requests in flight of the dump, with their age",),
        )
    if lock is not None or owner:
        return _behind_lock(scene, head, also, stopped, lock, owner, (*evidence, *broken[-2:]), policy)
    rcu = next((name for name in frames if _RCU.fullmatch(name)), None)
    if rcu is not None:
        sentence = f"{head} for all processors to pass a quiet point ({rcu}()){also}: one of them did not.{stopped}"
        steps = (NextStep("look for a processor that did not get on: soft lockups and RCU stalls in the log"), *policy)
        return scene.cause("hung_task.rcu", sentence, Confidence.POSSIBLE, Origin.KERNEL, evidence, steps)
    if all(is_shared(place.symbol) or is_entry(place.symbol) for place in scene.stack):
        sentence = f"{head}{also}; the log prints no stack that tells what it waited for.{stopped}"
        return scene.cause("hung_task.unknown", sentence, Confidence.UNKNOWN, Origin.UNKNOWN, evidence, policy)
    sentence = f"{head}{scene.where()}{also}; neither a disk, a server nor a lock shows on its stack.{stopped}"
    return scene.cause(
        "hung_task.other", sentence, Confidence.POSSIBLE, Origin.KERNEL, evidence, (scene.look_up(), *policy)
    )


def _behind_lock(
    scene: Scene,
    head: str,
    also: str,
    stopped: str,
    lock: str | None,
    owner: tuple[Evidence, ...],
    evidence: tuple[Evidence, ...],
    policy: tuple[NextStep, ...],
) -> Cause:
    held = ""
    for line in owner:
        match = _OWNER.search(line.text)
        if match is not None and match["owner"]:
            held = f" The kernel names task {match['owner']} as its likely owner."
            break
    if (shown := _owner_of_dump(scene)) is not None:
        held = f" {shown.text}."
        evidence = (*evidence, shown)
    on = f" ({lock}() on its stack)" if lock else ""
    sentence = (
        f"{head} for a lock that another task held{on}{scene.where(_caller(scene))}{also}.{stopped}{held} "
        "The task that holds it is the one to look at."
    )
    find = NextStep(
        "see what the holder does: its stack is in the dump, bt PID of the crash utility prints it"
        if held
        else "find the holder: among the other blocked tasks of the dump, the one that waits for something else"
    )
    steps = [find, scene.look_up(_caller(scene)), *policy]
    foreign = scene.foreign_module
    if foreign is not None and foreign.module is not None:
        sentence += f" {foreign.module} on this stack does not come with the kernel."
        steps = [*scene.about_module(foreign.module), *steps]
    report = scene.report
    if report is not None and not isinstance(report.tasks, SectionError) and report.tasks.blocked:
        names = ", ".join(f"{task.command} ({task.pid})" for task in report.tasks.blocked[:8])
        evidence = (*evidence, Evidence("dump: tasks", None, f"in uninterruptible sleep: {names}"))
    return scene.cause(
        "hung_task.lock",
        sentence,
        Confidence.LIKELY if held else Confidence.POSSIBLE,
        Origin.MODULE if foreign is not None else Origin.KERNEL,
        (*owner, *evidence),
        steps,
        () if held else ("who holds the lock: drgn reads it from the dump",),
    )


def _owner_of_dump(scene: Scene) -> Evidence | None:
    """Who holds the lock that most tasks wait for, where the dump's report tells."""
    locks = [lock for lock in getattr(scene.of_dump("locks"), "locks", ()) if lock.owner and lock.waiters_in_all]
    if not locks:
        return None
    most = max(locks, key=lambda lock: int(lock.waiters_in_all))
    name = f" {most.name}" if most.name else ""
    owner = f"{most.owner.command} (pid {most.owner.pid}, state {most.owner.state})"
    count = int(most.waiters_in_all)
    tasks = "one task waits" if count == 1 else f"{count} tasks wait"
    return Evidence(
        "dump: locks",
        None,
        f"In the dump {owner} holds the {most.kind}{name} for which {tasks}",
    )


def _caller(scene: Scene) -> Place | None:
    return next((place for place in scene.telling if not _LOCK.fullmatch(place.symbol)), scene.blamed)


def _tasks(scene: Scene) -> int:
    return len({line.text for line in scene.excerpt.lines if _BLOCKED.search(line.text)})


def _seconds(scene: Scene) -> int | None:
    match = _BLOCKED.search(scene.crash.title)
    return int(match["seconds"]) if match is not None else None


def _policy(panicked: bool) -> tuple[NextStep, ...]:
    if not panicked:
        return ()
    return (
        NextStep(
            "the panic itself is a setting: 0 lets a waiting machine wait, the time-out is in seconds",
            "sysctl kernel.hung_task_panic kernel.hung_task_timeout_secs",
        ),
    )
