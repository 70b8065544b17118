"""A dump that is no file to drgn: the same log, the same notes, the same refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdumpkit.errors import HostLost, KdumpkitError, NotAVmcore, VmcoreError
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.on_host import OnHost
from kdumpkit.vmcore import dmesg, elf, report
from kdumpkit.vmcore.completeness import completeness_of
from kdumpkit.vmcore.dmesg import read_kernel_log
from kdumpkit.vmcore.flattened import FlattenedView
from kdumpkit.vmcore.format import dump_of, read_header
from kdumpkit.vmcore.in_place import notes_core, open_memory_in_place, open_program_in_place
from kdumpkit.vmcore.memory import MemoryFault, memory_of, open_memory
from kdumpkit.vmcore.ranged import RangedView
from kdumpkit.vmcore.remote_dump import open_remote_dump
from tests.vmcore import dumps
from tests.vmcore.dumps import BytesView

INFO = (dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode()
LINES = [(1_500_000_000 + number * 1000, b"line %d" % number) for number in range(20)]
MEMORY = dumps.pages(dumps.ringbuffer(LINES))
DUMP = dumps.kdump(MEMORY, INFO)
#: one run of memory, from physical address 0
WHOLE = b"".join(MEMORY.get(frame, bytes(dumps.PAGE)) for frame in range(max(MEMORY) + 1))

KINDS = {
    "kdump": DUMP,
    "flattened": dumps.flattened(DUMP),
    "flattened, cut off": dumps.flattened(DUMP)[:-16],
    "ELF": dumps.elf_core(WHOLE, INFO),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_log_is_the_same_as_of_the_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(KINDS[kind])
    with open_memory_in_place(LocalHost, str(path)) as (info, memory):
        there = read_kernel_log(info, memory)
    assert [record.text for record in there.records] == [text for _, text in LINES]
    if kind != "ELF":  # a hand-made one without mem_section is refused by drgn as a file
        with open_memory(path) as (info, memory):
            assert read_kernel_log(info, memory) == there


@pytest.mark.parametrize("kind", list(KINDS))
def test_report_in_place_is_the_same(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(KINDS[kind])
    monkeypatch.setattr(OnHost, "connect", lambda on_host: LocalHost(on_host.name))
    where = OnHost("root@web01", "web01", "/etc/lab.config").arguments()
    said = []
    for arguments in ([str(path)], [str(path), *where]):
        assert report.main(arguments) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1]


def test_what_is_no_dump_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(OnHost, "connect", lambda on_host: LocalHost(on_host.name))
    where = OnHost("web01", "web01").arguments()
    assert report.main([str(tmp_path / "none"), *where]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["type"], "it is not there" in said["error"]) == ("CommandFailed", True)
    (tmp_path / "noise").write_bytes(b"\0" * 5000)
    assert report.main([str(tmp_path / "noise"), *where]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "not a dump"
    assert dmesg.main([str(tmp_path / "noise"), *where]) == 1
    assert "is not a dump" in capsys.readouterr().err
    (tmp_path / "packed").write_bytes(b"\x1f\x8b" + b"\0" * 5000)
    assert report.main([str(tmp_path / "packed"), *where]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "packed"


def test_the_hosts_own_kernel_is_never_opened() -> None:
    with pytest.raises(NotAVmcore, match="own running kernel"), open_remote_dump(LocalHost, "/proc/kcore"):
        pass


def test_flattened_dump_on_a_host_without_perl_and_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kdumpkit.hosts.ranges.RemoteRanges.segment_headers", lambda *_: None)
    (tmp_path / "vmcore").write_bytes(KINDS["flattened"])
    with open_remote_dump(LocalHost, str(tmp_path / "vmcore")) as view, pytest.raises(VmcoreError) as caught:
        completeness_of(view, "vmcore")
    assert "neither perl nor Python" in caught.value.message
    assert "dump_reading: copy" in caught.value.hint


def test_flattened_index_comes_from_the_host_and_not_by_reading_the_file(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(KINDS["flattened"])
    with open_remote_dump(LocalHost, str(tmp_path / "vmcore")) as view:
        dump = dump_of(view, read_header(view))
        assert isinstance(dump, FlattenedView)
        assert dump.read_at(0, len(DUMP)) == DUMP
        assert view.segment_headers() is not None


def test_dump_of_which_no_page_was_written(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(dumps.kdump(MEMORY, INFO, blank=len(MEMORY)))
    with open_memory_in_place(LocalHost, str(tmp_path / "vmcore")) as (info, memory), pytest.raises(MemoryFault):
        read_kernel_log(info, memory)


def test_notes_core_holds_the_notes() -> None:
    for content in (DUMP, KINDS["ELF"]):
        view = BytesView(content)
        core = BytesView(notes_core(view, read_header(view)))
        header = elf.parse_elf_header(core)
        assert (header.type, header.machine, header.byte_order) == (elf.ET_CORE, "x86_64", "little")
        assert elf.vmcoreinfo_note(elf.read_notes(core, header), "<") == INFO
        assert not [s for s in elf.segments(core, header) if s.type == elf.PT_LOAD]


@pytest.mark.parametrize(("machine", "order"), [(b"s390x", ">"), (b"aarch64", "<"), (b"ppc64le", "<"), (b"ppc64", ">")])
def test_notes_core_of_other_architectures(machine: bytes, order: str) -> None:
    view = BytesView(dumps.kdump(MEMORY, INFO, order=order, machine=machine))
    core = BytesView(notes_core(view, read_header(view)))
    assert elf.parse_elf_header(core).machine == machine.decode()


def test_architecture_that_has_no_name_in_elf() -> None:
    view = BytesView(dumps.kdump(MEMORY, INFO, machine=b"vax"))
    with pytest.raises(NotAVmcore, match="dump of vax cannot be read where it lies"):
        notes_core(view, read_header(view))


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (dumps.kdump(MEMORY, b""), NotAVmcore, "holds no VMCOREINFO"),
        (b"\0" * 5000, NotAVmcore, "is not a dump"),
    ],
)
def test_refusals(content: bytes, kind: type[KdumpkitError], words: str) -> None:
    view = BytesView(content)
    with pytest.raises(kind, match=words):
        open_program_in_place(view, read_header(view), "vmcore")


def test_a_host_that_is_lost_is_not_taken_for_a_hole_in_the_dump() -> None:
    lost: list[bool] = []

    def read(ranges: object) -> list[bytes]:
        if lost:
            raise HostLost("web01 is gone")
        return [DUMP[offset : offset + length] for offset, length in ranges]  # type: ignore[attr-defined]

    view = RangedView(read, len(DUMP), block_bytes=64, cache_bytes=64)
    header = read_header(view)
    memory = memory_of(open_program_in_place(view, header, "vmcore"))
    lost.append(True)
    info = header.vmcoreinfo
    assert info is not None
    with pytest.raises(HostLost, match="web01 is gone"):
        read_kernel_log(info, memory)
