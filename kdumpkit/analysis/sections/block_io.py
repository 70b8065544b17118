"""Block I/O that was under way when the kernel died: which device, what it was asked, and how long ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.kernel_clock import since_s
from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, bytes_text, counted, seconds_text

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_DISKS = 10_000
_MOST_REQUESTS = 100_000
_MOST_SHOWN = 50


@dataclass(frozen=True)
class IoRequest:
    """One request."""

    device: str
    #: such as ``read``, ``write``, ``flush``
    operation: str
    #: of 512 bytes, from the start of the device
    sector: int
    #: that were left to do
    size_bytes: int
    #: since it was made; None where the kernel took no time of it
    age_s: float | None
    #: the driver had it; false: it waited in the I/O scheduler or for a free place
    with_driver: bool


@dataclass(frozen=True)
class Disk:
    """One block device, partitions left out."""

    name: str
    size_bytes: int
    #: None: its driver has no queue of requests (device mapper, md), or one of before 5.0, which is not read
    requests: int | None
    #: of its oldest request; None where it has none
    oldest_s: float | None
    #: why its requests could not be read; "" where they could
    problem: str


@dataclass(frozen=True)
class BlockIo:
    """All disks and what was under way on them."""

    #: with the oldest request first
    disks: tuple[Disk, ...]
    requests_in_all: int
    #: oldest first, at most 50
    requests: tuple[IoRequest, ...]


def read_block_io(session: DrgnSession) -> BlockIo:
    """Disks and requests out of an open dump."""
    from drgn.helpers.linux.block import for_each_disk
    from drgn.helpers.linux.timekeeping import ktime_get_coarse_ns

    program = session.program
    try:
        # a request's time is of CLOCK_MONOTONIC, not of the scheduler's clock
        now_ns: int | None = int(ktime_get_coarse_ns(program))
    except (LookupError, AttributeError):
        now_ns = None
    disks: list[Disk] = []
    requests: list[IoRequest] = []
    for number, disk in enumerate(for_each_disk(program)):
        if number >= _MOST_DISKS or len(requests) >= _MOST_REQUESTS:
            break
        found = _read_disk(disk, now_ns)
        disks.append(found[0])
        requests += found[1]
    disks.sort(key=lambda disk: (-(disk.oldest_s or 0), -(disk.requests or 0), disk.name))
    requests.sort(key=lambda request: -(request.age_s or 0))
    return BlockIo(tuple(disks), len(requests), tuple(requests[:_MOST_SHOWN]))


def _read_disk(disk: Any, now_ns: int | None) -> tuple[Disk, list[IoRequest]]:
    from drgn.helpers.linux.block import disk_name

    name = disk_name(disk).decode("utf-8", "replace")
    requests: list[IoRequest] | None = None
    problem = ""
    try:
        requests = _read_requests(disk.queue, name, now_ns)
    except Exception as error:  # a queue that was being changed, or of a form that is not known
        problem = f"its requests cannot be read: {type(error).__name__}: {error}"[:300]
    try:
        size = _size_bytes(disk)
    except Exception:  # a disk that was being removed
        size = 0
    ages = [request.age_s for request in requests or () if request.age_s is not None]
    count = None if requests is None else len(requests)
    return Disk(name, size, count, max(ages, default=None), problem), requests or []


def _size_bytes(disk: Any) -> int:
    part = disk.part0
    try:
        return int(part.bd_nr_sectors.value_()) * 512
    except AttributeError:
        pass
    try:
        return int(part.nr_sects.value_()) * 512  # before 5.11
    except AttributeError:
        return int(part.bd_inode.i_size.value_())  # 5.11 to 5.16


def _read_requests(queue: Any, device: str, now_ns: int | None) -> list[IoRequest] | None:
    from drgn.helpers.linux.block import request_queue_busy_iter

    try:
        if not queue or not queue.tag_set:
            return None
    except AttributeError:
        return None  # a kernel without blk-mq
    found: list[IoRequest] = []
    for request in request_queue_busy_iter(queue):
        if len(found) >= _MOST_REQUESTS:
            break
        found.append(_read_request(request, device, now_ns))
    return found


def _read_request(request: Any, device: str, now_ns: int | None) -> IoRequest:
    from drgn.helpers.linux.block import blk_rq_bytes, blk_rq_pos, req_op

    try:
        began = request.start_time_ns.value_()
    except AttributeError:
        began = 0
    operation = req_op(request)
    try:
        name = next(e.name for e in operation.type_.enumerators if e.value == operation.value_())
    except (StopIteration, TypeError):
        name = str(operation.value_())
    return IoRequest(
        device=device,
        operation=name.removeprefix("REQ_OP_").lower().replace("_", " "),
        sector=blk_rq_pos(request).value_(),
        size_bytes=blk_rq_bytes(request).value_(),
        age_s=since_s(now_ns, began),
        with_driver=_with_driver(request),
    )


def _with_driver(request: Any) -> bool:
    try:
        # enum mq_rq_state: MQ_RQ_IDLE is 0
        return bool(request.state.value_())
    except AttributeError:
        return bool(request.atomic_flags.value_() & 2)  # before 4.16: REQ_ATOM_STARTED


def describe_block_io(found: BlockIo) -> tuple[SectionTable, ...]:
    """The requests, oldest first, and the disks."""
    disks = tuple(
        (
            disk.name,
            bytes_text(disk.size_bytes),
            disk.problem or ("none, or of before blk-mq" if disk.requests is None else str(disk.requests)),
            seconds_text(disk.oldest_s),
        )
        for disk in found.disks
    )
    requests = tuple(
        (
            request.device,
            seconds_text(request.age_s) or "not known",
            request.operation,
            str(request.sector),
            bytes_text(request.size_bytes),
            "with the driver" if request.with_driver else "waiting",
        )
        for request in found.requests
    )
    busy = [disk.name for disk in found.disks if disk.requests]
    sentence = f"{counted(found.requests_in_all, 'request')} under way" + (f" on {', '.join(busy)}." if busy else ".")
    unread = sum(bool(disk.problem) for disk in found.disks)
    if unread:
        sentence += f" The requests of {counted(unread, 'disk')} cannot be read."
    columns = ("device", "age", "what", "sector", "size", "")
    return (
        SectionTable("Block I/O", sentence, columns, requests),
        SectionTable("Disks", f"{counted(len(found.disks), 'disk')}.", ("disk", "size", "requests", "oldest"), disks),
    )


SECTION = Section("block_io", BlockIo, read_block_io, describe_block_io)
