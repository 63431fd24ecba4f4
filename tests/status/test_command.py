"""`phasegrok status` as a command, once and watching."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from phasegrok.__main__ import main
from phasegrok.store import Store
from tests.status.scenes import PACKS, Says, attempt, ended, submit


def test_the_command_prints_the_status_and_exits_with_its_code(
    store: Store, says: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(store, "p0000", age=90)
    assert main(["status", str(store.path)]) == 1
    assert "its worker on n1 is gone" in capsys.readouterr().out
    assert main(["status", str(store.path / "none")]) == 2
    assert "not a sweep's directory" in capsys.readouterr().err


def test_watching_ends_when_nothing_is_going_on(
    store: Store, says: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(store, *PACKS)
    assert main(["status", str(store.path), "--watch", "0.1"]) == 0
    assert capsys.readouterr().out.count("32 runs") == 1


@pytest.fixture
def watching(store: Store) -> Iterator[subprocess.Popen[str]]:
    attempt(store, "p0000", age=-3600)  # alive however slow the machine is
    command = [sys.executable, "-m", "phasegrok", "status", str(store.path), "--watch", "0.1"]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield watcher
    watcher.kill()
    watcher.communicate()


def test_watching_goes_on_while_something_is_and_ctrl_c_ends_it_quietly(
    store: Store, watching: subprocess.Popen[str]
) -> None:
    import signal

    assert watching.stdout is not None and watching.stderr is not None
    seen = 0
    while seen < 2:
        line = watching.stdout.readline()
        assert line, watching.stderr.read()
        seen += "32 runs: 8 running, 24 waiting" in line
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=60)
    assert watching.returncode == 130 and errors == ""


def test_an_interval_that_is_none_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("0", "-1", "nan", "often"):
        with pytest.raises(SystemExit) as refusal:
            main(["status", str(store.path), "--watch", text])
        assert refusal.value.code == 2


def test_status_imports_neither_torch_nor_submitit_nor_what_draws(store: Store) -> None:
    ended(store, "p0000")
    ended(store, "p0001", status="failed")
    submit(store)
    code = (
        "import sys; from phasegrok.status import describe, gather; from phasegrok.store import "
        f"Store; describe(gather(Store({str(store.path)!r}, own=False))); "
        "print({'torch', 'submitit', 'matplotlib', 'hydra', 'omegaconf'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stdout + done.stderr
