"""Whose fault it is when a program fails: the run's own, or the machine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phasegrok import claims, jobs, plan
from phasegrok.config import compose
from phasegrok.jobs import PackJob
from phasegrok.plan import Plan


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A planned sweep none of whose programs can be made."""

    def fails(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(jobs, "Pack", fails)
    return plan.prepare(compose(["+sweep=quick", "seeds=1", f"out={tmp_path / 'quick'}"]))


def test_on_a_device_that_computes_it_is_the_runs(failing: Plan) -> None:
    pack = failing.packs[0]
    assert PackJob(failing.store, pack.pack_id, lambda event: None).run() == claims.ENDED
    failed = {path.stem for path in failing.store.errors.glob("*.json")}
    assert failed == {run.run_id for run in pack.runs}


def test_on_a_device_that_computes_no_more_it_is_the_machines(
    failing: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_answers", lambda device: False)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        PackJob(failing.store, failing.packs[0].pack_id, lambda event: None).run()
    assert not failing.store.errors.exists() and not len(failing.store.rows(["run_id"]))
    (attempt,) = claims.attempts(failing.store)[failing.packs[0].pack_id]
    assert attempt.state == claims.FAILED


def test_a_device_is_asked_whether_it_computes() -> None:
    assert jobs._answers("cpu") and not jobs._answers("meta")
