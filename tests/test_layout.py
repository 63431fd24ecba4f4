"""The rooms of the repository, the direction of imports, and the one door of each heavy import.

Every rule is a function from a folder to the sentences that say where it is broken, so that the
same function is shown, on a small made-up package, to find what it is there to find.
"""

from __future__ import annotations

import ast
import itertools
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import phasegrok

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "phasegrok"

# Left never imports right. A new module takes its place here first.
ORDER: list[str] = [
    *("errors", "words", "options", "cells", "lattice", "phases", "streams", "hashing", "slurm"),
    *("tasks", "models", "losses", "optim", "circuits", "observables", "representation"),
    *(
        "engine",
        "store",
        "claims",
        "submitted",
        "answers",
        "status",
        "work",
        "sizing",
        "estimate",
        "plan",
        "states",
        "rows",
        "jobs",
        "worker",
        "replay",
    ),
    *("frames", "diagram", "report", "refine", "progress", "launch"),
    *("_paths", "config", "show", "plotting", "sweep", "__main__"),
]

# A heavy import and the only modules that may have it, anywhere in their files.
DOORS = {
    "hydra": {"config", "sweep"},
    "omegaconf": {"config", "sweep"},
    "pydantic": {"config"},
    "yaml": {"store", "config"},
    "submitit": {"launch"},
    "pyarrow": {"store"},
    "safetensors": {"store"},
    "seaborn": {"diagram"},
    "matplotlib": {"diagram"},
    "scipy": {"frames"},
    "sklearn": {"tasks"},
    "lifelines": {"frames"},
    "plotly": {"report"},
    "optuna": {"refine"},
    "rdkit": {"tasks"},
    "tqdm": {"progress"},
}

# Who may import it when the module itself is imported; others may do so inside a function.
EAGER_DOORS = {
    "torch": {
        *("hashing", "models", "losses", "optim", "circuits"),
        *("engine", "states", "jobs", "replay"),
    },
    "pandas": {"frames", "diagram", "report"},
}

# Rooms that are no packages: importable from the checkout's root, by accident, and nowhere else.
ROOMS = {"conf", "sweeps", "analysis", "tests", "benchmarks", "docs", "outputs"}

PUBLIC_NAMES = {
    "InputError",
    "Rule",
    "classify",
    "draw",
    "load",
    "load_weights",
    "operation",
    "runs",
    "train",
    "__version__",
}

# Distribution -> what it is imported as, where the two differ.
IMPORT_NAMES = {"hydra-core": "hydra", "pyyaml": "yaml", "scikit-learn": "sklearn"}
# Direct imports of what a declared dependency brings along and bounds itself.
BROUGHT_ALONG = {"omegaconf": "hydra-core"}
# Declared for what is still to be built: refinement.
NOT_YET_USED = {"optuna"}


@dataclass(frozen=True)
class Import:
    """One imported module: where it stands, its dotted name, and whether inside a function."""

    file: Path
    line: int
    name: str
    lazy: bool

    def at(self, package: Path) -> str:
        return f"{self.file.relative_to(package)}:{self.line}"


def module_of(file: Path, package: Path) -> str:
    """The top-level module that a file belongs to: tasks for tasks.py and for tasks/tables.py."""
    return file.relative_to(package).parts[0].removesuffix(".py")


def imports(package: Path) -> Iterator[Import]:
    """Every import in the package, `if TYPE_CHECKING:` blocks excepted: those never run."""
    for file in sorted(package.rglob("*.py")):
        yield from _imports_below(ast.parse(file.read_text()), file, package, lazy=False)


def _imports_below(node: ast.AST, file: Path, package: Path, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imports_below(other, file, package, lazy=lazy)
            continue
        for name in _names(child, file, package):
            yield Import(file, child.lineno, name, lazy)  # type: ignore[attr-defined]
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports_below(child, file, package, lazy=lazy or inside)


def _names(node: ast.AST, file: Path, package: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parents = ("phasegrok", *file.relative_to(package).parent.parts)
            base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [base])])
        # `from phasegrok import tasks` imports the module tasks; a submodule stays under its own.
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


def own_imports(package: Path) -> Iterator[tuple[Import, str, str]]:
    """(import, importing module, imported module) for what the package imports of itself."""
    modules = {module_of(file, package) for file in package.rglob("*.py")}
    for found in imports(package):
        parts = found.name.split(".")
        if parts[0] == "phasegrok" and len(parts) > 1 and parts[1] in modules:
            yield found, module_of(found.file, package), parts[1]


