"""docs/cluster.md: its commands run in their order on the test cluster, its words are the code's.

What is particular to a site is replaced by what the test cluster has (SITE); nothing else is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from phasegrok._paths import CONF_DIR
from phasegrok.status.packs import STATES
from phasegrok.store import Store
from tests.slurm.cluster import Cluster
from tests.sweeping import unfinished
from tests.test_readme import CLUSTER_PAGE, ROOT, Block, blocks, dry_run, run, write_or_run

# As written on the page: as it is on the test cluster, where a node has one CPU and no GPU.
SITE = {
    "launch=slurm": "launch=slurm launch.gpus_per_node=0",
    "partition: gpu": "partition: debug",
    "account: physics": "account: null",
    "qos: normal": "qos: null",
    "constraint: a100": "constraint: null",
    "gpus_per_node: 2": "gpus_per_node: 0",
    "cpus_per_task: 4": "cpus_per_task: 1",
    "module load cuda": "export CUDA_HOME=nowhere",
    "exclude: node7, mail-type: END": "comment: tried",
}
# Starts a cluster of its own, and is run apart from the others.
OWN_CLUSTER = "make cluster\n"
# A command within a sentence or a table. DIR is a sweep's directory.
INLINE = re.compile(r"`((?:phasegrok|python|make|sbatch|scontrol|sinfo) [^`]+)`")
DIR = "outputs/quick"


@pytest.fixture(scope="module")
def page() -> list[Block]:
    return blocks(CLUSTER_PAGE)


@pytest.fixture(scope="module")
def tried(slurm: Cluster, page: list[Block], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder after all blocks of the page, but for the one with a cluster of its own."""
    folder = tmp_path_factory.mktemp("user")
    slurm.calm()
    for block in page:
        if OWN_CLUSTER not in block.text:
            write_or_run(at_this_site(block), folder, slurm.env)
    return folder


def at_this_site(block: Block) -> Block:
    text = block.text
    for written, here in SITE.items():
        text = text.replace(written, here)
    return replace(block, text=text)


def test_every_block_of_the_page_runs_in_order(tried: Path) -> None:
    """The last commands add a seed, cancel, and go on: nothing is missing then."""
    store = Store(tried / DIR)
    assert len(store.plan()) == 64 and not unfinished(store.path)
    assert (store.path / "phase_diagram.png").exists()


def test_the_sites_file_reached_the_jobs(tried: Path) -> None:
    scripts = (tried / DIR / "logs" / "slurm").glob("*_submission.sh")
    said = [text for path in scripts if "CUDA_HOME=nowhere" in (text := path.read_text())]
    assert said and all("--partition=debug" in text and "--time=240" in text for text in said)


def inline() -> list[str]:
    return sorted(set(INLINE.findall(CLUSTER_PAGE.read_text())))


@pytest.mark.parametrize("command", [c for c in inline() if not c.startswith("make ")])
def test_a_command_within_the_text_runs(command: str, tried: Path, slurm: Cluster) -> None:
    """On the finished sweep, of which there is nothing to submit."""
    text = command.replace("DIR", DIR)
    run(Block(f"{CLUSTER_PAGE.name}: {command}", "bash", "", text), tried, slurm.env)


def test_a_make_target_within_the_text_is_in_a_block_too(page: list[Block]) -> None:
    lines = {line for block in page for line in block.text.splitlines()}
    assert {command for command in inline() if command.startswith("make ")} <= lines


@pytest.fixture
def own_folder(slurm_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("own")  # short: there are sockets in it
    yield folder
    Cluster(folder / ".cluster").stop()


def test_the_cluster_to_try_it_on_starts_trains_and_stops(
    page: list[Block], own_folder: Path
) -> None:
    """With the last line of what make would run, its environment being this one."""
    (block,) = (block for block in page if OWN_CLUSTER in block.text)
    text = re.sub(r"^make .*$", lambda line: _recipe(line[0]), block.text, flags=re.MULTILINE)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    run(replace(block, text=text), own_folder, environment)
    assert not unfinished(own_folder / DIR)


def _recipe(command: str) -> str:
    last = dry_run(command).splitlines()[-1]
    return re.sub(r"^\S+", sys.executable, last)


# ------------------------------------------------------------------------------------ its words


def test_what_is_replaced_is_on_the_page() -> None:
    text = CLUSTER_PAGE.read_text()
    assert [written for written in SITE if written not in text] == []


def test_the_table_of_states_has_all_of_them() -> None:
    table = CLUSTER_PAGE.read_text().partition("| state |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert sorted(named) == sorted([*STATES, "failed"])


def test_the_settings_that_the_page_names_are_those_of_the_launch() -> None:
    text = CLUSTER_PAGE.read_text()
    known = yaml.safe_load((CONF_DIR / "launch" / "slurm.yaml").read_text())
    assert set(re.findall(r"\blaunch\.(\w+)", text)) <= set(known)
    assert f"(`launch.checkpoint_s`, {known['checkpoint_s']} s)" in text
