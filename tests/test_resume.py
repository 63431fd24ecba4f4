"""A sweep that is killed, again and again and at bad moments, ends like one never killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import phasegrok.store.files
from phasegrok import plan, worker  # noqa: F401 - imported before children are forked
from phasegrok.engine import Pack
from tests.sweeping import FORK, child, differences, finished, results, unfinished

# Every tick writes parts and a checkpoint.
SWEEP = ("+sweep=quick", "launch=inline", "launch.checkpoint_s=0", "launch.flush_s=0",
         "train.eval_every=20")  # fmt: skip
SMALL = (*SWEEP, "seeds=2", "train.steps=120")
# Long enough to be killed twenty times on a fast machine, with every run going to its end.
LONG = (*SWEEP, "seeds=4", "train.steps=2000", "train.stop_when_decided=false")
WIDTH, EVAL_EVERY = 8, 20

RANDOM_KILLS = 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "quick"
    assert finished([*SMALL, f"out={out}"]) == 0
    return out


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch):
    """Counts the run-steps trained by all children together."""
    total = FORK.Value("q", 0)
    tick = Pack.tick

    def ticking(pack: Pack) -> list:
        before = pack.counts["run_steps"]
        outcomes = tick(pack)
        with total.get_lock():
            total.value += pack.counts["run_steps"] - before
        return outcomes

    monkeypatch.setattr(Pack, "tick", ticking)
    return total


def kill_inside(name_part: str, count: int) -> Callable[[], None]:
    """Makes a child die by SIGKILL half way through the count-th write of such a file."""

    def install() -> None:
        written = 0
        whole = phasegrok.store.files.write_whole

        def write_whole(path: Path, write: Callable) -> None:
            nonlocal written
            written += name_part in str(path)
            if name_part not in str(path) or written < count:
                return whole(path, write)

            def half(file) -> None:
                write(file)
                file.flush()
                os.truncate(file.fileno(), os.fstat(file.fileno()).st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)

            return whole(path, half)

        for module in (phasegrok.store.files, phasegrok.states):
            module.write_whole = write_whole  # type: ignore[attr-defined]

    return install


def checkpointed(out: Path) -> bool:
    return any((out / "ckpt").glob("p*.pt"))


def test_killed_at_random_moments_a_sweep_ends_with_the_same_bytes(tmp_path: Path, counted) -> None:
    calm, out = tmp_path / "c" / "calm", tmp_path / "k" / "quick"
    assert finished([*LONG, "launch.checkpoint_s=1e9", "launch.flush_s=1e9", f"out={calm}"]) == 0
    undisturbed, counted.value = counted.value, 0
    arguments = [*LONG, f"out={out}"]
    chance = random.Random(7)
    with_checkpoint = 0
    for _ in range(RANDOM_KILLS):
        before = trace(out)
        process = child(arguments)
        deadline = time.monotonic() + 120
        while trace(out) == before and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.3))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the sweep ended before it could be killed"
        with_checkpoint += checkpointed(out) and unfinished(out) > 0
    assert with_checkpoint >= 15
    assert finished(arguments) == 0
    assert not differences(results(calm), results(out))
    # Every tick made a checkpoint: a kill costs the tick under way and the one being written.
    assert counted.value - undisturbed <= RANDOM_KILLS * 2 * WIDTH * EVAL_EVERY


def trace(out: Path) -> list[tuple[str, int]]:
    """The checkpoints and parts there are, with the times of their last change."""
    files = [*(out / "ckpt").glob("p*.pt"), *(out / "parts").glob("*.parquet")]
    found = []
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            found.append((path.name, path.stat().st_mtime_ns))
    return sorted(found)


@pytest.mark.parametrize("moment", [1, 2, 3])
@pytest.mark.parametrize("where", ["/parts/", "results.parquet", "/ckpt/"])
def test_killed_inside_a_write_nothing_half_written_is_trusted(
    undisturbed: Path, tmp_path: Path, where: str, moment: int
) -> None:
    out = tmp_path / "quick"
    arguments = [*SMALL, f"out={out}"]
    count = 1 if where == "results.parquet" else 2 * moment + 1
    for _ in range(moment if where == "results.parquet" else 1):
        process = child(arguments, kill_inside(where, count))
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert finished(arguments) == 0
    assert not differences(results(undisturbed), results(out))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "foreign"])
def test_a_damaged_part_is_set_aside_and_its_runs_are_redone(
    undisturbed: Path, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "quick"
    arguments = [*SMALL, f"out={out}", "launch.flush_s=1e9", "launch.checkpoint_s=1e9"]
    assert finished(arguments) == 0
    (out / "results.parquet").unlink()
    part = sorted((out / "parts").glob("*.parquet"))[0]
    content = bytearray(part.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 3] ^= 0xFF
        content[len(content) // 4] ^= 0xFF
    elif damage == "emptied":
        content = bytearray()
    else:
        content = bytearray(b"not a Parquet file")
    part.write_bytes(content)

    missing = unfinished(out)
    assert missing > 0
    assert "set aside" in caplog.text
    assert part.with_name(part.name + ".damaged").exists()
    assert finished(arguments) == 0
    assert not differences(results(undisturbed), results(out))


def test_a_damaged_checkpoint_costs_time_and_nothing_else(
    undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "quick"
    arguments = [*SMALL, f"out={out}"]
    process = child(arguments, kill_inside("/parts/", 3))
    process.join()
    (checkpoint,) = (out / "ckpt").glob("p*.pt")
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert finished(arguments) == 0
    assert not differences(results(undisturbed), results(out))
