"""Boot entries by the Boot Loader Specification: ``/boot/loader/entries/*.conf``, as GRUB's blscfg reads them.

Source: the Boot Loader Specification, blscfg.c of Enterprise Linux's and Fedora's GRUB (2.02 in EL 8, 2.06 in EL 9),
and the grub.cfg that their 10_linux writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.boot_loader import BootEntry
from kdumpkit.facts.grub import GrubEnvironment
from kdumpkit.facts.rpm_versions import rpm_version_key
from kdumpkit.facts.text import decoded

DIRECTORY = "/boot/loader/entries"
PATTERN = f"{DIRECTORY}/*.conf"
#: options that new kernels get, where the file is there
KERNEL_CMDLINE = "/etc/kernel/cmdline"

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_RELEASE = re.compile(r".*?(?:vmlinuz|vmlinux|Image|linux)-(.+)")
_SET = re.compile(r"^\s*set\s+([A-Za-z_]\w*)=(?:\"([^\"]*)\"|'([^']*)'|(\S*))\s*$", re.MULTILINE)


@dataclass(frozen=True)
class BlsEntry:
    """One file. ``name`` is its name without ``.conf``, which saved_entry names; ``options`` are as they are written.

    ``machine_id`` is what the name begins with (the machine that the kernel was installed on, which a cloud image can
    have had before); None where the name begins otherwise.
    """

    path: str
    name: str
    title: str
    version: str
    kernel_path: str | None
    initrd_paths: tuple[str, ...]
    options: str

    @property
    def machine_id(self) -> str | None:
        found = re.match(r"([0-9a-f]{32})-", self.name)
        return found[1] if found else None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that the options take from GRUB, in order."""
        return tuple(one or other for one, other in _VARIABLE.findall(self.options))

    @property
    def release(self) -> str | None:
        """The kernel's release: out of the kernel's name, else ``version``; None for an entry that starts no Linux."""
        if self.kernel_path is None:
            return None
        parts = self.kernel_path.split("/")
        named = _RELEASE.fullmatch(parts[-1])
        if named:
            return named[1]
        # <token>/<release>/linux, as kernel-install lays them out by itself
        return self.version or (parts[-2] if len(parts) > 2 else None)

    @property
    def rescue(self) -> bool:
        """The entry that the installer makes for a kernel with an initramfs of all drivers."""
        return "0-rescue" in self.name or "0-rescue" in (self.kernel_path or "")


def parse_boot_entry(data: bytes, path: str) -> BlsEntry:
    """One entry. ``options`` and ``initrd`` may stand more than once and are put together. Raises ParseError."""
    values: dict[str, list[str]] = {}
    for line in decoded(data, path).split("\n"):
        key, _, value = line.strip().partition(" ")
        key, tab, rest = key.partition("\t")
        value = f"{rest} {value}".strip() if tab else value.strip()
        if key and not key.startswith("#"):
            values.setdefault(key, []).append(value)
    if not values.keys() & {"linux", "efi", "uki", "title"}:
        raise ParseError(f"{path} is no boot entry: it has neither title nor linux")
    name = path.rpartition("/")[2].removesuffix(".conf")
    last = {key: found[-1] for key, found in values.items()}
    return BlsEntry(
        path=path,
        name=name,
        title=last.get("title", name),
        version=last.get("version", ""),
        kernel_path=last.get("linux"),
        initrd_paths=tuple(word for line in values.get("initrd", ()) for word in line.split()),
        options=" ".join(values.get("options", ())),
    )


def in_menu_order(entries: Sequence[BlsEntry]) -> tuple[BlsEntry, ...]:
    """The entries as the menu shows them: newest first, by the version order of rpm over the file's name.

    Rescue entries come last: their names begin with 0 behind the machine id.
    """
    return tuple(sorted(entries, key=lambda entry: rpm_version_key(entry.name), reverse=True))


def menu_variables(menu: bytes) -> dict[str, str]:
    """What a generated ``grub.cfg`` sets as plain text: the fallback of kernelopts, tuned_params, default and others.

    Of a variable that is set twice the last counts; what refers to other variables is left out.
    """
    found = {}
    for name, *values in _SET.findall(menu.decode("utf-8", "replace")):
        value = "".join(values)
        if "$" not in value:
            found[name] = value
    return found


def boot_entries(
    entries: Sequence[BlsEntry], environment: GrubEnvironment | None, fallbacks: Mapping[str, str]
) -> tuple[BootEntry, ...]:
    """The entries in menu order, their variables resolved: by the environment block, else by what grub.cfg sets.

    A variable that neither sets is empty, as in GRUB.
    """
    known = {**fallbacks, **(dict(environment.variables) if environment else {})}
    made = []
    for position, entry in enumerate(in_menu_order(entries)):
        line = _VARIABLE.sub(lambda found: known.get(found[1] or found[2], ""), entry.options)
        made.append(
            BootEntry(
                title=entry.title,
                release=entry.release,
                kernel_path=entry.kernel_path,
                command_line=" ".join(line.split()),
                path=entry.path,
                position=str(position),
                id=entry.name,
                recovery=entry.rescue,
            )
        )
    return tuple(made)


def find_entry(entries: Sequence[BootEntry], selector: str | None) -> BootEntry | None:
    """The entry that a default names: by id (with or without ``.conf``), title or number; without one the first.

    None where there is no such entry: GRUB then starts the first.
    """
    if not entries:
        return None
    if not selector:
        return entries[0]
    wanted = selector.removesuffix(".conf")
    return next((e for e in entries if wanted == e.id), None) or next(
        (e for e in entries if selector in (e.title, e.position)), None
    )


def with_options(entry: bytes, options: str) -> bytes:
    """The same file with these options in the place of its first ``options`` line, and no other such line."""
    lines = entry.split(b"\n")
    at = [i for i, line in enumerate(lines) if line.split(None, 1)[:1] == [b"options"]]
    new = b"options " + options.encode("utf-8", "surrogateescape")
    if not at:
        return b"\n".join([*lines[:-1], new, b""]) if lines[-1:] == [b""] else b"\n".join([*lines, new])
    lines[at[0]] = new
    return b"\n".join(line for i, line in enumerate(lines) if i not in at[1:])
