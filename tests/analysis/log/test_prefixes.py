"""What may stand in front of a kernel message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdumpkit.analysis.log import prefixes, read_crash
from kdumpkit.analysis.log.prefixes import COMMON_PREFIXES, parse_message, split_glued

TEXT = "BUG: soft lockup - CPU#3 stuck for 22s! [widgetd:77]"


@pytest.mark.parametrize(
    ("prefix", "time_s", "caller"),
    [
        # journalctl -o short-full, short-unix; dmesg -d, --time-format iso; a console server's date before the stamp
        ("Mon 2024-07-29 12:00:00 CEST host kernel: ", None, None),
        ("1722247200.123456 host kernel: ", None, None),
        # loggers of many consoles
        ("[12:00:00][rack1-node2]", None, None),
        ("[12:00:00.123][Machine        ][Info   ] ", None, None),
        ("[12:00:00][rack1-node2][   12.345678] ", 12.345678, None),
        ("[   12.345678 <    0.000010>] ", 12.345678, None),
        ("2024-07-29T12:00:00,123456+02:00 ", None, None),
        ("[Mon Jul 29 12:00:00 2024][   12.345678] ", 12.345678, None),
        ("kernel: [   12.345678] ", 12.345678, None),
        ("host-7.example.com kernel: [   12.345678][ T123] ", 12.345678, "T123"),
        # dates in other languages; numbers that grep -n and -b put in front
        ("juil. 27 15:25:15 host kernel: ", None, None),
        ("июл 27 15:25:15 host kernel: [   12.345678] ", 12.345678, None),
        ("7月 27 15:25:15 host kernel: ", None, None),
        ("[Sa Jul 27 15:25:15 2024] ", None, None),
        ("[szo júl 27 15:25:15 2024] ", None, None),
        ("4711:Jul 27 15:25:15 host kernel: ", None, None),
        ("4712-2024-07-27T15:25:15+02:00 host kernel: [   12.345678] ", 12.345678, None),
        # a date and no host; no date at all
        ("2024-07-27T15:25:15Z ", None, None),
        ("kernel:  ", None, None),
        ("MESSAGE=", None, None),
        ("[   12.345678] ", 12.345678, None),
        ("[12345.678901][ T123] ", 12345.678901, "T123"),
        ("[    0.000001][   C11] ", 0.000001, "C11"),
        ("<4>[   12.345678] ", 12.345678, None),
        ("<4>", None, None),
        ("> > [   12.345678] ", 12.345678, None),
        ("    [   12.345678] ", 12.345678, None),
        ("Jul 27 15:25:15 host kernel: ", None, None),
        ("Jul  7 15:25:15 host.example kernel: [   12.345678] ", 12.345678, None),
        ("   Dec 25 06:52:52 host kernel: [28835.278237] ", 28835.278237, None),
        ("2024-07-27T15:25:15.123456+02:00 host kernel: ", None, None),
        ("2024-07-27T15:25:15.123456+02:00 host kernel: [   12.345678][  T77] ", 12.345678, "T77"),
        ("2024-07-27 15:25:15    [   12.345678] ", 12.345678, None),
        ("[2024-07-27 15:25:15] [   12.345678] ", 12.345678, None),
        ("[   12.345678] host kernel: ", 12.345678, None),
        ("[Sat Jul 27 15:25:15 2024] ", None, None),
        ("[Jul27 15:25] ", None, None),
        ("[  +0.000047] ", None, None),
        ("kern  :emerg : [   12.345678] ", 12.345678, None),
        ("4,1234,12345678,-,caller=T77;", 12.345678, "T77"),
        ("Jul 27 15:25:15 host kern.warn kernel: [   12.345678][ T77] ", 12.345678, "T77"),
        ("login: [   12.345678][ T77] ", 12.345678, "T77"),
        # Xen's crash dump analyser: level behind the stamp; a clock before its beginning
        ("[   12.345678]  ALERT: ", 12.345678, None),
        ("> [   12.345678]   WARN: ", 12.345678, None),
        ("[   12.345678] NOTICE: ", 12.345678, None),
        ("[18446744073.709551] ", 18446744073.709551, None),
        ("console#[18446744073.709551] ", 18446744073.709551, None),
        ("[  OK  ] Started Widg[   12.345678] ", 12.345678, None),
        ("** 3764 printk messages dropped ** [   12.345678] ", 12.345678, None),
        (" kernel:", None, None),
    ],
)
def test_prefix(prefix: str, time_s: float | None, caller: str | None) -> None:
    message = parse_message(prefix + TEXT)
    assert message is not None
    assert (message.text, message.time_s, message.caller, message.prefixed) == (TEXT, time_s, caller, True)


def test_the_kernels_own_level_words_stay() -> None:
    for text in ("INFO: task widgetd:7 blocked for more than 120 seconds.", "WARN: widget is slow"):
        message = parse_message(f"[   12.345678] {text}")
        assert message is not None
        assert message.text == text


def test_no_prefix() -> None:
    message = parse_message("  " + TEXT)
    assert message is not None
    assert (message.text, message.prefixed) == (TEXT, False)


def test_other_programs_are_not_the_kernel() -> None:
    assert parse_message("Dec  3 15:25:59 host libvirtd[12]: error : BUG: soft lockup") is None
    assert parse_message("2024-07-27T15:25:15Z host widgetd: Kernel panic - not syncing: no") is None
    # netconsole into syslog: no tag, or the kernel subsystem's own
    message = parse_message("Dec  3 15:25:59 10.0.0.1 watchdog: " + TEXT)
    assert message is not None
    assert message.text == "watchdog: " + TEXT


def test_two_writers_on_one_line() -> None:
    message = parse_message("[   10.000001] usb 1-1: new dev[   10.000002][ T9] " + TEXT)
    assert message is not None
    assert [part.text for part in split_glued(message)] == ["usb 1-1: new dev", TEXT]


def test_other_programs_between_the_lines_of_a_report() -> None:
    log = read_crash(
        [
            b"Dec  3 15:25:59 host kernel: BUG: unable to handle kernel paging request at ffffc90000abc000\n",
            b"Dec  3 15:25:59 host widgetd[9]: Process imposter (pid: 4, nothing)\n",
            b"Dec  3 15:25:59 host widgetd[9]: CPU: 1 PID: 4 Comm: imposter Not tainted 1.0 #1\n",
            b"Dec  3 15:25:59 host kernel: CPU: 2 PID: 8 Comm: widgetd Not tainted 3.10.0-1160.el7.x86_64 #1\r\n",
        ]
    )
    assert log.fatal is not None
    assert (log.fatal.comm, log.fatal.pid, log.fatal.line_numbers["comm"]) == ("widgetd", 8, 4)


@pytest.mark.parametrize(
    "line",
    [
        "  RAX: 0000000000000000 RBX: 1",
        "widget_put+0x1/0x2 [widget]",
        " [<ffffffff81000000>] widget_put+0x1/0x2 [widget]",
        "[<ffffffff81000000>] ? widget_put+0x1/0x2",
        "kern  :err   : [Mon Nov 25 02:00:00 2026] x",
        "kern  :err   : [Nov25 02:00] x",
        "x [ 1.0] y",
        "x [    1.000000] y",
        " ? widget_put+0x1/0x2",
        "CPU: 1 PID: 2 Comm: x",
        "web01 kernel: BUG: x",
        "Nov 25 02:00:00 web01 kernel: x",
        "kern  :emerg : [    1.000000] x",
        "6,123,45000000,-;text",
        "<4>text",
        "> quoted",
        "login: [    1.000000] BUG: x",
        " kernel: text",
        "Feb  1 1",
        "A",
        "",
    ],
)
def test_the_short_way_tells_nothing_else_than_the_long_one(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    short = prefixes.parse_message(line)
    monkeypatch.setattr(prefixes, "is_plain", lambda _: False)
    assert prefixes.parse_message(line) == short


@given(st.text(alphabet=st.sampled_from("aAb [].:0123456789<>kernelTC-,;\t"), max_size=60))
def test_the_short_way_for_any_line(line: str) -> None:
    if prefixes.is_plain(line):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(prefixes, "is_plain", lambda _: False)
            assert prefixes.parse_message(line) == (line.strip(), None, None, False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '{"_TRANSPORT":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"12345678","MESSAGE":"it"}',
            ("it", 12.345678),
        ),
        ('{"__MONOTONIC_TIMESTAMP":"12345678","MESSAGE":"BUG: it"}', ("BUG: it", 12.345678)),
        ('{"_TRANSPORT":"kernel","MESSAGE":[66,85,71,58,32,105,116,255]}', ("BUG: it\ufffd", None)),
        # another program's, no text, no record, cut off
        ('{"_TRANSPORT":"syslog","MESSAGE":"BUG: it"}', None),
        ('{"_TRANSPORT":"kernel","MESSAGE":null}', None),
        ('{"_TRANSPORT":"kernel","MESSAGE":[1,"2"]}', None),
        ('{"_TRANSPORT":"kernel","MESSAGE":"BUG: i', None),
    ],
)
def test_a_record_of_the_journal(line: str, expected: tuple[str, float | None] | None) -> None:
    message = parse_message(line)
    assert (None if message is None else (message.text, message.time_s)) == expected


def test_a_line_of_dmesg_in_iso_time_has_no_host() -> None:
    for text in ("divide error: 0000 [#1] SMP", "WARNING: CPU: 1 PID: 2 at net/widget.c:1 widget+0x1/0x2"):
        message = parse_message("2024-07-29T12:00:00,123456+02:00 " + text)
        assert message is not None
        assert message.text == text


REPORT = (
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "Oops: 0000 [#1] SMP",
    "CPU: 3 PID: 44 Comm: worker Kdump: loaded Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2",
    "RIP: 0010:widget_put_with_a_long_name_that_is_broken_by_a_terminal+0x1d/0x30 [widget]",
    "Call Trace:",
    " widget_step+0x1/0x2",
    " widget_work+0x3/0x40",
    "Modules linked in: widget(OE)",
    "Kernel panic - not syncing: widget has a reason that is longer than what a terminal has room for",
)


def test_a_terminal_that_breaks_lines_within_words() -> None:
    stamped = [f"[  100.{number:06}] {text}" for number, text in enumerate(REPORT)]
    broken = [line[at : at + 80] for line in stamped for at in range(0, len(line), 80)]
    assert len(broken) > len(stamped)
    one, other = read_crash(line.encode() for line in stamped), read_crash(line.encode() for line in broken)
    assert one.fatal is not None
    assert other.fatal is not None
    for name in ("kind", "rip_symbol", "rip_module", "comm", "pid", "kernel_release", "panic_reason", "call_trace"):
        assert getattr(one.fatal, name) == getattr(other.fatal, name), name


def test_frames_of_which_two_stand_on_one_line() -> None:
    stamped = [f"[  100.{number:06}] {text}" for number, text in enumerate(REPORT)]
    glued = [*stamped[:5], stamped[5] + stamped[6], *stamped[7:]]
    found = read_crash(line.encode() for line in glued).fatal
    assert found is not None
    assert found.call_trace == ("widget_step", "widget_work")


def test_a_bar_that_quotes_a_log_and_a_quoted_kernel_tag() -> None:
    for mark in ("| ", "> | ", "> kernel: ", "kernel: "):
        lines = [mark + text for text in REPORT[:4]]
        found = read_crash(line.encode() for line in lines).fatal
        assert found is not None, mark
        assert (found.comm, found.kernel_release, found.rip_module) == ("worker", "6.1.0-56-cloud-amd64", "widget"), (
            mark
        )


@pytest.mark.parametrize("quote", ["", "> ", "| "])
def test_a_stamp_within_the_first_line_of_a_stack(quote: str) -> None:
    lines = [
        "[  100.000001] BUG: unable to handle kernel paging request at ffffffffdeadbeef",
        "[  100.000002] Call Trace:",
        "[  100.000003]  <IRQ> [  100.000004]  [<ffffffff814249f9>] widget_first+0x1c9/0x279",
        "[  100.000005]  [<ffffffff8143035a>] widget_second+0xc70/0xd27",
    ]
    found = read_crash((quote + line).encode() for line in lines).fatal
    assert found is not None
    assert found.call_trace == ("widget_first", "widget_second")


@pytest.mark.parametrize(
    "prefix",
    [
        *("[  100.000001] ", "[  100.000001][  T44] ", "<4>[  100.000001] ", "Nov  3 10:11:12 widget-1 kernel: "),
        *("Nov  3 10:11:12 widget-1 kernel: [  100.000001] ", "2024-10-10T00:13:12.79+02:00 widget-1 kernel: "),
        "2024-10-10T00:13:12Z widget-1 kernel: [  100.000001] ",
    ],
)
@pytest.mark.parametrize("text", ["RIP: 0010:widget_put+0x1d/0x30", " ? widget_put+0x1d/0x30", "[Hardware Error]: x"])
def test_a_common_prefix_is_what_the_long_way_finds(prefix: str, text: str) -> None:
    message = parse_message(prefix + text)
    assert message is not None
    found = [match for common in COMMON_PREFIXES if (match := common.match(prefix + text)) is not None]
    assert len(found) == 1
    assert (prefix + text)[found[0].end() :].strip() == message.text == text.strip()
    assert (found[0][1] and float(found[0][1])) == message.time_s
    assert found[0][2] == message.caller


@pytest.mark.parametrize(
    "line",
    [
        "[    1.000001] [    2.000002] twice",
        "[    1.000001] widget kernel: relayed",
        "[    1.000001]   CRIT: of Xen",
        "[    1.000001][0: swapper] of Android",
        "Nov  3 10:11:12 widget-1 kernel: [T44] without a stamp",
        "Nov  3 10:11:12 widget-1 widgetd: no message of the kernel's",
    ],
)
def test_what_needs_a_closer_look_has_no_common_prefix(line: str) -> None:
    assert all(common.match(line) is None for common in COMMON_PREFIXES)


def test_a_journal_record_with_half_a_character_is_read() -> None:
    message = r"BUG: kernel NULL pointer dereference, address: 00000000000000a0 \ud800"
    found = read_crash([f'{{"_TRANSPORT": "kernel", "MESSAGE": "{message}"}}'.encode()])
    assert [block.title[-3:] for block in found.blocks] == ["0 ?"]


@pytest.mark.parametrize("count", ["     {}\t", "{:5} ", "{:05} "])
def test_numbers_in_front_of_all_lines_are_no_part_of_them(count: str) -> None:
    lines = (
        "kernel BUG at drivers/widget/core.c:65!",
        "invalid opcode: 0000 [#1] SMP",
        "CPU: 3 PID: 12 Comm: widgetd Not tainted 5.15.1-7 #7",
        "RIP: 0010:widget_put+0x1d/0x30 [widget]",
        "Call Trace:",
        " widget_get+0x4d/0x90 [widget]",
    )
    block = read_crash((count.format(number) + line).encode() for number, line in enumerate(lines, 98)).fatal
    assert block is not None
    assert (block.kind, block.comm, block.kernel_release) == ("bug_on", "widgetd", "5.15.1-7")
    assert (block.rip_symbol, block.call_trace) == ("widget_put", ("widget_get",))


def test_a_number_that_a_terminal_broke_is_no_count_of_lines() -> None:
    header = "[    9.000001] " + "CPU: 3 PID: 12".rjust(65)
    lines = (
        "[    9.000000] kernel BUG at drivers/widget/core.c:65!",
        header,
        "34 Comm: widgetd Not tainted 5.15.1-7 #7",
    )
    block = read_crash(line.encode() for line in lines).fatal
    assert block is not None
    assert (block.pid, block.comm) == (1234, "widgetd")


@pytest.mark.parametrize("sign", ["#015", "^M", "\r"])
def test_carriage_returns_are_dropped_however_they_are_written(sign: str) -> None:
    text = (
        f"[    9.000000] kernel BUG at drivers/widget/core.c:65!{sign}\n"
        f"[    9.000001] CPU: 3 PID: 12 Comm: widgetd Not tainted 5.15.1-7 #7{sign}\n"
        f"[    9.000002] Kernel panic - not syncing: Fatal exception{sign}\n"
    )
    for lines in (text.splitlines(keepends=True), [line + "\n" for line in text.split("\n")]):
        block = read_crash(line.encode() for line in lines).fatal
        assert block is not None
        assert (block.panic_reason, block.kernel_version) == ("Fatal exception", "#7")
