"""A dump larger than this machine's memory: read as any other, with memory that stays flat."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from kdumpkit.vmcore.ranged import CACHE_BYTES
from tests.vmcore import dumps

INFO = (dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode()
LOG = [(1_500_000_000, b"Kernel panic - not syncing: of a machine with a terabyte")]
PAGE = dumps.PAGE
#: what one page descriptor points at is moved so far back
FAR = 200 << 30
#: page frames up to 8 TiB, so that the bitmaps alone have 512 MiB
HIGHEST = 1 << 31

MEASURED = """
import resource, runpy, sys
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.on_host import OnHost
OnHost.connect = lambda on_host: LocalHost(on_host.name)
sys.argv = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
finally:
    sys.stderr.write("\\npeak %d\\n" % resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hand-made dump, its last page moved to the end of a file of 200 GiB with holes."""
    path = tmp_path_factory.mktemp("large") / "vmcore"
    content = dumps.kdump(dumps.pages(dumps.ringbuffer(LOG)), INFO)
    memory = dumps.pages(dumps.ringbuffer(LOG))
    highest = max(memory) + 1
    descriptors_at = (2 + 2 * (((highest + 7) // 8 + PAGE - 1) // PAGE)) * PAGE
    last = descriptors_at + 24 * (len(memory) - 1)
    offset, size = struct.unpack_from("<QI", content, last)
    moved = bytearray(content)
    struct.pack_into("<Q", moved, last, FAR)
    with path.open("wb") as file:
        file.write(moved)
        file.seek(FAR)
        file.write(content[offset : offset + size])
    if path.stat().st_blocks * 512 > 64 << 20:
        pytest.skip("this file system has no holes")
    return path


def measured(module: str, *arguments: str) -> tuple[bytes, int]:
    """Standard output of a module that is run as a program, and the peak of its memory in KiB."""
    argv = [sys.executable, "-c", MEASURED, module, *arguments]
    done = subprocess.run(argv, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, int(done.stderr.split(b"peak ")[-1])


@pytest.mark.parametrize("where", [(), ("--on", "web01")], ids=["here", "in place"])
@pytest.mark.parametrize("module", ["kdumpkit.vmcore.report", "kdumpkit.vmcore.dmesg"])
def test_memory_is_that_of_a_small_dump(large: Path, tmp_path: Path, module: str, where: tuple[str, ...]) -> None:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if large.stat().st_size <= total:
        pytest.skip(f"this machine has more than {FAR >> 30} GiB of memory")
    (tmp_path / "small").write_bytes(dumps.kdump(dumps.pages(dumps.ringbuffer(LOG)), INFO))
    small_out, small_kib = measured(module, str(tmp_path / "small"), *where)
    out, kib = measured(module, str(large), *where)
    assert kib < small_kib + 16 * 1024
    if module == "kdumpkit.vmcore.dmesg":
        assert out == small_out == b"[    1.500000] Kernel panic - not syncing: of a machine with a terabyte\n"
    else:
        found = json.loads(out)
        assert (found["state"], found["size_bytes"]) == ("whole", large.stat().st_size)


@pytest.mark.parametrize("where", [(), ("--on", "web01")], ids=["here", "in place"])
def test_bitmaps_of_a_machine_with_8_tib_are_not_held_in_memory(tmp_path: Path, where: tuple[str, ...]) -> None:
    blocks = 2 * (HIGHEST // 8 // PAGE)
    content = bytearray(dumps.kdump({1: b"x" * PAGE}, INFO)[: 2 * PAGE])
    # where the number of bitmap blocks and the highest page frame stand: see kdump_header
    struct.pack_into("<I", content, 424 + 12, blocks)
    struct.pack_into("<Q", content, PAGE + 96, HIGHEST)
    path = tmp_path / "vmcore"
    with path.open("wb") as file:
        file.write(content)
        # the last page frame of all was dumped
        file.seek((2 + blocks) * PAGE - 1)
        file.write(b"\x80")
        file.write(struct.pack("<QIIQ", (3 + blocks) * PAGE, PAGE, 0, 0))
        file.seek((3 + blocks) * PAGE)
        file.write(b"y" * PAGE)
    (tmp_path / "small").write_bytes(dumps.kdump({1: b"x" * PAGE}, INFO))
    _, small_kib = measured("kdumpkit.vmcore.report", str(tmp_path / "small"))
    out, kib = measured("kdumpkit.vmcore.report", str(path), *where)
    found = json.loads(out)
    assert (found["state"], found["pages"], found["pages_there"]) == ("whole", 1, 1)
    # of what is read in place blocks are kept, up to a bound
    assert kib < small_kib + 24 * 1024 + (2 * CACHE_BYTES // 1024 if where else 0)
