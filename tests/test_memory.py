"""When memory runs out, the pack goes on with half the lanes and loses nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from phasegrok.config import check, compose
from phasegrok.engine.lanes import Lanes
from phasegrok.jobs import PackJob
from phasegrok.plan import prepare


def test_out_of_memory_halves_the_lanes_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = ["+sweep=quick", "launch=inline", "sweep.x.num=2", "train.steps=100"]
    calm = trained([*overrides, f"out={tmp_path / 'c' / 'calm'}"], monkeypatch, room=1000)
    with caplog.at_level(logging.WARNING, logger="phasegrok"):
        tight = trained([*overrides, f"out={tmp_path / 't' / 'tight'}"], monkeypatch, room=3)
    assert "out of memory" in caplog.text
    assert {row["width"] for row in tight} == {2}
    assert len(tight) == len(calm) == 16
    same = ("run_id", "status", "phase", "train_step", "val_step", "steps")
    assert [[row[k] for k in same] for row in tight] == [[row[k] for k in same] for row in calm]


def trained(overrides: list[str], monkeypatch: pytest.MonkeyPatch, room: int) -> list[dict]:
    """Train a sweep's packs where a step of more than `room` lanes does not fit, after a while."""
    advance = Lanes.advance

    def tight(lanes: Lanes, steps: int) -> torch.Tensor:
        if lanes.width > room and int(lanes.done.max()) >= 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return advance(lanes, steps)

    config = compose(overrides)
    check(config)
    planned = prepare(config)
    with monkeypatch.context() as patch:
        patch.setattr(Lanes, "advance", tight)
        for pack in planned.packs:
            assert PackJob(planned.store, pack.pack_id, lambda event: None).run()
    return planned.store.compact().to_pylist()
