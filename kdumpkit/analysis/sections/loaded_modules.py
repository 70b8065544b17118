"""The modules that were loaded, with what they tainted and whether their symbols were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, bytes_text, counted, listed

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_MODULES = 10_000
#: enum module_state
_STATES = {0: "", 1: "being loaded", 2: "being removed", 3: "not set up yet"}
#: Documentation/admin-guide/tainted-kernels.rst, of those letters that a module can have
_TAINTS = {
    "P": "proprietary",
    "F": "loaded by force",
    "C": "staging driver",
    "O": "out of tree",
    "E": "not signed",
    "X": "of a distributor's support",
    "K": "live patch",
    "T": "struct randomization",
}


@dataclass(frozen=True)
class LoadedModule:
    """One module of the kernel that died."""

    name: str
    #: letters of Documentation/admin-guide/tainted-kernels.rst; "" for a module of the kernel's own build
    taint: str
    #: in memory; None where it cannot be read
    size_bytes: int | None = None
    #: what its makers wrote as MODULE_VERSION; None where they did not
    version: str | None = None
    #: "" for a module that was in use as usual
    state: str = ""
    #: name of the file with its debug symbols, by build id; None where none was found
    symbols: str | None = None

    @property
    def out_of_tree(self) -> bool:
        return "O" in self.taint


@dataclass(frozen=True)
class LoadedModules:
    """All modules of the kernel that died."""

    #: latest loaded first, as in /proc/modules
    modules: tuple[LoadedModule, ...]
    #: the module that was unloaded last; None where none was, or this kernel does not keep it
    last_unloaded: str | None = None
    #: modules of which a file with symbols lies beside vmlinux that is another build's
    other_build: tuple[str, ...] = ()


def read_loaded_modules(session: DrgnSession) -> LoadedModules:
    """The modules out of an open dump."""
    from drgn.helpers.linux.module import for_each_module

    symbols = {name: path.name for name, path in session.modules.files.items()} if session.modules is not None else {}
    found: list[LoadedModule] = []
    for module in for_each_module(session.program):
        found.append(_read_module(module, symbols))
        if len(found) >= _MOST_MODULES:
            break
    other = session.modules.other_build if session.modules is not None else ()
    return LoadedModules(tuple(found), _last_unloaded(session.program), other)


def _read_module(module: Any, symbols: Any) -> LoadedModule:
    from drgn.helpers.linux.module import module_address_regions, module_taints

    name = module.name.string_().decode("utf-8", "replace")
    try:
        size = sum(length for _, length in module_address_regions(module))
        version = module.version.string_().decode("utf-8", "replace")[:100] if module.version else None
    except Exception:  # a module that was being removed
        size = version = None
    state = module.state.value_()
    return LoadedModule(
        name, module_taints(module), size, version, _STATES.get(state, str(state)), symbols.get(name.replace("-", "_"))
    )


def _last_unloaded(program: Any) -> str | None:
    try:
        last = program["last_unloaded_module"]
        # a plain array of characters before 6.1
        text: bytes = (last.member_("name") if hasattr(last.type_, "members") else last).string_()
    except Exception:  # not in this kernel
        return None
    return text.decode("utf-8", "replace") or None


def taint_words(taint: str) -> str:
    """Letters of taint in words.

    >>> taint_words("OE")
    'out of tree, not signed'
    """
    return ", ".join(_TAINTS.get(letter, letter) for letter in taint)


def describe_modules(found: LoadedModules) -> tuple[SectionTable, ...]:
    """Modules with taint or of an unusual state; the others are counted."""
    special = [module for module in found.modules if module.taint or module.state]
    rows = tuple(
        (
            module.name,
            module.version or "",
            taint_words(module.taint),
            module.state,
            bytes_text(module.size_bytes),
            module.symbols or "no file",
        )
        for module in special
    )
    outside = [module.name for module in found.modules if module.out_of_tree]
    sentence = f"{counted(len(found.modules), 'module')} loaded"
    sentence += f"; out of tree: {listed(outside)}." if outside else ", none of them out of tree."
    if found.last_unloaded:
        sentence += f" Unloaded last: {found.last_unloaded}."
    with_symbols = sum(module.symbols is not None for module in found.modules)
    sentence += f" Symbols of {with_symbols or 'none'} of them were found."
    if found.other_build:
        sentence += f" Files of another build were left alone: {listed(found.other_build)}."
    return (SectionTable("Modules", sentence, ("module", "version", "taint", "state", "size", "symbols"), rows),)


SECTION = Section("modules", LoadedModules, read_loaded_modules, describe_modules)
