"""When memory runs out, the pack goes on with half the lanes and loses nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import phasegrok
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


def test_training_in_this_process_goes_on_with_half_the_lanes_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs = phasegrok.runs("quick", ["sweep.x.num=1", "train.steps=100"])
    calm = phasegrok.train(runs, lanes=4, compiled=False)
    monkeypatch.setattr(Lanes, "advance", where_fit(3))
    with caplog.at_level(logging.WARNING, logger="phasegrok"):
        tight = phasegrok.train(runs, lanes=4, compiled=False)
    assert "out of memory; going on with 2 lanes" in caplog.text
    assert set(tight["width"]) == {2} and set(calm["width"]) == {4}
    for name in ("run_id", "status", "phase", "train_step", "val_step", "steps", "val_acc"):
        assert tight[name].equals(calm[name]), name
    monkeypatch.setattr(Lanes, "advance", where_fit(0))
    with pytest.raises(torch.OutOfMemoryError):
        phasegrok.train(runs, lanes=4, compiled=False)


def where_fit(room: int) -> Callable[[Lanes, int], torch.Tensor]:
    """`Lanes.advance` where a step of more than `room` lanes does not fit, after a while."""
    advance = Lanes.advance

    def tight(lanes: Lanes, steps: int) -> torch.Tensor:
        if lanes.width > room and int(lanes.done.max()) >= 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return advance(lanes, steps)

    return tight


def trained(overrides: list[str], monkeypatch: pytest.MonkeyPatch, room: int) -> list[dict]:
    """Train a sweep's packs where no more lanes than `room` fit."""
    config = compose(overrides)
    check(config)
    planned = prepare(config)
    with monkeypatch.context() as patch:
        patch.setattr(Lanes, "advance", where_fit(room))
        for pack in planned.packs:
            assert PackJob(planned.store, pack.pack_id, lambda event: None).run()
    return planned.store.compact().to_pylist()
