"""The modules that were loaded, with what they tainted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_MODULES = 10_000


@dataclass(frozen=True)
class LoadedModule:
    """One module of the kernel that died."""

    name: str
    #: letters of Documentation/admin-guide/tainted-kernels.rst; "" for a module of the kernel's own build
    taint: str

    @property
    def out_of_tree(self) -> bool:
        return "O" in self.taint


@dataclass(frozen=True)
class LoadedModules:
    """All modules of the kernel that died."""

    #: latest loaded first, as in /proc/modules
    modules: tuple[LoadedModule, ...]

    @property
    def tainting(self) -> tuple[LoadedModule, ...]:
        return tuple(module for module in self.modules if module.taint)


def read_loaded_modules(session: DrgnSession) -> LoadedModules:
    """The modules out of an open dump."""
    from drgn.helpers.linux.module import for_each_module, module_taints

    found: list[LoadedModule] = []
    for module in for_each_module(session.program):
        name = module.name.string_().decode("utf-8", "replace")
        found.append(LoadedModule(name, module_taints(module)))
        if len(found) >= _MOST_MODULES:
            break
    return LoadedModules(tuple(found))


SECTION = Section("modules", LoadedModules, read_loaded_modules)
