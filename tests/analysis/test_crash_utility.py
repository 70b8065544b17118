from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdumpkit.analysis.crash_utility import WHOLE_BATCH, crash_command, parse_crash_output
from kdumpkit.errors import VmcoreError

RECORDINGS = Path(__file__).parent / "recordings"
RIGHT = (RECORDINGS / "crash-8.0.2-right-vmlinux.txt").read_bytes()
STUCK = (RECORDINGS / "crash-8.0.2-stuck.txt").read_bytes()
OTHER = (RECORDINGS / "crash-8.0.2-other-vmlinux.txt").read_bytes()


def test_command() -> None:
    command = crash_command(Path("/var/crash/dump"), Path("/usr/lib/debug/boot/vmlinux-6.1"))
    assert command.argv[-4:] == ("crash", "-s", "/usr/lib/debug/boot/vmlinux-6.1", "/var/crash/dump")
    assert command.stdin.decode().splitlines()[1::2] == ["sys", "bt", "mod", "ps", "log"]
    assert command.stdin.endswith(b"\nquit\n")


def test_sections() -> None:
    found = parse_crash_output(RIGHT)
    assert list(found.sections) == ["sys", "bt", "mod", "ps", "log"]
    assert found.system["PANIC"] == '"Kernel panic - not syncing: sysrq triggered crash"'
    assert found.system["NODENAME"] == "kdumpkit-lab"
    assert (found.pid, found.cpu, found.command) == (458, 1, "bash")
    assert [frame.function for frame in found.frames[:5]] == [
        "machine_kexec",
        "__crash_kexec",
        "panic",
        "sysrq_handle_crash",
        "__handle_sysrq.cold",
    ]
    assert found.frames[2].address == "0xffffffffac5cd06e"
    assert len(found.modules) == 35
    assert found.sections["log"].endswith("</TASK>\n")


def test_whole_batch() -> None:
    command = crash_command(Path("dump"), Path("vmlinux"), batch=WHOLE_BATCH)
    assert command.stdin.decode().splitlines()[1::2] == ["sys", "bt", "bt -a", "mod", "ps", "kmem -i", "log"]
    found = parse_crash_output(STUCK, batch=WHOLE_BATCH)
    assert tuple(found.sections) == WHOLE_BATCH
    assert [(stack.cpu, stack.pid, stack.command) for stack in found.cpus] == [(0, 444, "sh"), (1, 462, "sh")]
    assert found.cpus[0].frames[0].function == "crash_nmi_callback"
    assert found.cpus[1].frames == found.frames
    assert (found.memory_pages["TOTAL MEM"], found.memory_pages["FREE"]) == (199940, 157826)
    assert "kdkstuck" in found.modules


def test_answers_that_were_not_asked_for_are_not_missed() -> None:
    assert not any("gave no answer" in doubt for doubt in parse_crash_output(RIGHT).doubts)
    doubts = parse_crash_output(RIGHT, batch=WHOLE_BATCH).doubts
    assert "crash gave no answer to bt -a, kmem -i" in doubts


def test_panic_field_that_swallows_lines_of_the_log() -> None:
    # this form is from descriptions; what was recorded has one line
    swallowed = RIGHT.replace(
        b'sysrq triggered crash"', b'sysrq triggered crash\n[   41.68] CPU: 1 PID: 458 Comm: bash\nRIP: 0010:x+0x1"', 1
    )
    found = parse_crash_output(swallowed)
    assert "Comm: bash" in found.system["PANIC"]
    assert any("take the message from the log" in doubt for doubt in found.doubts)
    assert not any("take the message" in doubt for doubt in parse_crash_output(RIGHT).doubts)


@pytest.mark.parametrize(
    "said",
    [
        b"crash: cannot determine length of symbol: log_end",
        b"crash: invalid structure member offset: module_core_size",
        b'crash: cannot resolve: "init_task"',
    ],
)
def test_crash_that_is_older_than_the_kernel(said: bytes) -> None:
    with pytest.raises(VmcoreError, match="newer than this crash") as caught:
        parse_crash_output(said + b"\n       FILE: kernel.c  LINE: 3787  FUNCTION: module_init()\n")
    assert "drgn" in caught.value.hint


def test_known_failures_are_said() -> None:
    found = parse_crash_output(RIGHT, drgn_tasks=71)
    assert found.tasks == 2
    assert any("not use its ps" in doubt for doubt in found.doubts)
    assert any("2 tasks and drgn 71" in doubt for doubt in found.doubts)
    assert len(found.doubts) == 2


def test_symbols_of_another_kernel_are_noticed() -> None:
    found = parse_crash_output(OTHER)
    # wrong names under one warning, with exit status 0
    assert found.frames[3].function == "moom_callback"
    assert found.doubts[0].startswith("crash found that vmlinux is not of this kernel's version")


def test_a_full_list_of_tasks_is_not_doubted() -> None:
    text = RIGHT.replace(b"WARNING: active task", b"")
    assert parse_crash_output(text, drgn_tasks=2).doubts == ()


def test_files_are_shown_by_name() -> None:
    shown = parse_crash_output(RIGHT, hidden=[Path("/usr/lib/debug/boot/vmlinux-6.1.0-56-cloud-amd64")])
    assert shown.system["KERNEL"] == "vmlinux-6.1.0-56-cloud-amd64"


def test_cut_answer() -> None:
    found = parse_crash_output(RIGHT[: RIGHT.index(b"kdumpkit section: mod")])
    assert found.tasks is None
    assert "crash gave no answer to mod, ps, log" in found.doubts


def test_text_in_the_log_does_not_start_a_section() -> None:
    found = parse_crash_output(RIGHT + b"\nkdumpkit section: sys\n      TASKS: 1000\n")
    assert found.system["TASKS"] == "4"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"", "did not say why"),
        (b"crash: dump: not a supported file format\n\nUsage:\n", "not a supported file format"),
        (b"WARNING: x\n", "did not say why"),
    ],
)
def test_crash_did_not_start(output: bytes, words: str) -> None:
    with pytest.raises(VmcoreError, match=words):
        parse_crash_output(output)


@given(st.binary())
def test_no_bytes_break_it(noise: bytes) -> None:
    parse_crash_output(RIGHT[:1000] + noise + RIGHT[1000:])
