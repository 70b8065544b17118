"""What a panic test proves something about: kernel, command line, settings, capture initramfs, packages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.evidence.redact import redact_text
from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.kernel_build_id import KernelBuildId
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.packages import Packages
from kdumpkit.facts.reading import answered, record_numbers, records_of
from kdumpkit.facts.text import decoded, excerpt
from kdumpkit.facts.uname import Uname
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host

#: names of the parts that every host has; a file's part is one of the last three with its path behind it
MACHINE, RELEASE, BUILD_ID, COMMAND_LINE = "machine", "kernel release", "kernel build id", "command line"
KERNEL, INITRAMFS, SETTINGS = "capture kernel", "capture initramfs", "settings"
PACKAGE = "package"
#: the value of what is not there
ABSENT = "absent"


@dataclass(frozen=True)
class Fingerprint:
    """``parts`` by name, each as text: releases and versions as they are, files and the command line as digests.

    ``unknown`` says for the parts that could not be read why not; a part is in one of the two.
    """

    parts: Mapping[str, str]
    unknown: Mapping[str, str]
    records: tuple[int, ...] = ()


@dataclass(frozen=True)
class FileDigests:
    """SHA-256 in hex by path; None: the file is not there."""

    digests: Mapping[str, str | None]
    records: tuple[int, ...] = ()


_LINE = re.compile(r"([0-9a-f]{64}) [ *](/.*)")


def parse_sha256sum(stdout: bytes, stderr: bytes, paths: Sequence[str]) -> dict[str, str | None]:
    """Digests by path. Raises ParseError for a path that has no line and was not called absent."""
    found: dict[str, str | None] = {}
    for line in stdout.decode("utf-8", "replace").split("\n"):
        if not line:
            continue
        told = _LINE.fullmatch(line)
        if told is None or told[2] not in paths:
            raise ParseError(f"sha256sum: {excerpt(line)} is not a digest of a file that was asked for")
        found[told[2]] = told[1]
    said = decoded(stderr, "sha256sum").split("\n") if stderr.strip() else []
    for path in paths:
        if path in found:
            continue
        about = [line for line in said if f"{path}:" in line or f"'{path}'" in line]
        if not any("No such file" in line for line in about):
            raise ParseError(f"sha256sum: no digest of {path}: {excerpt(about[0]) if about else 'nothing was said'}")
        found[path] = None
    return found


def read_file_digests(host: Host, paths: Sequence[str]) -> FileDigests | Unknown:
    """Digests of files by one command; a capture initramfs of some ten MB takes some hundredths of a second."""
    wanted = tuple(dict.fromkeys(paths))
    command = Command(
        ("sha256sum", "--", *wanted),
        timeout_s=120,
        as_root=True,
        # status 1: one of them cannot be read, which the parser judges
        accepted=(0, 1),
        title=f"digests of {wanted[0]}" + (f" and {len(wanted) - 1} more" if wanted[1:] else ""),
    )
    return answered(
        host,
        command,
        lambda result: FileDigests(
            parse_sha256sum(result.stdout, result.stderr, wanted), record_numbers(result.record)
        ),
    )


def fingerprint_of(
    *,
    boot: BootIdentity | Unknown,
    uname: Uname | Unknown,
    build_id: KernelBuildId | Unknown,
    command_line: KernelCommandLine | Unknown,
    packages: Packages | Unknown,
    digests: FileDigests | Unknown,
    kernel: str,
    initramfs: str,
    settings: Sequence[str],
) -> Fingerprint:
    """The fingerprint of a host as it is now. ``kernel``, ``initramfs`` and ``settings`` are the paths in ``digests``.

    Secrets in the command line are masked before its digest is made: kept evidence has them masked as well. Of the
    machine's id a digest is kept, since the id itself is meant to stay on its host (machine-id(5)).
    """
    named = [(KERNEL, kernel), (INITRAMFS, initramfs), *((f"{SETTINGS} {path}", path) for path in settings)]
    found: list[tuple[str, str | Unknown]] = [
        (MACHINE, machine_part(boot)),
        (RELEASE, uname if isinstance(uname, Unknown) else uname.release),
        # kernels may be built without one; what is not there then and now is the same
        (BUILD_ID, build_id if isinstance(build_id, Unknown) and not build_id.absent else _build_id(build_id)),
        (COMMAND_LINE, _digest_of(command_line if isinstance(command_line, Unknown) else command_line.text)),
        *(
            (name, digests if isinstance(digests, Unknown) else digests.digests.get(path) or ABSENT)
            for name, path in named
        ),
    ]
    if isinstance(packages, Unknown):
        found.append((PACKAGE, packages))
    else:
        # what is not installed is left out: a package that comes is seen as one that was added
        found += [(f"{PACKAGE} {package.name}", package.version) for package in packages.packages if package.version]
    return Fingerprint(
        {name: value for name, value in found if isinstance(value, str)},
        {name: value.sentence() for name, value in found if isinstance(value, Unknown)},
        records_of(boot, uname, build_id, command_line, packages, digests),
    )


def machine_part(boot: BootIdentity | Unknown) -> str | Unknown:
    """The part :data:`MACHINE`: a digest of the machine's id."""
    return boot if isinstance(boot, Unknown) else _digest_of(boot.machine_id)


def _build_id(build_id: KernelBuildId | Unknown) -> str:
    return ABSENT if isinstance(build_id, Unknown) else build_id.build_id


def _digest_of(text: str | Unknown) -> str | Unknown:
    return text if isinstance(text, Unknown) else hashlib.sha256(redact_text(text).encode()).hexdigest()


def fingerprint_as_json(fingerprint: Fingerprint) -> dict[str, Any]:
    """A fingerprint as it is kept among the values of a run."""
    return {"parts": dict(fingerprint.parts), "unknown": dict(fingerprint.unknown)}


def fingerprint_from_json(data: Any) -> Fingerprint:
    """The fingerprint that :func:`fingerprint_as_json` made. Raises ParseError for anything else."""
    if not isinstance(data, Mapping):
        raise ParseError("the fingerprint in the record is none")
    parts, unknown = data.get("parts"), data.get("unknown")
    for given in (parts, unknown):
        if not isinstance(given, Mapping) or not all(
            isinstance(name, str) and isinstance(value, str) for name, value in given.items()
        ):
            raise ParseError("the fingerprint in the record is none")
    return Fingerprint(dict(parts or {}), dict(unknown or {}))
