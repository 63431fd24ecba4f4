"""The clusters that tests share: each starts when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.slurm.cluster import INSTALL, Cluster, missing

Folders = pytest.TempPathFactory


@pytest.fixture(scope="session")
def slurm_installed(require: Callable[[str, object, str], None]) -> None:
    """For a test that starts a cluster of its own."""
    require("slurm", not missing(), INSTALL)


@pytest.fixture(scope="session")
def slurm(slurm_installed: None, tmp_path_factory: Folders) -> Iterator[Cluster]:
    """Two nodes without accounting; array indices up to 10; a dead node is noticed in 20 s."""
    with Cluster(tmp_path_factory.mktemp("slurm"), max_array_size=11) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def slurm_with_accounting(slurm_installed: None, tmp_path_factory: Folders) -> Iterator[Cluster]:
    """The same with slurmdbd, so that sacct answers."""
    folder = tmp_path_factory.mktemp("slurm")
    with Cluster(folder, max_array_size=11, accounting=True) as cluster:
        yield cluster
