"""Local workers: what a person and a bad day do to them, and what is kept."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from phasegrok import claims
from phasegrok.store import Store, load
from tests.sweeping import command, differences, finished, results, started, unfinished

# Long enough to be interrupted, and stopping nowhere early.
LONG = ("+sweep=quick", "launch=local", "launch.workers=2", "seeds=2", "train.steps=20000",
        "train.stop_when_decided=false", "launch.checkpoint_s=0.2", "launch.flush_s=0.2",
        "train.compile=false")  # fmt: skip
SHORT = ("+sweep=quick", "seeds=1", "train.steps=100")


def workers_of(out: Path) -> list[int]:
    """Pids of the worker processes of a store that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if b"phasegrok.worker" in words and str(out).encode() in words and state != "Z":
                found.append(int(entry.name))
    return found


def wait_until(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def checkpointed(out: Path) -> bool:
    return len(list((out / "ckpt").glob("p*.pt"))) >= 2


def test_local_and_inline_give_the_same_results(tmp_path: Path) -> None:
    inline, local = tmp_path / "i" / "quick", tmp_path / "l" / "quick"
    # One plan for both: packs are cut for the number of workers.
    assert finished([*SHORT, "launch=inline", "train.lanes=4", f"out={inline}"]) == 0
    answer = command(*SHORT, "launch=local", "train.lanes=4", "launch.workers=2", f"out={local}")
    assert answer.returncode == 0, answer.stderr
    assert not differences(results(inline), results(local))
    assert re.search(r"16 of 16 runs: .*(memorization|confusion) \d+", answer.stdout)
    assert "run-steps/s" in answer.stdout
    assert str(local / "phase_diagram.png") in answer.stdout


def test_workers_end_when_their_driver_is_killed_and_keep_what_they_did(tmp_path: Path) -> None:
    out = tmp_path / "quick"
    # They write nothing by themselves, so that what is there was written at the end.
    driver = started(*LONG, "launch.flush_s=1e9", "launch.checkpoint_s=1e9", f"out={out}")
    wait_until(lambda: len(workers_of(out)) == 2)
    assert driver.stderr is not None
    while "run-steps/s" not in driver.stderr.readline():  # a line of progress: training has begun
        assert driver.poll() is None
    assert not list(out.glob("ckpt/*.pt"))
    driver.kill()
    driver.wait()
    wait_until(lambda: not workers_of(out), 30)
    assert list(out.glob("ckpt/p*.pt"))


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "quick"
    driver = started(*LONG, f"out={out}", start_new_session=True)
    wait_until(lambda: checkpointed(out))
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to the driver and its workers
    _, stderr = driver.communicate(timeout=60)
    assert driver.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert f"kept in {out}" in stderr
    assert not workers_of(out)
    assert len(list((out / "ckpt").glob("p*.pt"))) >= 2
    (proposed,) = re.findall(r"python -m phasegrok\.sweep (.*)", stderr)
    assert "+sweep=quick" in proposed and f"out={out}" in proposed


def test_a_killed_worker_is_reported_and_its_pack_goes_on_next_time(tmp_path: Path) -> None:
    out, calm = tmp_path / "k" / "quick", tmp_path / "c" / "quick"
    shorter = ("train.steps=1200",)
    driver = started(*LONG, *shorter, f"out={out}")
    wait_until(lambda: checkpointed(out) and len(workers_of(out)) == 2)
    os.kill(workers_of(out)[0], signal.SIGKILL)
    _, stderr = driver.communicate(timeout=120)
    assert driver.returncode == 1
    assert "ended with code -9" in stderr
    assert "Traceback" not in stderr
    assert unfinished(out) > 0
    assert finished([*LONG, *shorter, "launch=inline", f"out={out}"]) == 0
    assert finished([*LONG, *shorter, "launch=inline", f"out={calm}"]) == 0
    assert not differences(results(calm), results(out))


BROKEN = """
import torch

class Moody(torch.nn.Module):
    def __init__(self, symbols, outputs):
        super().__init__()
        if torch.initial_seed() == {seed}:
            raise ValueError("not in the mood")
        self.table = torch.nn.Parameter(torch.randn(symbols, symbols, outputs) * 0.1)

    def forward(self, pairs):
        return self.table[pairs[:, 0], pairs[:, 1]]
"""


@pytest.mark.parametrize("launch", ["inline", "local"])
def test_a_run_that_raises_is_recorded_and_takes_no_other_with_it(
    tmp_path: Path, launch: str
) -> None:
    from phasegrok.streams import seed_for

    (tmp_path / "moody.py").write_text(BROKEN.format(seed=seed_for(1, "init")))
    arguments = (*SHORT, "model=own", "model.name=moody:Moody", "model.width=null", "seeds=2",
                 "sweep.x.num=2", "sweep.y.num=2", f"launch={launch}")  # fmt: skip
    answer = command(*arguments, "out=answer", cwd=tmp_path)
    assert answer.returncode == 1, answer.stderr
    out = tmp_path / "answer"
    frame = load(out)
    assert (frame.status == "failed").sum() == 4
    assert (frame[frame.status == "failed"].seed == 1).all()
    assert (frame[frame.seed == 0].status != "failed").all()
    reports = [json.loads(path.read_text()) for path in (out / "errors").glob("*.json")]
    assert len(reports) == 4
    assert all("not in the mood" in report["traceback"] for report in reports)
    assert "failed 4" in answer.stdout
    assert (out / "phase_diagram.png").exists()
    # Mended, only the failed runs train, and nothing is failed any more.
    (tmp_path / "moody.py").write_text(BROKEN.format(seed=-1))
    again = command(*arguments, "out=answer", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "4 done" in again.stdout and "4 to train" in again.stdout
    assert (load(out).status != "failed").all()


def test_a_directory_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    answer = command(*SHORT, f"out={tmp_path / 'file' / 'out'}")
    assert answer.returncode == 2
    assert "cannot be written" in answer.stderr and "out=DIR" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("launch", ["inline", "local"])
def test_a_full_disk_is_one_message_and_what_was_written_stays(tmp_path: Path, launch: str) -> None:
    import resource

    def small_files() -> None:
        # A file above this size fails to be written as on a full disk: with an OSError.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (24_000, 24_000))

    out = tmp_path / "quick"
    answer = command(*SHORT, f"launch={launch}", f"out={out}", preexec_fn=small_files)
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "File too large" in answer.stderr
    assert not list(out.rglob(".*.tmp"))
    # With room again it ends as if nothing had happened.
    assert finished([*SHORT, f"out={out}"]) == 0
    assert unfinished(out) == 0
    assert len(Store(out).rows()) == 16


def test_a_device_that_is_not_there_is_the_machines_fault_and_no_runs(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs cuda: to be absent")
    out = tmp_path / "quick"
    answer = command(*SHORT, "launch.device=cuda", "launch.workers=1", f"out={out}")
    assert answer.returncode == 1
    assert "a worker process ended with code 1" in answer.stderr and "CUDA" in answer.stderr
    assert "still to train: 16 runs" in answer.stderr and "Traceback" not in answer.stderr
    assert not (out / "errors").exists()


def test_what_a_users_module_prints_does_not_disturb_the_sweep(tmp_path: Path) -> None:
    talk = "    import os\n\n    os.system('echo x')\n    print('y')\n\n    def forward"
    chatty = BROKEN.format(seed=-1).replace("    def forward", talk)
    (tmp_path / "chatty.py").write_text(chatty)
    answer = command(*SHORT, "model=own", "model.name=chatty:Moody", "model.width=null",
                     "sweep.x.values=[0.5]", "out=answer", cwd=tmp_path)  # fmt: skip
    assert answer.returncode == 0, answer.stderr


def test_a_worker_has_as_many_threads_as_it_is_given(tmp_path: Path) -> None:
    note = "        open('threads.txt', 'a').write(f'{torch.get_num_threads()} ')\n"
    noting = BROKEN.format(seed=-1).replace("        self.table", f"{note}        self.table")
    (tmp_path / "noting.py").write_text(noting)
    own = ("model=own", "model.name=noting:Moody", "model.width=null", "sweep.x.values=[0.5]")
    for threads in (1, 2):
        answer = command(
            *SHORT, *own, f"launch.threads={threads}", f"out=with{threads}/answer", cwd=tmp_path
        )
        assert answer.returncode == 0, answer.stderr
        assert str(threads) in (tmp_path / "threads.txt").read_text().split()
    assert set((tmp_path / "threads.txt").read_text().split()) == {"1", "2"}


def test_two_drivers_that_start_at_once_share_the_work(tmp_path: Path) -> None:
    """No row lost, at most one pack trained by both, and each sees the whole sweep at its end."""
    alone, out = tmp_path / "alone" / "quick", tmp_path / "quick"
    settings = ("+sweep=quick", "launch.workers=2", "train.compile=false", "train.lanes=4",
                "seeds=4")  # fmt: skip
    assert finished([*settings, f"out={alone}"]) == 0
    drivers = [started(*settings, f"out={out}") for _ in range(2)]
    said = [driver.communicate(timeout=300) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], said
    assert all("64 of 64 runs" in out for out, _ in said)
    assert not differences(results(out), results(alone))
    attempts = claims.attempts(Store(out))
    assert attempts.keys() == {row["pack_id"] for row in Store(out).plan(["pack_id"])}
    assert len(attempts) == 4
    trained_twice = [name for name, of in attempts.items()
                     if sum(each.run_steps > 0 for each in of) > 1]  # fmt: skip
    assert len(trained_twice) <= 1


def test_a_run_that_keeps_failing_is_given_up_after_so_many_attempts(tmp_path: Path) -> None:
    (tmp_path / "brittle.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self, **settings):\n"
        "        raise RuntimeError('never')\n"
    )
    out = tmp_path / "quick"
    settings = ("+sweep=quick", "model=own", "model.name=brittle:Net", "model.width=null",
                "sweep.x.num=1", "seeds=1", "launch.workers=1", "launch.max_attempts=2",
                f"out={out}")  # fmt: skip
    for failures in (1, 2, 2):
        assert command(*settings, cwd=tmp_path).returncode == 1
        reports = [json.loads(path.read_text()) for path in (out / "errors").glob("*.json")]
        assert [report["failures"] for report in reports] == [failures] * 4
