"""What stands in front of a kernel message: log levels, time stamps, printk callers, syslog and console-server dates.

The kernel itself prints ``<level>`` (raw), ``[seconds.micros]`` (printk.time) and ``[T123]`` or ``[C3]``
(CONFIG_PRINTK_CALLER: task or processor). Everything else is put there by whoever carried the line: syslogd, journald,
``dmesg -T``, ``dmesg -e``, netconsole, a console server, a mail program that quotes.

Source: kernel/printk/printk.c (print_prefix, info_print_ext_header), util-linux dmesg, RFC 3164, RFC 5424.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kdumpkit.analysis.log import journal

#: longer lines are cut: no kernel message is that long, and a bounded line keeps time and memory bounded
LINE_LIMIT = 8192


class Message(NamedTuple):
    """One kernel message without what stood in front of it."""

    text: str
    #: seconds since boot; None where the line has no such stamp
    time_s: float | None
    #: ``T123`` or ``C3``; None where the kernel does not print callers
    caller: str | None
    #: whether anything was taken off: false for a line that a mail program broke, or that no kernel printed
    prefixed: bool


#: the kernel's own clock; 2^64 nanoseconds, which one that runs backwards shows, have 11 digits before the point
SECONDS = r"\d{1,11}\.\d{1,9}"
#: what quotes a line in mails and trackers
_QUOTE = r"[>| \t]{0,40}"
#: a time of day at the beginning of a line, with a date or without
TIME_OF_DAY = r"[>| \t\[]{0,40}(?:\d[\d./-]{0,10}[T, ]{1,2})?\d\d:\d\d:\d\d"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:Z| ?[+-]\d\d:?\d\d| (?:UTC|MSK|[A-Z]{2,4}T)(?= ))?"
# days and months in the language of whoever printed them: "Nov 23", "nov. 23", "11月 23"
_NAME = r"(?:[^\W\d_]{1,9}\.?|\d{1,2}[^\W\d_])"
# with a weekday in journalctl's -o short-full; -o short-unix counts from 1970
_DATE = (
    r"(?:(?:" + _NAME + " )?(?:"
    r"\d{4}-\d\d-\d\d[T ]" + _CLOCK + _ZONE + "|" + _NAME + r" +\d{1,2} (?:\d{4} )?" + _CLOCK + r"(?: \d{4}(?=\]| ))?"
    r")|\d{10}\.\d{3,9}(?= ))"
)
# grep -n and grep -b number the lines they find, with a colon, and those around with a hyphen
_NUMBER = r"(?:\d{1,12}[:-](?=[^\W\d_]|\d{4}-\d\d-\d\d[T ]))?"
# the kernel's own stamp, then its caller; Android adds a processor and a command
# dmesg -d puts the time since the line before into the brackets
_STAMP = rf"\[ *(?P<stamp>{SECONDS})(?: < *\d{{1,10}}\.\d{{1,9}}>)?\]"
_CALLER = r"(?: ?\[ *(?P<{0}>[TC]\d{{1,10}})(?:@C?\d+)?\])?"
_ANDROID = r"(?: ?\[ *\d{1,4}: *[^\]\n]{1,20}: *\d{1,10}\])?"
# Xen's crash dump analyser (dom0.log) sets the level behind the stamp, right-justified; the kernel's "INFO: " is not
_LEVEL = r"(?: NOTICE| {2}(?:EMERG|ALERT|ERROR|DEBUG)| {3}(?:CRIT|WARN|INFO)| {4}ERR):"
# dmesg -x
_FACILITY = r"(?:kern {0,6}: ?[a-z]{3,7} {0,6}: )?"
# /dev/kmsg and extended netconsole: level, sequence, microseconds, flags
_KMSG = r"(?:\d{1,3},\d{1,20},(?P<kmsg_us>\d{1,20}),[-c+](?:,caller=(?P<kmsg_caller>[TC]\d{1,10}))?[^;\n]{0,80};)?"
# syslogd and journald: host, perhaps a facility, then "kernel:"
_CARRIER = r"(?P<carrier>(?:[^\s\[]\S{0,80} +){0,3}?(?:kernel|KERNEL|vmunix)(?:\[\d+\])?: ?)?"

_PREFIX = re.compile(
    _QUOTE
    + _NUMBER
    + r"(?:<\d{1,3}>)?"
    + _FACILITY
    + _KMSG
    + (r"(?:\[?" + _DATE + r"\]?(?:[ \t]+|(?=\[))" + _CARRIER + r"|(?:[\w.-]{1,64} )?kernel: ?(?=\[ *\d))?")
    + (r"(?:" + _STAMP + _CALLER.format("caller") + _ANDROID + f"(?:{_LEVEL})?" + r" ?)?")
    + r"(?P<relayed>[\w.-]{1,64} kernel: ?)?"
)
_CLOCKED = rf"\[ *({SECONDS})\](?!{_LEVEL})(?:\[ *([TC]\d{{1,10}})\])? "
# no other caller; a word and "kernel:" is journald's short-monotonic
_TEXT = r"(?!\[ *[TC]?\d|[\w.-]{1,64} kernel:)"
_SYSLOGD = r" {0,8}[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,64} kernel: "
_SYSLOGD_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) [\w.-]{1,64} kernel: "
#: what most lines of a log begin with, all of them with the same: the kernel's own stamp and caller, which are the
#: groups, with nothing in front, the level, or what syslogd wrote, which may have taken the stamp off
COMMON_PREFIXES = (
    re.compile(_CLOCKED + _TEXT),
    re.compile(r"<\d{1,3}>" + _CLOCKED + _TEXT),
    re.compile(f"{_SYSLOGD}(?:{_CLOCKED})?{_TEXT}"),
    re.compile(f"{_SYSLOGD_ISO}(?:{_CLOCKED})?{_TEXT}"),
)
COMMON_PREFIX = COMMON_PREFIXES[0]
# dmesg -T and dmesg -e: no seconds since boot in them
_DMESG = re.compile(
    _QUOTE
    + _FACILITY
    + r"\[(?:(?:"
    + _NAME
    + " )?"
    + _NAME
    + r" +\d{1,2} \d\d:\d\d:\d\d(?:[.,]\d+)?(?: \d{4})?"
    + r"|[A-Z][a-z]{2} ?\d{1,2} \d\d:\d\d| *[+<] *\d+\.\d+>?)\]"
    + _CALLER.format("caller")
    + " ?"
)
# a stack's lines begin with blanks of their own, and some lines hold nothing
_WALL = re.compile(_QUOTE + r"kernel:(?:[ \t]{1,16}|(?=\S)|$)")
# dmesg --time-format iso: a comma before the fraction, and no host behind it, which syslogd would write
_DMESG_ISO = re.compile(
    _QUOTE + _FACILITY + r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d " + _CALLER.format("caller") + " ?"
)
# RFC 5424: a version behind the level, and no colon behind the program
_NUMBERED_SYSLOG = re.compile(
    _QUOTE + r"(?:<\d{1,3}>)?1 \d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) \S{1,255} kernel "
    r"\S{1,128} \S{1,32} (?:-|\[[^\]\n]{0,200}\]) ?"
)
# terminal programs and console servers: a date in numbers, or the time alone
_DATED = re.compile(
    _QUOTE
    + r"\[?(?:(?:\d{4}[./]\d\d?[./]\d\d?|\d\d?([./-])\d\d?\1\d{4}|\d\d?/\d\d?/\d\d),? )?"
    + r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AP]M)?\]?:?[ \t](?=[ \t]{0,8}(?:[A-Za-z_?(<]|\[<|---))"
)
# loggers of many consoles: the time, then the node, perhaps a level
_CONSOLE = re.compile(
    _QUOTE + r"\[" + _CLOCK + r"\](?=\[[A-Za-z])(?!\[[TC]\d{1,10}\])(?:\[[A-Za-z][\w.:-]{0,63} {0,40}\]){1,3} ?"
)
# a syslog line of another program is no kernel message, whatever it says
_SYSLOG = re.compile(
    _QUOTE
    + _NUMBER
    + r"(?:<\d{1,3}>)?"
    + _DATE
    + r" (?P<host>[\w.:-]{0,63}[\w.-]) (?P<tag>[A-Za-z][\w./@-]{0,48})(?:\[\d+\])?: "
)
_SUBSYSTEMS = frozenset(
    {"kernel", "watchdog", "rcu", "mce", "nmi", "sysrq", "usercopy", "kasan", "traps", "refcount_t"}
    | {"BUG", "WARNING", "INFO", "Oops", "RIP", "IP", "CPU", "PANIC", "NIP", "LR", "Code"}
)
# cat -n numbers all lines, in front of whatever they begin with
_LISTED = re.compile(r" {0,8}\d{1,7}\t")
# less -N does so too, and test harnesses put seconds there: told by what reports say behind it, as the
# kernel counts pages too, and eight digits are a word of an i386 stack
COUNTED = re.compile(
    r" {0,8}\d{1,7} {1,5}(?=[A-Z?<]|\[<|---|kernel BUG|invalid op|general pro|divide err|\w[\w.]{0,120}\+0x)"
)
#: what begins a line of the kernel's own, and looks like the host and the program of a line of syslog
_NO_PROGRAMS = frozenset(
    {"divide error", "invalid opcode", "double fault", "illegal operation", "Internal error", "Hardware name"}
    | {"Call Trace", "Call trace"}
)
#: begins neither with a date nor with anything else that a carrier writes
_PLAIN = re.compile(r"[ \t]{0,40}(?!kern *:|MESSAGE=)(?:[a-z_?(]|\[<|[A-Z](?:[A-Z0-9_:]|$))")
_STAMP_BEGINS = re.compile(r"\[ *\d{1,11}\.")
_INSIDE = re.compile(_STAMP + _CALLER.format("caller") + r" ")


def is_plain(line: str) -> bool:
    """Whether a line certainly has no prefix, told without the patterns for all of them; False: it may have one."""
    return (
        _PLAIN.match(line) is not None
        and "kernel:" not in line
        and ("[" not in line or _STAMP_BEGINS.search(line) is None)
    )


def parse_message(line: str) -> Message | None:
    """The message of one line; None for a line that another program than the kernel wrote to syslog."""
    match = COMMON_PREFIX.match(line)
    if match is not None:
        stamp, caller = match.groups()
        return Message(line[match.end() :].strip(), float(stamp), caller, True)
    if is_plain(line):
        return Message(line.strip(), None, None, False)
    listed = _LISTED.match(line)
    if listed is not None:
        return parse_message(line[listed.end() :])
    if line.startswith(journal.JSON_BEGINS) and '"MESSAGE"' in line:
        record = journal.parse_json_record(line)
        return None if record is None else Message(record[0].strip(), record[1], None, True)
    if line.startswith(journal.EXPORT_BEGINS):
        return Message(line[len(journal.EXPORT_BEGINS) :].strip(), None, None, True)
    match = _PREFIX.match(line)
    if match is not None and match.end():
        stamp = match["stamp"]
        if stamp is not None or match["carrier"] is not None or match["relayed"] is not None:
            caller = match["caller"] or match["kmsg_caller"]
            text = line[match.end() :]
            return Message(text.strip(), None if stamp is None else float(stamp), caller, True)
        if match["kmsg_us"] is not None:
            return Message(line[match.end() :].strip(), int(match["kmsg_us"]) / 1e6, match["kmsg_caller"], True)
    iso = _DMESG_ISO.match(line)
    if iso is not None:
        return Message(line[iso.end() :].strip(), None, iso["caller"], True)
    syslog = _SYSLOG.match(line)
    if syslog is not None:
        if line[syslog.start("host") : syslog.end("tag")] in _NO_PROGRAMS:
            return Message(line[syslog.start("host") :].strip(), None, None, True)
        if syslog["tag"] not in _SUBSYSTEMS:
            return None
        return Message(line[syslog.start("tag") :].strip(), None, None, True)
    dmesg = _DMESG.match(line)
    if dmesg is not None:
        return Message(line[dmesg.end() :].strip(), None, dmesg["caller"], True)
    console = _CONSOLE.match(line) or _NUMBERED_SYSLOG.match(line)
    if console is not None:
        text = line[console.end() :]
        stamp = COMMON_PREFIX.match(text)
        if stamp is None:
            return Message(text.strip(), None, None, True)
        return Message(text[stamp.end() :].strip(), float(stamp[1]), stamp[2], True)
    wall = _WALL.match(line)
    if wall is not None:
        return Message(line[wall.end() :].strip(), None, None, True)
    inside = _INSIDE.search(line)
    if inside is not None:
        # console output of user space stands in front of the kernel's line
        return Message(line[inside.end() :].strip(), float(inside["stamp"]), inside["caller"], True)
    dated = _DATED.match(line)
    if dated is not None:
        return Message(line[dated.end() :].strip(), None, None, True)
    counted = COUNTED.match(line)
    if counted is not None:
        return Message(line[counted.end() :].strip(), None, None, False)
    if match is None or not line[: match.end()].strip("> |\t"):
        return Message(line.lstrip("> |\t").rstrip(), None, None, False)
    return Message(line[match.end() :].strip(), None, None, True)


def split_glued(message: Message) -> list[Message]:
    """The messages of a line on which writers met, or several lines: each stamp inside it begins one of its own."""
    text = message.text
    matches = list(_INSIDE.finditer(text)) if "] " in text else []
    if not matches or matches[0].start() == 0:
        return [message]
    parts = [message._replace(text=text[: matches[0].start()].strip())]
    for match, end in zip(matches, [*(other.start() for other in matches[1:]), len(text)], strict=True):
        parts.append(Message(text[match.end() : end].strip(), float(match["stamp"]), match["caller"], True))
    return [part for part in parts if part.text]
