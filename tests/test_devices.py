"""What there is to train on: GPUs that are visible, chosen or missing, and the cores of workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from phasegrok import sizing
from phasegrok.cells import Config, runs
from phasegrok.config import check, compose
from phasegrok.errors import InputError
from phasegrok.sweep import main
from phasegrok.worker import train


def composed(*arguments: str) -> Config:
    config = compose(arguments)
    check(config, arguments)
    return config


@pytest.mark.parametrize("visible, device, names", [
    (None, "cuda", ["0", "1"]), ("1", "cuda", ["1"]), ("GPU-a, GPU-b", "cuda", ["GPU-a", "GPU-b"]),
    ("", "cpu", []), ("-1", "cpu", []), ("NoDevFiles", "cpu", []), ("0,-1,1", "cuda", ["0"]),
])  # fmt: skip
def test_a_gpu_that_is_not_visible_is_no_device(monkeypatch, visible, device, names):
    monkeypatch.setattr(sizing, "_devices", lambda: [Path("/dev/nvidia0"), Path("/dev/nvidia1")])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert sizing.visible_gpus() == names
    assert sizing.device_of({"launch": {"device": "auto"}}) == device


def test_a_machine_without_a_gpu_is_a_cpu_whatever_is_called_visible(monkeypatch):
    monkeypatch.setattr(sizing, "_devices", list)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert sizing.device_of({"launch": {"device": "auto"}}) == "cpu"


def test_devices_choose_among_the_gpus_and_each_has_a_worker(monkeypatch):
    monkeypatch.setattr(sizing, "_devices", lambda: [Path(f"/dev/nvidia{n}") for n in range(4)])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    config = composed("+sweep=quick", "launch.devices=[0,2]")
    assert sizing.gpus(config) == ["0", "2"]
    assert sizing.workers(config) == 2


@pytest.mark.parametrize("launch, named", [("local", "1,7"), ("inline", "7")])
def test_a_gpu_that_is_not_there_is_named_and_nothing_is_written(
    monkeypatch, tmp_path, capsys, launch, named
):
    monkeypatch.setattr(sizing, "_devices", lambda: [Path("/dev/nvidia0"), Path("/dev/nvidia1")])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    out = tmp_path / "quick"
    chosen = [f"launch={launch}", f"launch.devices=[{named}]"]
    assert main(["+sweep=quick", *chosen, f"out={out}"]) == 2
    said = capsys.readouterr().err
    assert "launch.devices: no GPU 7 for this process; there are 0, 1" in said
    assert not out.exists()


@pytest.mark.parametrize("asked", [["launch.devices=[1]"], ["launch.device=cuda"]])
def test_training_in_this_process_is_refused_where_its_gpu_cannot_be_used(
    monkeypatch, tmp_path, capsys, asked
):
    monkeypatch.setattr(sizing, "_devices", lambda: [Path("/dev/nvidia0"), Path("/dev/nvidia1")])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    before, out = dict(os.environ), tmp_path / "quick"
    launch = ["launch=inline", *asked]
    assert main(["+sweep=quick", *launch, f"out={out}"]) == 2
    said = capsys.readouterr().err
    assert "finds no GPU that it can use here; launch.device=cpu trains without one" in said
    assert said.count("\n") == 1 and not out.exists() and dict(os.environ) == before


def test_training_in_this_process_is_on_one_gpu():
    with pytest.raises(InputError, match=r"launch.devices = \[0, 2\]: launch=inline .* one GPU"):
        composed("+sweep=quick", "launch=inline", "launch.devices=[0,2]")


def test_gpus_cannot_be_chosen_for_a_cpu():
    with pytest.raises(InputError, match=r"launch.devices = \[0\]: names GPUs, but"):
        composed("+sweep=quick", "launch.device=cpu", "launch.devices=[0]")


def threaded(threads: int) -> Config:
    return composed("+sweep=quick", "launch.device=cpu", f"launch.threads={threads}")


def test_workers_of_several_threads_share_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    for threads, workers in ((1, 8), (3, 2), (8, 1), (16, 1)):
        assert sizing.workers(threaded(threads)) == workers


def test_training_on_a_gpu_that_cannot_be_used_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match=r"device = 'cuda': PyTorch .* device='cpu'") as refused:
        train(runs(composed("+sweep=quick")), device="cuda")
    assert len(refused.value.faults) == 1
