"""Every command and every block of code in README.md and docs/ is run, or named as run elsewhere.

A page is read from top to bottom in one empty folder, as a user would: ```bash and ```python blocks
are run, a block whose fence says `file=PATH` is written there, ```text is output and is not run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from phasegrok import models, tasks
from phasegrok.options import REQUIRED
from phasegrok.store.schema import result_schema
from phasegrok.tasks import operations

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Its commands need a SLURM: tests/slurm/test_docs.py runs them on one.
CLUSTER_PAGE = ROOT / "docs" / "cluster.md"
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`([^`]+)`")
FILE = re.compile(r"(?<![\w/])(?:tests|phasegrok|conf|analysis|benchmarks)/[\w./-]*")
LINK = re.compile(r"\]\(([^)\s]+)\)")

# Blocks that set up an environment or train for minutes, and what runs the same lines instead.
RUN_ELSEWHERE = {
    "make demo\nmake test\n": ".ci/run",
    "python3 -m venv .venv\n"
    ".venv/bin/python -m pip install -c constraints.txt -e .\n"
    ".venv/bin/python -m phasegrok.sweep +sweep=wd_vs_frac\n": "make demo",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, what else its fence says, and its text."""

    where: str
    language: str
    fence: str
    text: str

    @property
    def file(self) -> str | None:
        return self.fence.partition("file=")[2] or None


def blocks(page: Path) -> list[Block]:
    text, found = page.read_text(), []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        language, _, fence = match[1].partition(" ")
        found.append(Block(f"{page.relative_to(ROOT)}:{line}", language, fence, match[2]))
    return found


def run(block: Block, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Run one block in the folder, with this interpreter's `python` and `phasegrok` first."""
    commands = {
        "bash": ["bash", "-euo", "pipefail", "-c", block.text],
        "python": [sys.executable, "-c", block.text],
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        commands[block.language],
        cwd=folder,
        env={**environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    said = f"{block.where} ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert done.returncode == 0, said


def write_or_run(block: Block, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """What a user does with a block: save it as the file it names, run it, or read it."""
    if block.file:
        (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / block.file).write_text(block.text)
    elif block.language != "text":
        run(block, folder, environment)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != CLUSTER_PAGE], ids=lambda page: page.name
)
def test_every_block_of_a_page_runs_in_order(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.text not in RUN_ELSEWHERE:
            write_or_run(block, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_of_a_kind_that_is_run(page: Path) -> None:
    for block in blocks(page):
        written = block.file and block.language in ("yaml", "python")
        known = written or block.language in ("bash", "python", "text")
        assert known, f"{block.where} is {block.language!r}: it would be shown and never tried"


def test_the_blocks_run_elsewhere_are_still_shown() -> None:
    shown = {block.text for page in PAGES for block in blocks(page)}
    assert set(RUN_ELSEWHERE) <= shown


@pytest.mark.parametrize("text", RUN_ELSEWHERE)
def test_a_block_run_elsewhere_is_run_there_line_by_line(text: str) -> None:
    place = RUN_ELSEWHERE[text]
    if place.startswith("make "):
        there = dry_run(place)
        assert f"\n{place}\n" in (ROOT / ".ci" / "run").read_text(), f".ci/run lacks {place}"
    else:
        there = (ROOT / place).read_text()
    for line in text.splitlines():
        assert re.search(rf"(^|\|\| ){re.escape(line)} *$", there, re.MULTILINE), (line, there)


def dry_run(command: str) -> str:
    """The commands that make would run in a fresh clone."""
    make = [*command.split(), "--dry-run", "--always-make", "PYTHON=python3"]
    # A make that runs these tests hands its own flags and variables on; they are not a user's.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_resolves(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_repository_that_a_page_names_is_there(page: Path) -> None:
    # NAME stands for a name of the reader's own, and so do the files that a page writes.
    own = {Path(block.file).name for block in blocks(page) if block.file}
    for name in FILE.findall(page.read_text()):
        there = "NAME" in name or Path(name).name in own or (ROOT / name.rstrip(".")).exists()
        assert there, f"{page.name} names {name}, which does not exist"


def test_the_documented_columns_are_those_of_the_results() -> None:
    table = (
        (ROOT / "docs" / "results.md").read_text().partition("| column |")[2].partition("\n\n")[0]
    )
    documented = {
        name for row in table.splitlines()[2:] for name in NAME.findall(row.split("|")[1])
    }
    families = {name.removesuffix("*") for name in documented if name.endswith(".*")}
    plain = {name for name in documented if not name.endswith(".*")}
    columns = set(result_schema({}).names)
    assert plain <= columns, f"documented, but there is no such column: {plain - columns}"
    unnamed = {name for name in columns - plain if not name.startswith(tuple(families))}
    assert not unnamed, f"columns that docs/results.md does not name: {unnamed}"
    assert all(any(name.startswith(family) for name in columns) for family in families)


def options_pages() -> str:
    """The two pages that hold every option."""
    return "".join((ROOT / "docs" / page).read_text() for page in ("task_kinds.md", "models.md"))


def documented_options(title: str) -> dict[str, str]:
    """Option -> default, as written in the table below a heading of these pages."""
    section = options_pages().partition(f"\n## `{title}`\n")[2]
    table = section.partition("\n#")[0].partition("| option |")[2].partition("\n\n")[0]
    rows = (row.split("|") for row in table.splitlines()[2:])
    return {name.strip(" `"): default.strip(" `") for _, name, default, *_ in rows}


@pytest.mark.parametrize("kinds", [tasks.KINDS, models.KINDS], ids=["tasks", "models"])
def test_every_option_of_tasks_and_models_is_documented_with_its_default(
    kinds: Mapping[str, Any],
) -> None:
    for name, kind in kinds.items():
        # What must be given has no default, nor has p, which a group does without.
        given = {key: "none" for key, option in kind.options.items() if option.default is REQUIRED}
        given |= {"p": "none"} if name == "binary_operation" else {}
        defaults = {k: json.dumps(o.default).strip('"') for k, o in kind.options.items()
                    if k not in given}  # fmt: skip
        assert documented_options(name) == given | defaults, name


def test_every_operation_and_every_file_of_a_task_or_model_is_documented() -> None:
    named = set(re.findall(r"`([^`\n]+)`", options_pages()))
    built_in = [name for name in operations.names() if operations.find(name).built_in]
    files = [*(ROOT / "conf" / "task").iterdir(), *(ROOT / "conf" / "model").iterdir()]
    choices = {file.stem for file in files} - {"own"}
    choices -= {name.removesuffix(".yaml") for name in named}
    assert not set(built_in) - named and not choices


def test_the_first_screen_sets_everything_up_with_two_commands() -> None:
    first = next(block for block in blocks(ROOT / "README.md") if block.language == "bash")
    assert first.text == "make demo\nmake test\n"