def wrong_direction(package: Path) -> list[str]:
    faults = []
    for found, here, there in own_imports(package):
        if here == there or here == "__init__" or not {here, there} <= set(ORDER):
            continue
        if ORDER.index(there) > ORDER.index(here):
            faults.append(
                f"{found.at(package)} imports phasegrok.{there}, which is to the right of {here} "
                "in the import order"
            )
    return faults


def without_a_place(package: Path) -> list[str]:
    modules = {module_of(file, package) for file in package.rglob("*.py")} - {"__init__", "conf"}
    return [
        f"phasegrok/{module} has no place in the import order; give it one in tests/test_layout.py"
        for module in sorted(modules - set(ORDER))
    ]


def wrong_door(package: Path) -> list[str]:
    faults = []
    for found in imports(package):
        here, library = module_of(found.file, package), found.name.split(".")[0]
        doors = DOORS.get(library) or (None if found.lazy else EAGER_DOORS.get(library))
        if doors and here not in doors:
            when = "" if library in DOORS else " when it is imported; do it inside the function"
            allowed = ", ".join(sorted(doors))
            faults.append(
                f"{found.at(package)} imports {library}{when}; the door to {library} is {allowed}"
            )
    return faults


def imports_of_rooms(package: Path) -> list[str]:
    return [
        f"{found.at(package)} imports the checkout's folder {found.name.split('.')[0]!r}; "
        "it is not in the wheel"
        for found in imports(package)
        if found.name.split(".")[0] in ROOMS
    ]


