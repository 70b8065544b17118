"""/etc/sysconfig/kdump made to say what is wanted.

**Source**: sysconfig.kdump.in, kdump(5) and ``dracut/kdump-save`` of openSUSE's kdump.
"""

from __future__ import annotations

import shlex

from kdumpkit.distributions.answers import FileEdit, SettingsWanted
from kdumpkit.distributions.shell_settings import set_assignment
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.sysconfig_kdump import FORMATS, PATH, parse_sysconfig_kdump

_HINT = "core_collector: makedumpfile -l -d 31 (one of -c -l -p -z -E, and a level)"
#: options that kdump-save gives by itself
_ALWAYS = ("-F", "--message-level", "--num-threads")


def edit_sysconfig_kdump(content: bytes | None, wanted: SettingsWanted) -> tuple[FileEdit, ...]:
    """The edit of the settings file; () where it says all that. There is no switch: the service alone decides.

    Raises GateClosed where there is no file, ParameterError for what kdump-save cannot do.
    """
    if content is None:
        if wanted == SettingsWanted():
            return ()
        raise GateClosed(f"there is no {PATH}, so kdump is not installed", "zypper install kdump")
    after = content
    settings = parse_sysconfig_kdump(content)
    # file:///var/crash and /var/crash are the same
    saved = [target.path for target in settings.targets if target.server is None]
    if wanted.directory is not None and (saved != [wanted.directory] or len(settings.targets) > 1):
        after = set_assignment(after, "KDUMP_SAVEDIR", wanted.directory, PATH)
    if wanted.collector is not None:
        after = _with_collector(after, wanted.collector)
    if wanted.dump_level is not None:
        after = set_assignment(after, "KDUMP_DUMPLEVEL", str(wanted.dump_level), PATH)
    return () if after == content else (FileEdit(PATH, content, after),)


def _with_collector(content: bytes, collector: str) -> bytes:
    try:
        program, *words = shlex.split(collector) or [""]
    except ValueError as error:
        raise ParameterError(f"core_collector has an open quote: {collector[:200]}", _HINT) from error
    if program.rpartition("/")[2] != "makedumpfile":
        raise ParameterError(f"{PATH}: kdump-save runs makedumpfile, {program!r} cannot be set", _HINT)
    by_option = {option: name for name, option in FORMATS.items()}
    dump_format, level, rest = None, None, []
    left = iter(words)
    for word in left:
        if word in by_option:
            dump_format = by_option[word]
        elif word == "-d" or (word.startswith("-d") and word[2:].isdigit()):
            level = word[2:] or next(left, "")
        elif word in _ALWAYS[1:]:
            next(left, None)
        elif word != _ALWAYS[0]:
            rest.append(word)
    if level is not None and not (level.isascii() and level.isdigit() and int(level) <= 31):
        raise ParameterError(f"{level!r} is no dump level: 0 to 31", _HINT)
    if dump_format is not None:
        content = set_assignment(content, "KDUMP_DUMPFORMAT", dump_format, PATH)
    if level is not None:
        content = set_assignment(content, "KDUMP_DUMPLEVEL", level, PATH)
    if rest or parse_sysconfig_kdump(content).text("MAKEDUMPFILE_OPTIONS"):
        content = set_assignment(content, "MAKEDUMPFILE_OPTIONS", " ".join(rest), PATH)
    return content
