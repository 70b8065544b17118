"""/etc/kdump.conf made to say what is wanted, line by line. Source: kdump.conf(5), kdumpctl of kdump-utils."""

from __future__ import annotations

import re
import shlex

from kdumpkit.distributions.answers import FileEdit, SettingsWanted
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.kdump_conf import PATH, KdumpConf, parse_kdump_conf
from kdumpkit.facts.kdump_settings import DumpTargetKind

_LEVEL = re.compile(r"(^|\s)-d\s*[0-9]+(?=\s|$)")


def edit_kdump_conf(content: bytes | None, wanted: SettingsWanted) -> tuple[FileEdit, ...]:
    """The edit of kdump.conf; () where it says all that. ``content`` None: there is no file yet, and none is needed.

    Raises GateClosed where a key is set twice (which of them is meant is for a person to say) or where a directory is
    wanted that the configured target does not hold, ParameterError for a value that the file cannot hold.
    """
    before = content or b""
    conf = parse_kdump_conf(before)
    after = before
    if wanted.directory is not None and wanted.directory != conf.save_path:
        if conf.target is not None and conf.target_kind is DumpTargetKind.LOCAL:
            raise GateClosed(
                f"{PATH} sends dumps to {conf.target}, and path is a directory there: {wanted.directory} of this host "
                "cannot be set beside it",
                f"take the target out of {PATH}, or leave the directory to it",
            )
        after = set_key(after, "path", wanted.directory)
    collector = _collector(conf, wanted)
    if collector is not None:
        after = set_key(after, "core_collector", collector)
    return () if after == before else (FileEdit(PATH, content, after),)


def set_key(content: bytes, key: str, value: str) -> bytes:
    """The file with ``key`` set to ``value``: in the place of the line that sets it, else in a new last line."""
    if not value.strip() or re.search(r"[\n\0#]", value):
        raise ParameterError(f"{PATH}: {key} cannot be {value!r}", "give it on one line without #")
    found = [line for line in parse_kdump_conf(content).lines if line.key == key]
    if len(found) > 1:
        numbers = ", ".join(str(line.number) for line in found)
        raise GateClosed(f"{PATH} sets {key} in lines {numbers}: which of them is meant is not known", f"vi {PATH}")
    new = f"{key} {value.strip()}".encode("utf-8", "surrogateescape")
    if not found:
        return content + (b"" if content.endswith(b"\n") or not content else b"\n") + new + b"\n"
    if found[0].value == value.strip():
        return content
    lines = content.split(b"\n")
    lines[found[0].number - 1] = new
    return b"\n".join(lines)


def _collector(conf: KdumpConf, wanted: SettingsWanted) -> str | None:
    if wanted.collector is None and wanted.dump_level is None:
        return None
    collector = wanted.collector or conf.collector()
    program = _words(collector)[0].rpartition("/")[2]
    flattened = conf.target_kind in (DumpTargetKind.SSH, DumpTargetKind.RAW)
    if wanted.dump_level is not None:
        if program != "makedumpfile":
            raise ParameterError(
                f"{PATH}: {program} has no dump level", "core_collector: makedumpfile -l --message-level 7 -d 31"
            )
        level = f"-d {wanted.dump_level}"
        collector = _LEVEL.sub(rf"\g<1>{level}", collector) if _LEVEL.search(collector) else f"{collector} {level}"
    if program == "makedumpfile" and flattened and "-F" not in collector.split():
        collector = collector.replace("makedumpfile", "makedumpfile -F", 1)
    return collector


def _words(collector: str) -> list[str]:
    try:
        words = shlex.split(collector)
    except ValueError as error:
        raise ParameterError(f"{PATH}: core_collector {collector!r} has an open quote", "close it") from error
    if not words:
        raise ParameterError(f"{PATH}: core_collector is empty", "core_collector: makedumpfile -l -d 31")
    return words
