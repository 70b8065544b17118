"""Debug symbols of the modules that were loaded, found by build id beside vmlinux; names from the dump itself.

Where a module has no file with debug information, its functions still have names: the dump holds its kallsyms.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kdumpkit.analysis.stack import module_of
from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore.elf import read_build_id
from kdumpkit.vmcore.view import FileView

#: kernel-debuginfo and linux-image-dbg have some 4000 files in some 900 folders
_MOST_FILES = 100_000
_ENDINGS = (".ko.debug", ".ko")


@dataclass(frozen=True)
class ModuleSymbols:
    """Which modules' files were found. They are loaded when a stack leads into their module: most are never needed."""

    #: by module, of the build id that the module has in the dump
    files: Mapping[str, Path]
    #: modules of which a file lies beside vmlinux, of another build
    other_build: tuple[str, ...]
    #: modules whose files were loaded, or could not be
    tried: set[str] = field(default_factory=set)

    def load_for(self, program: Any, trace: Any) -> bool:
        """Loads the files of a stack's modules; false where there is nothing to load and the stack is as it was."""
        names = {(module_of(program, frame) or "").replace("-", "_") for frame in trace}
        wanted = sorted(names & set(self.files) - self.tried)
        self.tried.update(wanted)
        if not wanted:
            return False
        try:
            program.load_debug_info([str(self.files[name]) for name in wanted])
        except Exception:  # MissingDebugInfoError, and what libdw finds wrong; the names from the dump are left
            return False
        return True


def find_module_symbols(program: Any, vmlinux: Path, release: str | None) -> ModuleSymbols:
    """What is found for the modules that drgn sees in the dump. Nothing that is missing is an error."""
    import drgn

    _load_names(program)
    try:
        wanted = {
            str(module.name).replace("-", "_"): module.build_id.hex() if module.build_id else ""
            for module in program.modules()
            if isinstance(module, drgn.RelocatableModule)
        }
    except Exception:  # a damaged list of modules
        return ModuleSymbols({}, ())
    found, other = find_module_files(wanted, module_folders(vmlinux, release))
    return ModuleSymbols(found, other)


def _load_names(program: Any) -> None:
    # names of functions from the modules' own tables in the dump
    from drgn.helpers.linux.kallsyms import load_module_kallsyms

    try:
        program.register_symbol_finder("kdumpkit modules", load_module_kallsyms(program), enable_index=1)
    except Exception:  # kernels without kallsyms, and damaged tables
        return


def module_folders(vmlinux: Path, release: str | None) -> tuple[Path, ...]:
    """Where modules' files would lie, given where vmlinux lies.

    Beside it (kernel-debuginfo of the Red Hat and SUSE families has both below usr/lib/debug/lib/modules/<release>,
    SUSE also below usr/lib/debug/usr/lib/modules/<release>), or below lib/modules of the same tree (Debian's
    usr/lib/debug/boot/vmlinux-<release>). Only folders that are there.
    """
    folder = vmlinux.parent
    places = [folder / "kernel", folder / "modules", folder / "updates", folder / "extra", folder / "weak-updates"]
    if release and "/" not in release and release not in (".", ".."):
        places += [folder.parent / below / release for below in ("lib/modules", "usr/lib/modules")]
    return tuple(place for place in places if place.is_dir())


def find_module_files(wanted: Mapping[str, str], folders: Iterable[Path]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Files by module's name, and the names of those that are there of another build only.

    ``wanted``: build id in hex by name, with underscores; "": not known, and then no file is taken.
    """
    found: dict[str, Path] = {}
    others: set[str] = set()
    for name, path in _named_files(folders):
        if name not in wanted or name in found:
            continue
        if wanted[name] and _build_id(path) == wanted[name]:
            found[name] = path
        else:
            others.add(name)
    return found, tuple(sorted(others - set(found)))


def _named_files(folders: Iterable[Path]) -> Iterable[tuple[str, Path]]:
    seen = 0
    for folder in folders:
        for top, _, files in os.walk(folder):
            for file in files:
                seen += 1
                if seen > _MOST_FILES:
                    return
                for ending in _ENDINGS:
                    if file.endswith(ending):
                        yield file.removesuffix(ending).replace("-", "_"), Path(top) / file
                        break


def _build_id(path: Path) -> str | None:
    try:
        with FileView(path) as view:
            return read_build_id(view)
    except NotAVmcore:
        return None