def modules_named_like_functions(package: Path) -> list[str]:
    modules = {module_of(file, package) for file in package.rglob("*.py")}
    faults = []
    for file in sorted(package.rglob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in modules:
                where = f"{file.relative_to(package)}:{node.lineno}"
                faults.append(f"{where} defines {node.name}, and so is a module of phasegrok named")
    return faults


def undeclared(package: Path) -> list[str]:
    declared = {IMPORT_NAMES.get(name, name) for name in declared_dependencies()}
    known = declared | set(BROUGHT_ALONG) | set(sys.stdlib_module_names) | {"phasegrok"}
    return [
        f"{found.at(package)} imports {found.name.split('.')[0]}, which pyproject.toml does not "
        "declare"
        for found in imports(package)
        if found.name.split(".")[0] not in known | ROOMS
    ]


def declared_dependencies() -> set[str]:
    """Those of every installation, and of the extras for users."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    extras.pop("test")
    declared = [*project["dependencies"], *itertools.chain(*extras.values())]
    return {line.split(">")[0] for line in declared}


RULES: list[Callable[[Path], list[str]]] = [
    wrong_direction,
    without_a_place,
    wrong_door,
    imports_of_rooms,
    modules_named_like_functions,
    undeclared,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps(rule: Callable[[Path], list[str]]) -> None:
    faults = rule(PACKAGE)
    assert not faults, "\n".join(faults)


PLANTED = [
    (wrong_direction, "engine/step.py", "def f():\n  from phasegrok import store", "right of"),
    (wrong_direction, "cells.py", "from .tasks.tables import size", "right of cells"),
    (wrong_direction, "engine/step.py", "from ..store import load", "right of engine"),
    (without_a_place, "helpers.py", "", "phasegrok/helpers"),
    (wrong_door, "engine/step.py", "def f():\n  import pyarrow.parquet", "to pyarrow is store"),
    (wrong_door, "config.py", "import torch.nn", "inside the function"),
    (wrong_door, "phases.py", "import pandas as pd", "inside the function"),
    (imports_of_rooms, "store.py", "import analysis.minimal", "not in the wheel"),
    (imports_of_rooms, "store.py", "from conf import x", "not in the wheel"),
    (modules_named_like_functions, "cells.py", "def store(): ...", "cells.py:1 defines store"),
    (undeclared, "store.py", "import sympy.abc", "imports sympy"),
]


@pytest.mark.parametrize(("rule", "file", "text", "message"), PLANTED)
def test_a_planted_fault_is_found(
    rule: Callable[[Path], list[str]], file: str, text: str, message: str, tmp_path: Path
) -> None:
    for name, content in {"store.py": "", "tasks/tables.py": "", file: text}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert [fault for fault in rule(tmp_path) if message in fault], rule(tmp_path)


def test_what_is_only_for_type_checkers_counts_for_no_rule(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import torch, pyarrow, analysis"
    (tmp_path / "cells.py").write_text(text)
    assert not any(rule(tmp_path) for rule in RULES)


def test_every_declared_dependency_is_imported() -> None:
    used = {found.name.split(".")[0] for found in imports(PACKAGE)}
    unused = {name for name in declared_dependencies() if IMPORT_NAMES.get(name, name) not in used}
    assert unused <= NOT_YET_USED, f"declared and never imported: {sorted(unused - NOT_YET_USED)}"
    assert unused >= NOT_YET_USED, f"now in use: {sorted(NOT_YET_USED - unused)}; shorten the list"


# ------------------------------------------------------------------------- what is really imported

HEAVY = {"torch", "numpy", "pandas", "pyarrow", *DOORS}
BEYOND_A_WORKER = HEAVY - {"torch", "numpy", "pyarrow"}

FORBID = """
import importlib, sys
forbidden, modules = set({forbidden!r}), {modules!r}
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in forbidden:
            raise ImportError(f"{{name}} was imported while importing {{modules}}")
sys.meta_path.insert(0, Forbid())
for module in modules:
    importlib.import_module(module)
"""


def import_without(forbidden: set[str], *modules: str) -> subprocess.CompletedProcess[str]:
    """Import the modules in a fresh interpreter in which the forbidden libraries cannot be had."""
    code = FORBID.format(forbidden=sorted(forbidden), modules=modules)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")


def test_importing_phasegrok_imports_nothing_heavy() -> None:
    done = import_without(HEAVY, "phasegrok", "phasegrok.errors", "phasegrok.cells")
    assert done.returncode == 0, done.stderr


def test_the_engine_needs_torch_and_numpy_only() -> None:
    done = import_without(HEAVY - {"torch", "numpy"}, "phasegrok.engine")
    assert done.returncode == 0, done.stderr


def test_a_worker_needs_torch_numpy_and_pyarrow_only() -> None:
    done = import_without(BEYOND_A_WORKER, "phasegrok.worker")
    assert done.returncode == 0, done.stderr


TRAIN = """
from phasegrok.store import Store
from phasegrok.worker import run_packs
packs = iter({packs!r})
run_packs(Store("store"), lambda: next(packs, None), lambda event: None, lambda: False)
"""


def test_a_worker_trains_packs_with_torch_numpy_and_pyarrow_only(tmp_path: Path) -> None:
    sweep = [sys.executable, "-m", "phasegrok.sweep", "+sweep=quick", "seeds=1", "train.steps=10"]
    subprocess.run(
        [*sweep, "launch=inline", "out=store"], check=True, capture_output=True, cwd=tmp_path
    )
    parts = tmp_path / "store" / "parts"
    packs = sorted({part.stem.split("-")[1] for part in parts.iterdir()})
    shutil.rmtree(parts)
    (tmp_path / "store" / "results.parquet").unlink()
    code = FORBID.format(forbidden=sorted(BEYOND_A_WORKER), modules=()) + TRAIN.format(packs=packs)
    worker = [sys.executable, "-c", code]
    done = subprocess.run(worker, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted({part.stem.split("-")[1] for part in parts.iterdir()}) == packs


def test_what_is_forbidden_really_cannot_be_imported() -> None:
    done = import_without({"numpy"}, "phasegrok.streams")
    assert done.returncode != 0
    assert "numpy was imported while importing" in done.stderr


# ------------------------------------------------------------------------------- the public names


def test_the_public_names_are_these_and_no_others() -> None:
    assert set(dir(phasegrok)) == PUBLIC_NAMES


@pytest.mark.parametrize("name", sorted(PUBLIC_NAMES))
def test_a_public_name_resolves(name: str) -> None:
    assert getattr(phasegrok, name) is not None


def test_another_name_is_refused_with_the_list_of_public_ones() -> None:
    with pytest.raises(AttributeError, match=r"no 'phase_diagram'; .* classify, draw, load"):
        _ = phasegrok.phase_diagram  # type: ignore[attr-defined]


def test_the_version_is_said_once_in_the_package_and_once_in_pyproject() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert phasegrok.__version__ == declared


# -------------------------------------------------------------------------------------- the rooms


def test_conf_sweeps_and_docs_hold_no_python() -> None:
    found = [file for room in ("conf", "sweeps", "docs") for file in (ROOT / room).rglob("*.py")]
    assert not found, f"code belongs in phasegrok/, figure scripts in analysis/: {found}"


def test_analysis_holds_short_scripts_and_is_no_package() -> None:
    scripts = {file.name: file.read_text() for file in (ROOT / "analysis").glob("*.py")}
    assert "__init__.py" not in scripts
    long = {name: n for name, text in scripts.items() if (n := text.count("\n")) > 150}
    assert not long, f"a figure's function belongs in phasegrok/, its script stays short: {long}"
