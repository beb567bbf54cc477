"""The structure of the package: imports go one way, and some things are done in one place only."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import romtool

ROOT = Path(romtool.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

CORE = (
    "kernel_cache",
    "errors",
    "interruption",
    "progress",
    "cells",
    "types",
    "components",
    "settings",
    "constraints",
    "loading",
    "expression",
    "temperature",
    "protocols",
)
"""Single modules; each may import those before it."""

PHYSICS = ("linalg", "fem", "laws")
ALLOWED: dict[str, tuple[str, ...]] = {
    **{name: CORE[:i] for i, name in enumerate(CORE)},
    "linalg": ("errors", "progress"),
    "convert": CORE,
    "io": CORE,
    "laws": CORE,
    "fem": CORE,
    "hifi": (*CORE, *PHYSICS),
    "reduced": (*CORE, *PHYSICS),
    "offline": (*CORE, *PHYSICS, "io", "hifi", "reduced"),
    "online": (*CORE, *PHYSICS, "io", "hifi", "reduced", "offline"),
    "operators": (*CORE, "linalg", "io", "hifi"),
    "lifetime": (*CORE, "io"),
    "report": (*CORE, "io"),
    "batch": (*CORE, "io"),
    "pipeline": (
        *(*CORE, *PHYSICS, "convert", "io", "hifi", "reduced", "offline", "online", "operators", "lifetime", "report"),
        "batch",
    ),
    "cli": ("errors", "interruption", "progress", "batch", "pipeline"),
    "": ("kernel_cache", "pipeline"),
}
"""Part -> the parts it may import, besides itself and "", which is romtool/__init__.py with the version."""

EXCEPTIONS = {
    ("cli", "romtool.convert.registry"),
    ("convert", "romtool.fem.elements"),
    ("convert", "romtool.fem.shapes"),
}
"""The command line lists the readers; a reader finds the formulation that has a file's integration points."""

HEAVY = ("meshio", "matplotlib", "pyvista", "sklearn", "petsc4py", "mpi4py", "netCDF4", "kmedoids")
"""Packages that are imported inside the functions that need them."""

PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def part_of(module: str) -> str:
    """Return the part of a dotted module name: "romtool.io.case" -> "io"."""
    return module.partition(".")[2].partition(".")[0]


