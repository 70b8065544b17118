"""The structure of the package: which way imports point, who may start processes, what a file looks like."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "kdumpkit"
FILES = sorted(PACKAGE.rglob("*.py"))

#: values and the record, which everything may use
_BASE = ("errors", "command", "disk_room", "evidence.redact")
_RECORD = ("evidence.transcript", "evidence.playback")
#: area -> what it may import beside itself; the longest name that fits is a module's area
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "evidence.redact": (),
    "errors": ("evidence.redact",),
    "command": ("errors",),
    "disk_room": ("errors",),
    "parameters": ("errors",),
    "evidence.transcript": _BASE,
    "evidence.playback": (*_BASE, "evidence.transcript"),
    "hosts": (*_BASE, *_RECORD),
    "facts": (*_BASE, "hosts"),
    # pure: what a distribution is like is data, asked and answered through facts
    "distributions": (*_BASE, "facts"),
    "checks.finding": (),
    "checks": (*_BASE, "facts"),
    "actions": (*_BASE, "hosts", "facts", "checks", "distributions"),
    "vmcore": (*_BASE, "hosts"),
    "analysis.log": _BASE,
    "analysis": (*_BASE, "hosts", "vmcore", "checks.finding"),
    # whether evidence holds is judged by findings, and proved by programs on this machine
    "evidence.verdict": (*_BASE, *_RECORD, "checks.finding"),
    "evidence": (*_BASE, "checks.finding", "hosts.local"),
    "lab": (*_BASE, "hosts", "parameters", "vmcore"),
    "render": (*_BASE, "actions.plan", "checks.finding", "evidence", "runbook.step", "runbook.clock"),
    "runbook": (
        *_BASE, "parameters", "hosts", "facts", "distributions", "checks", "actions", "vmcore", "analysis", "evidence"
    ),
    "cli": (
        *_BASE, "parameters", "hosts", "facts", "distributions", "checks", "actions", "vmcore", "analysis", "evidence",
        "lab", "render", "runbook",
    ),
}  # fmt: skip
#: (module, what it imports) that go against it, each only inside a function
LAZY_EXCEPTIONS = {
    # a run writes its report, and the process that forks kernels has imported what notebooks use
    ("runbook.run", "render.report"),
    ("runbook.kernel_server", "render.cell"),
    ("runbook.kernel_server", "render.figures"),
}


@dataclass(frozen=True)
class Import:
    """One import as it stands in a file."""

    importer: str
    #: below kdumpkit without that name, or a whole foreign name
    module: str
    own: bool
    lazy: bool
    #: only for the type checker
    typing_only: bool


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


MODULES = {module_name(path) for path in FILES}


def imports_of(path: Path) -> Iterator[Import]:
    def visit(node: ast.AST, lazy: bool, typing_only: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                for name in _names(child):
                    own = name.split(".")[0] == "kdumpkit"
                    yield Import(module_name(path), name.partition(".")[2] if own else name, own, lazy, typing_only)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from visit(child, lazy or inside, typing_only or checking)

    return visit(tree_of(path), False, False)


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    assert node.level == 0, "imports are absolute"
    for alias in node.names:
        whole = f"{node.module}.{alias.name}"
        yield whole if whole.removeprefix("kdumpkit.") in MODULES else str(node.module)


ALL_IMPORTS = [found for path in FILES for found in imports_of(path)]


def area_of(module: str) -> str:
    fitting = [area for area in MAY_IMPORT if module == area or module.startswith(area + ".")]
    return max(fitting, key=len, default="")


def test_every_module_has_its_place() -> None:
    # "" is kdumpkit/__init__.py
    assert {module for module in MODULES if not area_of(module)} == {"__init__"}


def test_imports_point_one_way() -> None:
    wrong = set()
    for found in ALL_IMPORTS:
        # kdumpkit itself holds the version
        if not found.own or found.module == "":
            continue
        area = area_of(found.importer)
        allowed = (area, *MAY_IMPORT[area])
        if not any(found.module == name or found.module.startswith(name + ".") for name in allowed):
            wrong.add((found.importer, found.module, found.lazy))
    assert {(importer, module) for importer, module, lazy in wrong if lazy} == LAZY_EXCEPTIONS
    assert {(importer, module) for importer, module, lazy in wrong if not lazy} == set()


def test_there_is_no_circle_when_modules_are_loaded() -> None:
    at_load = {(f.importer, f.module) for f in ALL_IMPORTS if f.own and not f.lazy and not f.typing_only}
    below: dict[str, set[str]] = {}
    for importer, module in at_load:
        below.setdefault(importer, set()).add(module)
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module in done:
            return
        for next_module in sorted(below.get(module, ())):
            walk(next_module, (*path, module))
        done.add(module)

    for module in sorted(MODULES):
        walk(module, ())


def importers(*packages: str, lazy: bool | None = None) -> set[str]:
    return {
        found.importer
        for found in ALL_IMPORTS
        if not found.own
        and not found.typing_only
        and found.module.split(".")[0] in packages
        and (lazy is None or found.lazy is lazy)
    }


def test_processes_are_started_in_few_places() -> None:
    # lz4 and zstd are not in Python's library
    allowed = re.compile(r"hosts\..*|lab\..*|runbook\.kernel_process|cli\..*|vmcore\.unpack")
    assert {
        module for module in importers("subprocess", "pty", "multiprocessing") if not allowed.fullmatch(module)
    } == set()


def test_nothing_else_opens_connections() -> None:
    # the lock names the machine that holds it
    allowed = re.compile(r"hosts\..*|lab\..*|runbook\.(kernel|kernel_process|kernel_server|lock)")
    network = importers("socket", "http", "urllib", "ftplib", "smtplib", "requests", "asyncio", "ssl")
    assert {module for module in network if not allowed.fullmatch(module)} == set()


def test_what_executes_notebooks_is_in_one_place() -> None:
    assert importers("papermill", "nbclient") == {"runbook.execute"}
    assert importers("nbformat") <= {"runbook.execute"}
    assert importers("jupyter_client", "nbval") <= {"runbook.execute", "runbook.kernel"}


def test_matplotlib_is_imported_only_to_draw() -> None:
    assert importers("matplotlib", lazy=False) == set()
    assert importers("matplotlib", lazy=True) <= {"render.figures", "runbook.kernel_server"}


def test_front_ends_are_known_to_few() -> None:
    allowed = {"render.widgets", "runbook.session", "runbook.kernel_server", "runbook.kernel", "runbook.execute"}
    assert importers("IPython", "ipywidgets", "ipykernel") <= allowed
    assert importers("IPython", "ipywidgets", "ipykernel", lazy=False) == set()


def test_untrusted_bytes_are_never_taken_for_objects() -> None:
    assert importers("pickle", "marshal", "shelve", "dill") == set()
    assert importers("yaml") == {"parameters"}


STAGES = (
    "kdumpkit.runbook.prerequisites",
    "kdumpkit.runbook.grub_crashkernel",
    "kdumpkit.runbook.reboot_check",
    "kdumpkit.runbook.kexec_load",
    "kdumpkit.runbook.panic_test",
    "kdumpkit.runbook.analysis",
)
HEAVY = ("papermill", "nbformat", "nbclient", "matplotlib", "drgn", "IPython", "ipywidgets", "jupyter_client", "typer")


def _modules_after(statement: str) -> set[str]:
    program = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _loaded_after(statement: str) -> set[str]:
    return {name.partition(".")[0] for name in _modules_after(statement)}


def test_what_every_notebook_imports_is_light() -> None:
    loaded = _loaded_after("import kdumpkit.render, " + ", ".join(STAGES))
    assert "kdumpkit" in loaded
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)


def test_the_command_line_starts_light() -> None:
    loaded = _loaded_after("import kdumpkit.cli.main")
    assert loaded.isdisjoint(set(HEAVY) - {"typer"}), loaded & set(HEAVY)


def test_the_report_out_of_a_dump_starts_without_the_reader_of_logs() -> None:
    loaded = _modules_after("import kdumpkit.analysis.drgn_report")
    assert "kdumpkit.analysis.places" in loaded
    assert not {name for name in loaded if name.startswith("kdumpkit.analysis.log")}


@pytest.mark.parametrize("folder", ["kdumpkit", "tests", "benchmarks"])
def test_no_file_is_longer_than_400_lines(folder: str) -> None:
    #: tests that walk many cases are lists more than programs
    limit = 400 if folder == "kdumpkit" else 600
    long = {path.name: n for path in (ROOT / folder).rglob("*.py") if (n := path.read_text().count("\n")) > limit}
    assert long == {}


def _main_blocks(tree: ast.Module) -> set[ast.AST]:
    """Everything below ``if __name__ == "__main__"`` and in functions that are called main."""
    blocks = [
        node
        for node in tree.body
        if (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))
        or (isinstance(node, ast.FunctionDef) and node.name == "main")
    ]
    return {below for node in blocks for below in ast.walk(node)}


def _outside_main(path: Path) -> Iterator[ast.AST]:
    within = _main_blocks(tree_of(path))
    return (node for node in ast.walk(tree_of(path)) if node not in within)


def test_there_is_no_assert_in_the_package() -> None:
    asserts = [f"{p.name}:{n.lineno}" for p in FILES for n in ast.walk(tree_of(p)) if isinstance(n, ast.Assert)]
    assert asserts == []


def _calls(path: Path) -> Iterator[tuple[str, int]]:
    for node in _outside_main(path):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def test_nothing_prints_or_ends_the_process_but_the_command_line() -> None:
    bad = {
        "print",
        "exit",
        "quit",
        "sys.exit",
        "eval",
        "exec",
        "compile",
        "input",
        "breakpoint",
        "os.system",
        "os.popen",
    }
    found = [
        f"{module_name(path)}:{line} {name}"
        for path in FILES
        if not module_name(path).startswith("cli.")
        for name, line in _calls(path)
        if name in bad
    ]
    found += [
        f"{module_name(path)}:{node.lineno} SystemExit"
        for path in FILES
        for node in _outside_main(path)
        if isinstance(node, ast.Name) and node.id == "SystemExit"
    ]
    assert found == []


def test_no_process_is_started_through_a_shell() -> None:
    found = [
        f"{module_name(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.keyword)
        and node.arg == "shell"
        and not (isinstance(node.value, ast.Constant) and not node.value.value)
    ]
    assert found == []


def _is_documented(path: Path, node: ast.FunctionDef | ast.ClassDef) -> bool:
    if ast.get_docstring(node) or node.name == "main":
        return True
    # the tree is drawn in the module's docstring
    if module_name(path) == "errors":
        return f"{node.name} " in (ast.get_docstring(tree_of(path)) or "")
    # `read_x` gives what `parse_x` in the same file says, as `fact` of it or Unknown
    twin = {child.name: child for child in tree_of(path).body if isinstance(child, ast.FunctionDef)}
    parser = twin.get(node.name.replace("read_", "parse_", 1))
    return node.name.startswith("read_") and parser is not None and ast.get_docstring(parser) is not None


def _undocumented() -> set[str]:
    return {
        f"{module_name(path)}.{node.name}"
        for path in FILES
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not _is_documented(path, node)
    }


#: what the package has for the repository's own scripts: the table in the README, the first cell of each notebook, and
#: the judge of recorded crashes
FOR_SCRIPTS = {"distributions.support.support_table", "parameters.parameters_cell", "lab.crash_kinds.dump_differences"}


def _used_names(tree: ast.AST, within: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names that code reads. A name within its own definition does not count, nor an import under its own name."""
    for node in ast.iter_child_nodes(tree):
        inside = within
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inside = within | {node.name}
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
        if name is not None and name not in within:
            yield name
        if isinstance(node, ast.alias) and node.asname is not None:
            yield node.name
        yield from _used_names(node, inside)


