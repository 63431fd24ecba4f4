"""The wheel: phasegrok alone, with every YAML of conf/, at work away from the checkout.

It is built as a release is (an sdist, then the wheel from the sdist) and installed in a virtual
environment of its own that sees this one's libraries but not this one's phasegrok.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONF = {str(file.relative_to(ROOT / "conf")) for file in (ROOT / "conf").rglob("*.yaml")}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it, and a folder far from the checkout."""

    bin: Path
    elsewhere: Path

    def run(self, *command: str, code: int = 0) -> str:
        """What `python ...` or `phasegrok ...` of that environment prints, run elsewhere."""
        environment = {
            k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")
        }
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.elsewhere,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("wheel")
    venv = home / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (wheel,) = dist.glob("*.whl")
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--quiet", str(wheel)], check=True)
    # Last, so that pip does not take the checkout's phasegrok for one already installed. A path
    # that a .pth file adds is searched, its own .pth files (the editable install) are not read.
    site_packages = sysconfig.get_path("purelib", vars={"base": str(venv)})
    (Path(site_packages) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    return Installed(venv / "bin", elsewhere)


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def yamls_below(names: Iterator[str] | list[str], folder: str) -> set[str]:
    return {n.removeprefix(folder) for n in names if n.startswith(folder) and n.endswith(".yaml")}


def test_the_wheel_holds_phasegrok_alone(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    top = {name.split("/")[0] for name in names_in(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == {"phasegrok"}
    assert "phasegrok/py.typed" in names_in(wheel)


def test_the_wheel_holds_every_yaml_of_conf(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    assert CONF
    assert yamls_below(names_in(wheel), "phasegrok/conf/") == CONF


def test_the_wheel_holds_all_that_the_page_is_made_of(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    assets = ROOT / "phasegrok" / "report" / "assets"
    wanted = {f"phasegrok/report/assets/{file.name}" for file in assets.iterdir()}
    assert len(wanted) > 3 and wanted <= set(names_in(wheel))


def test_the_sdist_holds_the_rooms_and_nothing_that_was_only_made_here(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = [name.partition("/")[2] for name in archive.getnames()]
    rooms = {name.split("/")[0] for name in inside}
    assert {"phasegrok", "conf", "tests", "analysis", "docs", "LICENSE", "README.md"} <= rooms
    assert not rooms & {".venv", "outputs", "dist", "build"}
    assert yamls_below(inside, "conf/") == CONF


def test_the_installed_package_is_the_wheels(installed: Installed) -> None:
    where = installed.run("python", "-c", "import phasegrok; print(phasegrok.__file__)").strip()
    assert Path(where).is_relative_to(installed.bin.parent)


COMMANDS = [("python", "-m", "phasegrok.sweep"), ("phasegrok", "sweep")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_sweeps_are_listed(installed: Installed, command: tuple[str, ...]) -> None:
    listed = installed.run(*command)
    sweeps = {Path(name).stem for name in CONF if name.startswith("sweep/")}
    assert sweeps
    assert all(sweep in listed for sweep in sweeps), listed


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_sweep_runs_to_its_figure(installed: Installed, command: tuple[str, ...]) -> None:
    out = f"from_{command[0]}/quick"  # a parent of its own, or its runs are reused from the other
    said = installed.run(*command, "+sweep=quick", "seeds=1", f"out={out}")
    assert "run-steps/s" in said
    assert (installed.elsewhere / out / "results.parquet").stat().st_size > 0
    assert (installed.elsewhere / out / "phase_diagram.png").stat().st_size > 0
    installed.run("phasegrok", "report", out)
    assert (installed.elsewhere / out / "report.html").stat().st_size > 1e6


def test_a_users_own_sweep_is_found_beside_the_shipped_ones(installed: Installed) -> None:
    own = installed.elsewhere / "mine" / "sweep" / "own.yaml"
    own.parent.mkdir(parents=True)
    shipped = (ROOT / "conf" / "sweep" / "quick.yaml").read_text()
    assert "name: quick" in shipped
    own.write_text(shipped.replace("name: quick", "name: own"))
    command = ["python", "-m", "phasegrok.sweep", "--config-dir", "mine", "+sweep=own"]
    installed.run(*command, "dry_run=true")
    assert not (installed.elsewhere / "outputs").exists()
    installed.run(*command, "seeds=1", "train.steps=20")
    assert (installed.elsewhere / "outputs" / "own" / "results.parquet").exists()
