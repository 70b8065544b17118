"""/etc/default/kdump-tools made to say what is wanted.

Source: kdump-config 1:1.8.1, which puts -F behind MAKEDUMP_ARGS by itself and always runs makedumpfile.
"""

from __future__ import annotations

import re

from kdumpkit.distributions.answers import FileEdit, SettingsWanted
from kdumpkit.distributions.kdump_tools_kexec import KDUMP_DIRECTORY
from kdumpkit.distributions.shell_settings import set_assignment
from kdumpkit.errors import ParameterError
from kdumpkit.facts.kdump_tools import PATH, parse_kdump_tools

_LEVEL = re.compile(r"(^|\s)-d\s*[0-9]+")


def edit_kdump_tools(content: bytes | None, wanted: SettingsWanted) -> tuple[FileEdit, ...]:
    """The edit of the settings file; () where it says all that. ``content`` None: there is no file yet.

    A file that is made names kernel and kdump initramfs as well, as kdump-config takes none for granted.
    """
    after = content
    if after is None:
        lines = (
            f"KDUMP_KERNEL={KDUMP_DIRECTORY}/vmlinuz",
            f"KDUMP_INITRD={KDUMP_DIRECTORY}/initrd.img",
            'KDUMP_COREDIR="/var/crash"',
        )
        after = "".join(f"{line}\n" for line in lines).encode()
    if wanted.enabled:
        after = set_assignment(after, "USE_KDUMP", "1", PATH)
    if wanted.directory is not None:
        after = set_assignment(after, "KDUMP_COREDIR", wanted.directory, PATH)
    if wanted.collector is not None or wanted.dump_level is not None:
        after = set_assignment(after, "MAKEDUMP_ARGS", _arguments(after, wanted), PATH)
    return () if after == content else (FileEdit(PATH, content, after),)


def _arguments(content: bytes, wanted: SettingsWanted) -> str:
    arguments = parse_kdump_tools(content).makedump_arguments or "-c -d 31"
    if wanted.collector is not None:
        program, _, arguments = wanted.collector.strip().partition(" ")
        if program.rpartition("/")[2] != "makedumpfile":
            raise ParameterError(
                f"{PATH}: the core collector is always makedumpfile here, {program!r} cannot be set",
                "core_collector: makedumpfile -c -d 31",
            )
    if wanted.dump_level is not None:
        level = f"-d {wanted.dump_level}"
        arguments = _LEVEL.sub(rf"\g<1>{level}", arguments) if _LEVEL.search(arguments) else f"{arguments} {level}"
    return arguments.strip()