def module_of(path: Path) -> str:
    """Return the dotted name of a file."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    """Tell whether a dotted name is a module of the package (not a name inside one)."""
    path = ROOT.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every imported module, of `from a import b` also a.b where that is a module of the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            yield name
            yield from (full for alias in node.names if is_module(full := f"{name}.{alias.name}"))


def own_imports(tree: ast.AST) -> set[str]:
    """Return the imported modules of the package."""
    return {name for name in imports(tree) if name.partition(".")[0] == "romtool"}


def forbidden(module: str, tree: ast.AST) -> list[str]:
    """Return the imports of a module that its part may not have."""
    part = part_of(module)
    allowed = {part, "", *ALLOWED[part]}
    found = {name for name in own_imports(tree) if part_of(name) not in allowed}
    return sorted(name for name in found if (part, name) not in EXCEPTIONS)


def test_the_table_names_every_part_and_has_no_cycle():
    parts = {part_of(module_of(path)) for path in FILES}
    assert parts <= set(ALLOWED)
    assert parts >= {"errors", "types", "convert", "io", "linalg", "laws", "fem", "pipeline", "cli"}
    remaining = dict(ALLOWED)
    while remaining:
        leaves = [part for part, uses in remaining.items() if not set(uses) & set(remaining)]
        assert leaves, f"the table itself has a cycle among {sorted(remaining)}"
        remaining = {part: uses for part, uses in remaining.items() if part not in leaves}


def offenders(check: Callable[[Path], object]) -> dict[str, object]:
    """Return file -> what a check found, for the files where it found something."""
    found = {str(path.relative_to(ROOT)): check(path) for path in FILES}
    return {name: what for name, what in found.items() if what}


def test_imports_go_one_way():
    assert offenders(lambda path: forbidden(module_of(path), parse(path))) == {}


def test_imports_are_absolute():
    assert offenders(lambda path: [name for name in imports(parse(path)) if name.startswith(".")]) == {}


def test_modules_import_each_other_without_cycles():
    uses = {module_of(path): own_imports(parse(path)) - {module_of(path)} for path in FILES}
    packages = {module_of(path) for path in FILES if path.name == "__init__.py"}
    remaining = {name: {use for use in used if use in uses and use not in packages} for name, used in uses.items()}
    while remaining:
        leaves = {name for name, used in remaining.items() if not used & set(remaining)}
        assert leaves, f"import cycle among {sorted(remaining)}"
        remaining = {name: used for name, used in remaining.items() if name not in leaves}


@pytest.mark.parametrize(
    ("package", "parts"),
    [("petsc4py", {"hifi"}), ("mpi4py", {"pipeline"}), ("click", {"cli"}), ("meshio", {"convert", "io"})],
)
def test_packages_are_used_in_their_place(package, parts):
    def used_elsewhere(path: Path) -> bool:
        names = {name.partition(".")[0] for name in imports(parse(path))}
        return package in names and part_of(module_of(path)) not in parts

    assert offenders(used_elsewhere) == {}


def test_heavy_packages_are_imported_where_they_are_needed():
    def heavy_at_the_top(path: Path) -> set[str]:
        statements = [node for node in parse(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {name.partition(".")[0] for node in statements for name in imports(node)}
        return names & set(HEAVY)

    assert offenders(heavy_at_the_top) == {}


def test_world_communicator_is_named_in_pipeline_only():
    assert offenders(lambda path: "COMM_WORLD" in names_in(path) and part_of(module_of(path)) != "pipeline") == {}


def names_in(path: Path) -> set[str]:
    """Return all names and attributes in a file."""
    nodes = list(ast.walk(parse(path)))
    return {n.attr for n in nodes if isinstance(n, ast.Attribute)} | {n.id for n in nodes if isinstance(n, ast.Name)}


def test_nothing_is_pickled():
    def pickles(path: Path) -> set[str]:
        tree = parse(path)
        keywords = [k for k in ast.walk(tree) if isinstance(k, ast.keyword) and k.arg == "allow_pickle"]
        loose = {ast.unparse(k) for k in keywords if ast.unparse(k.value) != "False"}
        return loose | ({name.partition(".")[0] for name in imports(tree)} & PICKLERS)

    assert offenders(pickles) == {}


def test_only_the_command_line_prints_and_exits():
    def prints(path: Path) -> set[str]:
        calls = {ast.unparse(node.func) for node in ast.walk(parse(path)) if isinstance(node, ast.Call)}
        return calls & {"print", "exit", "quit", "sys.exit", "os._exit"} if part_of(module_of(path)) != "cli" else set()

    assert offenders(prints) == {}


def test_the_checks_find_what_they_look_for():
    tree = ast.parse(
        "import romtool.hifi.petsc\nfrom romtool import io\nfrom romtool.convert import vtk\nfrom . import x"
    )
    assert set(imports(tree)) >= {"romtool.hifi.petsc", "romtool.io", "romtool.convert.vtk", "."}
    assert forbidden("romtool.io.x", tree) == [
        "romtool.convert",
        "romtool.convert.vtk",
        "romtool.hifi.petsc",
    ]
    assert forbidden("romtool.cli.x", ast.parse("import romtool.convert.registry, romtool.convert.vtk")) == [
        "romtool.convert.vtk"
    ]
    assert forbidden("romtool.linalg.x", ast.parse("from romtool.types import Mesh")) == ["romtool.types"]
    assert part_of("romtool.io.case") == "io"
    assert is_module("romtool.types")
    assert not is_module("romtool.types.Mesh")
