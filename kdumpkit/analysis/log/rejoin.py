"""Lines of a report that were broken, told where they are read: by what is missing at the end of a line.

What ``unwrap`` mends goes by columns alone, and for the beginning of a log. Here it is known what a line says.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log.prefixes import COUNTED, TIME_OF_DAY, Message, parse_message
from kdumpkit.analysis.log.unwrap import BREAK_COLUMNS

#: serial consoles over IPMI and copies of a screen are as wide as this
_TERMINAL_COLUMNS = 80
#: a task header is no longer; bounds the pattern that looks for its end
_HEADER_LIMIT = 200
#: what these lines say may be broken; "[<" begins the frames of arm, which name two places
BREAKABLE = (
    "CPU:",
    "Pid:",
    "REGS:",
    "RIP",
    "Hardware name:",
    "pc :",
    "NIP ",
    "Krnl PSW",
    "Tainted: ",
    "Not tainted",
    "[<",
)
#: what they begin with
BREAKABLE_BEGIN = frozenset(start[:3] for start in BREAKABLE) | {"[<c", "[<8", "[<b"}
#: how no line of a general protection fault ends
_GOES_ON = ("probably for", "maybe for", "probably for non-canonical", "probably for non-canonical address")
#: what begins a line of the kernel's own is no rest of the line before
_BEGINNINGS = (
    "BUG:",
    "WARNING:",
    "INFO:",
    "Kernel panic",
    "Call ",
    "CPU:",
    "Pid:",
    "Code:",
    "RIP",
    "Modules ",
    "Hardware name:",
    "Workqueue:",
    "task:",
    "pstate:",
    "Krnl ",
    "NIP",
    "---",
    "[<",
)
#: what begins a line that has a prefix, or is quoted
_LINE_STARTS = ("[", "<", ">")
#: another line, and no release
_TIMED = re.compile(TIME_OF_DAY)
#: until 4.10 the address stood twice in front of its symbol
_HALF_PLACE = re.compile(r"^(?:RIP: |pc :|NIP )[^+]{0,40}\[<?[0-9a-f]{8,16}>?\]$|\) from(?: \[<[0-9a-f]{8}>\])?$")
#: what then begins the next line; until 2.6.25 a module stood in front of the symbol
_PLACE_ALONE = re.compile(r"(?::[A-Za-z_][\w-]{0,63}:)?[A-Za-z_][\w.$]{0,255}\+0x[0-9a-f]{1,16}/0x[0-9a-f]")
_PLACE_MISSING = re.compile(r"WARNING: (?:CPU: \d{1,6} PID: \d{1,10} )?at [\w./-]{1,200}:\d{1,6}$")
_MODULE_ALONE = re.compile(r"\[[\w-]{1,63}\]\)?$")
#: "=20" is a blank at the end of a line in quoted-printable; RHEL 6 puts dashes and letters of its own behind the taint
_RELEASE_MISSING = re.compile(
    r"(?:CPU: \d|Pid: \d|REGS: ).*(?:Not tainted|Tainted: [A-Z ]+|Comm: \S+)[ -]*(?:- ?[A-Z]{1,2})?(?:=20)?$"
    r"|(?:CPU|Pid): .* \(?\d\S*-$|(?:Not tainted|Tainted: [A-Z ]+)$|WARNING: CPU: \d{1,6}$|CPU: \d{1,6} PID: \d{1,10}$"
)


def rejoined(message: Message, line: str, after: str, *, candidate: bool, prefixed: bool) -> Message:
    """The message with what stands in the next line, if a break of lines has put it there; else the message itself.

    ``candidate``: the line holds the words of a rule; ``prefixed``: lines of this log have prefixes.
    """
    if message.text.endswith("=") and len(after) <= BREAK_COLUMNS[1] and not after.startswith(_LINE_STARTS):
        # quoted-printable's mark of a break, within a word too: nothing of the next line stands in front of it
        return message._replace(text=message.text[:-1] + after.rstrip())
    # a mail program breaks a line where the next word would not have fitted, and the rest has no time stamp
    next_message = parse_message(after) if len(after) <= BREAK_COLUMNS[1] else None
    if next_message is None or next_message.prefixed or not next_message.text:
        return message
    if _TIMED.match(after) is not None:
        return message
    if COUNTED.match(after) is not None:
        # the digits may be those of a number that was broken
        next_message = next_message._replace(text=after.strip())
    if next_message.text.startswith(_BEGINNINGS) and not _HALF_PLACE.search(message.text):
        return message
    if len(line) == _TERMINAL_COLUMNS and prefixed and message.prefixed:
        # a terminal breaks within words too
        blank = " " if line.endswith(" ") or after.startswith(" ") else ""
        return message._replace(text=f"{message.text}{blank}{next_message.text}")
    first_word = next_message.text.split(" ", 1)[0]
    length = len(line.lstrip("> ").rstrip())
    fits_not = (
        prefixed and message.prefixed and length <= BREAK_COLUMNS[1] and length + 1 + len(first_word) > BREAK_COLUMNS[0]
    )
    if (
        fits_not
        or message.text.endswith(_GOES_ON)
        or (len(message.text) <= _HEADER_LIMIT and _RELEASE_MISSING.match(message.text))
        or (candidate and next_message.text.startswith("stuck for "))
        or (_PLACE_ALONE.match(next_message.text) and _place_missing(message.text))
        or ((not candidate or "+0x" in message.text[-40:]) and _MODULE_ALONE.match(next_message.text))
    ):
        return message._replace(text=_joined(message.text, next_message.text))
    return message


def _place_missing(text: str) -> bool:
    return _HALF_PLACE.search(text) is not None or _PLACE_MISSING.match(text) is not None


def _joined(text: str, rest: str) -> str:
    # a break after a hyphen took no blank away
    if text.endswith("-") and not text.endswith(("--", " -")):
        return text + rest
    return f"{text.removesuffix('=20')} {rest}"
