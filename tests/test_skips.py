"""In CI nothing that the project claims goes untried: a skipped test is a failed one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_required(require):
    require("slurm", None, "apt-get install slurmctld")

@pytest.mark.skipif(True, reason="not today")
def test_marked():
    pass

def test_excused(require):
    require("cuda", None, "a GPU")

def test_optional(require):
    require("jax", None, "jax is an optional dependency of the benchmark")

def test_present(require):
    require("python", True, "it is there")
"""


def outcome(folder: Path, ci: str) -> str:
    """The last line of pytest's report on TESTS, with this project's conftest."""
    (folder / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "CI": ci}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    return done.stdout.splitlines()[-1]


def test_a_missing_component_skips_its_test(tmp_path: Path) -> None:
    assert outcome(tmp_path, ci="").startswith("1 passed, 4 skipped")


@pytest.mark.parametrize("ci", ["true", "1"])
def test_in_ci_a_skipped_test_fails_unless_it_needs_a_gpu_or_jax(ci: str, tmp_path: Path) -> None:
    assert outcome(tmp_path, ci).startswith("1 failed, 1 passed, 2 skipped, 1 error")