def _cells() -> Iterator[ast.Module]:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield ast.parse("".join(cell["source"]))


def test_everything_public_is_used_by_more_than_tests() -> None:
    used = {name for tree in (*map(tree_of, FILES), *_cells()) for name in _used_names(tree)}
    unused = {
        f"{module_name(path)}.{node.name}"
        for path in FILES
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and node.name not in used
        # typer calls what is registered with it
        and not any(ast.unparse(found).startswith(("app.", "params_app.")) for found in node.decorator_list)
    }
    assert unused == FOR_SCRIPTS


def test_every_file_says_what_it_is() -> None:
    assert [module_name(path) for path in FILES if not ast.get_docstring(tree_of(path))] == []


def test_everything_public_says_what_it_gives() -> None:
    assert _undocumented() == set()


def test_no_name_says_nothing() -> None:
    empty = re.compile(r"(^|_)(utils?|helpers?|manager|misc|common|stuff)($|_)")
    assert [module for module in MODULES if any(empty.search(part) for part in module.split("."))] == []


def _tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


#: private networks' addresses, package proxies, and the folders of whoever develops this
_MACHINE_PATH = re.compile(
    rb"(?<![\w.-])/(?:work|workspace|home/(?!user\b|USER\b|you\b|me\b|someone\b|<)[a-z][\w-]*)/[\w.-]"
)
_MIRROR = re.compile(rb"(?i)https?://[^\s/'\"<>]*(?:artifactory|nexus|jfrog|proxy|mirror)[^\s'\"<>]*")
_TEXT_THAT_NAMES_PROXIES = re.compile(r"tests/.*\.py")


def test_no_tracked_file_names_a_developers_machine_or_a_mirror() -> None:
    found = []
    for path in _tracked_files():
        raw = path.read_bytes()
        name = path.relative_to(ROOT).as_posix()
        if b"\0" in raw[:8000] or path == Path(__file__):
            continue
        found += [f"{name}: {m[0].decode(errors='replace')}" for m in _MACHINE_PATH.finditer(raw)]
        if not _TEXT_THAT_NAMES_PROXIES.fullmatch(name):
            found += [f"{name}: {m[0].decode(errors='replace')}" for m in _MIRROR.finditer(raw)]
    assert found == []
