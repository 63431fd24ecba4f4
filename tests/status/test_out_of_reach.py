"""`phasegrok status` where SLURM cannot be asked."""

from __future__ import annotations

import time

import pytest

from phasegrok import submitted
from phasegrok.status import describe, gather
from phasegrok.store import Store
from tests.status.logs import (
    CANCELLED,
    REQUEUED,
    TIME_LIMIT,
)
from tests.status.scenes import PACKS, Says, ago, attempt, log, pack_of, submit


def test_without_slurm_claims_and_logs_tell(store: Store, says: Says) -> None:
    submit(store)
    attempt(store, "p0000", job_id="12_0", age=5)
    attempt(store, "p0001", job_id="12_1", age=90)
    attempt(store, "p0002", job_id="12_2", age=90, state="stopped")
    status = gather(store)
    assert status.asked is False and status.going_on
    assert pack_of(status)[0] == "running"
    assert pack_of(status, "p0001")[0] == "lost"
    assert "it may be queued again" in pack_of(status, "p0001")[1]
    assert pack_of(status, "p0002")[0] == "stopped"
    assert pack_of(status, "p0003") == ("submitted", "not begun as far as can be seen")
    text = describe(status)
    assert "SLURM was not asked" in text
    assert "12_3 (p0003): submitted, not begun as far as can be seen" in text


def test_without_slurm_a_log_tells_of_an_end_before_the_heartbeat_does(
    store: Store, says: Says
) -> None:
    """A claim counts as alive for a minute after its worker has gone."""
    submit(store)
    for number, text in enumerate((TIME_LIMIT, REQUEUED, CANCELLED)):
        attempt(store, PACKS[number], job_id=f"12_{number}", age=8, began=time.time() - 100)
        log(store, f"12_{number}", text.format(at=ago(10)))
    log(store, "12_3", TIME_LIMIT.format(at=ago(200)))  # of an earlier life
    attempt(store, "p0003", job_id="12_3", age=8, began=time.time() - 100)
    status = gather(store)
    why = "after 2 of 8 runs: it ran into its time limit; it may be queued again"
    assert pack_of(status) == ("lost", why)
    why = "queued again after 2 of 8 runs and not begun as far as can be seen"
    assert pack_of(status, "p0001") == ("submitted", why)
    assert pack_of(status, "p0002") == ("stopped", "after 2 of 8 runs: it was cancelled")
    assert pack_of(status, "p0003") == ("running", "2 of 8 runs on n1")


def test_without_slurm_what_phasegrok_cancel_ended_before_it_began_is_not_awaited(
    store: Store, says: Says
) -> None:
    submit(store)
    submitted.record_cancelled(store, [f"12_{number}" for number in range(4)])
    status = gather(store)
    words = "before it had begun: it was cancelled by phasegrok cancel"
    assert pack_of(status) == ("stopped", words)
    assert not status.going_on and status.to_retry == list(PACKS)


@pytest.mark.parametrize("code", [0, 1])
def test_a_controller_that_does_not_answer_is_no_empty_queue(
    store: Store, slurm: Says, code: int
) -> None:
    submit(store)
    slurm("squeue", "", code)
    assert gather(store).asked is (code == 0)
    assert pack_of(gather(store))[0] == ("lost" if code == 0 else "submitted")
